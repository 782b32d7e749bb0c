"""Results of runs in this process, and their options."""

from __future__ import annotations

from typing import Any

import pytest

from gostage_sim.gostage import (
    ActionContext,
    Runner,
    RunOptions,
    RunResult,
    SubWorkflowDef,
    Workflow,
    errors,
    format_results,
)
from gostage_sim.gostage.middleware import put_values

from .flows import Log, flow


def failing(ctx: ActionContext) -> None:
    raise OSError("no route")


def test_result() -> None:
    """A result has the workflow's id, success, the time it took, the final store, and no error."""
    clock = iter([10.0, 11.5]).__next__
    result = Runner(clock=clock).run(flow(Log().stage("s", "A", A=lambda ctx: ctx.store.put("k", {1}))))
    assert result == RunResult(workflow_id="w", execution_time_s=1.5, final_store={"k": {1}})
    assert result.success
    result.raise_for_error()


def test_result_of_a_failure() -> None:
    """A failed run is no exception but a result with the error, which can be raised."""
    result = Runner().run(flow(Log().stage("s", "A", A=failing)))
    assert not result.success
    assert isinstance(result.error, errors.ActionError)
    assert isinstance(result.error.__cause__, OSError)
    with pytest.raises(errors.ActionError):
        result.raise_for_error()


def test_handler_errors_are_on_the_result() -> None:
    """What handlers raise for messages of a run is on its result and does not stop it."""
    runner = Runner()
    runner.broker.register_handler("m", lambda message: 1 / 0)
    workflow = flow(Log().stage("s", "A", A=lambda ctx: ctx.send("m")))
    result = runner.run(workflow)
    assert result.success
    assert [str(record.error) for record in result.handler_errors] == ["division by zero"]
    assert len(runner.run(workflow).handler_errors) == 1


def test_options() -> None:
    """Options give values, context and middleware to one run; those of the runner hold where a run has none."""
    seen: list[Any] = []

    def work(ctx: ActionContext) -> None:
        seen.append((ctx.store.export_all(), ctx.workflow.context))

    options = RunOptions(initial_store={"a": 1}, context={"c": 2}, middleware=[put_values({"b": 3})])
    Runner().run(flow(Log().stage("s", "A", A=work)), options)
    Runner(options=options).execute(flow(Log().stage("s", "A", A=work)))
    assert seen == [({"a": 1, "b": 3}, {"c": 2})] * 2


@pytest.mark.parametrize(
    ("arguments", "kind", "text"),
    [
        ({"timeout_s": -1}, ValueError, "timeout_s is a number of seconds, 0 or more, or None; found -1"),
        (
            {"timeout_s": float("nan")},
            ValueError,
            "timeout_s is a number of seconds, 0 or more, or None; found nan",
        ),
        (
            {"timeout_s": "5"},
            ValueError,
            "timeout_s is a number of seconds, 0 or more, or None; found '5'",
        ),
        (
            {"middleware": [5]},
            TypeError,
            "middleware is a function of the context and of what it goes around; found 5",
        ),
        ({"cancel": True}, TypeError, "cancel is a threading.Event, or has is_set() as one; found True"),
    ],
)
def test_bad_options(arguments: dict[str, Any], kind: type[Exception], text: str) -> None:
    """Options that cannot be meant are refused when they are made."""
    with pytest.raises(kind) as caught:
        RunOptions(**arguments)
    assert str(caught.value) == text


@pytest.mark.parametrize(("ignore", "ran"), [(False, ["A", "B"]), (True, ["A", "B", "C"])])
def test_run_all(ignore: bool, ran: list[str]) -> None:
    """Workflows run one after another with the same options, to the first failure or to the end."""
    log = Log()
    workflows = [flow(log.stage("s", name, B=failing), id=name) for name in "ABC"]
    options = RunOptions(initial_store={"k": 1})
    results = Runner().run_all(workflows, options, ignore_errors=ignore)
    assert log == ran
    assert [(result.workflow_id, result.success) for result in results] == [(name, name != "B") for name in ran]
    assert [result.final_store for result in results] == [{"k": 1}] * len(ran)


def test_format_results() -> None:
    """Results as a person reads them: outcome, time, values, errors, warnings, and the count."""
    results = [
        RunResult(workflow_id="import-users", execution_time_s=1.2041, final_store={"a": 1}, warnings=["careful"]),
        RunResult(
            workflow_id="mail", execution_time_s=0.03, error=errors.ActionError("mail", "out", "send", OSError("x"))
        ),
    ]
    assert format_results(results) == (
        "import-users  completed   1.204 s  1 value\n"
        "    warning: careful\n"
        "mail          failed      0.030 s  0 values\n"
        "    action 'send' of stage 'out' in workflow 'mail' failed: OSError: x\n"
        "2 workflows: 1 completed, 1 failed"
    )
    assert format_results([]) == "0 workflows: 0 completed, 0 failed"


def test_an_empty_workflow_as_a_result() -> None:
    """A workflow without stages is an error of its result too."""
    result = Runner().run(Workflow("w"))
    assert str(result.error) == "workflow 'w' has no stages; add one with add_stage()"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("w", None), "a runner runs a Workflow; found str"),
        (
            (SubWorkflowDef.of("a"), None),
            "a runner runs a Workflow; found SubWorkflowDef; Workflow.from_def(definition) makes one of it",
        ),
        ((Workflow("w"), {"timeout_s": 1}), "the options of a run are RunOptions; found dict"),
    ],
)
def test_wrong_types(arguments: tuple[Any, Any], text: str) -> None:
    """What cannot be run, and what are no options, are a TypeError and no result."""
    for call in (Runner().run, Runner().execute):
        with pytest.raises(TypeError) as caught:
            call(*arguments)
        assert str(caught.value) == text


def test_a_bad_initial_value_is_a_failed_run() -> None:
    """Options that the store refuses make the run fail; the result says so, and the workflow may run again."""
    wrong: Any = {5: 1}
    workflow = flow(Log().stage("s", "A"))
    result = Runner().run(workflow, RunOptions(initial_store=wrong))
    assert str(result.error) == "workflow 'w' failed: StoreError: a store key is a str; found 5"
    assert workflow.status == "failed"
    assert Runner().run(workflow).success


def test_a_workflow_that_is_running_is_left_alone() -> None:
    """A second run that is refused puts no values, and takes neither messages nor handler errors from the first."""
    log, runner = Log(), Runner()
    sequences: list[int] = []
    runner.broker.register_handler("m", lambda message: sequences.append(message.context.sequence))
    runner.broker.register_handler("m", lambda message: 1 / 0)
    refused: list[RunResult] = []

    def work(ctx: ActionContext) -> None:
        ctx.send("m")
        refused.append(runner.run(ctx.workflow, RunOptions(initial_store={"k": 1}, context={"c": 1})))
        ctx.send("m")

    workflow = flow(log.stage("s", "A", A=work))
    result = runner.run(workflow)
    assert str(refused[0].error) == "workflow 'w' is already running; wait for its end, or run another one"
    assert (result.final_store, workflow.context) == ({}, {})
    assert sequences == [1, 2]
    assert (len(result.handler_errors), refused[0].handler_errors) == (2, [])
