"""Try again after a failure, with growing pauses. The waiting is tenacity's: https://tenacity.readthedocs.io"""

from __future__ import annotations

import time

from gostage_sim.gostage.arguments import is_amount
from gostage_sim.gostage.errors import DeadlineExceededError, WorkflowCancelledError, original_error
from gostage_sim.gostage.middleware.recovery import as_predicate

TYPE_CHECKING = False  # see gostage/__init__.py
if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from tenacity import RetryCallState

    from gostage_sim.gostage.context import RunContext
    from gostage_sim.gostage.middleware import Middleware, Proceed
    from gostage_sim.gostage.middleware.recovery import Errors


def retry(
    on: Errors = Exception,
    *,
    attempts: int = 3,
    timeout_s: float | None = None,
    wait_initial_s: float = 0.1,
    wait_max_s: float = 5.0,
    wait_jitter_s: float = 1.0,
    wait_base: float = 2.0,
    sleep: Callable[[float], object] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
    random: Random | None = None,
) -> Middleware[RunContext]:
    """Call what is inside up to `attempts` times, until it does not raise what is meant by `on`; for any tier.

    `on` is an exception class, several, or a predicate, asked about what was raised originally. Before attempt n + 1 it
    waits `wait_initial_s * wait_base ** (n - 1)` seconds and up to `wait_jitter_s` more, at most `wait_max_s`. No
    attempt begins once `timeout_s` seconds have passed. The last error is raised as it was.

    The dynamic actions and stages that one attempt added are taken out before the next. Values in the store and
    messages that were sent stay. Neither a cancelled run nor one whose time is over is tried again, and both are
    noticed after a pause. `sleep`, `clock` and `random` are there for tests.
    """
    if type(attempts) is not int or attempts < 1:
        raise ValueError(f"attempts are a whole number, 1 or more; found {attempts!r}")
    if timeout_s is not None and not is_amount(timeout_s):
        raise ValueError(f"timeout_s is a number of seconds, 0 or more, or None; found {timeout_s!r}")
    for name, seconds in (
        ("wait_initial_s", wait_initial_s),
        ("wait_max_s", wait_max_s),
        ("wait_jitter_s", wait_jitter_s),
    ):
        if not is_amount(seconds):
            raise ValueError(f"{name} is a number of seconds, 0 or more; found {seconds!r}")
    if not is_amount(wait_base):
        raise ValueError(f"wait_base is a number, 0 or more; found {wait_base!r}")
    meant = as_predicate(on)

    def again(error: BaseException) -> bool:
        if not isinstance(error, Exception) or isinstance(error, WorkflowCancelledError | DeadlineExceededError):
            return False
        return bool(meant(original_error(error)))

    def attempt(ctx: RunContext, proceed: Proceed) -> None:
        import random as default_random

        import tenacity

        uniform = (random or default_random).uniform
        exponential = tenacity.wait_exponential(wait_initial_s, exp_base=wait_base)
        started = clock()

        def wait(state: RetryCallState) -> float:
            return min(exponential(state) + uniform(0, wait_jitter_s), wait_max_s)

        def stop(state: RetryCallState) -> bool:
            return state.attempt_number >= attempts or (timeout_s is not None and clock() - started >= timeout_s)

        def pause(seconds: float) -> None:
            sleep(seconds)
            ctx.check_cancelled()

        tenacity.Retrying(stop=stop, wait=wait, sleep=pause, retry=tenacity.retry_if_exception(again), reraise=True)(
            proceed
        )

    return attempt
