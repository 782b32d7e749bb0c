"""Log lines that travel as messages."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from gostage_sim.gostage.logger import Logger


def test_levels_and_formatting() -> None:
    """Each level sends `log` with level, text, logger and time; arguments are filled in, a bare text is left alone."""
    sent: list[tuple[str, Any]] = []
    logger = Logger(lambda type, payload: sent.append((type, payload)), "name")
    started = time.time()
    logger.debug("a")
    logger.info("%d of %s", 3, "x")
    logger.warning("100%")
    logger.error("e")
    assert all(started <= payload.pop("time") <= time.time() for _, payload in sent)
    assert all(payload.pop("logger") == "name" for _, payload in sent)
    assert sent == [
        ("log", {"level": "debug", "message": "a"}),
        ("log", {"level": "info", "message": "3 of x"}),
        ("log", {"level": "warning", "message": "100%"}),
        ("log", {"level": "error", "message": "e"}),
    ]


def logged(log: Callable[[Logger], None]) -> dict[str, str]:
    """Level and message of what a log call sends."""
    sent: list[Any] = []
    log(Logger(lambda type, payload: sent.append(payload), "name"))
    (payload,) = sent
    return {"level": payload["level"], "message": payload["message"]}


def test_as_logging_does() -> None:
    """One dict fills in names, a message need be no text, and `critical` is a level."""
    assert logged(lambda logger: logger.info("%(n)d of %(m)s", {"n": 3, "m": "x"}))["message"] == "3 of x"
    assert logged(lambda logger: logger.info(KeyError("k"))) == {"level": "info", "message": "'k'"}  # type: ignore[arg-type]
    assert logged(lambda logger: logger.critical("%s", "end")) == {"level": "critical", "message": "end"}


def test_exception() -> None:
    """`exception` is an error with the traceback of what is being handled."""
    try:
        raise ValueError("no")
    except ValueError:
        sent = logged(lambda logger: logger.exception("failed at %d", 5))
    assert sent["level"] == "error"
    first, second, *_, last = sent["message"].splitlines()
    assert (first, second, last) == ("failed at 5", "Traceback (most recent call last):", "ValueError: no")


def test_a_line_that_cannot_be_formatted() -> None:
    """It is sent as it was written, with the reason: to log wrongly is no failure of the work."""
    assert logged(lambda logger: logger.info("n=%d", "x")) == {
        "level": "info",
        "message": "n=%d (cannot be formatted: TypeError: %d format: a real number is required, not str)",
    }
