"""Definitions: the JSON of the original, read and written."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given

from gostage_sim import gostage
from gostage_sim.gostage.errors import DefinitionError

from .definitions import definitions


def test_json_has_the_keys_of_the_original() -> None:
    """Keys are in camel case and what is empty is left out."""
    definition = gostage.SubWorkflowDef(
        id="w",
        stages=[gostage.StageDef(id="s", actions=[gostage.ActionDef(id="a", params={"n": 1})])],
        initial_store={"k": [1]},
    )
    document = {
        "id": "w",
        "stages": [{"id": "s", "actions": [{"id": "a", "params": {"n": 1}}]}],
        "initialStore": {"k": [1]},
    }
    assert json.loads(definition.to_json()) == document == definition.to_document()
    assert gostage.SubWorkflowDef.from_json(definition.to_json()) == definition


def test_a_document_of_a_go_program_is_read() -> None:
    """Null lists are empty, unknown keys are ignored, and null among the application's values stays."""
    data = (
        '{"id":"w","tags":null,"transport":{"Type":"json"},"stages":[{"id":"s","actions":[{"id":"a","params":'
        '{"x":null}}]}],"initialStore":{"k":null}}'
    )
    definition = gostage.SubWorkflowDef.from_json(data)
    assert definition.tags == []
    assert definition.stages[0].actions[0].params == {"x": None}
    assert definition.initial_store == {"k": None}


def test_every_list_of_a_go_program_may_be_null() -> None:
    """Go writes a nil slice, map or pointer as null, wherever one can stand; all are read as empty."""
    nothing = '"name":"","description":"","tags":null'
    data = (
        f'{{"id":"w",{nothing},"initialStore":null,"transport":null,"stages":['
        f'{{"id":"s",{nothing},"actions":null}},'
        f'{{"id":"t",{nothing},"actions":[{{"id":"a",{nothing},"params":null}}]}}]}}'
    )
    stages = [gostage.StageDef(id="s"), gostage.StageDef(id="t", actions=[gostage.ActionDef(id="a")])]
    assert gostage.SubWorkflowDef.from_json(data) == gostage.SubWorkflowDef(id="w", stages=stages)
    assert gostage.SubWorkflowDef.from_json('{"id":"w","stages":null}') == gostage.SubWorkflowDef(id="w")


def test_short_way() -> None:
    """`of` puts the actions into one stage."""
    assert gostage.SubWorkflowDef.of("a", "b").to_document() == {
        "id": "workflow",
        "stages": [{"id": "main", "actions": [{"id": "a"}, {"id": "b"}]}],
    }


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "Input data was truncated"),
        (b"[]", "Expected `object`, got `array`"),
        (b"{}", "Object missing required field `id`"),
        (b'{"id":"w","stages":[{"id":5}]}', "Expected `str`, got `int` - at `$.stages[0].id`"),
    ],
)
def test_bad_document(data: bytes, why: str) -> None:
    """What is no definition is a DefinitionError that says what is wrong and where."""
    with pytest.raises(DefinitionError) as caught:
        gostage.SubWorkflowDef.from_json(data)
    assert str(caught.value) == f"not a workflow definition: {why}"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\xff", "JSON is malformed: invalid character (byte 0)"),
        (b"[" * 100_000, "maximum recursion depth exceeded while deserializing an object"),
        (b'{"id":"w","x":' + b"9" * 5000 + b"}", "Integer value out of range - at `$[...]`"),
    ],
    ids=["no UTF-8", "deep", "long"],
)
def test_hostile_document(data: bytes, why: str) -> None:
    """Invalid UTF-8, endless nesting and a 5,000-digit integer are DefinitionErrors too."""
    with pytest.raises(DefinitionError) as caught:
        gostage.SubWorkflowDef.from_json(data)
    assert str(caught.value) == f"not a workflow definition: {why}"


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (object(), "Encoding objects of type object is unsupported"),
        ("\ud800", "'utf-8' codec can't encode character '\\ud800' in position 0: surrogates not allowed"),
    ],
)
def test_what_is_not_json_cannot_be_written(value: object, why: str) -> None:
    """A value that is not JSON is an error that names the definition."""
    definition = gostage.SubWorkflowDef(id="w", initial_store={"k": value})
    with pytest.raises(DefinitionError) as caught:
        definition.to_json()
    assert str(caught.value) == f"definition 'w' cannot be written as JSON: {why}"


@given(definitions())
def test_round_trip(definition: gostage.SubWorkflowDef) -> None:
    """A definition comes back from JSON unchanged, down to the type of every number, and is written the same again."""
    data = definition.to_json()
    again = gostage.SubWorkflowDef.from_json(data)
    assert repr(again) == repr(definition)
    assert again.to_json() == data
    assert repr(gostage.SubWorkflowDef.from_document(definition.to_document())) == repr(definition)


@pytest.mark.parametrize(
    ("written", "transport", "again"),
    [
        ('{"Type":"json"}', gostage.TransportDef(type="json"), {"Type": "json"}),
        (
            '{"type":"grpc","grpcaddress":"localhost","GRPCPORT":5051}',
            gostage.TransportDef(type="grpc", grpc_address="localhost", grpc_port=5051),
            {"Type": "grpc", "GRPCAddress": "localhost", "GRPCPort": 5051},
        ),
        ('{"Type":"","GRPCAddress":"","GRPCPort":0,"Other":1}', gostage.TransportDef(type="json"), {"Type": "json"}),
        ("null", None, None),
    ],
)
def test_transport(written: str, transport: gostage.TransportDef | None, again: dict[str, object] | None) -> None:
    """Keys of `transport` are read in any case, as Go reads them, and written as Go writes them."""
    definition = gostage.SubWorkflowDef.from_json(f'{{"id":"w","transport":{written}}}')
    assert definition.transport == transport
    assert definition.to_document().get("transport") == again


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ('{"type":"pigeon"}', "Invalid enum value 'pigeon', expected 'json' or 'grpc' - at `$.transport.Type`"),
        (
            '{"type":"grpc","acknowledge":"all"}',
            "Invalid enum value 'all', expected 'window' or 'each' - at `$.transport.Acknowledge`",
        ),
        ('{"grpcPort":70000}', "Expected `int` <= 65535 - at `$.transport.GRPCPort`"),
        ("5", "Expected `object | null`, got `int` - at `$.transport`"),
    ],
)
def test_bad_transport(written: str, why: str) -> None:
    """A transport nobody speaks is an error that says so."""
    with pytest.raises(DefinitionError) as caught:
        gostage.SubWorkflowDef.from_json(f'{{"id":"w","transport":{written}}}')
    assert str(caught.value) == f"not a workflow definition: {why}"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_float_that_json_lacks(value: float) -> None:
    """It is an error with its place, not silently null."""
    definition = gostage.SubWorkflowDef(id="w", initial_store={"k": [None, {"x": value}]})
    with pytest.raises(DefinitionError) as caught:
        definition.to_json()
    assert (
        str(caught.value)
        == f"definition 'w' cannot be written as JSON: {value} is not JSON - at `$.initialStore.k[1].x`; "
        "spawn(…, initial_store=…) carries it"
    )


@pytest.mark.parametrize("value", [date(2030, 1, 2), {1}, b"x", Decimal("1.5"), UUID(int=5)])
def test_what_would_come_back_as_something_else(value: Any) -> None:
    """A value that JSON would turn into another is refused with its place, in process as for a child."""
    stages = [
        gostage.StageDef(id="s", actions=[gostage.ActionDef(id="a"), gostage.ActionDef(id="a", params={"p": value})])
    ]
    definition = gostage.SubWorkflowDef(id="w", stages=stages)
    for write in (definition.to_json, definition.to_document, lambda: gostage.Workflow.from_def(definition)):
        with pytest.raises(DefinitionError) as caught:
            write()
        assert str(caught.value) == (
            f"definition 'w' cannot be written as JSON: a value of type {type(value).__name__} is not JSON - "
            "at `$.stages[0].actions[1].params.p`"
        )


def test_a_key_that_is_no_text() -> None:
    """JSON would make text of it, so it is refused; a tuple is a list to JSON, and that is fine."""
    with pytest.raises(DefinitionError) as caught:
        gostage.SubWorkflowDef(id="w", initial_store={"k": {1: 2}}).to_json()
    assert str(caught.value) == (
        "definition 'w' cannot be written as JSON: the key 1 is not text - at `$.initialStore.k`"
    )
    definition = gostage.SubWorkflowDef(id="w", tags=("t",), initial_store={"k": (1, 2)})  # type: ignore[arg-type]
    assert definition.to_document() == {"id": "w", "tags": ["t"], "initialStore": {"k": [1, 2]}}


def test_a_definition_of_wrong_parts() -> None:
    """A field of another type is noticed when it is written, not by whoever reads it."""
    with pytest.raises(DefinitionError) as caught:
        gostage.SubWorkflowDef(id=5).to_json()  # type: ignore[arg-type]
    assert str(caught.value) == "definition 5 cannot be written as JSON: Expected `str`, got `int` - at `$.id`"


def test_first_written_by_several_threads() -> None:
    """Threads that write the first definitions of a process at the same moment do not disturb each other."""
    code = (
        "import sys, threading\nfrom gostage_sim.gostage import SubWorkflowDef\nsys.setswitchinterval(1e-6)\n"
        "meeting = threading.Barrier(8)\n"
        "def write():\n    meeting.wait()\n    SubWorkflowDef.of('a').to_json()\n"
        "threads = [threading.Thread(target=write) for _ in range(8)]\n"
        "for thread in threads: thread.start()\nfor thread in threads: thread.join()\n"
    )
    for _ in range(5):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stderr) == (0, "")
