"""What `Runner.run` takes and gives: options of a run, its result, and results as text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gostage_sim.gostage.arguments import is_amount, require_mapping
from gostage_sim.gostage.errors import safe_str
from gostage_sim.gostage.middleware.adding import extended

if TYPE_CHECKING:
    from gostage_sim.gostage.context import RunContext
    from gostage_sim.gostage.execution import CancelFlag
    from gostage_sim.gostage.middleware import Middleware
    from gostage_sim.gostage.spawn.result import HandlerError


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """How a workflow is run; everything may be left out. The same options serve any number of runs."""

    timeout_s: float | None = None
    """Seconds from the start of the run. Seen before each action and stage, and by `ctx.check_cancelled()`."""
    cancel: CancelFlag | None = None
    """A `threading.Event`, or anything else with `is_set()`: set it to end the run. Seen where the timeout is."""
    initial_store: Mapping[str, object] = field(default_factory=dict)
    """Put into the workflow's store before the run."""
    context: Mapping[str, Any] = field(default_factory=dict)
    """Put into `workflow.context` before the run."""
    middleware: Sequence[Middleware[RunContext]] = ()
    """Around the whole workflow, inside of the runner's own."""

    def __post_init__(self) -> None:
        if self.timeout_s is not None and not is_amount(self.timeout_s):
            raise ValueError(f"timeout_s is a number of seconds, 0 or more, or None; found {self.timeout_s!r}")
        require_mapping(self.initial_store, "initial_store")
        require_mapping(self.context, "context")
        extended((), self.middleware)  # refuses what is none
        if self.cancel is not None and not callable(getattr(self.cancel, "is_set", None)):
            raise TypeError(f"cancel is a threading.Event, or has is_set() as one; found {self.cancel!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """How a run in this process ended."""

    workflow_id: str
    error: Exception | None = None
    """A WorkflowError: for what an action raised an ActionError, whose `__cause__` is that. None for success."""
    execution_time_s: float = 0.0
    final_store: dict[str, object] = field(default_factory=dict)
    """The values in the workflow's store at the end: the objects themselves, not copies."""
    warnings: list[str] = field(default_factory=list)
    """What looked wrong but stopped nothing, such as a stage without actions."""
    handler_errors: list[HandlerError] = field(default_factory=list)
    """What handlers raised for messages of this run; the first hundred."""

    @property
    def success(self) -> bool:
        """Whether the workflow came to its end."""
        return self.error is None

    def raise_for_error(self) -> None:
        """Raise the error of a run that failed."""
        if self.error is not None:
            raise self.error


def format_results(results: Iterable[RunResult]) -> str:
    """A line for each result, in columns, the error indented below, and a line that counts them.

    import-users  completed   1.204 s  12 values
    mail          failed      0.031 s  3 values
        action 'send' of stage 'out' in workflow 'mail' failed: OSError: no route
    2 workflows: 1 completed, 1 failed
    """
    results = list(results)
    width = max((len(result.workflow_id) for result in results), default=0)
    lines = []
    for result in results:
        outcome = "completed" if result.success else "failed"
        stored = _count(len(result.final_store), "value")
        lines.append(f"{result.workflow_id:<{width}}  {outcome:<9}  {result.execution_time_s:6.3f} s  {stored}")
        if result.error is not None:
            lines += [f"    {line}" for line in safe_str(result.error).splitlines()]
        lines += [f"    warning: {warning}" for warning in result.warnings]
    completed = sum(result.success for result in results)
    lines.append(f"{_count(len(results), 'workflow')}: {completed} completed, {len(results) - completed} failed")
    return "\n".join(lines)


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'s' * (number != 1)}"
