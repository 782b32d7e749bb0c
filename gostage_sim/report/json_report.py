"""report.json: the whole run for machines; RFC 8259, the shape that `Document` has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import msgspec

from gostage_sim.report.escape import encodable, terminal_safe_json
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
