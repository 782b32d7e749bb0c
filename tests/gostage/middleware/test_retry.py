"""Retries: how often, how long between, and what is not retried."""

from __future__ import annotations

import random
import threading
from typing import Any

import pytest

from gostage_sim.gostage import ActionContext, Runner, RunOptions, errors
from gostage_sim.gostage.middleware import retry

from ..flows import Log, Work, flow, property_of


def fails(log: Log, times: int, error: type[Exception] = OSError) -> Work:
    def work(ctx: ActionContext) -> None:
        if log.count("A") <= times:
            raise error(f"attempt {log.count('A')}")

    return work


@pytest.mark.parametrize("tier", ["action", "stage", "workflow", "runner"])
def test_until_it_succeeds(tier: str) -> None:
    """In every tier it is tried again until it does not fail; the pauses double, up to the longest."""
    log, runner = Log(), Runner()
    pauses: list[float] = []
    workflow = flow(log.stage("s", "A", A=fails(log, 4)))
    place: dict[str, Any] = {
        "action": workflow.stages[0].actions[0],
        "stage": workflow.stages[0],
        "workflow": workflow,
        "runner": runner,
    }
    place[tier].use(retry(OSError, attempts=5, wait_initial_s=1, wait_max_s=5, wait_jitter_s=0, sleep=pauses.append))
    runner.execute(workflow)
    assert pauses == [1, 2, 4, 5]
    assert log == ["A"] * 5
    assert property_of(workflow, "action:s:A") == workflow.status == "completed"


def test_jitter() -> None:
    """Up to so many seconds are added to each pause, from the given source of randomness; never over the longest."""
    pauses: list[float] = []
    log = Log()
    workflow = flow(log.stage("s", "A", A=fails(log, 9)))
    workflow.use_for_actions(
        retry(
            attempts=10,
            wait_initial_s=1,
            wait_max_s=20,
            wait_jitter_s=2,
            sleep=pauses.append,
            random=random.Random(7),
        )
    )
    Runner().execute(workflow)
    uniform = random.Random(7).uniform
    assert pauses == [min(2.0**n + uniform(0, 2), 20) for n in range(9)]


def test_the_last_error_is_raised() -> None:
    """After the last attempt its error comes out, as it would without retries."""
    log = Log()
    workflow = flow(log.stage("s", "A", A=fails(log, 9)))
    workflow.use_for_actions(retry(attempts=3, sleep=lambda seconds: None))
    with pytest.raises(errors.ActionError) as caught:
        Runner().execute(workflow)
    assert str(caught.value) == "action 'A' of stage 's' in workflow 'w' failed: OSError: attempt 3"
    assert type(caught.value.__cause__) is OSError


def test_other_errors_are_not_retried() -> None:
    """What is not meant comes out at once."""
    log = Log()
    workflow = flow(log.stage("s", "A", A=fails(log, 1, KeyError)))
    workflow.use(retry(OSError, sleep=lambda seconds: None))
    assert not Runner().run(workflow).success
    assert log == ["A"]


def test_timeout() -> None:
    """No attempt begins once the time is over, however many are left."""
    log = Log()
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    workflow = flow(log.stage("s", "A", A=fails(log, 99)))
    workflow.use_for_actions(
        retry(
            attempts=99,
            timeout_s=5,
            wait_initial_s=2,
            wait_base=1,
            wait_jitter_s=0,
            sleep=sleep,
            clock=lambda: now[0],
        )
    )
    assert not Runner().run(workflow).success
    assert len(log) == 4


def test_cancelled_while_it_waits() -> None:
    """A run that is cancelled during a pause ends behind it; so does one whose time is over."""
    log = Log()
    cancel = threading.Event()
    workflow = flow(log.stage("s", "A", A=fails(log, 9)))
    workflow.use_for_actions(retry(attempts=9, sleep=lambda seconds: cancel.set()))
    with pytest.raises(errors.WorkflowCancelledError) as caught:
        Runner().execute(workflow, RunOptions(cancel=cancel))
    assert str(caught.value) == "workflow 'w' was cancelled in action 'A' of stage 's' in workflow 'w'"
    assert log == ["A"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_is_not_retried(error: Any) -> None:
    """What is no Exception passes through."""
    log = Log()
    workflow = flow(log.stage("s", "A", A=fails(log, 1, error)))
    workflow.use_for_actions(retry(sleep=lambda seconds: None))
    with pytest.raises(error):
        Runner().execute(workflow)
    assert log == ["A"]
