"""Measure how long something takes."""

from __future__ import annotations

from time import perf_counter

TYPE_CHECKING = False  # see gostage/__init__.py
if TYPE_CHECKING:
    from collections.abc import Callable

    from gostage_sim.gostage.context import RunContext
    from gostage_sim.gostage.middleware import Middleware, Proceed


def time_each(
    report: Callable[[RunContext, float], object] | None = None, *, clock: Callable[[], float] = perf_counter
) -> Middleware[RunContext]:
    """Call `report(ctx, seconds)` at the end of what is inside, also when that failed; for any tier.

    Without `report` it is logged as info: `stage 's' of workflow 'w' took 0.120 s`. `clock` gives seconds.
    """

    def measure(ctx: RunContext, proceed: Proceed) -> None:
        started = clock()
        try:
            proceed()
        finally:
            seconds = clock() - started
            if report is None:
                ctx.logger.info("%s took %.3f s", ctx.where, seconds)
            else:
                report(ctx, seconds)

    return measure
