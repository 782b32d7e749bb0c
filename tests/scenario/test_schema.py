"""The JSON Schema says what the loader says, as far as a schema can."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from gostage_sim.faults import fault_kinds
from gostage_sim.guarantees import guarantee_names
from gostage_sim.scenario.positions import read_yaml
from gostage_sim.scenario.reader import _STEPS
from gostage_sim.scenario.schema import schema_of, schema_text

ROOT = Path(__file__).parents[2]
SHIPPED = sorted((ROOT / "scenarios").rglob("*.yaml"))
SCHEMA = schema_of(fault_kinds(), guarantee_names())
FRAGMENT = schema_of(fault_kinds(), guarantee_names(), fragment=True)
DOCUMENTED = re.findall(
    r"<!-- (?:file|snippet): (\S+\.yaml) -->\n```yaml\n(.*?)```\n",
    (ROOT / "scenarios" / "README.md").read_text("utf-8") + (ROOT / "README.md").read_text("utf-8"),
    re.DOTALL,
)

HEAD = "name: x\nchildren: {a: {steps: [send: 5]"


def mistakes(text: str, schema: dict[str, Any] = SCHEMA) -> list[str]:
    """The paths at which a separate library finds the file wrong."""
    document = read_yaml(text, "x.yaml")
    assert document.problems == []
    return [error.json_path for error in Draft7Validator(schema).iter_errors(document.data)]


def test_it_is_a_schema() -> None:
    """By the schema of schemas; the file that is shipped is the one that is made."""
    Draft7Validator.check_schema(SCHEMA)
    Draft7Validator.check_schema(FRAGMENT)
    shipped = (ROOT / "scenarios" / "scenario.schema.json").read_text("utf-8")
    made = schema_text(fault_kinds(), guarantee_names())
    assert shipped == made, "write it again: gostage-sim schema > scenarios/scenario.schema.json"


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: str(file.relative_to(ROOT / "scenarios")))
def test_shipped_files_are_right(file: Path) -> None:
    """Each says where the schema is, and keeps to it."""
    first, _, text = file.read_text("utf-8").partition("\n")
    header = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", first)
    assert header, f"{file}: the first line names no schema"
    assert (file.parent / header[1]).resolve() == ROOT / "scenarios" / "scenario.schema.json"
    assert mistakes(text, FRAGMENT if file.name.startswith("_") else SCHEMA) == []


@pytest.mark.parametrize(("name", "text"), DOCUMENTED, ids=[name for name, _ in DOCUMENTED])
def test_documented_files_are_right(name: str, text: str) -> None:
    """So are the examples; a fragment by the schema of fragments, and not by that of scenarios."""
    fragment = "/" in name
    assert mistakes(text, FRAGMENT if fragment else SCHEMA) == []
    assert bool(mistakes(text)) is fragment


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "name: x",
        "name: x\nchildren: {}",
        "name: ' '\nchildren: {a: {steps: []}}",
        "name: x\nchildren: {a: {}}",
        "name: x\nchildren: {recovery: {steps: []}}",
        "name: x\nchildren: {a b: {steps: []}}",
        HEAD + "}}\nnmae: y",
        HEAD + "}}\ntimeout: 20",
        HEAD + "}}\ntimeout: 20sec",
        HEAD + "}}\ntags: crash",
        HEAD + "}}\ntransports: [jsno]",
        HEAD + "}}\nhandlers: {message: {delay: 1}}",
        HEAD + "}}\nexpect: {a: {outcome: signalled}}",
        HEAD + "}}\nexpect: {a: {handled: -1}}",
        HEAD + "}}\nexpect: {a: {exit_code: 256}}",
        HEAD + "}}\nexpect: {a: {signal: 11}}",
        HEAD + "}}\nexpect: {a: {handled: {at_leest: 1}}}",
        HEAD + "}}\nexpect_on: {http: {a: {handled: 1}}}",
        HEAD + "}}\nguarantees: [odrer]",
        HEAD + "}}\nguarantees: []",
        HEAD + "}}\ninclude: x.yaml",
        HEAD + "}}\nparametrize: {n: 3}",
        HEAD + "}}\nparametrize: {n: []}",
        HEAD + "}}\nskip: true",
        HEAD + "}}\nonly_on: {root: true}",
        HEAD + "}}\nonly_on: {root: true, reason: r, python: 3.12}",
        HEAD + ", stpes: []}}",
        HEAD + ", copies: 501}}",
        HEAD + ", grace: 1}}",
        HEAD + ", max_message: 1 KB, definition_size: 7}}",
        "name: x\nchildren: {a: {steps: [{send: 0}]}}",
        "name: x\nchildren: {a: {steps: [{send: {cuont: 1}}]}}",
        "name: x\nchildren: {a: {steps: [{snd: 1}]}}",
        "name: x\nchildren: {a: {steps: [{send: 1, log: x}]}}",
        "name: x\nchildren: {a: {steps: [{send: 1, with: {}}]}}",
        "name: x\nchildren: {a: {steps: [{call: json}]}}",
        "name: x\nchildren: {a: {steps: [{log: {message: x, level: loud}}]}}",
        "name: x\nchildren: {a: {steps: [{put: {value: 1}}]}}",
        "name: x\nchildren: {a: {steps: [{}]}}",
        HEAD + ", faults: [{crash: }]}}",
        HEAD + ", faults: [{at: result}]}}",
        HEAD + ", faults: [{crsh: , at: result}]}}",
        HEAD + ", faults: [{crash: , exit: 3, at: result}]}}",
        HEAD + ", faults: [{crash: SIGSEVG, at: result}]}}",
        HEAD + ", faults: [{exit: 256, at: result}]}}",
        HEAD + ", faults: [{exit: {cod: 3}, at: result}]}}",
        HEAD + ", faults: [{slow: {delay: 2}, at: definition}]}}",
        HEAD + ", faults: [{noop: 3, at: result}]}}",
        HEAD + ", faults: [{noop: , at: reslt}]}}",
        HEAD + ", faults: [{noop: , at: {message: 0}}]}}",
        HEAD + ", faults: [{noop: , at: {byte: 3}}]}}",
        HEAD + ", faults: [{noop: , at: {step: 1, message: 3}}]}}",
        HEAD + ", faults: [{panic: , at: result}]}}",
        HEAD + ", faults: [{unstartable: , at: {message: 3}}]}}",
    ],
)
def test_wrong_files_are_refused(text: str) -> None:
    """Keys, values, bounds, units, and points that a fault cannot have."""
    assert mistakes(text)


@pytest.mark.parametrize(
    "text",
    [
        HEAD + "}}\ntimeout: 20 s\nskip: later",
        HEAD
        + ", faults: [{crash: '${s}', at: {message: '${n}'}}], copies: '${n}'}}\nparametrize: {s: [SIGBUS], n: [1]}",
        HEAD + ", faults: ['${f}']}}\nparametrize: {f: [{noop: null, at: result}]}",
        "name: x\nchildren: {a: {steps: ['${s}']}}\nparametrize: {s: [{send: 1}]}",
        HEAD + ", faults: '${f}'}, '${n}-th': {steps: []}}\nparametrize: {f: [[]], n: [a]}",
        HEAD + "}}\nexpect: {a: {handled: {at_least: 1}, signal: '${s}'}}",
        "name: x\ninclude: [y.yaml]\nchildren: {a: {timeout: 1s}}",
        "name: x\nchildren: {a: {steps: [{send: {payload: [1, {a: b}]}}, {put: {key: a, value: null}}]}}",
    ],
)
def test_right_files_are_not_refused(text: str) -> None:
    """References to the matrix may stand anywhere, and what is included need not be said."""
    assert mistakes(text) == []


def test_every_key_is_described() -> None:
    """Every property, of the file, its children, steps, faults and their parameters."""
    undescribed = [path for path, each in properties(SCHEMA, "") if not each.get("description")]
    assert undescribed == []


def test_every_step_and_every_fault_is_there() -> None:
    """With every parameter, its default and its unit."""
    definitions = SCHEMA["definitions"]
    assert set(definitions["step"]["properties"]) == {*_STEPS, "with"}
    faults = definitions["fault"]["properties"]
    assert set(faults) == {*fault_kinds(), "at", "probability"}
    delay = faults["slow"]["anyOf"][0]["properties"]["delay"]
    assert (delay["default"], delay["description"]) == (
        "20ms",
        "how long, each time: duration such as 20ms, 100us to 60s",
    )
    code = faults["exit"]["anyOf"][0]["properties"]["code"]["anyOf"][0]
    assert code == {"type": "integer", "minimum": 0, "maximum": 255}


def properties(schema: Any, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Everything under any `properties`, but where it only repeats what is described already."""
    for key, part in (
        schema.items() if isinstance(schema, dict) else enumerate(schema) if isinstance(schema, list) else ()
    ):
        if key == "properties":
            yield from ((f"{path}.{name}", each) for name, each in part.items())
        if key not in ("then", "if"):
            yield from properties(part, f"{path}.{key}")
