"""`parametrize:`, a matrix of values for `${…}`: one document for each combination, its positions those of the file."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gostage_sim.scenario.positions import Document, Path
from gostage_sim.scenario.problems import Problem, quote, unknown

KEY = "parametrize"
#: Each runs by itself: more would take hours.
_MOST = 500
#: A value that is longer is told by its number.
_LONGEST = 40
#: What a file has in quotes where it means the text.
_WORDS = ("true", "false", "null")
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
_NAME = re.compile(r"[A-Za-z_][\w-]*")
#: `${name}`, or with a second `$` what stands for a literal one.
_REFERENCE = re.compile(r"\$(\$?)\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class Combination:
    """One document of a file, and the values it was made with."""

    document: Document
    parameters: Mapping[str, Any]
    label: str
    """`signal=SIGSEGV size=1KiB`; empty where the file has no matrix."""


@dataclass(frozen=True, slots=True)
class _Value:
    value: Any
    path: Path
    """Where it is written."""
    text: str


def expand(document: Document) -> list[Combination]:
    """One for each combination of the values under `parametrize`; the document itself where there is no such key.

    Mistakes in the matrix are reported in the document, mistakes in the use of it in the combinations. Of a matrix with
    mistakes one document comes, to find what else is wrong, in which nothing is said of what refers to the matrix.
    """
    if not isinstance(document.data, dict) or KEY not in document.data:
        return [Combination(document, {}, "")]
    matrix = _matrix(document)
    used: set[str] = set()
    combinations = []
    for values in itertools.product(*matrix.values()) if matrix is not None else [None]:
        chosen = None if values is None or matrix is None else dict(zip(matrix, values, strict=True))
        label = " ".join(f"{name}={value.text}" for name, value in (chosen or {}).items())
        copied = _Substitution(document, chosen, used).document()
        if label and isinstance(copied.data.get("name"), str):
            copied.data["name"] += f" [{label}]"
        parameters = {name: value.value for name, value in (chosen or {}).items()}
        combinations.append(Combination(copied, parameters, label))
    if matrix is not None and not any(each.document.problems for each in combinations):
        for name in matrix:
            if name not in used:
                message = f"parameter '{name}' is used nowhere; write ${{{name}}} where its values belong"
                document.report((KEY, name), message, key=True)
    return combinations


def problems_of(document: Document, combinations: Iterable[Combination]) -> list[Problem]:
    """Of the document and all its combinations, each once. One that not every combination has says which have it."""
    every = list(combinations)
    own = [] if any(each.document is document for each in every) else document.problems
    having: dict[Problem, list[Combination]] = {}
    for combination in every:
        for problem in dict.fromkeys(combination.document.problems):
            having.setdefault(problem, []).append(combination)
    values = {tuple(position) for path, position in document.values.items() if path[:1] == (KEY,)}
    return own + [
        problem
        if len(those) == len(every) or (problem.line, problem.column, problem.file) in values
        else Problem(
            f"{problem.message}, with {_in_common(those)}", problem.file, problem.line, problem.column, problem.path
        )
        for problem, those in having.items()
    ]


def _in_common(combinations: Sequence[Combination]) -> str:
    first, *others = [combination.label.split(" ") for combination in combinations]
    return " ".join(part for part in first if all(part in other for other in others)) or " ".join(first)


def _matrix(document: Document) -> dict[str, list[_Value]] | None:
    """The values of each parameter; None for a matrix with mistakes, which are reported."""
    data = document.data[KEY]
    if not isinstance(data, dict) or not data:
        found = "empty" if data == {} else quote(data)
        document.report((KEY,), f"{KEY} is {found}; expected a mapping of parameters to lists of their values")
        return None
    before = document.mistakes
    matrix = {name: _values(document, name, values) for name, values in data.items()}
    count = math.prod(map(len, matrix.values()))
    if count > _MOST:
        document.report((KEY,), f"{KEY} has {count} combinations; expected at most {_MOST}")
    return matrix if document.mistakes == before else None


def _values(document: Document, name: str, values: Any) -> list[_Value]:
    path: Path = (KEY, name)
    if not _NAME.fullmatch(name):
        message = f"parameter name {quote(name)}; expected a letter, then letters, digits, '_' and '-'"
        document.report(path, message, key=True)
    if not isinstance(values, list) or not values:
        found = "an empty list" if values == [] else quote(values)
        document.report(path, f"parameter '{name}' is {found}; expected a list of values")
        return []
    seen: dict[str, int] = {}
    for index, value in enumerate(values):
        text = _label(value, index)
        if text in seen:
            line, column, _ = document.position((*path, seen[text]))
            message = f"parameter '{name}', item {index + 1}, is {text} again; it is already at {line}:{column}"
            document.report((*path, index), message)
        seen.setdefault(text, index)
    return [_Value(value, (*path, index), _label(value, index)) for index, value in enumerate(values)]


def _label(value: Any, index: int) -> str:
    """The value as a file has it; the number of one that is no short word."""
    text = "" if isinstance(value, dict | list) else _text(value)
    if isinstance(value, str) and (value in _WORDS or _NUMBER.fullmatch(value)):
        text = f'"{value}"'  # as a file has to write it, and not the value that looks like it
    return text if text.isprintable() and " " not in text and 0 < len(text) <= _LONGEST else f"#{index + 1}"


def _text(value: Any) -> str:
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


class _Substitution:
    """Copies a document with values in place of `${…}`."""

    def __init__(self, source: Document, values: Mapping[str, _Value] | None, used: set[str]) -> None:
        self._source = source
        self._values = values
        self._used = used
        self._copy = Document(source.file)

    def document(self) -> Document:
        data = self._source.data
        self._place((), ())
        self._copy.data = {
            key: self._as_it_is(item, (key,), (key,)) if key == KEY else self._value(item, (key,), (key,))
            for key, item in data.items()
        }
        return self._copy

    def _place(self, here: Path, there: Path) -> bool:
        """Note where the value comes from; False when there is no room for it."""
        source, copy = self._source, self._copy
        if here in source.values:
            copy.values[there] = source.values[here]
        if here in source.keys:
            copy.keys[there] = source.keys[here]
        copy.spoilt |= {(there, key) for key in (False, True) if (here, key) in source.spoilt}
        return copy.room(there)

    def _as_it_is(self, data: Any, here: Path, there: Path) -> Any:
        if not self._place(here, there):
            return None
        if isinstance(data, list):
            return [self._as_it_is(item, (*here, i), (*there, i)) for i, item in enumerate(data)]
        if isinstance(data, dict):
            return {key: self._as_it_is(item, (*here, key), (*there, key)) for key, item in data.items()}
        return data

    def _value(self, data: Any, here: Path, there: Path) -> Any:
        if not self._place(here, there):
            return None
        if isinstance(data, str):
            return self._filled(data, there)
        if isinstance(data, list):
            return [self._value(item, (*here, i), (*there, i)) for i, item in enumerate(data)]
        if not isinstance(data, dict):
            return data
        found: dict[str, Any] = {}
        for key, item in data.items():
            name = self._inserted(key, (*there, key), (*here, key))
            if name in found:
                self._copy.keys.setdefault((*there, key), self._source.position((*here, key), key=True))
                self._copy.report((*there, key), f"duplicate key {quote(name)}, which {key} stands for", key=True)
            else:
                found[name] = self._value(item, (*here, key), (*there, name))
        return found

    def _filled(self, text: str, path: Path) -> Any:
        """A text that is one reference and nothing else gives the value itself."""
        whole = _REFERENCE.fullmatch(text)
        if whole is None or whole[1]:
            return self._inserted(text, path)
        value = self._known(whole[2], path)
        return text if value is None else self._as_it_is(value.value, value.path, path)

    def _inserted(self, text: str, path: Path, key_at: Path | None = None) -> str:
        """The text with its references replaced; of a key, `key_at` says where it is written."""

        def insert(reference: re.Match[str]) -> str:
            if reference[1]:
                return reference[0][1:]
            value = self._known(reference[2], path, key_at)
            if value is None:
                return reference[0]
            if isinstance(value.value, dict | list):
                message = f"{reference[0]} is {quote(value.value)}; inside a text only a single value can stand"
                self._spoil(path, message, key_at)
                return reference[0]
            return _text(value.value)

        return _REFERENCE.sub(insert, text)

    def _known(self, name: str, path: Path, key_at: Path | None = None) -> _Value | None:
        if self._values is None:
            self._copy.spoilt.add((path, key_at is not None))
            return None
        if name not in self._values:
            message = f"{unknown('parameter', name, list(self._values))} (for the text itself write $${{{name}}})"
            self._spoil(path, message, key_at)
            return None
        self._used.add(name)
        return self._values[name]

    def _spoil(self, path: Path, message: str, key_at: Path | None) -> None:
        if key_at is not None:
            self._copy.keys[path] = self._source.position(key_at, key=True)
        if (path, key_at is not None) not in self._copy.spoilt:
            self._copy.spoil(path, message, key=key_at is not None)
