"""Children in asyncio's loop, without threads."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

from gostage_sim import gostage
from gostage_sim.gostage.errors import ChildExitedError
from gostage_sim.gostage.spawn.asynchronous import wait_in_loop

from ..conftest import gone
from .shell import HOLDS, IGNORES_SIGTERM, NAMED, SAYS, UP, named, shell

(CHILD,) = named("child")
PATIENT = gostage.SpawnOptions(grace_s=1000)
Run = Callable[[Coroutine[Any, Any, Any]], Any]


@pytest.fixture(scope="module", params=["asyncio", "uvloop"])
def factory(request: pytest.FixtureRequest) -> Callable[[], asyncio.AbstractEventLoop]:
    """Makes the loops of either; uvloop is tried where somebody installed it."""
    if request.param == "asyncio":
        return asyncio.new_event_loop
    new: Callable[[], asyncio.AbstractEventLoop] = pytest.importorskip("uvloop").new_event_loop
    with asyncio.Runner(loop_factory=new) as runner:  # libuv keeps two descriptors of its first loop
        runner.run(asyncio.sleep(0))
    return new


@pytest.fixture
def run(factory: Callable[[], asyncio.AbstractEventLoop]) -> Iterator[Run]:
    """`asyncio.run` with such a loop; no thread is left of it."""

    def in_loop(main: Coroutine[Any, Any, Any]) -> Any:
        with asyncio.Runner(loop_factory=factory) as runner:
            return runner.run(main)

    yield in_loop
    assert threading.active_count() == 1


def test_result_messages_and_thread(run: Run) -> None:
    """`aspawn` gives what `spawn` gives; handlers see the messages in order, in the loop's thread and the task."""
    runner = shell('for i in 1 2 3; do echo \'{"type":"n","payload":\'$i\'}\'; done; echo hint >&2; exit 3')
    seen: list[Any] = []

    def handler(message: gostage.Message) -> None:
        assert threading.current_thread() is threading.main_thread()
        seen.append((message.payload, asyncio.current_task()))

    runner.broker.register_handler("n", handler)

    async def main() -> tuple[gostage.SpawnResult, object]:
        return await runner.aspawn(CHILD), asyncio.current_task()

    result, task = run(main())
    assert (result.workflow_id, result.outcome, result.exit_code, result.stderr_tail) == (
        "child",
        "exited",
        3,
        "hint\n",
    )
    assert seen == [(1, task), (2, task), (3, task)]
    with pytest.raises(ChildExitedError):
        run(runner.aspawn(CHILD, check=True))


def test_the_child_gets_what_it_is_called_with(run: Run) -> None:
    """The initial store, added to the definition's own, and the options."""
    runner = shell(SAYS)
    got: list[Any] = []
    runner.broker.register_handler("got", lambda message: got.append(message.payload))
    definition = gostage.SubWorkflowDef(id="a", initial_store={"me": "a"})
    options = gostage.SpawnOptions(environment={"WORD": "said"})
    run(runner.aspawn(definition, initial_store={"more": 1}, options=options))
    assert got == [[{"id": "a", "initialStore": {"me": "a", "more": 1}}, "said"]]


def test_many_at_once(run: Run) -> None:
    """Children in one task group run at once and keep their messages and results apart."""
    runner = shell(f"{NAMED} for i in 1 2 3; do echo '{{\"type\":\"'$id'\",\"payload\":'$i'}}'; done")
    seen: dict[str, list[int]] = {}
    runner.broker.register_default_handler(lambda m: seen.setdefault(m.context.workflow_id, []).append(m.payload))
    ids = [f"c{number}" for number in range(20)]

    async def main() -> list[gostage.SpawnResult]:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(runner.aspawn(definition)) for definition in named(*ids)]
        return [task.result() for task in tasks]

    results = run(main())
    assert [(r.workflow_id, r.outcome, r.message_counts) for r in results] == [(id, "completed", {id: 3}) for id in ids]
    assert seen == {id: [1, 2, 3] for id in ids}


def test_the_loop_has_its_turn(run: Run) -> None:
    """While a child floods, other tasks run after each chunk of 64 KiB at the latest."""
    line = b'{"type":"n"}\n'
    code = f"import os\nfor _ in range(100): os.write(1, {line!r} * 5000)"
    launcher = gostage.launchers.Program([sys.executable, "-S", "-c", code])
    runner = gostage.Runner(launcher=launcher, transport="json")
    count = 0
    runs: list[int] = []

    def handler(message: gostage.Message) -> None:
        nonlocal count
        count += 1

    runner.broker.register_handler("n", handler)

    async def main() -> None:
        nonlocal count
        task = asyncio.create_task(runner.aspawn(CHILD, check=True))
        while not task.done():
            await asyncio.sleep(0)
            runs.append(count)
            count = 0
        await task

    run(main())
    assert sum(runs) == 500_000
    assert max(runs) <= 64 * 1024 // len(line) + 1


@pytest.mark.parametrize(
    ("code", "options", "ending"),
    [
        (HOLDS, gostage.SpawnOptions(timeout_s=0.2), ("timed_out", "SIGTERM")),
        (IGNORES_SIGTERM, gostage.SpawnOptions(timeout_s=0.2, grace_s=0.2), ("timed_out", "SIGKILL")),
        ("exec sleep 1000 >&- 2>&-", gostage.SpawnOptions(timeout_s=0.2), ("timed_out", "SIGTERM")),
    ],
)
def test_deadlines(run: Run, code: str, options: gostage.SpawnOptions, ending: tuple[str, str]) -> None:
    """Time-out and grace period are kept although nothing happens on any descriptor."""
    result = run(shell(code).aspawn(CHILD, options=options))
    assert (result.outcome, result.signal) == ending


def test_no_child(run: Run) -> None:
    """A child that cannot be started is a result, and arguments of a wrong type raise."""
    with gostage.Runner(launcher=gostage.launchers.Program(["/does/not/exist"])) as runner:
        assert run(runner.aspawn(CHILD)).outcome == "start_failed"
        with pytest.raises(TypeError, match="a child is started from a SubWorkflowDef; found int"):
            run(runner.aspawn(5))  # type: ignore[arg-type]


class Watch:
    """What became of the children of a runner."""

    def __init__(self, runner: gostage.Runner) -> None:
        self.results: list[gostage.SpawnResult | None] = []
        self.errors: list[str] = []
        self.up = asyncio.Event()
        self.handled: list[str] = []
        self.pids: list[int] = []
        runner.use_for_spawns(self)

    def on_child_message(self, ctx: gostage.SpawnContext, message: gostage.Message) -> None:
        self.handled.append(message.type)
        self.pids.append(message.origin.pid)
        self.up.set()

    def after_spawn(self, ctx: gostage.SpawnContext) -> None:
        self.results.append(ctx.result)
        self.errors.append(type(ctx.error).__name__)

    def only(self) -> tuple[str, str | None]:
        """How the only one ended; it is gone."""
        (result,) = self.results
        assert result is not None
        assert result.pid is not None
        with pytest.raises(ProcessLookupError):
            os.kill(result.pid, 0)
        return result.outcome, result.signal


@pytest.mark.parametrize(
    ("code", "grace_s", "cancels", "signal_name"),
    [(HOLDS, 1000, 1, "SIGTERM"), (IGNORES_SIGTERM, 0.2, 1, "SIGKILL"), (IGNORES_SIGTERM, 1000, 2, "SIGKILL")],
    ids=["SIGTERM", "grace period", "second cancel"],
)
def test_cancel(run: Run, code: str, grace_s: float, cancels: int, signal_name: str) -> None:
    """A cancelled task ends its child, by SIGKILL after the grace period or at the second cancel, and then raises."""
    runner = shell(code)

    async def main() -> None:
        watch = Watch(runner)
        task = asyncio.create_task(runner.aspawn(CHILD, options=gostage.SpawnOptions(grace_s=grace_s)))
        await watch.up.wait()
        for _ in range(cancels):
            assert not task.done()
            task.cancel()
            await asyncio.sleep(0)  # the task gets it
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelled()
        assert watch.only() == ("cancelled", signal_name)
        assert watch.errors == ["CancelledError"]

    run(main())


def test_the_last_words_of_a_cancelled_child_are_not_handled(run: Run) -> None:
    """As with every spawn that ends in an exception: nobody is there any more who would get the result."""
    runner = shell('trap \'echo "{\\"type\\":\\"last\\"}"; exit\' TERM; ' + UP + "sleep 1000 & wait")

    async def main() -> None:
        watch = Watch(runner)
        task = asyncio.create_task(runner.aspawn(CHILD, options=PATIENT))
        await watch.up.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert watch.handled == ["up"]
        (result,) = watch.results
        assert result is not None
        assert result.message_counts == {"up": 1, "last": 1}

    run(main())


def test_time_out_of_asyncio(run: Run) -> None:
    """`asyncio.timeout` ends the child, and is TimeoutError as ever."""
    runner = shell(HOLDS)

    async def main() -> None:
        watch = Watch(runner)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await runner.aspawn(CHILD)
        assert watch.only() == ("cancelled", "SIGTERM")

    run(main())


def test_a_failing_neighbour_in_a_task_group(run: Run) -> None:
    """When one task of a group fails, the children of the others are gone before the group is left."""
    runner = shell(HOLDS)

    async def main() -> None:
        watch = Watch(runner)

        async def neighbour() -> None:
            await watch.up.wait()
            raise LookupError("neighbour")

        async def both() -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(runner.aspawn(CHILD))
                group.create_task(neighbour())

        with pytest.raises(ExceptionGroup) as caught:
            await both()
        assert [repr(error) for error in caught.value.exceptions] == ["LookupError('neighbour')"]
        assert watch.only() == ("cancelled", "SIGTERM")

    run(main())


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt])
def test_interrupt_out_of_a_handler(run: Run, kind: type[BaseException]) -> None:
    """SystemExit and KeyboardInterrupt out of a handler pass out of the loop when the child is gone."""
    runner = shell(HOLDS)
    watches: list[Watch] = []

    def handler(message: gostage.Message) -> None:
        raise kind

    runner.broker.register_handler("up", handler)

    async def main() -> None:
        watches.append(Watch(runner))
        await runner.aspawn(CHILD)

    with pytest.raises(kind):
        run(main())
    (watch,) = watches
    assert watch.only() == ("cancelled", "SIGTERM")
    assert watch.errors == [kind.__name__]


@pytest.mark.filterwarnings("ignore:child .* was never waited for and is ended:ResourceWarning")
def test_a_loop_that_ends_under_it(factory: Callable[[], asyncio.AbstractEventLoop]) -> None:
    """A coroutine that is dropped with its loop kills its child at once; the loop is not needed for it. The collector
    decides who of them is finalised first, so that the result may or may not be had."""
    runner = shell(IGNORES_SIGTERM)
    loop = factory()
    loop.set_exception_handler(lambda loop, context: None)  # "Task was destroyed but it is pending!", which is true
    watch = Watch(runner)
    task = loop.create_task(runner.aspawn(CHILD, options=PATIENT))
    loop.run_until_complete(watch.up.wait())
    loop.close()
    del task
    gc.collect()
    assert gone(watch.pids[0])
    if watch.results:
        assert watch.only() == ("cancelled", "SIGKILL")
        assert watch.errors == ["GeneratorExit"]


@pytest.mark.filterwarnings("ignore:child .* was never waited for and is ended:ResourceWarning")
@pytest.mark.parametrize("first", ["coroutine", "handle", "driver", "process"])
def test_whoever_the_collector_finalises_first(factory: Callable[[], asyncio.AbstractEventLoop], first: str) -> None:
    """A coroutine that is closed behind the finaliser of any of them waits for nothing that does not come any more."""
    loop = factory()
    runner, up = shell(IGNORES_SIGTERM), asyncio.Event()
    runner.broker.register_handler("up", lambda message: up.set())
    handle = runner.start(CHILD, options=PATIENT)
    waiting = wait_in_loop(handle)
    task = loop.create_task(waiting)
    loop.set_exception_handler(lambda loop, context: None)
    loop.run_until_complete(up.wait())
    loop.close()
    driver, pid = handle._driver, handle.pid
    assert driver is not None
    assert pid is not None
    finalised: Any = {"handle": handle, "driver": driver, "process": driver.process}.get(first)
    if finalised is not None:
        finalised.__del__()
    waiting.close()
    del task, waiting, finalised, driver, handle
    gc.collect()
    assert gone(pid)


def test_asyncio_is_loaded_for_aspawn_alone() -> None:
    """A parent that spawns, with handles and many at once, does not load asyncio; gRPC's package does by itself."""
    code = (
        "import sys\nfrom gostage_sim import gostage\n"
        "runner = gostage.Runner(launcher=gostage.launchers.Program(['true']), transport='json')\n"
        "definition = gostage.SubWorkflowDef(id='x')\n"
        "print(runner.spawn(definition).outcome, *[r.outcome for r in runner.spawn_all([definition])])\n"
        "print([name for name in sys.modules if name.startswith('asyncio')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "completed completed\n[]\n"


def test_children_end_in_any_order(run: Run) -> None:
    """A child that another one waits for is awaited at the same time, in whatever order they were started."""
    runner = shell(HOLDS)
    pids: list[int] = []
    runner.broker.register_handler("up", lambda message: pids.append(message.context.pid))

    async def main() -> None:
        watch = Watch(runner)
        tasks = [asyncio.create_task(runner.aspawn(definition)) for definition in named("a", "b", "c")]
        while len(pids) < 3:
            await watch.up.wait()
            watch.up.clear()
        for task in reversed(tasks):
            task.cancel()
            await asyncio.wait([task])
        assert [result and result.workflow_id for result in watch.results] == ["c", "b", "a"]

    run(main())
    assert all(gone(pid, within_s=0) for pid in pids)
