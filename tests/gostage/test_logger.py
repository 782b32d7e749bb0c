"""Log lines that travel as messages."""

from __future__ import annotations

import time
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
