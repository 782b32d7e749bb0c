"""`gostage-sim explain` for the words of a scenario file."""

from __future__ import annotations

from typing import Any

import pytest

from gostage_sim.faults import fault_kinds
from gostage_sim.guarantees import guarantee_names
from gostage_sim.report.explain import explain
from gostage_sim.report.explain_language import topics
from gostage_sim.scenario.schema import schema_of

DEFINITIONS: dict[str, Any] = schema_of(fault_kinds(), guarantee_names())["definitions"]
#: What the schema calls the models, and where their keys stand in a file.
PLACES = {
    "child": "children",
    "handler": "handlers",
    "expectation": "expect",
    "runexpectation": "expect_run",
    "onlyon": "only_on",
    "limits": "children.limits",
    "options": "children.options",
    "count": "expect.handled",
    "sizerange": "expect_run.memory_growth",
    "timerange": "expect_run.duration",
    **{name: name for name in ("send", "log", "put", "delete", "sleep", "spin", "allocate", "threads", "spawn")},
    "openfiles": "open_files",
}


def keys_of_the_schema() -> list[str]:
    """Every key that an editor completes, by its path."""
    file = schema_of(fault_kinds(), guarantee_names())
    models = {name: each for name, each in DEFINITIONS.items() if not name.startswith("at-")}
    assert {*models} - {"reference", "step", "fault"} == {*PLACES}
    inner = [f"{PLACES[name]}.{key}" for name in PLACES for key in models[name]["properties"]]
    points = [
        f"at.{key}"
        for name, each in DEFINITIONS.items()
        if name.startswith("at-")
        for form in each["anyOf"]
        for key in form.get("properties", {})
    ]
    steps = [key for key in models["step"]["properties"] if key != "with"]
    return [*file["properties"], *inner, *dict.fromkeys(points), *steps, "call.with", "children.faults.probability"]


@pytest.mark.parametrize("path", keys_of_the_schema())
def test_every_key_of_the_schema_is_explained(path: str) -> None:
    """With a text, which begins with a word: there is one source of both."""
    head, _, text = explain(path).partition("\n\n")
    assert head == path
    assert text[0].isalpha()


def test_every_topic_has_a_text_and_a_place_of_its_own() -> None:
    """No path twice, and nothing that is not explained."""
    paths = [topic.path for topic in topics()]
    assert len(paths) == len(set(paths))
    assert [topic.path for topic in topics() if not topic.lines or not topic.lines[0].strip()] == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "copies",
            "children.copies\n\nSo many of it run; their names are `name[1]`, `name[2]`.\n\n"
            "It takes: a whole number from 1 to 500; default 1\n",
        ),
        (
            "sleep",
            "sleep\n\nA step.\n\nDo nothing for so long, in the child.\n\nKeys:\n"
            "  duration: a duration from 0s to 60s; must be given\n      How long.\n\n"
            "In short: `sleep: …` is `sleep: {duration: …}`\n",
        ),
        (
            "at.handler",
            "at.handler\n\nIn the parent, while a handler has this message of the child, counted from 1 as they are "
            "handled.\n\n  at: {handler: 100}            in the parent, while it handles a message of the child, "
            "counted from 1\n",
        ),
    ],
)
def test_the_whole_text_of_a_word(name: str, text: str) -> None:
    """What it means, what it takes, its default."""
    assert explain(name) == text


def test_all_that_have_a_name_are_explained() -> None:
    """A fault first, then the highest place in the file."""
    heads = [part.partition("\n")[0] for part in ("\n" + explain("exit")).split("\n\n") if part]
    assert "handlers.exit" in heads
    assert explain("exit").startswith("exit\n\nEnds the child")
    assert explain("timeout").startswith("timeout\n\nFor the whole scenario")
    assert [path for path in ("\nchildren.timeout\n", "\nspawn.timeout\n") if path not in explain("timeout")] == []
