"""report.json: the whole run for machines; RFC 8259, the shape that `Document` has."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import msgspec

from gostage_sim.report.bad_input import BadInput
from gostage_sim.report.escape import encodable, terminal_safe_json, visible_line
from gostage_sim.report.run_report import Run

#: Changes with every change of the shape that a reader could notice.
SCHEMA = "gostage-sim/report/1"


class Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is in the file; `run` is `Run` without its results, each of `results` is a `ScenarioResult`."""

    schema: str
    run: dict[str, Any]
    summary: dict[str, int]
    results: list[dict[str, Any]]


def render(run: Run) -> str:
    """The document as indented JSON."""
    facts = plain(run)
    document = Document(schema=SCHEMA, run=facts, summary=run.summary, results=facts.pop("results"))
    encoded = msgspec.json.format(msgspec.json.encode(document), indent=2)
    return terminal_safe_json(encoded.decode()) + "\n"


def read(text: str | bytes) -> Document:
    """The document back from its text; msgspec.ValidationError says where the shape is wrong."""
    return msgspec.json.decode(text, type=Document)


def stored_run(path: Path) -> Run:
    """The run of a report.json; BadInput when another version wrote it.

    OSError, ValueError, LookupError or TypeError when the file is no report at all.
    """
    document = json.loads(path.read_text("utf-8"))
    schema = document["schema"]
    if schema != SCHEMA:
        found = f"its schema is {visible_line(repr(schema))}, this version reads {SCHEMA!r}"
        raise BadInput([f"{visible_line(str(path))}: {found}; judge it with the version that wrote it"])
    return msgspec.convert({**document["run"], "results": document["results"]}, Run)


def plain(value: Any) -> Any:
    """The value in types that every JSON reader takes; evidence must never cost the report.

    Lone surrogates become visible escapes, integers that do not fit 64 bits their digits, other objects their `repr`.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return encodable(str(value))
    if isinstance(value, int):
        return int(value) if -(2**63) <= value < 2**64 else str(value)
    if isinstance(value, float):
        return float(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {part.name: plain(getattr(value, part.name)) for part in fields(value)}
    if isinstance(value, Mapping):
        return {encodable(str(key)): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):  # a number or an array of numpy
        return plain(value.tolist())
    return encodable(repr(value))
