"""Run only some of the stages."""

from __future__ import annotations

TYPE_CHECKING = False  # see gostage/__init__.py
if TYPE_CHECKING:
    from collections.abc import Callable

    from gostage_sim.gostage.context import StageContext
    from gostage_sim.gostage.middleware import Middleware, Proceed
    from gostage_sim.gostage.stage import Stage


def filter_stages(wanted: Callable[[Stage], object]) -> Middleware[StageContext]:
    """Run the stages for which `wanted(stage)` is true and skip the others; for the workflow's tier.

    workflow.use(filter_stages(lambda stage: stage.has_tag("nightly")))
    """

    def choose(ctx: StageContext, proceed: Proceed) -> None:
        if wanted(ctx.stage):
            proceed()

    return choose
