"""Payload templates become functions of the message number."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gostage_sim.scenario.payloads import compile_payload, parse_template

POOLS: dict[str, list[Any]] = {"faker.name": ["Ada", "Bob"], "faker.year": [1999]}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("template", "third"),
    [
        (None, None),
        ("plain", "plain"),
        ("", ""),
        ("{i}", 3),
        ("user-{i}", "user-3"),
        ("{i}.", "3."),
        ("{i}{i}", "33"),
        ("i{faker.name}", "iAda"),
        ("i{i}", "i3"),
        ("{faker.name}", "Ada"),
        ("{faker.year}", 1999),
        ("{faker.name}-{i} {faker.year}", "Ada-3 1999"),
        ("{{i}} {{{i}}}", "{i} {3}"),
        ({"a": ["{i}", {"b": "x{i}"}], "c": [1, 2]}, {"a": [3, {"b": "x3"}], "c": [1, 2]}),
        ({"k{i}": 1, "{i}": "{i}", "{{": None}, {"k3": 1, "3": 3, "{": None}),
    ],
)
def test_the_third_message(template: Any, third: Any) -> None:
    """`{i}` counts from 1, a lone placeholder keeps its type, doubled braces are braces."""
    assert compile_payload(template, POOLS)(3) == third


def test_pool_values_are_used_in_turn() -> None:
    """Message 1 has the first value; after the last comes the first again."""
    render = compile_payload("{faker.name}", POOLS)
    assert [render(i) for i in (1, 2, 3)] == ["Ada", "Bob", "Ada"]


def test_what_does_not_change_is_shared_and_what_changes_is_not() -> None:
    """A big constant part costs nothing a message; no message sees the number of another."""
    render = compile_payload({"big": [0] * 1000, "n": ["{i}"]}, {})
    first, second = render(1), render(2)
    assert first["big"] is second["big"]
    assert (first["n"], second["n"]) == ([1], [2])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a{", "unmatched '{' in 'a{'; write '{{' for a brace"),
        ("}b", "unmatched '}' in '}b'; write '}}' for a brace"),
        ("{}", "unknown placeholder '{}' in '{}'; expected '{i}' or '{faker.name}'; write '{{' and '}}' for braces"),
        (
            "{faker.}",
            "unknown placeholder '{faker.}' in '{faker.}'; expected '{i}' or '{faker.name}'; "
            "write '{{' and '}}' for braces",
        ),
    ],
)
def test_a_malformed_template_says_what_is_wrong(text: str, message: str) -> None:
    """The message names the placeholder and the way to write a brace."""
    with pytest.raises(ValueError, match="write") as caught:
        parse_template(text)
    assert str(caught.value) == message


def _escaped(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("{", "{{").replace("}", "}}")
    if isinstance(value, list):
        return [_escaped(item) for item in value]
    if isinstance(value, dict):
        return {_escaped(key): _escaped(item) for key, item in value.items()}
    return value


@given(json_values)
def test_every_json_value_can_be_written(value: Any) -> None:
    """With its braces doubled, any JSON value is a template of itself."""
    assert compile_payload(_escaped(value), {})(1) == value


def test_a_child_may_import_it() -> None:
    """Child processes load neither pydantic nor faker nor YAML with it."""
    code = (
        "import sys, gostage_sim.scenario.payloads;"
        "print([m for m in ('pydantic', 'faker', 'ruamel.yaml', 'numpy') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout == "[]\n"
