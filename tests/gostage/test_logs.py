"""What children log, in the `logging` of the parent."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from typing import Any

import pytest

from gostage_sim import gostage
from gostage_sim.gostage.logs import MAX_LOGGERS
from gostage_sim.gostage.wire.messages import Message, Origin

from .conftest import Program


class Kept(logging.Handler):
    """Keeps records, and how a formatter shows them."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def kept() -> Iterator[Kept]:
    """A handler on `gostage.child`, which lets everything through."""
    handler, logger = Kept(), logging.getLogger("gostage.child")
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)


def message(payload: Any) -> Message:
    made = Message("log", payload)
    made._origin = Origin("flow", 42, "s")
    return made


def test_a_childs_records_in_the_parents_logging(program: Program, kept: Kept) -> None:
    """Level, time, pid, workflow and text are the child's, under a logger of its own name."""
    runner = program(
        "import logging\n@gostage.action('act')\ndef act(ctx):\n"
        "    try:\n        1 / 0\n    except ZeroDivisionError:\n"
        "        logging.getLogger('app.db').exception('%s%%', 5)\n"
        "    ctx.logger.info('100%s')\n"
    )
    times: list[float] = []
    runner.broker.register_handler("log", lambda message: times.append(message.payload["time"]))
    runner.broker.register_handler("log", gostage.LogToLogging())
    result = runner.spawn(gostage.SubWorkflowDef.of("act", id="flow"), check=True)
    assert result.handler_errors == []
    first, second = kept.records
    assert (first.name, first.levelname, first.getMessage()) == ("gostage.child.app.db", "ERROR", "5%")
    assert (first.process, first.workflow_id, first.created) == (result.pid, "flow", times[0])  # type: ignore[attr-defined]
    lines = logging.Formatter().format(first).split("\n")
    assert lines[:2] == ["5%", "  Traceback (most recent call last):"]
    assert lines[-1] == "  ZeroDivisionError: division by zero"
    assert (second.name, second.levelno, second.getMessage()) == ("gostage.child.act", 20, "100%s")
    assert second.action_name == "act"  # type: ignore[attr-defined]


def test_levels_of_the_parent_count(kept: Kept) -> None:
    """A logger of the parent that is set higher keeps the child's records back."""
    logging.getLogger("gostage.child.noisy").setLevel(logging.ERROR)
    to_logging = gostage.LogToLogging()
    for level in ("info", "error"):
        to_logging(message({"level": level, "message": level, "logger": "noisy"}))
    assert [record.getMessage() for record in kept.records] == ["error"]


@pytest.mark.parametrize(
    ("payload", "name", "level", "text"),
    [
        ("just text", "", 20, "just text"),
        (None, "", 20, "None"),
        ({"level": "%s%s", "message": "%n %s", "logger": 5}, "", 20, "%n %s"),
        ({"level": ["x"], "levelno": True, "message": {"a": 1}, "logger": ""}, "", 20, "{'a': 1}"),
        ({"levelno": 10**30, "level": "critical", "message": "m"}, "", 50, "m"),
        ({"levelno": -5, "level": "NOTSET", "message": "m", "logger": "a\x1bb"}, "", 20, "m"),
        ({"level": "error", "message": "\x1b[2J\nERROR x\r", "logger": "n" * 101}, "", 40, "\\x1b[2J\n  ERROR x\\r"),
        ({"level": "debug", "message": "m", "logger": "ok", "time": math.inf, "exception": 7}, ".ok", 10, "m\n  7"),
        ({"message": "m", "time": "soon"}, "", 20, "m"),
    ],
)  # fmt: skip
def test_hostile_payloads(kept: Kept, payload: object, name: str, level: int, text: str) -> None:
    """Whatever a child writes under the keys of a log message is text at most, and never raises."""
    gostage.LogToLogging()(message(payload))
    (record,) = kept.records
    assert (record.name, record.levelno) == (f"gostage.child{name}", level)
    assert logging.Formatter().format(record) == text
    logging.Formatter("%(asctime)s").format(record)


def test_nested_too_deep(kept: Kept) -> None:
    """A message nested deeper than Python prints is told as such."""
    deep: list[Any] = []
    for _ in range(200_000):
        deep = [deep]
    gostage.LogToLogging()(message({"message": deep}))
    assert kept.records[0].getMessage() == "<list nested too deep>"
    while deep:  # freed from the outside in, or the interpreter itself goes too deep
        (deep,) = deep or [[]]


def test_the_number_of_loggers_is_bounded(kept: Kept) -> None:
    """A child that invents a name for every record gets no more loggers than the bound; the rest goes to the parent."""
    to_logging = gostage.LogToLogging()
    for number in range(MAX_LOGGERS + 5):
        to_logging(message({"message": "m", "logger": f"n{number}"}))
    assert len(to_logging._loggers) == MAX_LOGGERS
    assert [record.name for record in kept.records[-5:]] == ["gostage.child"] * 5
