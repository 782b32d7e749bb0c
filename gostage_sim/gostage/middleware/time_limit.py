"""Give a workflow, a stage or an action so many seconds."""

from __future__ import annotations

from gostage_sim.gostage.arguments import is_amount

TYPE_CHECKING = False  # see gostage/__init__.py
if TYPE_CHECKING:
    from gostage_sim.gostage.context import RunContext
    from gostage_sim.gostage.middleware import Middleware, Proceed


def limit_time(seconds: float) -> Middleware[RunContext]:
    """Raise DeadlineExceededError when what is inside takes longer than this; for any tier.

    Python code cannot be stopped from outside: an action that is running notices at `ctx.check_cancelled()`; otherwise
    the limit is seen before the next action and at the end. To end code that asks nobody, spawn it as a child with a
    timeout. The nearest of several limits counts. Seconds are those of the runner's clock.
    """
    if not is_amount(seconds):
        raise ValueError(f"a time limit is a number of seconds, 0 or more; found {seconds!r}")

    def limit(ctx: RunContext, proceed: Proceed) -> None:
        with ctx._run.limited(seconds, ctx.where):
            proceed()

    return limit
