"""Which scenarios a command is about: the paths loaded, then `-k` and `--tag` applied, every mistake told at once."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from gostage_sim.report.bad_input import BadInput
from gostage_sim.report.escape import visible_line
from gostage_sim.scenario.loader import load
from gostage_sim.scenario.model import Scenario
from gostage_sim.scenario.problems import close_match
from gostage_sim.scenario.selection import select

_MOST_SHOWN = 5


def load_all(paths: Sequence[Path]) -> list[Scenario]:
    """All scenarios of these files and folders; BadInput with every mistake of every file."""
    missing = [_not_there(path) for path in paths if not _exists(path)]
    scenarios, problems = load([path for path in paths if _exists(path)])
    lines = [*missing, *(str(problem) for problem in problems)]
    if lines:
        raise BadInput(lines)
    return scenarios


def choose(scenarios: Sequence[Scenario], keyword: str | None, tags: Sequence[str]) -> list[Scenario]:
    """Those selected; BadInput when the expression is wrong or nothing is left, with what is close to it."""
    try:
        chosen = select(scenarios, keyword, tags)
    except ValueError as error:
        raise BadInput([visible_line(str(error))]) from None
    if chosen:
        return chosen
    asked = [f"--tag {visible_line(tag)}" for tag in tags]
    if keyword is not None:
        asked.append(f"-k {visible_line(repr(keyword))}")
    count = "the only scenario" if len(scenarios) == 1 else f"any of the {len(scenarios)} scenarios"
    lines = [f"{' '.join(asked)}: does not select {count}"]
    lines += _closest_tags(scenarios, tags)
    if keyword is not None:
        lines.append(f"  names: {_some(_by_closeness(keyword, [scenario.name for scenario in scenarios]))}")
    raise BadInput(lines)


def _closest_tags(scenarios: Sequence[Scenario], tags: Sequence[str]) -> list[str]:
    known = sorted({tag for scenario in scenarios for tag in scenario.tags})
    lines = []
    for tag in tags:
        match = close_match(tag, known)
        if match is not None and tag not in known:
            lines.append(f"  unknown tag {visible_line(repr(tag))}; did you mean {visible_line(repr(match))}?")
    return [*lines, f"  tags: {', '.join(map(visible_line, known)) or 'none'}"]


def _by_closeness(keyword: str, names: Sequence[str]) -> list[str]:
    from difflib import SequenceMatcher

    def closeness(name: str) -> float:
        # Word by word: a keyword is usually one misspelt word of a long name.
        words = [name.lower(), *name.lower().split()]
        return max(SequenceMatcher(None, keyword.lower(), word).ratio() for word in words)

    return sorted(dict.fromkeys(names), key=closeness, reverse=True)


def _some(words: Sequence[str]) -> str:
    shown = ", ".join(visible_line(repr(word)) for word in words[:_MOST_SHOWN])
    return shown if len(words) <= _MOST_SHOWN else f"{shown} and {len(words) - _MOST_SHOWN} more"


def _not_there(path: Path) -> str:
    if path.is_symlink():
        return f"{_shown(path)}: a link to {visible_line(os.readlink(path))}, where no file or folder is"
    message = f"{_shown(path)}: no such file or folder"
    parent = path.parent
    if not _exists(parent):
        above = next((each for each in parent.parents if _exists(each)), None)
        return f"{message}; {_shown(parent)} does not exist either" + (f", {_shown(above)} does" if above else "")
    try:
        siblings = [each.name for each in parent.iterdir()]
    except OSError:
        return message
    match = close_match(path.name, siblings)
    return f"{message}; did you mean {_shown(parent / match)}?" if match else message


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a name too long, a NUL in it, a folder nobody may enter
        return False


def _shown(path: Path) -> str:
    return visible_line(str(path))
