"""Put values into the store before the stages that need them."""

from __future__ import annotations

TYPE_CHECKING = False  # see gostage/__init__.py
if TYPE_CHECKING:
    from collections.abc import Mapping

    from gostage_sim.gostage.context import StageContext
    from gostage_sim.gostage.middleware import Middleware, Proceed


def put_stage_data(data: Mapping[str, Mapping[str, object]]) -> Middleware[StageContext]:
    """Put `data[stage id]` into the store when that stage begins; for the workflow's tier.

    The stage's own initial data comes later and wins. Stages that are not named get nothing.
    """

    def put(ctx: StageContext, proceed: Proceed) -> None:
        for key, value in data.get(ctx.stage.id, {}).items():
            ctx.store.put(key, value)
        proceed()

    return put
