"""YAML values know where they stand, and what JSON cannot carry is found."""

from __future__ import annotations

import pytest

from gostage_sim.scenario.positions import path_text, read_yaml
from gostage_sim.scenario.problems import ScenarioError


def messages(text: str) -> list[str]:
    return [str(problem) for problem in read_yaml(text, "x").problems]


def test_every_key_and_value_has_its_position() -> None:
    """Lines and columns count from 1, in block and in flow style."""
    document = read_yaml("a:\n  - b: {c: 1}\n", "x")
    assert document.data == {"a": [{"b": {"c": 1}}]}
    assert document.position(("a", 0, "b", "c")) == (2, 12, "x")
    assert document.position(("a", 0, "b", "c"), key=True) == (2, 9, "x")
    assert document.position(("a", 0, "nothing", 3)) == (2, 5, "x")


def test_anchors_and_merged_mappings_are_followed() -> None:
    """`<<` brings the keys of another mapping along; own keys win."""
    document = read_yaml("a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc: *a\nd: {<<: [*a, {z: 4}]}\n", "x")
    assert document.problems == []
    assert document.data["b"] == {"y": 3, "x": 1}
    assert document.data["c"] == {"x": 1, "y": 2}
    assert document.data["d"] == {"x": 1, "y": 2, "z": 4}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: 2\na: 3\n", ["x:3:1: duplicate key 'a'; it is already at 1:1"]),
        (
            "a: 1\na: 2\na: 3\n",
            ["x:2:1: duplicate key 'a'; it is already at 1:1", "x:3:1: duplicate key 'a'; it is already at 1:1"],
        ),
        ("a: 2024-01-01", ["x:1:4: 2024-01-01 is a date to YAML; put it in quotes"]),
        ("1: a", ["x:1:1: the key 1 is not text; put it in quotes"]),
        ("? [a]\n: b", ["x:1:3: a key must be text"]),
        ("a: .nan", ["x:1:4: nan is not a number JSON can carry"]),
        ("a: 99999999999999999999", ["x:1:4: the integer 99999999999999999999 does not fit in 64 bits"]),
        ("a: -" + "9" * 5000, [f"x:1:4: the integer -{'9' * 19}… of 5000 digits does not fit in 64 bits"]),
        ("? " + "9" * 5000, [f"x:1:3: the key {'9' * 40}… is not text; put it in quotes"]),
        ('a: "\\ud800"', ["x:1:4: '\\ud800' holds a lone surrogate, which UTF-8 cannot carry"]),
        ("a: !!int x", ["x:1:4: 'x' cannot be read: invalid literal for int() with base 10: 'x'"]),
        ("a: !mine x", ["x:1:4: the YAML tag '!mine' is not known here; expected plain YAML"]),
        ("a: !mine [1]", ["x:1:4: the YAML tag '!mine' is not known here; expected plain YAML"]),
        ("a: &a [*a]", ["x:1:4: this value contains itself"]),
        ("a: {<<: 3}", ["x:1:9: '<<' takes other mappings; found '3'"]),
        ("a: " + "[" * 102 + "]" * 102, ["x:1:104: nested deeper than 100 levels"]),
    ],
)
def test_what_json_cannot_carry_is_a_problem(text: str, expected: list[str]) -> None:
    """Each has a position; none stops the reading."""
    assert messages(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: b: c", "x:1:5: not valid YAML: mapping values are not allowed here"),
        (
            "--- 1\n--- 2\n",
            "x:2:1: not valid YAML: but found another document, expected a single document in the stream",
        ),
        ("a: *b", "x:1:4: not valid YAML: found undefined alias 'b'"),
        ("[" * 1_000, "x:1:1: nested too deeply to be read"),
    ],
)
def test_a_text_that_is_no_yaml_is_one_problem(text: str, expected: str) -> None:
    """The parser stops at the first such mistake, and says where."""
    with pytest.raises(ScenarioError) as caught:
        read_yaml(text, "x")
    assert str(caught.value) == expected


def test_nine_lines_cannot_stand_for_a_billion_values() -> None:
    """Aliases are counted each time they are used."""
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    assert messages("\n".join(lines)) == ["x:1:34: more than 200000 values, aliases counted each time"]


def test_paths_read_like_python() -> None:
    """Keys that are no plain words are quoted."""
    assert path_text(("steps", 0, "send", "a b", 1)) == "steps[0].send['a b'][1]"
