"""Reads YAML, or plain Python data, into JSON values of which every key and every value knows its position."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from gostage_sim.scenario.problems import Problem, ScenarioError, kind_of, quote

Path = tuple[str | int, ...]
"""Keys and indices from the top: `("children", "victim", "steps", 0)`."""

_DEEPEST = 100
_LARGEST = 200_000
"""Values in one document, aliases expanded: nine lines of YAML can stand for a billion values."""
_INTEGERS = range(-(2**63), 2**64)
_TAG = "tag:yaml.org,2002:"
_PLAIN_KEY = re.compile(r"[\w-]+")
_LONGEST_KEY = 40
_DIGITS = re.compile(r"[-+]?[0-9_]+")


class Position(NamedTuple):
    """Line and column from 1, and the file: a document may have parts that were written in another."""

    line: int
    column: int
    file: str


@dataclass
class Document:
    """JSON values and the position of each."""

    file: str = ""
    data: Any = None
    values: dict[Path, Position] = field(default_factory=dict)
    keys: dict[Path, Position] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    spoilt: set[tuple[Path, bool]] = field(default_factory=set)
    """Values, and keys (True), that could not be read: what stands in for them has mistakes of nobody's making."""
    mistakes: int = 0
    """How many were reported, those included that nothing is said of."""
    count: int = 0

    def position(self, path: Path, *, key: bool = False) -> Position:
        """Of the value at the path (of its key, if asked); of the nearest thing around it where it has none."""
        if key and path in self.keys:
            return self.keys[path]
        while path and path not in self.values:
            path = path[:-1]
        return self.values.get(path, Position(0, 0, self.file))

    def report(self, path: Path, message: str, *, key: bool = False) -> None:
        """Note a mistake at a path; nothing more is said of what could not even be read."""
        self.mistakes += 1
        if (path, key) in self.spoilt:
            return
        line, column, file = self.position(path, key=key)
        self.problems.append(Problem(message, file, line, column, path_text(path)))

    def spoil(self, path: Path, message: str, *, key: bool = False) -> None:
        """Note that a value, or a key, could not be read; something else stands in for it."""
        self.report(path, message, key=key)
        self.spoilt.add((path, key))

    def room(self, path: Path, depth: int = 0, *, inside_itself: bool = False) -> bool:
        """Whether one more value may stand at the path, so many levels deep; else nothing can stand in for it."""
        self.count += 1
        if inside_itself:
            self.spoil(path, "this value contains itself")
        elif depth > _DEEPEST:
            self.spoil(path, f"nested deeper than {_DEEPEST} levels")
        elif self.count == _LARGEST + 1:
            self.spoil(path, f"more than {_LARGEST} values, aliases counted each time")
        elif self.count <= _LARGEST:
            return True
        self.spoilt.add((path, False))
        return False


def path_text(path: Path) -> str:
    """`steps[0].send.count`; keys that are no plain words in quotes."""
    text = ""
    for part in path:
        if isinstance(part, str) and _PLAIN_KEY.fullmatch(part):
            text += f".{part}" if text else part
        else:
            text += f"[{part!r}]"
    return text


def read_yaml(text: str, file: str) -> Document:
    """The document in a text; ScenarioError when the text is no YAML at all. Everything wrong in the single values
    (tags, dates, keys that are no text, duplicate keys) is in `problems`."""
    yaml = YAML(typ="safe", pure=True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a reused anchor: legal, the later one holds
            node = yaml.compose(text)
    except YAMLError as error:
        raise ScenarioError([_yaml_problem(error, text, file)]) from None
    except RecursionError:
        raise ScenarioError([Problem("nested too deeply to be read", file, 1, 1)]) from None
    except Exception as error:
        # The parser lets its own ValueErrors through for a few broken escapes and directives.
        raise ScenarioError([Problem(f"not valid YAML: {type(error).__name__}: {error}", file, 1, 1)]) from None
    document = Document(file, values={(): Position(1, 1, file)})
    if node is not None:
        document.data = _Nodes(yaml, document).value(node, (), ())
    return document


def read_python(data: object) -> Document:
    """The same for data built in Python, whose positions are paths."""
    document = Document()
    document.data = _python_value(document, data, (), ())
    return document


def _yaml_problem(error: YAMLError, text: str, file: str) -> Problem:
    if isinstance(error, ReaderError):
        before = text[: error.position] if isinstance(error.position, int) else ""
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        return Problem(f"not valid YAML: the character {chr(_code(error))!r} is not allowed", file, line, column)
    if not isinstance(error, MarkedYAMLError):
        return Problem(f"not valid YAML: {error}", file, 1, 1)
    mark = error.problem_mark or error.context_mark
    words = [word for word in (error.problem, error.context) if word] or ["it cannot be parsed"]
    began = error.context_mark
    if error.problem and began is not None and str(error.context).startswith("while parsing"):
        words[-1] += f" that begins at {began.line + 1}:{began.column + 1}"
    line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
    return Problem(f"not valid YAML: {', '.join(words)}", file, line, column)


def _code(error: ReaderError) -> int:
    return error.character if isinstance(error.character, int) else ord(str(error.character)[:1] or "?")


class _Nodes:
    """Turns the parser's nodes into values, noting the positions on the way."""

    def __init__(self, yaml: YAML, document: Document) -> None:
        self._constructor = yaml.constructor
        self._document = document

    def value(self, node: Node, path: Path, around: tuple[Node, ...]) -> Any:
        positions = self._document.values
        if isinstance(node, ScalarNode) and node.start_mark.index == node.end_mark.index:
            # The parser puts a value that was left out where the next thing begins; a reader looks at its key.
            positions[path] = self._document.position(path, key=True)
        else:
            positions[path] = self._at(node)
        if not self._document.room(path, len(around), inside_itself=any(node is outer for outer in around)):
            return None
        if isinstance(node, ScalarNode):
            return self._scalar(node, path)
        tag = _short_tag(node)
        if tag not in ("map", "seq"):
            self._document.spoil(path, f"the YAML tag '{tag}' is not known here; expected plain YAML")
        if isinstance(node, SequenceNode):
            return [self.value(item, (*path, i), (*around, node)) for i, item in enumerate(node.value)]
        if not isinstance(node, MappingNode):
            raise TypeError(f"not a YAML node: {node!r}")
        found: dict[str, Any] = {}
        for key, item, own in self._pairs(node, path, (node,)):
            here = (*path, key.value)
            if own and here in self._document.keys:
                line, column, _ = self._document.keys[here]
                self._document.problems.append(
                    Problem(
                        f"duplicate key {quote(key.value)}; it is already at {line}:{column}",
                        self._document.file,
                        *_mark(key),
                        path_text(here),
                    )
                )
                continue
            if own:
                self._document.keys[here] = self._at(key)
            elif key.value in found:
                continue
            if _short_tag(key) != "str":
                shown = key.value if len(key.value) <= _LONGEST_KEY else f"{key.value[:_LONGEST_KEY]}…"
                self._document.spoil(here, f"the key {shown} is not text; put it in quotes", key=True)
            found[key.value] = self.value(item, here, (*around, node))
        return found

    def _at(self, node: Node) -> Position:
        return Position(*_mark(node), self._document.file)

    def _pairs(
        self, node: MappingNode, path: Path, merging: tuple[Node, ...]
    ) -> Iterator[tuple[ScalarNode, Node, bool]]:
        """Key, value and whether the pair is the mapping's own, first its own ones, then what `<<` brings along."""
        merged: list[Node] = []
        for key, item in node.value:
            if not isinstance(key, ScalarNode):
                line, column = _mark(key)
                problem = Problem("a key must be text", self._document.file, line, column, path_text(path))
                self._document.problems.append(problem)
            elif _short_tag(key) == "merge":
                merged += item.value if isinstance(item, SequenceNode) else [item]
            else:
                yield key, item, len(merging) == 1
        for source in merged:
            if isinstance(source, MappingNode) and not any(source is outer for outer in merging):
                yield from ((key, item, False) for key, item, _ in self._pairs(source, path, (*merging, source)))
            else:
                message = f"'<<' takes other mappings; found {quote(source.value)}"
                self._document.problems.append(Problem(message, self._document.file, *_mark(source), path_text(path)))

    def _scalar(self, node: ScalarNode, path: Path) -> Any:
        tag, text = _short_tag(node), str(node.value)
        if tag in ("null", "bool", "int", "float"):
            try:
                value = self._constructor.construct_object(node)
            except Exception as error:  # `!!int x`, or an integer too long for Python to read
                too_long = tag == "int" and _DIGITS.fullmatch(text)
                what = (
                    f"the integer {text[:20]}… of {len(text.lstrip('+-'))} digits does not fit in 64 bits"
                    if too_long
                    else None
                )
                self._document.spoil(path, what or f"{quote(text)} cannot be read: {error}")
                return text
            return _checked(self._document, value, path)
        if tag == "timestamp":
            self._document.spoil(path, f"{text} is a date to YAML; put it in quotes")
        elif tag != "str":
            self._document.spoil(path, f"the YAML tag '{tag}' is not known here; expected plain YAML")
        return _checked(self._document, text, path)


def _python_value(document: Document, data: object, path: Path, around: tuple[object, ...]) -> Any:
    if not document.room(path, len(around), inside_itself=any(data is outer for outer in around)):
        return None
    if isinstance(data, list | tuple):
        return [_python_value(document, item, (*path, i), (*around, data)) for i, item in enumerate(data)]
    if not isinstance(data, dict):
        return _checked(document, data, path)
    for key in data:
        if not isinstance(key, str):
            document.report(path, f"the key {key!r} is not text")
    return {str(key): _python_value(document, item, (*path, str(key)), (*around, data)) for key, item in data.items()}


def _checked(document: Document, value: object, path: Path) -> Any:
    """The value if JSON can carry it; else a stand-in, and a problem."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        if value in _INTEGERS:
            return int(value)
        shown = quote(value)
        what = f"the integer {shown}" if shown[-1].isdigit() else shown
        document.spoil(path, f"{what} does not fit in 64 bits")
        return 0
    if isinstance(value, float):
        if math.isfinite(value):
            return float(value)
        document.spoil(path, f"{value} is not a number JSON can carry")
        return 0.0
    if isinstance(value, str):
        if not any("\ud800" <= c <= "\udfff" for c in value):
            return str(value)
        document.spoil(path, f"{quote(value)} holds a lone surrogate, which UTF-8 cannot carry")
        return ""
    document.spoil(path, f"found {kind_of(value)}; expected a value JSON can carry")
    return None


def _mark(node: Node) -> tuple[int, int]:
    return (node.start_mark.line + 1, node.start_mark.column + 1) if node.start_mark is not None else (1, 1)


def _short_tag(node: Node) -> str:
    return str(node.tag).removeprefix(_TAG)
