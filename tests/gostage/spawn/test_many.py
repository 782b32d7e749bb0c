"""Many children, so many at once, and their results as they finish."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gostage_sim import gostage
from gostage_sim.gostage.errors import SpawnVetoedError
from gostage_sim.gostage.spawn import many

from ..conftest import gone
from .shell import IGNORES_SIGTERM, NAMED, SAYS, UP, Gate, named, shell


@pytest.fixture(autouse=True)
def no_thread_left() -> Iterator[None]:
    """Whatever happens in the loop, its threads are gone when it is over."""
    before = threading.active_count()
    yield
    assert threading.active_count() == before


def test_results_as_they_finish(tmp_path: Path) -> None:
    """Each definition has one result, which says whose it is, and the first to finish comes first."""
    gate = Gate(tmp_path)
    runner = shell(f"{NAMED} test $id = first && read x <{gate.path}; test $id != third")
    seen = []
    for result in runner.spawn_all(named("first", "second", "third", "fourth"), max_parallel=2):
        seen.append((result.workflow_id, result.outcome, result.exit_code))
        if result.workflow_id == "fourth":
            gate.open()
    assert seen == [
        ("second", "completed", 0),
        ("third", "exited", 1),
        ("fourth", "completed", 0),
        ("first", "completed", 0),
    ]
    gate.close()


def test_every_child_gets_what_it_is_called_with() -> None:
    """The initial store, added to the definition's own, and the options are those of every child."""
    runner = shell(SAYS)
    got: list[Any] = []
    runner.broker.register_handler("got", lambda message: got.append(message.payload))
    definitions = [gostage.SubWorkflowDef(id=id, initial_store={"me": id}) for id in ("a", "b")]
    options = gostage.SpawnOptions(environment={"WORD": "said"})
    list(runner.spawn_all(definitions, max_parallel=1, initial_store={"all": 1}, options=options))
    assert got == [[{"id": id, "initialStore": {"me": id, "all": 1}}, "said"] for id in ("a", "b")]


@pytest.mark.parametrize("max_parallel", [None, 1, 3])
def test_definitions_are_taken_as_there_is_room(max_parallel: int | None) -> None:
    """Nothing is taken before the first result is asked for, and never more than may run at once."""
    limit = max_parallel or len(os.sched_getaffinity(0))
    taken = finished = 0

    def source() -> Iterator[gostage.SubWorkflowDef]:
        nonlocal taken
        for definition in named(*map(str, range(9))):
            taken += 1
            assert taken - finished <= limit
            yield definition

    results = shell("exit 0").spawn_all(source(), max_parallel=max_parallel)
    assert taken == 0
    for _ in results:
        finished += 1
        assert taken == min(9, finished + limit - 1)
    assert finished == 9


def test_handlers_of_different_children_run_at_once() -> None:
    """Each child has its handlers in a thread of its own, where they can wait for each other."""
    runner = shell(UP)
    together = threading.Barrier(3)
    threads = set()

    def meet(message: gostage.Message) -> None:
        threads.add(threading.get_ident())
        together.wait(20)

    runner.broker.register_handler("up", meet)
    results = list(runner.spawn_all(named("a", "b", "c"), max_parallel=3))
    assert [result.handler_errors for result in results] == [[], [], []]
    assert len(threads) == 3
    assert threading.get_ident() not in threads


def test_a_slow_handler_stalls_its_own_child_alone() -> None:
    """While the handler of one child stands still, all the others finish."""
    runner = shell(UP)
    others_done = threading.Event()
    runner.broker.register_handler("up", lambda message: others_done.wait(20), workflow_id="slow")
    order = []
    for result in runner.spawn_all(named("slow", "a", "b", "c", "d"), max_parallel=2):
        order.append(result.workflow_id)
        if len(order) == 4:
            others_done.set()
    assert order[-1] == "slow"


class LoopError(Exception):
    pass


def leave_by_break(results: Any) -> None:
    for _ in results:
        break


def leave_by_close(results: Any) -> None:
    next(results)
    results.close()


def leave_by_an_exception(results: Any) -> None:
    for _ in results:
        raise LoopError


def go_on(results: Any) -> None:
    for _ in results:
        pass


def raises(kind: type[BaseException]) -> Callable[[gostage.Message], None]:
    def handler(message: gostage.Message) -> None:
        raise kind

    return handler


def interrupt(message: gostage.Message) -> None:
    os.kill(os.getpid(), signal.SIGINT)  # reaches the main thread, which waits for a result


def interrupt_another_thread(message: gostage.Message) -> None:
    """As the kernel may choose: the handler is due in the main thread, which nothing wakes."""
    signal.pthread_kill(threading.get_ident(), signal.SIGINT)


def source(last: Callable[[], Any]) -> Iterator[Any]:
    """One that is quick, two that stay, and something else."""
    yield from named("quick", "stays", "stays too")
    while True:
        yield last()


def fail() -> None:
    raise LoopError


def one_more() -> gostage.SubWorkflowDef:
    return gostage.SubWorkflowDef(id="another")


def vetoed() -> gostage.SubWorkflowDef:
    return gostage.SubWorkflowDef(id="vetoed")


ENDS: dict[str, tuple[Callable[[Any], None], Callable[[], Any], Any, type[BaseException] | None]] = {
    "break": (leave_by_break, one_more, None, None),
    "close": (leave_by_close, one_more, None, None),
    "exception in the loop": (leave_by_an_exception, one_more, None, LoopError),
    "iterable raises": (go_on, fail, None, LoopError),
    "no definition": (go_on, lambda: 5, None, TypeError),
    "veto": (go_on, vetoed, None, SpawnVetoedError),
    "Ctrl-C": (go_on, one_more, interrupt, KeyboardInterrupt),
    "Ctrl-C that another thread gets": (go_on, one_more, interrupt_another_thread, KeyboardInterrupt),
    "handler raises SystemExit": (go_on, one_more, raises(SystemExit), SystemExit),
    "handler raises KeyboardInterrupt": (go_on, one_more, raises(KeyboardInterrupt), KeyboardInterrupt),
}


@pytest.mark.parametrize("way", ENDS)
def test_leaving_early(way: str) -> None:
    """However the loop is left, the children that still run are cancelled and gone, and what was raised passes on."""

    class Veto:
        def before_spawn(self, ctx: gostage.SpawnContext) -> None:
            if ctx.definition.id == "vetoed":
                raise SpawnVetoedError("not this one")

        def after_spawn(self, ctx: gostage.SpawnContext) -> None:
            if ctx.result is not None and ctx.result.outcome == "cancelled":
                assert ctx.result.signal == "SIGTERM"
                cancelled.append(ctx.result.pid)

    leave, last, handler, error = ENDS[way]
    runner = shell(f"{NAMED} case $id in quick) ;; another) {UP};; esac; test $id = quick || exec sleep 1000")
    runner.use_for_spawns(Veto())
    if handler:
        runner.broker.register_handler("up", handler)
    cancelled: list[int | None] = []
    with contextlib.ExitStack() as stack:
        if error is not None:
            stack.enter_context(pytest.raises(error))
        leave(runner.spawn_all(source(last), max_parallel=3))
    assert len(cancelled) in (2, 3)
    for pid in cancelled:
        assert pid is not None
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_child_that_starts_while_the_loop_is_left() -> None:
    """It is ended as soon as it is there, not when the grace period of the others is over."""
    leaving = threading.Event()
    ended: dict[str, str | None] = {}

    class Late:
        def before_spawn(self, ctx: gostage.SpawnContext) -> None:
            if ctx.definition.id == "late":
                leaving.wait(20)

        def after_spawn(self, ctx: gostage.SpawnContext) -> None:
            assert ctx.result is not None
            ended[ctx.definition.id] = ctx.result.signal
            if ctx.definition.id == "stays":
                leaving.set()

    runner = shell(f"{NAMED} test $id = quick || exec sleep 1000", spawn_middleware=[Late()])
    started = time.monotonic()
    options = gostage.SpawnOptions(grace_s=30)
    leave_by_break(runner.spawn_all(named("quick", "stays", "late"), max_parallel=3, options=options))
    assert time.monotonic() - started < 20
    assert ended == {"quick": None, "stays": "SIGTERM", "late": "SIGTERM"}


def test_the_grace_period_bounds_the_end() -> None:
    """Children that ignore SIGTERM are killed after the grace period, also while a handler keeps their thread."""
    runner = shell(f"{NAMED} test $id = quick || {{ {IGNORES_SIGTERM}; }}")
    ended: list[bool] = []
    up = threading.Barrier(3)

    def until_it_is_dead(message: gostage.Message) -> None:
        up.wait(20)
        if message.context.workflow_id == "busy":
            ended.append(gone(message.context.pid, within_s=20))

    runner.broker.register_handler("up", until_it_is_dead)
    options = gostage.SpawnOptions(grace_s=0.3)
    with contextlib.closing(runner.spawn_all(named("quick", "busy", "idle"), max_parallel=3, options=options)) as all:
        next(all)
        up.wait(20)
        started = time.monotonic()
    assert 0.3 <= time.monotonic() - started < 5
    assert ended == [True]


def test_a_handler_that_never_returns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its child is gone, its thread is left behind with a warning, and the loop is left all the same."""
    monkeypatch.setattr(many, "UNKILLABLE_S", 0.1)
    runner = shell(f"{NAMED} test $id = quick || {{ {UP} exec sleep 1000; }}")
    up, release = threading.Event(), threading.Event()
    stuck: list[tuple[int, threading.Thread]] = []

    def never(message: gostage.Message) -> None:
        stuck.append((message.context.pid, threading.current_thread()))
        up.set()
        release.wait(60)

    runner.broker.register_handler("up", never)
    results = runner.spawn_all(named("quick", "stuck"), max_parallel=2, options=gostage.SpawnOptions(grace_s=0.1))
    next(results)
    assert up.wait(20)
    ((pid, thread),) = stuck
    with pytest.warns(RuntimeWarning) as caught:
        results.close()
    assert str(caught[0].message) == (
        f"a handler called by thread {thread.ident} has not returned 0.1 s after its child was killed; "
        "the thread is left behind"
    )
    assert gone(pid, within_s=0)
    release.set()
    thread.join(20)


def test_an_interrupt_anywhere_leaves_nothing() -> None:
    """KeyboardInterrupt at any line of the iterating thread passes on once; no child and no thread is left of it."""
    if sys.gettrace() is not None:
        pytest.skip("needs the trace function that coverage is using")
    runner = shell(f"{NAMED} test $id = quick || exec sleep 1000")
    threads = threading.active_count()
    count, target = 0, 0

    def trace(frame: Any, event: str, argument: object) -> Any:
        nonlocal count
        if frame.f_code.co_filename != many.__file__:
            return None
        if event == "line":
            count += 1
            if count == target:
                raise KeyboardInterrupt
        return trace

    while target <= count:  # until a whole run has fewer lines than that
        target, count, passed_on = target + 1, 0, False
        results = runner.spawn_all(named("quick", "a", "b"), max_parallel=3)
        sys.settrace(trace)
        try:
            next(results)
            results.close()
        except KeyboardInterrupt:
            passed_on = True
        finally:
            sys.settrace(None)
        assert passed_on == (count >= target)
        deadline = time.monotonic() + 20
        while threading.active_count() > threads and time.monotonic() < deadline:
            os.sched_yield()
        assert threading.active_count() == threads
        with pytest.raises(ChildProcessError):
            os.waitpid(-1, os.WNOHANG)
    assert target > 60


def test_wrong_arguments() -> None:
    """They are refused by the call, not by the first result."""
    runner = shell("exit 0")
    with pytest.raises(ValueError, match=r"^max_parallel is how many children run at once, 1 or more; found 0$"):
        runner.spawn_all([], max_parallel=0)
    with pytest.raises(TypeError, match=r"^'SubWorkflowDef' object is not iterable$"):
        runner.spawn_all(gostage.SubWorkflowDef(id="x"))  # type: ignore[arg-type]
