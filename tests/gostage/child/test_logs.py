"""The standard `logging` of a child, as messages."""

from __future__ import annotations

import time
from typing import Any

import pytest

from gostage_sim import gostage

from ..conftest import Program


def logged(runner: gostage.Runner) -> tuple[list[dict[str, Any]], gostage.SpawnResult]:
    """The payloads of the child's log messages, and its result, which is completed."""
    seen: list[dict[str, Any]] = []
    runner.broker.register_handler("log", lambda message: seen.append(message.payload))
    result = runner.spawn(gostage.SubWorkflowDef.of("act"), check=True)
    return seen, result


def test_level_name_and_time(program: Program) -> None:
    """A record arrives with its level, its text, its logger and its time, whenever `logging` was imported."""
    started = time.time()
    seen, _ = logged(
        program(
            "@gostage.action('act')\ndef act(ctx):\n    import logging\n"
            "    logging.getLogger('app.db').warning('%d rows', 3)\n    ctx.logger.info('mine')\n"
        )
    )
    stamps = [entry.pop("time") for entry in seen]
    assert seen == [
        {"level": "warning", "message": "3 rows", "logger": "app.db", "levelno": 30},
        {"level": "info", "message": "mine", "logger": "act"},
    ]
    assert started <= stamps[0] <= stamps[1] <= time.time()


def test_levels_and_propagation_are_the_childs(program: Program) -> None:
    """What its levels, its filters and `propagate` keep from the root logger does not arrive."""
    seen, _ = logged(
        program(
            "import logging\nlogging.basicConfig(level=logging.INFO)\nlogging.getLogger('quiet').propagate = False\n"
            "logging.addLevelName(25, 'NOTICE')\n"
            "@gostage.action('act')\ndef act(ctx):\n"
            "    for name in ('loud', 'quiet'):\n"
            "        logging.getLogger(name).debug('d'); logging.getLogger(name).info('i')\n"
            "    logging.log(25, 'n')\n"
        )
    )
    assert [(entry["logger"], entry["level"], entry["levelno"], entry["message"]) for entry in seen] == [
        ("loud", "info", 20, "i"),
        ("root", "notice", 25, "n"),
    ]


def test_the_childs_own_handlers_work_as_ever(program: Program) -> None:
    """`basicConfig` in an action has its effect, and what it writes is on stderr."""
    seen, result = logged(
        program(
            "@gostage.action('act')\ndef act(ctx):\n    import logging\n    logging.warning('first')\n"
            "    logging.basicConfig(format='own %(message)s', force=True)\n    logging.warning('second')\n"
        )
    )
    assert [entry["message"] for entry in seen] == ["first", "second"]
    assert result.stderr_tail.splitlines() == ["WARNING:root:first", "own second"]


def test_exceptions_travel_as_bounded_text(program: Program) -> None:
    """A traceback arrives as text; one of a megabyte loses its middle."""
    seen, _ = logged(
        program(
            "import logging\n@gostage.action('act')\ndef act(ctx):\n"
            "    try:\n        raise ValueError('x' * 1_000_000)\n"
            "    except ValueError:\n        logging.exception('failed')\n"
        )
    )
    assert seen[0]["message"] == "failed"
    assert seen[0]["exception"].startswith("Traceback (most recent call last):\n")
    assert len(seen[0]["exception"]) < 66_000


def test_a_record_that_cannot_be_formatted(program: Program) -> None:
    """Arguments that do not fit and texts that raise are told as such; the action goes on."""
    seen, _ = logged(
        program(
            "import logging\nlogging.raiseExceptions = False\n"
            "class Bad:\n    def __str__(self): raise LookupError('no text')\n"
            "@gostage.action('act')\ndef act(ctx):\n    logging.warning('%d', 'x')\n    logging.warning(Bad())\n"
        )
    )
    assert [entry["message"] for entry in seen] == [
        "%d <not formatted: %d format: a real number is required, not str>",
        " <not formatted: no text>",
    ]


def test_sending_that_logs_does_not_recurse(program: Program) -> None:
    """Outbound middleware that logs every message it sees does not log for ever."""
    runner = program(
        "import logging\n"
        "class Loud:\n    def outbound(self, message):\n        logging.warning('sees %s', message.type)\n"
        "        return message\n"
        "@gostage.action('act')\ndef act(ctx):\n    ctx.send('a')\n    logging.warning('b')\n"
        "from functools import partial\n"
        "gostage.child_main = partial(gostage.child_main, ipc_middleware=[Loud()])\n"
    )
    seen, _ = logged(runner)
    assert [entry["message"] for entry in seen] == ["sees a", "b"]


@pytest.mark.usefixtures("each_transport")
def test_from_threads_and_after_the_end(program: Program) -> None:
    """Threads may log at once, and what is logged on the way out arrives behind the result."""
    seen, result = logged(
        program(
            "import atexit, logging, threading\natexit.register(logging.warning, 'leaving')\n"
            "@gostage.action('act')\ndef act(ctx):\n"
            "    def work(n):\n        for _ in range(100): logging.warning('thread %d', n)\n"
            "    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]\n"
            "    for thread in threads: thread.start()\n"
        )
    )
    texts = [entry["message"] for entry in seen]
    assert [texts.count(f"thread {n}") for n in range(4)] == [100] * 4
    assert texts[-1] == "leaving"
    assert result.malformed.count == 0


def test_nobody_listens_any_more(program: Program) -> None:
    """A child that logs after its parent closed the pipe does not fail because of it."""
    runner = program(
        "import logging, os, sys\n"
        "@gostage.action('act')\ndef act(ctx):\n    ctx.send('up')\n    fd = ctx._run.broker._channel.fd\n"
        "    os.close(fd)\n    logging.warning('to nobody')\n    os.write(2, b'went on')\n    os._exit(0)\n",
        "json",
    )
    result = runner.spawn(gostage.SubWorkflowDef.of("act"))
    assert (result.exit_code, result.stderr_tail) == (0, "WARNING:root:to nobody\nwent on")
