"""`include:` and `_defaults.yaml`: what several files share is written once, and its mistakes are told where it is."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from gostage_sim.scenario.loader import load, scenarios_of
from gostage_sim.scenario.model import Scenario, Send

SIBLING = "children:\n  sibling: {copies: 2, steps: [send: 3]}\n"
VICTIM = "children:\n  victim: {steps: [send: 5]}\n"


@pytest.fixture(autouse=True)
def _in_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That belongs to no project, so that nothing above it counts."""
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")


def write(files: Mapping[str, str]) -> None:
    for name, text in files.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text)


def only(name: str) -> Scenario:
    (scenario,) = scenarios_of(name)
    return scenario


def mistakes(*paths: str) -> list[str]:
    return [str(problem) for problem in load(paths)[1]]


def test_a_fragment_is_laid_under_the_file() -> None:
    """Mappings are merged, own values win, lists are replaced; of two fragments the later one wins."""
    write(
        {
            "s/a.yaml": "name: a\ninclude: [_parts/one.yaml, ../_two.yaml]\ntags: [own]\n"
            "children:\n  victim: {steps: [send: 5], timeout: 3s}\n",
            "s/_parts/one.yaml": "tags: [one, more]\ntimeout: 1s\nhandlers: {message: {delay: 1ms}}\n" + SIBLING,
            "_two.yaml": "timeout: 2s\ndescription: two\nchildren: {victim: {timeout: 9s, grace: 4s, steps: []}}\n",
        }
    )
    scenario = only("s/a.yaml")
    assert (scenario.tags, scenario.timeout, scenario.description) == (("own",), 2.0, "two")
    victim = scenario.children["victim"]
    assert (victim.steps, victim.timeout, victim.grace) == ((Send(count=5),), 3.0, 4.0)
    assert scenario.children["sibling"].copies == 2
    assert scenario.handlers["message"].delay == 0.001


def test_a_fragment_may_include_others() -> None:
    """Relative to itself; a part that is shared does not change with who has it."""
    write(
        {
            "a.yaml": "name: a\ninclude: [_x/one.yaml, _x/deep/three.yaml]\nchildren: {sibling: {copies: 7}}\n",
            "b.yaml": "name: b\ninclude: [_x/one.yaml]\n",
            "_x/one.yaml": "include: [deep/two.yaml, deep/three.yaml]\ntags: [one]\n",
            "_x/deep/two.yaml": "tags: [two]\nimports: [os]\n" + SIBLING,
            "_x/deep/three.yaml": SIBLING.replace("3", "33"),
        }
    )
    assert (only("a.yaml").tags, only("a.yaml").imports) == (("one",), ("os",))
    a, b = load(["a.yaml", "b.yaml"])[0]
    assert (a.children["sibling"].copies, b.children["sibling"].copies) == (7, 2)
    assert a.children["sibling"].steps == b.children["sibling"].steps == (Send(count=33),)


def test_defaults_of_the_folders() -> None:
    """They hold for the folder and those below; the nearest wins, and what is included wins over them."""
    write(
        {
            "_defaults.yaml": "timeout: 1s\ntags: [far]\ndescription: far\n",
            "s/_defaults.yaml": "include: [_more.yaml]\ntags: [near]\n",
            "s/_more.yaml": SIBLING,
            "s/deep/a.yaml": "name: a\ninclude: [_own.yaml]\n" + VICTIM,
            "s/deep/_own.yaml": "description: own\n",
            "t/b.yaml": "name: b\n" + VICTIM,
        }
    )
    scenarios, problems = load(["."])
    assert problems == []
    assert [(each.name, each.timeout, each.tags, each.description, list(each.children)) for each in scenarios] == [
        ("a", 1.0, ("near",), "own", ["victim", "sibling"]),
        ("b", 1.0, ("far",), "far", ["victim"]),
    ]


@pytest.mark.parametrize("mark", [".git", "pyproject.toml"])
def test_defaults_end_with_the_project(mark: str) -> None:
    """What lies above the folder in which a project begins is somebody else's."""
    write({"_defaults.yaml": "tags: [far]\n", "p/s/a.yaml": "name: a\n" + VICTIM})
    assert only("p/s/a.yaml").tags == ("far",)
    Path("p", mark).touch()
    assert only("p/s/a.yaml").tags == ()
    write({"p/_defaults.yaml": "tags: [root]\n"})
    assert only("p/s/a.yaml").tags == ("root",)


def test_defaults_in_a_folder_of_everybody() -> None:
    """A folder such as /tmp, where anybody may put a file, gives none to the folders below it."""
    write({"s/_defaults.yaml": "tags: [any]\n", "s/mine/a.yaml": "name: a\n" + VICTIM})
    assert only("s/mine/a.yaml").tags == ("any",)
    Path("s").chmod(0o1777)
    assert only("s/mine/a.yaml").tags == ()


def test_mistakes_are_told_where_they_stand() -> None:
    """In the file they are in, once for all who include it; first those of the scenario's own file."""
    write(
        {
            "s/_defaults.yaml": "tiemout: 1s\n",
            "s/a.yaml": "name: a\ninclude: [_x.yaml]\nexpect: {sibing: {}}\n",
            "s/b.yaml": "name: b\ninclude: [_x.yaml, _x.yaml]\n",
            "s/_x.yaml": SIBLING.replace("copies: 2", "copies: none") + "tags: [2024-01-01]\ntags: x\n",
        }
    )
    known = "known keys: name, "
    found = mistakes("s")
    assert [line.partition(known)[0] for line in found] == [
        "s/a.yaml:3:10: unknown child 'sibing'; did you mean 'sibling'?",
        "s/_defaults.yaml:1:1: unknown key 'tiemout'; did you mean 'timeout'? ",
        "s/_x.yaml:2:21: copies is 'none'; expected a whole number from 1 to 500",
        "s/_x.yaml:3:8: 2024-01-01 is a date to YAML; put it in quotes",
        "s/_x.yaml:4:1: duplicate key 'tags'; it is already at 3:1",
    ]


def test_a_mistake_that_only_some_scenarios_make_of_a_fragment() -> None:
    """It says which."""
    write(
        {
            "a.yaml": "name: a\ninclude: [_x.yaml]\n" + VICTIM,
            "b.yaml": "name: b\ninclude: [_x.yaml]\n" + VICTIM.replace("victim", "other"),
            "_x.yaml": "expect: {victim: {handled: 5}}\n",
        }
    )
    assert mistakes("a.yaml", "b.yaml") == ["_x.yaml:1:10: unknown child 'victim'; expected 'other', in b.yaml"]


def test_a_matrix_and_fragments() -> None:
    """A fragment may use the parameters of the file, and bring a matrix along; values keep their place."""
    write(
        {
            "a.yaml": "name: a\ninclude: [_m.yaml]\nparametrize: {n: [1, 2]}\n",
            "_m.yaml": "parametrize: {n: [9], m: [3, many]}\nchildren: {a: {copies: '${n}', steps: [send: '${m}']}}\n",
        }
    )
    assert mistakes("a.yaml") == ["_m.yaml:1:30: count is 'many'; expected a whole number from 1 to 100000000"]
    write({"_m.yaml": Path("_m.yaml").read_text().replace("many", "4")})
    assert [each.combination for each in scenarios_of("a.yaml")] == ["n=1 m=3", "n=1 m=4", "n=2 m=3", "n=2 m=4"]


@pytest.mark.parametrize(
    ("include", "expected"),
    [
        ("_x.yaml", "a.yaml:2:10: include is '_x.yaml'; expected a list of files"),
        ("[3]", "a.yaml:2:11: include, item 1, is 3; expected a file"),
        ("['']", "a.yaml:2:11: include, item 1, is ''; expected a file"),
        ("[none.yaml]", "a.yaml:2:11: cannot include none.yaml: no such file or folder"),
        ('["a\\0b"]', "a.yaml:2:11: cannot include a\\x00b: no file can have this name"),
        ("[folder]", "a.yaml:2:11: cannot include folder: is not a regular file; expected a scenario file or a folder"),
        ("[./a.yaml]", "a.yaml:2:11: a.yaml includes itself: a.yaml > a.yaml"),
        ("[_loop.yaml]", "_back.yaml:1:11: _loop.yaml includes itself: a.yaml > _loop.yaml > _back.yaml > _loop.yaml"),
        ("[_list.yaml]", "_list.yaml:1:1: found a list; expected a mapping of keys of a scenario"),
        ("[_broken.yaml]", "_broken.yaml:1:5: not valid YAML: expected the node content, but found '<stream end>'"),
        ("[_bytes.yaml]", "_bytes.yaml:1:1: not UTF-8: byte 0xff; save the file as UTF-8"),
        ("[_empty.yaml]", ""),
    ],
)
def test_what_cannot_be_included(include: str, expected: str) -> None:
    """Each with the place that includes it, or its own where it can be read."""
    write({"a.yaml": f"name: a\ninclude: {include}\n" + VICTIM, "_loop.yaml": "include: [_back.yaml]\n"})
    write({"_back.yaml": "include: [_loop.yaml]\n", "_list.yaml": "[1]", "_broken.yaml": "x: [", "_empty.yaml": ""})
    Path("_bytes.yaml").write_bytes(b"\xff")
    Path("folder").mkdir()
    found = mistakes("a.yaml")
    assert [line.partition(", or")[0][: len(expected)] for line in found] == [expected] * bool(expected)


def test_fragments_that_multiply() -> None:
    """Ten files that each include the next one ten times are not ten billion."""
    write({f"_{n}.yaml": f"include: {[f'_{n + 1}.yaml'] * 10}\n".replace("'", "") for n in range(9)})
    write({"_9.yaml": "tags: [x]\n", "a.yaml": "name: a\ninclude: [_0.yaml]\n" + VICTIM})
    (found,) = mistakes("a.yaml")
    assert found.endswith(": more than 100 fragments, each counted as often as it is included")


def test_a_folder_cannot_stand_for_defaults() -> None:
    """It is told, because somebody meant it."""
    write({"s/a.yaml": "name: a\n" + VICTIM})
    os.mkdir("_defaults.yaml")
    assert mistakes("s") == ["_defaults.yaml: is not a regular file; expected a scenario file or a folder"]
    assert mistakes(os.path.abspath("s")) == [
        f"{os.path.abspath('_defaults.yaml')}: is not a regular file; expected a scenario file or a folder"
    ]
