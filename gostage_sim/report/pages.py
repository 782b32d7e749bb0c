"""What a run leaves to be looked at, report.html and trace.json, from its results and the histories that were kept.

They are made when the run is over and every verdict is reached; none is lost when they cannot be. What it takes is
loaded then, and not before.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gostage_sim.report.escape import visible_line
from gostage_sim.report.run_report import Run, write_whole

if TYPE_CHECKING:
    from gostage_sim.report.stories import Story


def write_pages(run: Run, directory: Path) -> tuple[str, ...]:
    """Write them; returns a line for each that could not be written.

    It raises nothing, whatever goes wrong: that is a page less, and no verdict. That of an earlier run is gone then.
    """
    remove_pages(directory)
    problems: list[str] = []
    stories: Sequence[Story] | None = None
    for name, render in _PAGES.items():
        try:
            stories = _stories(run) if stories is None else stories
            write_whole(directory / name, render(run, stories))
        except Exception as error:
            why = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
            problems.append(visible_line(f"{directory / name}: not written, which changes no verdict: {why}"))
    return tuple(problems)


def remove_pages(directory: Path) -> None:
    """Those of an earlier run, which must not pass for this one's."""
    for name in _PAGES:
        with contextlib.suppress(OSError):
            (directory / name).unlink()


def _stories(run: Run) -> Sequence[Story]:
    from gostage_sim.report.stories import stories_of

    return stories_of(run)


def _html(run: Run, stories: Sequence[Story]) -> str:
    from gostage_sim.report.html.page import render

    return render(run, stories)


def _trace(run: Run, stories: Sequence[Story]) -> str:
    from gostage_sim.report.trace import render

    return render(run, stories)


_PAGES: dict[str, Callable[[Run, Sequence[Story]], str]] = {"report.html": _html, "trace.json": _trace}
