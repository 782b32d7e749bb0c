"""Tell the handlers how many actions of a stage are done."""

from __future__ import annotations

TYPE_CHECKING = False  # see gostage/__init__.py
if TYPE_CHECKING:
    from gostage_sim.gostage.context import ActionContext
    from gostage_sim.gostage.middleware import Middleware, Proceed


def report_progress(type: str = "progress") -> Middleware[ActionContext]:
    """Send a message of this type after each action that did not fail; for the action's tier.

    The payload is `{"stage_id": "s", "action_name": "a", "done": 1, "of": 3}`. `of` grows when actions add others.
    """

    def report(ctx: ActionContext, proceed: Proceed) -> None:
        proceed()
        done = {"stage_id": ctx.stage.id, "action_name": ctx.action.name, "done": ctx.action_index + 1}
        ctx.send(type, {**done, "of": ctx.stage.action_count})

    return report
