"""Definitions in files."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from gostage_sim import gostage
from gostage_sim.gostage.definition_files import read
from gostage_sim.gostage.errors import DefinitionError

from .definitions import definitions

FLOW = """\
id: import
stages:
  - id: read
    actions:
      - id: csv.read
        params: {path: data.csv}
      - id: csv.check
  - id: write
    actions: [{id: db.write}]
initialStore: {limit: 10}
"""


def wrong(path: Path, content: str | bytes) -> str:
    """What is said about a file with this content, without the folder."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(DefinitionError) as caught:
        gostage.SubWorkflowDef.load(path)
    return str(caught.value).replace(f"{path.parent}/", "")


def test_a_yaml_file(tmp_path: Path) -> None:
    """YAML has the keys of the JSON."""
    (tmp_path / "flow.yaml").write_text(FLOW)
    definition = gostage.SubWorkflowDef.load(tmp_path / "flow.yaml")
    assert [action.id for stage in definition.stages for action in stage.actions] == [
        "csv.read",
        "csv.check",
        "db.write",
    ]
    assert definition.stages[0].actions[0].params == {"path": "data.csv"}
    assert definition.initial_store == {"limit": 10}


def test_yaml_of_several_hands(tmp_path: Path) -> None:
    """Anchors, aliases and merged mappings work; an alias is a copy."""
    path = tmp_path / "flow.yml"
    path.write_text(
        "id: w\nstages:\n- id: a\n  actions: &all\n  - &one {id: x, params: {n: 1}}\n"
        "- id: b\n  actions: *all\n- id: c\n  actions:\n  - {<<: *one, name: other}\n"
    )
    definition = gostage.SubWorkflowDef.load(path)
    assert definition.stages[1].actions == definition.stages[0].actions
    assert definition.stages[2].actions == [gostage.ActionDef(id="x", name="other", params={"n": 1})]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(definition=definitions())
@pytest.mark.parametrize("name", ["flow.json", "flow.yaml"])
def test_what_is_dumped_is_loaded_unchanged(tmp_path: Path, name: str, definition: gostage.SubWorkflowDef) -> None:
    """Any definition makes the trip through a file of either format and comes back the same."""
    definition.dump(tmp_path / name)
    assert repr(gostage.SubWorkflowDef.load(tmp_path / name)) == repr(definition)  # repr: True is no 1, 1.0 no 1


def test_what_is_dumped_can_be_read_by_people(tmp_path: Path) -> None:
    """YAML is written in block style in the order of the fields, JSON indented."""
    definition = gostage.SubWorkflowDef.of("a", id="w")
    definition.dump(tmp_path / "flow.yaml")
    assert (tmp_path / "flow.yaml").read_text() == "id: w\nstages:\n- id: main\n  actions:\n  - id: a\n"
    definition.dump(tmp_path / "flow.json")
    assert (tmp_path / "flow.json").read_text() == json.dumps(definition.to_document(), indent=2) + "\n"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "a.yaml",
            "id: [",
            "a.yaml:1:6: not valid YAML: expected the node content, but found '<stream end>'",
        ),
        (
            "a.yaml",
            "id: w\nid: v\n",
            'a.yaml:2:1: not valid YAML: found duplicate key "id" with value "v" (original value: "w")',
        ),
        ("a.yaml", b"id: w\nname: \xff\n", "a.yaml:2:7: not UTF-8: byte 0xff; save the file as UTF-8"),
        (
            "a.json",
            '{"id": "w", "stages": [\n\t{"id": "s", "name": "a", "name": "b"}]}',
            "a.json:2:27: not valid JSON: the key 'name' stands twice in one object",
        ),
        ("a.yaml", "", "a.yaml:1:1: not a workflow definition: Expected `object`, got `null`"),
        ("a.yaml", "name: w\n", "a.yaml:1:1: not a workflow definition: Object missing required field `id`"),
        (
            "a.yaml",
            FLOW.replace("id: csv.check", "id: 5"),
            "a.yaml:7:13: not a workflow definition: Expected `str`, got `int` - at `$.stages[0].actions[1].id`",
        ),
        (
            "a.yaml",
            FLOW.replace("10", "2020-01-01"),
            "a.yaml:10:23: 2020-01-01 is a date to YAML; put it in quotes",
        ),
        ("a.yaml", FLOW.replace("limit", "5"), "a.yaml:10:15: the key 5 is not text; put it in quotes"),
        ("a.yaml", FLOW.replace("10", ".inf"), "a.yaml:10:23: inf is not a number that JSON has"),
        (
            "a.yaml",
            FLOW.replace("10", "!!set {a}"),
            "a.yaml:10:23: a YAML set is not known here; expected what JSON has",
        ),
        ("a.yaml", "id: w\ninitialStore: &a {b: *a}\n", "a.yaml:2:15: nested deeper than 100 levels, or inside itself"),
        ("a.json", '{"id": "w",\n "tags": [}', "a.json:2:11: not valid JSON: Expecting value"),
        (
            "a.json",
            '{"id": "w",\n "stages": [{"id": 5}]}',
            "a.json:2:20: not a workflow definition: Expected `str`, got `int` - at `$.stages[0].id`",
        ),
        (
            "a.json",
            '{"id": "w", "initialStore": {"k": NaN}}',
            "a.json: not valid JSON: JSON is malformed: invalid character (byte 34)",
        ),
        (
            "a.json",
            '{\t"id": 5}',
            "a.json:1:9: not a workflow definition: Expected `str`, got `int` - at `$.id`",
        ),
        ("a.txt", "id: w", "a.txt: a definition is a file that ends in .json, .yaml, .yml"),
        (
            "a.yaml",
            "id: w\ntransport: {type: pigeon}\n",
            "a.yaml:2:19: not a workflow definition: Invalid enum value 'pigeon', expected 'json' or 'grpc' - at "
            "`$.transport.Type`",
        ),
    ],
)
def test_mistakes_are_told_with_their_place(tmp_path: Path, name: str, content: str | bytes, message: str) -> None:
    """File, line, column where there is one, what is wrong and what to do."""
    assert wrong(tmp_path / name, content) == message


def test_nested_without_end(tmp_path: Path) -> None:
    """A file nested deeper than a parser can go is refused, in either format."""
    assert wrong(tmp_path / "a.yaml", "[" * 1000) == "a.yaml: nested too deep to be read"
    assert wrong(tmp_path / "a.json", "[" * 100_000) == (
        "a.json: not valid JSON: maximum recursion depth exceeded while decoding a JSON array from a unicode string"
    )


def test_a_billion_laughs(tmp_path: Path) -> None:
    """A few lines that stand for a billion values are refused."""
    lines = ["id: w", "initialStore:", "  l0: &l0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"  l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 10)]
    message = "a.yaml:1:1: more than 1000000 values, aliases counted each time"
    assert wrong(tmp_path / "a.yaml", "\n".join(lines)) == message


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """A missing file, a folder, a fifo and a place that cannot be written are DefinitionErrors that name it."""
    (tmp_path / "folder.yaml").mkdir()
    said = []
    os.mkfifo(tmp_path / "fifo.yaml")
    for path in (tmp_path / "a.yaml", tmp_path / "folder.yaml", tmp_path / "fifo.yaml"):
        with pytest.raises(DefinitionError) as caught:
            gostage.SubWorkflowDef.load(path)
        said.append(str(caught.value))
    with pytest.raises(DefinitionError) as caught:
        gostage.SubWorkflowDef(id="w").dump(tmp_path / "none" / "a.yaml")
    said.append(str(caught.value))
    assert said == [
        f"{tmp_path}/a.yaml: no such file",
        f"{tmp_path}/folder.yaml: cannot be read: Is a directory",
        f"{tmp_path}/fifo.yaml: is not a regular file; expected a definition",
        f"{tmp_path}/none/a.yaml: cannot be written: No such file or directory",
    ]


def test_what_cannot_be_written_leaves_the_file(tmp_path: Path) -> None:
    """A definition that is not JSON does not touch what is there."""
    path = tmp_path / "a.yaml"
    path.write_text("id: before\n")
    with pytest.raises(DefinitionError):
        gostage.SubWorkflowDef(id="w", initial_store={"k": math.nan}).dump(path)
    assert path.read_text() == "id: before\n"


def test_keys_that_nothing_reads(tmp_path: Path) -> None:
    """Unknown keys are ignored as Go ignores them, and listed with their place and what was probably meant."""
    path = tmp_path / "a.yaml"
    path.write_text(
        "id: w\ninitial_store: {}\nstages:\n- id: s\n  action: []\n  actions:\n  - {id: a, parms: {}, zzz: 1}\n"
    )
    assert [line.replace(f"{tmp_path}/", "") for line in read(path).ignored] == [
        "a.yaml:2:1: the key 'initial_store' is ignored; did you mean 'initialStore'?",
        "a.yaml:5:3: the key 'action' is ignored; did you mean 'actions'?",
        "a.yaml:7:13: the key 'parms' is ignored; did you mean 'params'?",
        "a.yaml:7:24: the key 'zzz' is ignored; known keys: id, name, description, tags, params",
    ]


def test_where_things_stand(tmp_path: Path) -> None:
    """A file that was read tells the line and column of every part, or of what is nearest to it."""
    path = tmp_path / "flow.yaml"
    path.write_text(FLOW)
    file = read(path)
    steps: list[tuple[Any, ...]] = [("stages", 1, "actions", 0, "id"), ("stages", 7, "id"), ("tags",), ()]
    assert [file.where(*one).removeprefix(f"{path}:") for one in steps] == ["9:20", "3:3", "1:1", "1:1"]
