"""The tree of exceptions, and text of exceptions that cannot be trusted."""

from __future__ import annotations

import copy
import inspect
import pickle
from collections.abc import Callable

import pytest

from gostage_sim.gostage import errors
from gostage_sim.gostage.spawn.result import ERROR_CLASSES, Outcome, SpawnResult


def test_one_tree() -> None:
    """Whatever the engine raises on purpose is a GostageError, and the module's map names each."""
    classes = [c for c in vars(errors).values() if inspect.isclass(c) and issubclass(c, Exception)]
    assert all(issubclass(c, errors.GostageError) for c in classes)
    assert [c.__name__ for c in classes if c.__name__ not in (errors.__doc__ or "")] == []


@pytest.mark.parametrize("outcome", [outcome for outcome in Outcome if outcome is not Outcome.COMPLETED])
def test_every_outcome_has_its_error(outcome: Outcome) -> None:
    """Each outcome but completed raises its own SpawnError, which carries the result."""
    result = SpawnResult("w", outcome)
    with pytest.raises(errors.SpawnError) as caught:
        result.raise_for_outcome()
    assert type(caught.value) is ERROR_CLASSES[outcome]
    assert caught.value.result is result
    assert len(set(ERROR_CLASSES.values())) == len(Outcome) - 1


def test_action_error_says_where() -> None:
    """The text names action, stage, workflow and what was raised."""
    error = errors.ActionError("w", "s", "a", ValueError("no"))
    assert str(error) == "action 'a' of stage 's' in workflow 'w' failed: ValueError: no"


class _HostileError(Exception):
    def __str__(self) -> str:
        raise KeyboardInterrupt


class _NoTextError(Exception):
    def __str__(self) -> str:
        return 5  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("plain"), "plain"),
        (_HostileError(), "<unprintable _HostileError: its __str__ raised KeyboardInterrupt>"),
        (_NoTextError(), "<unprintable _NoTextError: its __str__ raised TypeError>"),
    ],
)
def test_safe_str(error: BaseException, text: str) -> None:
    """The text of an exception never raises."""
    assert errors.safe_str(error) == text


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))])
@pytest.mark.parametrize(
    "error",
    [
        errors.UnknownActionError("no", ("a", "b")),
        errors.KeyMissingError("no key"),
        errors.MergeConflictError("both", ("a",)),
        errors.ExportError({"a": "no"}, {"b": 1}),
        errors.ActionError("w", "s", "a", ValueError("no")),
        errors.StageError("w", "s", ValueError("no")),
        *(kind(SpawnResult("w", outcome)) for outcome, kind in ERROR_CLASSES.items()),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_are_copied_and_pickled(
    error: errors.GostageError, again: Callable[[errors.GostageError], errors.GostageError]
) -> None:
    """A copy of an error has its class, its text and its attributes."""
    found = again(error)
    assert (type(found), str(found), vars(found)) == (type(error), str(error), vars(error))
