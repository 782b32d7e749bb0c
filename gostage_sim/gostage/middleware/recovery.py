"""Go on after a failure."""

from __future__ import annotations

from gostage_sim.gostage.errors import WorkflowCancelledError, original_error

TYPE_CHECKING = False  # see gostage/__init__.py
if TYPE_CHECKING:
    from collections.abc import Callable

    from gostage_sim.gostage.context import RunContext
    from gostage_sim.gostage.middleware import Middleware, Proceed

    Errors = type[Exception] | tuple[type[Exception], ...] | Callable[[Exception], object]


def recover(errors: Errors, handle: Callable[[RunContext, Exception], object] | None = None) -> Middleware[RunContext]:
    """Swallow the errors that are meant, and go on behind what is inside; for any tier.

    `errors` is an exception class, several, or a predicate. Asked about is what was raised originally, not the
    ActionError around it. `handle(ctx, error)` is called with it; what that raises is the new error. A part that
    recovered is `completed`. A cancelled run is never recovered.
    """
    meant = as_predicate(errors)

    def catch(ctx: RunContext, proceed: Proceed) -> None:
        try:
            proceed()
        except WorkflowCancelledError:
            raise
        except Exception as error:
            original = original_error(error)
            if not meant(original):
                raise
            if handle is not None:
                handle(ctx, original)

    return catch


def as_predicate(errors: Errors) -> Callable[[Exception], object]:
    """A predicate out of exception classes; one that is given is returned."""
    if isinstance(errors, type | tuple):
        classes = errors
        return lambda error: isinstance(error, classes)
    if not callable(errors):
        raise TypeError(f"errors are named by exception classes or by a predicate; found {errors!r}")
    return errors
