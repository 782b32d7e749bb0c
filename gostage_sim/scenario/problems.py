"""What is wrong with a scenario: problems that carry their position, and the wording they share."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_LONGEST_QUOTE = 60


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake and where it is: `file:line:column`, only `file` where there is no line, or a path such as
    `steps[0].send.count` in data that came from Python."""

    message: str
    file: str = ""
    line: int = 0
    """From 1; 0 when there is none."""
    column: int = 0
    path: str = ""

    @property
    def where(self) -> str:
        if self.line:
            return f"{self.file}:{self.line}:{self.column}"
        return self.file or self.path

    def __str__(self) -> str:
        # Files, modules and exceptions choose these words: nothing in them may steer a terminal.
        text = f"{self.where}: {self.message}" if self.where else self.message
        return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


class ScenarioError(ValueError):
    """A scenario that cannot be used; `problems` holds every mistake found, in the order of the file."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


def close_match(found: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant."""
    by_lower = {word.lower(): word for word in known}
    return next((by_lower[m] for m in difflib.get_close_matches(found.lower(), by_lower, n=1)), None)


def unknown(what: str, found: str, known: Sequence[str]) -> str:
    """`unknown fault 'delya'; did you mean 'delay'?`; without a close match it lists what is known."""
    match = close_match(found, known)
    if match is not None:
        return f"unknown {what} {quote(found)}; did you mean '{match}'?"
    return f"unknown {what} {quote(found)}; expected {one_of(known)}"


def unknown_key(found: str, known: Sequence[str], *, what: str = "key", of: str = "") -> str:
    """As `unknown`, always with the list of what may stand there."""
    match = close_match(found, known)
    meant = f"did you mean '{match}'? " if match is not None else ""
    return f"unknown {what} {quote(found)}{of}; {meant}known {what}s: {', '.join(known) or 'none'}"


def one_of(words: Sequence[str]) -> str:
    """`'json'`, or `one of 'a', 'b'`."""
    quoted = ", ".join(f"'{word}'" for word in words)
    return quoted if len(words) == 1 else f"one of {quoted}" if words else "nothing: none are known"


def kind_of(found: object) -> str:
    """What Python's object is in a reader's words, for one that has no place in a scenario."""
    kinds = {
        bool: "true or false",
        int: "an integer",
        float: "a number",
        str: "text",
        dict: "a mapping",
        list: "a list",
    }
    if found is None:
        return "nothing"
    return kinds.get(type(found)) or f"an instance of {type(found).__qualname__}"


def quote(found: object) -> str:
    """What stands in the file, short enough for a message: scalars as they are, containers by their kind."""
    if found is None:
        return "nothing"
    if isinstance(found, bool):
        return "true" if found else "false"
    if isinstance(found, dict):
        return "a mapping"
    if isinstance(found, list):
        return "a list"
    if isinstance(found, int) and found.bit_length() > _LONGEST_QUOTE * 4:
        return f"an integer of {found.bit_length()} bits"  # Python refuses to write out one that is very long
    text = repr(found)
    return text if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE]}…"
