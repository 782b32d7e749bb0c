"""Log lines that travel as messages."""

from __future__ import annotations

from typing import Any

from gostage_sim.gostage.logger import Logger


def test_levels_and_formatting() -> None:
    """Each level sends `log` with level and message; arguments are filled in, a text without any is left alone."""
    sent: list[tuple[str, Any]] = []
    logger = Logger(lambda type, payload: sent.append((type, payload)))
    logger.debug("a")
    logger.info("%d of %s", 3, "x")
    logger.warning("100%")
    logger.error("e")
    assert sent == [
        ("log", {"level": "debug", "message": "a"}),
        ("log", {"level": "info", "message": "3 of x"}),
        ("log", {"level": "warning", "message": "100%"}),
        ("log", {"level": "error", "message": "e"}),
    ]
