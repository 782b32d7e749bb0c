"""The JSON Schema of report.json, https://json-schema.org/draft/2020-12: every key, and what stands in it.

It is made from the types that the report is written from, and so are its descriptions. `report.schema.json` beside this
module is its text.
"""

from __future__ import annotations

import json
from dataclasses import is_dataclass
from typing import Any, get_args, get_type_hints

import msgspec

from gostage_sim.guarantees.contract import Verdict
from gostage_sim.report.json_report import SCHEMA, Document
from gostage_sim.report.run_report import SKIPPED, Run
from gostage_sim.scenario.docs import field_docs, paragraphs

Schema = dict[str, Any]


def report_schema_text() -> str:
    """The schema as a file has it."""
    return json.dumps(report_schema(), indent=1, ensure_ascii=False) + "\n"


def report_schema() -> Schema:
    """Of this version. Nothing but what it names is in a report, and all that it names is in every one."""
    _, definitions = msgspec.json.schema_components([Run], ref_template="#/$defs/{name}")
    for each in _dataclasses(Run):
        _describe(definitions[each.__name__], each)
    run = definitions["Run"]
    del run["properties"]["results"]  # they stand beside it
    run["required"].remove("results")
    counts = {str(each): {"type": "integer", "minimum": 0} for each in (*Verdict, SKIPPED)}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:{SCHEMA.replace('/', ':')}",
        "title": "report.json of gostage-sim",
        "description": paragraphs(Document.__doc__),
        **_object(
            {
                "schema": {"const": SCHEMA},
                "run": {"$ref": "#/$defs/Run"},
                "summary": {"description": "How many results of each verdict; skipped are none.", **_object(counts)},
                "results": {"type": "array", "items": {"$ref": "#/$defs/ScenarioResult"}},
            }
        ),
        "$defs": dict(sorted(definitions.items())),
    }


def _dataclasses(kind: Any) -> set[type[Any]]:
    """All that a value of this type may hold, itself included."""
    inner = get_type_hints(kind).values() if is_dataclass(kind) else get_args(kind)
    found = {each for one in inner for each in _dataclasses(one)}
    return found | {kind} if isinstance(kind, type) and is_dataclass(kind) else found


def _object(properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _describe(definition: Schema, cls: type[Any]) -> None:
    """Defaults are for who makes a value; in a report every key is written."""
    texts = field_docs(cls)
    for name, facts in definition["properties"].items():
        facts.pop("default", None)
        if name in texts:
            # Beside a reference a description is allowed since draft 2019-09.
            facts["description"] = texts[name]
    definition |= _object(definition["properties"])
    definition["description"] = paragraphs(cls.__doc__)
