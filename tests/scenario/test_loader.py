"""Files and folders become scenarios, and all mistakes of all of them are reported at once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gostage_sim.faults.contract import Placement
from gostage_sim.faults.crash import Crash
from gostage_sim.faults.exit import Exit
from gostage_sim.faults.noop import Noop
from gostage_sim.scenario import loader
from gostage_sim.scenario.loader import load, load_file, parse_child, parse_text
from gostage_sim.scenario.model import Call, Count, Handler, Log, Put, Send
from gostage_sim.scenario.problems import ScenarioError

SMALL = "name: {name}\nchildren:\n  a: {{steps: [send: 1]}}\n"


@pytest.fixture(autouse=True)
def _in_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_valid_file_becomes_the_model(valid: str) -> None:
    """Every part of the syntax arrives in the model."""
    Path("x.yaml").write_text(valid)
    scenario = load_file("x.yaml")
    assert (scenario.name, scenario.tags, scenario.transports, scenario.timeout, scenario.file) == (
        "A bad pointer in the middle of a stream",
        ("crash", "smoke"),
        ("json",),
        20.0,
        "x.yaml",
    )
    victim, sibling = scenario.children["victim"], scenario.children["sibling"]
    assert victim.steps == (
        Send(count=500, type="store_put", payload={"key": "user-{i}", "value": "{faker.name}"}),
        Log(message="half way"),
        Put(key="done", value=[1, 2.5, None]),
    )
    assert [(placed.fault, placed.at, placed.line) for placed in victim.faults] == [
        (Crash(signal="SIGSEGV"), Placement("message", message=250), 15),
        (Exit(code=3), Placement("result"), 17),
        (Noop(), Placement("byte", message=2, byte=7), 19),
    ]
    assert sibling.steps == (Send(count=500), Call(target="os.path:join", **{"with": {"path": "data.csv"}}))
    assert (sibling.copies, sibling.timeout, sibling.grace) == (4, 5.0, 1.0)
    assert scenario.handlers == {"store_put": Handler(delay=0.001)}
    assert scenario.expect["victim"].handled == 250
    assert scenario.expect["sibling"].handled == Count(at_least=500)
    assert scenario.guarantees == ("order", "no-loss")


def test_folders_are_searched_recursively() -> None:
    """Folders give their *.yaml and *.yml, sorted, without names that begin with `_` or `.`; nothing is read twice."""
    Path("s/deep").mkdir(parents=True)
    Path("s/_parts").mkdir()
    for number, file in enumerate(("s/b.yaml", "s/deep/a.yml", "s/c.chaos.yaml")):
        Path(file).write_text(SMALL.format(name=f"n{number}"))
    for left_out in ("s/_shared.yaml", "s/_parts/x.yaml", "s/.hidden.yaml", "s/readme.txt"):
        Path(left_out).write_text("not: a scenario")
    scenarios, problems = load(["s", "s/b.yaml", "./s/deep"])
    assert problems == []
    assert [scenario.file for scenario in scenarios] == ["s/b.yaml", "s/c.chaos.yaml", "s/deep/a.yml"]


def test_all_mistakes_of_all_files_come_at_once() -> None:
    """A broken file hides neither the mistakes of another nor the scenarios that are in order."""
    Path("a.yaml").write_text("name: a\nchildren: 3\n")
    Path("b.yaml").write_text("- 1\n")
    Path("c.yaml").write_text(SMALL.format(name="c"))
    scenarios, problems = load(["a.yaml", "b.yaml", "c.yaml", "d.yaml"])
    assert [scenario.name for scenario in scenarios] == ["c"]
    assert [str(problem) for problem in problems] == [
        "a.yaml:2:11: children is 3; expected a mapping",
        "b.yaml:1:1: found a list; expected a mapping with name and children",
        "d.yaml: no such file or folder",
    ]


def test_a_name_used_twice_is_a_problem_of_the_second_file() -> None:
    """Two scenarios of one name could not be told apart."""
    Path("a.yaml").write_text(SMALL.format(name="same"))
    Path("b.yaml").write_text("\n" + SMALL.format(name="same"))
    scenarios, problems = load(["a.yaml", "b.yaml"])
    assert [scenario.file for scenario in scenarios] == ["a.yaml"]
    assert [str(problem) for problem in problems] == [
        "b.yaml:2:7: duplicate scenario name 'same'; it is already used at a.yaml:1:7"
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "x.yaml:1:1: the file is empty; expected a scenario with name and children"),
        (b"# only a comment\n", "x.yaml:1:1: the file is empty; expected a scenario with name and children"),
        (b"text", "x.yaml:1:1: found 'text'; expected a mapping with name and children"),
        (b"name: a\ntags: \xff\n", "x.yaml:2:7: not UTF-8: byte 0xff; save the file as UTF-8"),
        (b"\xef\xbb\xbfx: [", "x.yaml:1:5: not valid YAML: expected the node content, but found '<stream end>'"),
        (b"a: 1\nb: \x07\n", "x.yaml:2:4: not valid YAML: the character '\\x07' is not allowed"),
        (b" " * (2**20 + 1), "x.yaml: has 1MiB; a scenario file has at most 1MiB"),
    ],
)
def test_a_file_that_is_no_scenario_says_why(content: bytes, message: str) -> None:
    """Empty, not a mapping, not UTF-8, not YAML, too large: each has its own words."""
    Path("x.yaml").write_bytes(content)
    (problem,) = load(["x.yaml"])[1]
    assert str(problem).startswith(message)


def test_an_unreadable_path_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """Missing, empty folder, special file, refused by the system: no traceback, and the path as it was given."""
    Path("empty").mkdir()
    Path("file").write_text("")
    os.mkfifo("pipe")
    _, problems = load(["none", "empty", "pipe", "file/x.yaml", "a\0b"])
    assert [str(problem) for problem in problems] == [
        "none: no such file or folder",
        "empty: no scenario file in this folder; expected *.yaml or *.yml",
        "pipe: is not a regular file; expected a scenario file or a folder",
        "file/x.yaml: cannot be read: Not a directory",
        "a\\x00b: no file can have this name",
    ]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_forbidden_file_and_a_forbidden_folder_say_so() -> None:
    """Permissions are a problem of the path, not a traceback."""
    Path("secret").mkdir(mode=0)
    Path("x.yaml").touch(mode=0)
    _, problems = load(["x.yaml", "secret"])
    assert [str(problem) for problem in problems] == [
        "x.yaml: cannot be read: Permission denied",
        "secret: cannot be read: Permission denied",
    ]


def test_load_file_raises_with_every_problem() -> None:
    """`load_file` gives a scenario or a ScenarioError that holds all mistakes."""
    Path("x.yaml").write_text("name: 3\nchildren: {}\n")
    with pytest.raises(ScenarioError) as caught:
        load_file("x.yaml")
    assert str(caught.value) == (
        "x.yaml:1:7: name is 3; expected text that is not blank; put it in quotes\n"
        "x.yaml:2:11: children is empty; expected at least one child"
    )
    with pytest.raises(ScenarioError, match=r"^\.: is a folder; expected a scenario file$"):
        load_file(".")


def test_parse_text_needs_no_file(valid: str) -> None:
    """A text can be checked under a name of one's choice."""
    assert parse_text(valid, "docs/README.md").file == "docs/README.md"


def test_a_child_from_python_data_follows_the_rules_of_a_file() -> None:
    """The pytest fixture takes dictionaries; they mean what they mean in a file."""
    child = parse_child(
        {"steps": [{"send": {"count": 500}}], "faults": [{"crash": "SIGABRT", "at": {"message": 250}}], "timeout": "5s"}
    )
    assert (child.steps, child.timeout) == ((Send(count=500),), 5.0)
    assert (child.faults[0].fault, child.faults[0].line) == (Crash(signal="SIGABRT"), 0)


def test_mistakes_in_python_data_are_named_by_their_path() -> None:
    """There is no line: the path says where."""
    looped: list[object] = []
    looped.append(looped)
    with pytest.raises(ScenarioError) as caught:
        parse_child(
            {
                "steps": [
                    {"send": {"count": "many", "payload": {"when it": {3}}}},
                    {"put": {"key": "a", "value": looped}},
                    {"send": -(10**5000)},
                    object(),
                ],
                "faults": ({"delya": None, "at": "result"},),
                "timeout": 3,
                "stepps": 1,
            },
            fault_kinds={"delay": Noop},
        )
    assert [str(problem) for problem in caught.value.problems] == [
        "steps[0].send.payload['when it']: found an instance of set; expected a value JSON can carry",
        "steps[1].put.value[0]: this value contains itself",
        "steps[2].send: an integer of 16610 bits does not fit in 64 bits",
        "steps[3]: found an instance of object; expected a value JSON can carry",
        "timeout: timeout: a duration needs a unit, for example 20s, 1ms; found 3",
        "stepps: unknown key 'stepps'; did you mean 'steps'? known keys: steps, faults, copies, timeout, grace, "
        "definition_size, end_daemons, max_message, wave, limits, options, launcher, command",
        "steps[0].send.count: count is 'many'; expected a whole number from 1 to 100000000",
        "faults[0].delya: unknown fault 'delya'; did you mean 'delay'?",
    ]


def test_a_broken_plug_in_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed fault that cannot be imported is reported in its own words, whatever is asked of the loader."""

    def broken() -> dict[str, object]:
        raise ImportError("fault 'x' (pkg:X): cannot be imported")

    monkeypatch.setattr(loader, "known_fault_kinds", broken)
    assert [str(problem) for problem in load(["."])[1]] == ["fault 'x' (pkg:X): cannot be imported"]
    with pytest.raises(ScenarioError, match=r"^fault 'x' \(pkg:X\): cannot be imported$"):
        parse_child({"steps": []})
