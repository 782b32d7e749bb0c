"""Picks scenarios by `-k EXPR` and `--tag`, as pytest does by `-k`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from gostage_sim.scenario.model import Scenario

Matches = Callable[[str], bool]

_TOKEN = re.compile(r"\s*(?:([()])|\"([^\"]*)\"|'([^']*)'|([^\s()\"']+))")
_OPERATORS = ("and", "or", "not", "(", ")")

#: Far below what the recursion limit allows, both to read an expression and to ask it.
_DEEPEST = 50


def select(scenarios: Iterable[Scenario], keyword: str | None = None, tags: Sequence[str] = ()) -> list[Scenario]:
    """Those that match the expression and have at least one of the tags, where either is given."""
    matches = parse_expression(keyword) if keyword is not None else None
    return [
        scenario
        for scenario in scenarios
        if (matches is None or matches(_words(scenario))) and (not tags or not set(tags).isdisjoint(scenario.tags))
    ]


def exactly(text: str) -> str:
    """An expression for what has this text in it, whatever characters those are."""
    quotes = [quote for quote in "\"'" if quote not in text]
    if quotes:
        return f"{quotes[0]}{text}{quotes[0]}"
    return " and ".join(f'"{part}"' for part in text.split('"') if part)


def parse_expression(text: str) -> Matches:
    """A function that says whether a text matches `crash and not (grpc or slow)`. Words match case-insensitively
    anywhere in it; one with spaces goes in quotes. ValueError says what is wrong and at which column."""
    parser = _Parser(text)
    matches = parser.alternatives()
    if parser.word:
        raise parser.error("'and', 'or' or the end")
    return matches


def _words(scenario: Scenario) -> str:
    return "\n".join((scenario.name, scenario.file, *scenario.tags)).lower()


class _Parser:
    """One token ahead; `word` is empty at the end."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._end = 0
        self._depth = 0
        self.word, self._quoted, self._column = "", False, 1
        self._next()

    def error(self, expected: str) -> ValueError:
        found = f"'{self.word}'" if self.word else "the end"
        return ValueError(f"-k {self._text!r}: found {found} at column {self._column}; expected {expected}")

    def alternatives(self) -> Matches:
        found = [self._all_of()]
        while self._takes("or"):
            found.append(self._all_of())
        return lambda text: any(matches(text) for matches in found)

    def _all_of(self) -> Matches:
        found = [self._term()]
        while self._takes("and"):
            found.append(self._term())
        return lambda text: all(matches(text) for matches in found)

    def _term(self) -> Matches:
        if self._takes("not"):
            inner = self._inside(self._term)
            return lambda text: not inner(text)
        if self._takes("("):
            inner = self._inside(self.alternatives)
            if not self._takes(")"):
                raise self.error("')'")
            return inner
        if not self.word or (self.word in _OPERATORS and not self._quoted):
            raise self.error("a word, 'not' or '('")
        word = self.word.lower()
        self._next()
        return lambda text: word in text

    def _inside(self, parse: Callable[[], Matches]) -> Matches:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise ValueError(f"-k: more than {_DEEPEST} parentheses and 'not' in each other")
        found = parse()
        self._depth -= 1
        return found

    def _takes(self, operator: str) -> bool:
        if self._quoted or self.word != operator:
            return False
        self._next()
        return True

    def _next(self) -> None:
        rest = self._text[self._end :]
        self._column = self._end + len(rest) - len(rest.lstrip()) + 1
        if not rest.strip():
            self.word, self._quoted = "", False
            return
        token = _TOKEN.match(self._text, self._end)
        if token is None:
            raise ValueError(f"-k {self._text!r}: the quote at column {self._column} is not closed")
        self._end = token.end()
        self._quoted = token[2] is not None or token[3] is not None
        self.word = token[1] or token[2] or token[3] or token[4] or ""
        if not self.word:
            raise ValueError(f"-k {self._text!r}: nothing between the quotes at column {self._column}")
