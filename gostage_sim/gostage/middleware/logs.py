"""Log what begins, ends and fails."""

from __future__ import annotations

TYPE_CHECKING = False  # see gostage/__init__.py
if TYPE_CHECKING:
    from gostage_sim.gostage.context import RunContext, RunLogger
    from gostage_sim.gostage.middleware import Middleware, Proceed


def log_each(logger: RunLogger | None = None) -> Middleware[RunContext]:
    """Log `stage 's' of workflow 'w' begins` and `… ended` as info, `… failed: ValueError: …` as error; for any tier.

    To `logger`, by default the runner's.
    """

    def log(ctx: RunContext, proceed: Proceed) -> None:
        to = logger or ctx.logger
        to.info("%s begins", ctx.where)
        try:
            proceed()
        except BaseException as error:
            from gostage_sim.gostage.errors import safe_str

            to.error("%s failed: %s: %s", ctx.where, type(error).__name__, safe_str(error))
            raise
        to.info("%s ended", ctx.where)

    return log
