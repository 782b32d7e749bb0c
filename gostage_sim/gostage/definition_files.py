"""Definitions in files: JSON, or YAML with the same keys, whose mistakes are told with line and column.

A YAML file holds what JSON can hold: text, numbers, true, false, null, lists and mappings. Anchors, aliases and `<<`
work.
"""

from __future__ import annotations

import math
import os
import re
import stat
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from gostage_sim.gostage.definition import ActionDef, StageDef, SubWorkflowDef
from gostage_sim.gostage.errors import DefinitionError

if TYPE_CHECKING:
    from ruamel.yaml.nodes import Node

Steps = tuple[str | int, ...]
"""Keys and indices from the top: `("stages", 0, "id")`."""

MAX_DEPTH = 100
MAX_VALUES = 1_000_000
"""In one file, aliases counted each time: nine lines of YAML can stand for a billion values."""
MAX_WIDTH = 2**31
"""Columns of a line that is written: text is never folded."""
_SUFFIXES = (".json", ".yaml", ".yml")
_AT = re.compile(r" - at `\$(?P<path>.*)`$")
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]")


@dataclass
class DefinitionFile:
    """A definition, and where in its file everything stands."""

    path: str
    definition: SubWorkflowDef
    ignored: list[str] = field(default_factory=list)
    """A line for each key that nothing reads, with what was probably meant."""
    text: str = field(default="", repr=False)

    def where(self, *steps: str | int) -> str:
        """`file:line:column` of the value reached by these keys and indices, or of the nearest thing around it."""
        return _where(self.path, self.text, steps)


def read(path: str | os.PathLike[str]) -> DefinitionFile:
    """The definition in a file; DefinitionError says `file:line:column: what is wrong`."""
    file = os.fspath(path)
    text = _text(file)
    document = _json(text, file) if file.endswith(".json") else _yaml(text, file)
    try:
        definition = SubWorkflowDef.from_document(document)
    except DefinitionError as error:
        found = _AT.search(str(error))
        steps = tuple(key or int(index) for key, index in _STEP.findall(found["path"])) if found else ()
        raise DefinitionError(f"{_where(file, text, steps)}: {error}") from error
    ignored = [
        f"{_where(file, text, steps, key=True)}: the key {steps[-1]!r} is ignored; {hint}"
        for steps, hint in _unread(document)
    ]
    return DefinitionFile(file, definition, ignored, text)


def write(definition: SubWorkflowDef, path: str | os.PathLike[str]) -> None:
    """Write the definition in the format that the name of the file asks for."""
    file = os.fspath(path)
    _require_suffix(file)
    data = msgspec.json.format(definition.to_json(), indent=2) + b"\n"
    if not file.endswith(".json"):
        data = _as_yaml(msgspec.json.decode(data))
    try:
        Path(file).write_bytes(data)
    except OSError as error:
        raise DefinitionError(f"{file}: cannot be written: {error.strerror}") from error


def _text(file: str) -> str:
    _require_suffix(file)
    try:
        mode = os.stat(file).st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):  # a fifo would be waited for
            raise DefinitionError(f"{file}: is not a regular file; expected a definition")
        content = Path(file).read_bytes()
    except FileNotFoundError:
        raise DefinitionError(f"{file}: no such file") from None
    except (OSError, ValueError) as error:
        raise DefinitionError(f"{file}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line, column = _line_and_column(content[: error.start].decode("utf-8", "replace"))
        byte = content[error.start]
        raise DefinitionError(f"{file}:{line}:{column}: not UTF-8: byte 0x{byte:02x}; save the file as UTF-8") from None


def _require_suffix(file: str) -> None:
    if not file.endswith(_SUFFIXES):
        raise DefinitionError(f"{file}: a definition is a file that ends in {', '.join(_SUFFIXES)}")


def _json(text: str, file: str) -> Any:
    import json

    try:
        json.loads(text, object_pairs_hook=_distinct)  # for its errors, which have a line and a column
        return msgspec.json.decode(text)
    except _TwiceError as error:
        raise DefinitionError(f"{_where_twice(file, text)}: not valid JSON: {error}") from None
    except json.JSONDecodeError as error:
        raise DefinitionError(f"{file}:{error.lineno}:{error.colno}: not valid JSON: {error.msg}") from None
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise DefinitionError(f"{file}: not valid JSON: {error}") from None


class _TwiceError(Exception):
    """A key stands twice in one object. JSON lets a reader choose; whoever wrote it meant both."""


def _distinct(pairs: list[tuple[str, Any]]) -> None:
    seen = set()
    for key, _ in pairs:
        if key in seen:
            raise _TwiceError(f"the key {key!r} stands twice in one object")
        seen.add(key)


def _where_twice(file: str, text: str) -> str:
    """`file:line:column` of the first key that stands twice in its object."""
    from ruamel.yaml.nodes import MappingNode

    waiting: list[Node] = [node for node in [_composed(text)] if node is not None]
    while waiting:
        node = waiting.pop()
        children = node.value if isinstance(node.value, list) else []
        if isinstance(node, MappingNode):
            seen = set()
            for key, _ in children:
                if key.value in seen:
                    return f"{file}:{key.start_mark.line + 1}:{key.start_mark.column + 1}"
                seen.add(key.value)
            children = [value for _, value in children]
        waiting += reversed(children)
    return file


def _yaml(text: str, file: str) -> Any:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an anchor used again: legal, the later one holds
            document = YAML(typ="safe", pure=True).load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{file}:{mark.line + 1}:{mark.column + 1}" if mark is not None else file
        reason = str(error.problem or error.context or "it cannot be parsed").strip().splitlines()[0]
        raise DefinitionError(f"{where}: not valid YAML: {reason}") from None
    except RecursionError:
        raise DefinitionError(f"{file}: nested too deep to be read") from None
    except Exception as error:  # the parser lets its own ValueErrors through for broken escapes and odd characters
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise DefinitionError(f"{file}: not valid YAML: {reason}") from None
    for steps, problem in _unlike_json(document):
        raise DefinitionError(f"{_where(file, text, steps)}: {problem}")
    return document


def _unlike_json(document: Any) -> Iterator[tuple[Steps, str]]:
    """Where a document holds what JSON cannot, and what to do."""
    waiting: list[tuple[Steps, Any]] = [((), document)]
    count = 0
    while waiting:
        steps, value = waiting.pop()
        count += 1
        if len(steps) > MAX_DEPTH:
            yield steps, f"nested deeper than {MAX_DEPTH} levels, or inside itself"
            return
        if count > MAX_VALUES:
            yield (), f"more than {MAX_VALUES} values, aliases counted each time"
            return
        if isinstance(value, dict):
            for key in value:
                if not isinstance(key, str):
                    yield steps, f"the key {key!r} is not text; put it in quotes"
            waiting += [((*steps, str(key)), member) for key, member in reversed(value.items())]
        elif isinstance(value, list):
            waiting += [((*steps, index), value[index]) for index in range(len(value) - 1, -1, -1)]
        elif isinstance(value, float) and not math.isfinite(value):
            yield steps, f"{value} is not a number that JSON has"
        elif hasattr(value, "isoformat"):
            yield steps, f"{value} is a date to YAML; put it in quotes"
        elif value is not None and not isinstance(value, bool | int | float | str):
            yield steps, f"a YAML {type(value).__name__} is not known here; expected what JSON has"


def _unread(document: dict[str, Any]) -> Iterator[tuple[Steps, str]]:
    """The keys that no definition has. Only called for a document that is one."""
    parts: list[tuple[Steps, dict[str, Any], type[msgspec.Struct]]] = [((), document, SubWorkflowDef)]
    for s, stage in enumerate(document.get("stages") or ()):
        parts.append((("stages", s), stage, StageDef))
        parts += [(("stages", s, "actions", a), item, ActionDef) for a, item in enumerate(stage.get("actions") or ())]
    for steps, part, kind in parts:
        known = kind.__struct_encode_fields__
        for key in part:
            if key not in known:
                yield (*steps, key), _hint(key, known)


def _hint(found: str, known: tuple[str, ...]) -> str:
    from difflib import get_close_matches

    by_plain = {key.lower(): key for key in known}
    close = get_close_matches(found.lower().replace("_", ""), by_plain, n=1)
    return f"did you mean {by_plain[close[0]]!r}?" if close else f"known keys: {', '.join(known)}"


def _where(file: str, text: str, steps: Steps, *, key: bool = False) -> str:
    """`file:line:column`, or `file` alone where the text has no positions that YAML can see."""
    from ruamel.yaml.nodes import MappingNode, SequenceNode

    node = _composed(text)
    if node is None:
        return file if text.strip() else f"{file}:1:1"
    mark = node.start_mark
    for index, step in enumerate(steps):
        if isinstance(node, MappingNode):
            pairs = [pair for pair in node.value if str(pair[0].value).lower() == str(step).lower()]
            pair = next((pair for pair in pairs if pair[0].value == step), pairs[0] if pairs else None)
            if pair is None:
                break
            node = pair[1]
            mark = pair[0].start_mark if key and index == len(steps) - 1 else node.start_mark
        elif isinstance(node, SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            mark = node.start_mark
        else:
            break
    return f"{file}:{mark.line + 1}:{mark.column + 1}"


def _composed(text: str) -> Node | None:
    """The text as YAML's nodes, which know where they stand; None when it is empty, or JSON that is no YAML."""
    from ruamel.yaml import YAML

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            node: Node | None = YAML(typ="safe", pure=True).compose(text)
    except Exception:
        return None
    return node


def _line_and_column(before: str) -> tuple[int, int]:
    """Of the character behind this text, from 1."""
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def _as_yaml(document: Any) -> bytes:
    """The document in YAML's block style."""
    from io import BytesIO

    from ruamel.yaml import YAML
    from ruamel.yaml.nodes import ScalarNode
    from ruamel.yaml.representer import SafeRepresenter

    class Representer(SafeRepresenter):
        def ignore_aliases(self, data: Any) -> bool:
            return True

        def represent_str(self, data: str) -> ScalarNode:
            # The other styles fold line ends that only Unicode has, and lose spaces beside them.
            return self.represent_scalar("tag:yaml.org,2002:str", data, style=None if data.isprintable() else '"')

    Representer.add_representer(str, Representer.represent_str)
    yaml = YAML(typ="safe", pure=True)
    yaml.Representer = Representer
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # annotated as None
    yaml.allow_unicode = True
    yaml.width = MAX_WIDTH
    stream = BytesIO()
    yaml.dump(document, stream)
    return stream.getvalue()
