"""The text of a scenario file as reports show it, and in which of its lines its faults stand."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from gostage_sim.scenario.positions import read_yaml
from gostage_sim.scenario.problems import ScenarioError

_MOST_CHARACTERS = 64_000


@dataclass(frozen=True, slots=True)
class Source:
    """A scenario file as it is now; it may have changed since it was run."""

    text: str
    """Cut off after 64,000 characters; empty where the file cannot be read."""
    cut: bool = False
    faults: dict[str, int] = field(default_factory=dict)
    """The line of each fault, from 1, by `group#number`, both as the file has them. Faults that come from another file,
    which this one includes, are not here."""
    problem: str | None = None
    """Why there is no text."""

    @property
    def line(self) -> int:
        """Of the first fault, or of the beginning."""
        return min(self.faults.values(), default=1)


def read_source(file: str) -> Source:
    """Never raises: a report without a text is still a report."""
    try:
        text = Path(file).read_text("utf-8")
    except (OSError, ValueError) as error:
        return Source("", problem=f"cannot be read: {getattr(error, 'strerror', None) or error}")
    return Source(text[:_MOST_CHARACTERS], cut=len(text) > _MOST_CHARACTERS, faults=_fault_lines(text, file))


def _fault_lines(text: str, file: str) -> dict[str, int]:
    try:
        values = read_yaml(text, file).values
    except ScenarioError:  # it was valid when it ran, and is not now
        return {}
    return {
        f"{path[1]}#{int(path[3]) + 1}": position.line
        for path, position in values.items()
        if len(path) == 4 and path[0] == "children" and path[2] == "faults"
    }
