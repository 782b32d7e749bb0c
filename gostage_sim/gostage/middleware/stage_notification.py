"""Tell the handlers how the stages get on."""

from __future__ import annotations

TYPE_CHECKING = False  # see gostage/__init__.py
if TYPE_CHECKING:
    from gostage_sim.gostage.context import StageContext
    from gostage_sim.gostage.middleware import Middleware, Proceed


def notify_stages(type: str = "stage") -> Middleware[StageContext]:
    """Send a message of this type when a stage begins and when it ends; for the workflow's tier, or a single stage's.

    The payload is `{"stage_id": "s", "name": "Stage", "event": "begins"}`; at the end the event is `ended`, or `failed`
    with a key `error`, a text, besides.
    """

    def notify(ctx: StageContext, proceed: Proceed) -> None:
        about = {"stage_id": ctx.stage.id, "name": ctx.stage.name}
        ctx.send(type, {**about, "event": "begins"})
        try:
            proceed()
        except Exception as error:
            from gostage_sim.gostage.errors import safe_str

            ctx.send(type, {**about, "event": "failed", "error": safe_str(error)})
            raise
        ctx.send(type, {**about, "event": "ended"})

    return notify
