"""What every test begins with."""

from __future__ import annotations

import os
import signal

import pytest


def pytest_configure() -> None:
    """Signals as in a terminal, also under `nohup` or in a script's background: what is ignored there is inherited.

    And none of the files and words of the job in which the tests may run: runs would add theirs.
    """
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):
        os.environ.pop(name, None)
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGQUIT):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long ones first: at the end no process is left alone with one while the others have nothing to do."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
