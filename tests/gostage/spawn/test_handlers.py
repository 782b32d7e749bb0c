"""Handlers of a spawn: where they run, how they push back, and what they may do themselves."""

from __future__ import annotations

import fcntl
import os
import struct
import sys
import termios
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gostage_sim import gostage

from .shell import HOLDS, NAMED, UP, named, shell

(CHILD,) = named("child")
FLOOD = """
import os
for _ in range(2000): os.write(1, b'{"type":"n","payload":"' + b'x' * 4000 + b'"}\\n')
"""


def fill(pid: int) -> float:
    """How full the pipe behind the child's stdout is, from 0 to 1."""
    fd = os.open(f"/proc/{pid}/fd/1", os.O_RDONLY | os.O_NONBLOCK)
    try:
        (standing,) = struct.unpack("i", fcntl.ioctl(fd, termios.FIONREAD, b"\0\0\0\0"))
        return float(standing / fcntl.fcntl(fd, fcntl.F_GETPIPE_SZ))
    finally:
        os.close(fd)


def blocked_in_write(pid: int) -> bool:
    """Whether the process sleeps in the kernel because a pipe is full."""
    return "pipe_write" in Path(f"/proc/{pid}/wchan").read_text()


def test_a_slow_handler_pushes_back_through_the_pipe() -> None:
    """While a handler does not return the child fills its pipe and is then stopped by it; nothing is read ahead."""
    runner = gostage.Runner(launcher=gostage.launchers.Program([sys.executable, "-S", "-c", FLOOD]), transport="json")
    handle = runner.start(CHILD)
    seen: list[tuple[float, int]] = []

    def slow(message: gostage.Message) -> None:
        pid, sequence = message.context.pid, message.context.sequence
        if sequence in (1, 500):
            deadline = time.monotonic() + 20
            while not blocked_in_write(pid) and time.monotonic() < deadline:
                os.sched_yield()
            seen.append((fill(pid), threading.get_ident()))

    runner.broker.register_handler("n", slow)
    result = handle.wait()
    assert result.message_counts == {"n": 2000}
    assert [thread for _, thread in seen] == [threading.get_ident()] * 2
    assert all(full > 0.9 for full, _ in seen)


def test_a_handler_that_spawns() -> None:
    """A handler may spawn on the same runner, as deep as it likes, and register and unregister meanwhile."""
    runner = shell(f'{NAMED} echo \'{{"type":"up","payload":"\'$id\'"}}\'; echo \'{{"type":"up"}}\'; exit 0')
    log: list[Any] = []

    def down(message: gostage.Message) -> None:
        if message.payload is None:
            return
        level = int(message.payload)
        log.append(("begin", level))
        if level < 4:
            with runner.broker.register_handler("up", lambda m: log.append(("also", level, m.payload))):
                result = runner.spawn(gostage.SubWorkflowDef(id=str(level + 1)), check=True)
            log.append(("end", level, result.workflow_id, result.message_counts))

    runner.broker.register_handler("up", down)
    assert runner.spawn(gostage.SubWorkflowDef(id="2"), check=True).handler_errors == []
    two = {"up": 2}
    assert log == [
        ("begin", 2),
        ("begin", 3),
        ("begin", 4),
        ("also", 2, "4"),
        ("also", 3, "4"),
        ("also", 2, None),
        ("also", 3, None),
        ("end", 3, "4", two),
        ("also", 2, "3"),
        ("also", 2, None),
        ("end", 2, "3", two),
    ]


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_what_is_no_exception_passes_through(kind: type[BaseException]) -> None:
    """It comes out of `wait` once the child is gone; the result of the child is still to be had."""
    runner = shell(HOLDS)
    raised = kind()

    def handler(message: gostage.Message) -> None:
        raise raised

    runner.broker.register_handler("up", handler)
    handle = runner.start(CHILD)
    assert handle.pid is not None
    with pytest.raises(kind) as caught:
        handle.wait()
    assert caught.value is raised
    with pytest.raises(ProcessLookupError):
        os.kill(handle.pid, 0)
    assert (handle.wait().outcome, handle.wait().signal) == ("cancelled", "SIGTERM")


def test_of_a_nested_spawn_too() -> None:
    """SystemExit out of a handler of a handler's child ends both children."""
    runner = shell(f"{NAMED} echo '{{\"type\":\"'$id'\"}}'; exec sleep 1000")
    pids: list[int] = []

    def outer(message: gostage.Message) -> None:
        pids.append(message.context.pid)
        runner.spawn(gostage.SubWorkflowDef(id="inner"))

    def inner(message: gostage.Message) -> None:
        pids.append(message.context.pid)
        raise SystemExit

    runner.broker.register_handler("outer", outer)
    runner.broker.register_handler("inner", inner)
    with pytest.raises(SystemExit):
        runner.spawn(gostage.SubWorkflowDef(id="outer"))
    assert len(pids) == 2
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


KEYS = st.sampled_from(["a", "b", "c"])
CHILDREN = st.lists(
    st.tuples(
        st.sampled_from(["one", "two"]),  # ids overlap
        st.lists(KEYS, max_size=8),
        st.dictionaries(KEYS, st.integers(0, 9), max_size=3),
        st.booleans(),
    ),
    min_size=2,
    max_size=8,
)


@settings(max_examples=12, deadline=None)
@given(children=CHILDREN)
def test_spawns_of_one_runner_never_meet(children: list[tuple[str, list[str], dict[str, int], bool]]) -> None:
    """Whatever children of one runner send at once, under the same ids, types and keys: each has its own messages in
    order, its own final store, counts, handler errors and middleware context."""
    code = (
        "import json, os, sys\nsent = json.load(sys.stdin)['initialStore']\n"
        "for n, key in enumerate(sent['sends']):\n"
        "    os.write(1, json.dumps({'type': key, 'payload': [sent['me'], n]}).encode() + b'\\n')\n"
        "os.write(1, json.dumps({'type': 'final_store', 'payload': sent['store']}).encode() + b'\\n')\n"
        "sys.exit(sent['fails'])\n"
    )
    handled: dict[int, list[tuple[int, str, int]]] = {}
    contexts: dict[int, gostage.SpawnContext] = {}

    def handler(message: gostage.Message) -> None:
        me, number = message.payload
        handled.setdefault(me, []).append((message.context.pid, message.type, number))
        if message.type == "b":
            raise LookupError(me)

    class Keep:
        def before_spawn(self, ctx: gostage.SpawnContext) -> None:
            contexts[ctx.definition.initial_store["me"]] = ctx

        def on_child_message(self, ctx: gostage.SpawnContext, message: gostage.Message) -> None:
            ctx.values.setdefault("types", []).append(message.type)

    launcher = gostage.launchers.Program([sys.executable, "-S", "-c", code])
    runner = gostage.Runner(launcher=launcher, spawn_middleware=[Keep()], transport="json")
    for key in ("a", "b", "c"):
        runner.broker.register_handler(key, handler)
    definitions = [
        gostage.SubWorkflowDef(id=id, initial_store={"me": me, "sends": sends, "store": store, "fails": fails})
        for me, (id, sends, store, fails) in enumerate(children)
    ]
    results = {result.pid: result for result in runner.spawn_all(definitions, max_parallel=len(children))}
    assert len(results) == len(contexts) == len(children)
    for me, (id, sends, store, fails) in enumerate(children):
        ctx = contexts[me]
        result = results[ctx.pid]
        assert ctx.result is result
        assert handled.get(me, []) == [(ctx.pid, key, n) for n, key in enumerate(sends)]
        assert (result.workflow_id, result.final_store, result.exit_code) == (id, store, int(fails))
        assert ctx.values["types"] == [*sends, "final_store"]
        assert result.message_counts == {**{key: sends.count(key) for key in sends}, "final_store": 1}
        assert [str(record.error) for record in result.handler_errors] == [str(me)] * sends.count("b")


def test_a_handler_sees_its_own_thread_alone() -> None:
    """Handlers run in the thread that waits, not in the one that started the child."""
    runner = shell(UP)
    threads: list[int] = []
    runner.broker.register_handler("up", lambda message: threads.append(threading.get_ident()))
    handle = runner.start(CHILD)
    waiter = threading.Thread(target=handle.wait)
    waiter.start()
    ident = waiter.ident
    waiter.join(20)
    assert threads == [ident]
