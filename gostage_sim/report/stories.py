"""Each result with what was recorded of it, for the reports that show a run in time: read once, and only bounded parts
of it kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from gostage_sim.harness.result import ScenarioResult
from gostage_sim.history.collect import SUBJECT_NAME, collect
from gostage_sim.report.picture.draw import draw
from gostage_sim.report.picture.handlers import handler_times
from gostage_sim.report.picture.model import Picture
from gostage_sim.report.run_report import Run
from gostage_sim.report.source import Source, read_source


@dataclass(frozen=True, slots=True)
class Story:
    """One result, its scenario file, and the picture of its history."""

    result: ScenarioResult
    source: Source
    picture: Picture | None
    problem: str | None = None
    """Why there is no picture."""


def stories_of(run: Run) -> Sequence[Story]:
    """In the order of the results. What cannot be read of one costs its picture, and nothing else."""
    source_of = cache(read_source)
    return [_story(result, source_of(result.file)) for result in run.results]


def _story(result: ScenarioResult, source: Source) -> Story:
    kept = result.extra.get("history")
    if not isinstance(kept, str):
        return Story(result, source, None, "no history was kept of it")
    try:
        witnesses = [fault.witness for fault in result.faults if fault.planned]
        handlers = handler_times(Path(kept) / SUBJECT_NAME)
        picture = draw(collect(Path(kept)), lines=source.faults, witnesses=witnesses, handlers=handlers)
        return Story(result, source, picture)
    except Exception as error:  # of histories anything may be missing or damaged
        return Story(result, source, None, f"its history in {kept} cannot be drawn: {type(error).__name__}: {error}")
