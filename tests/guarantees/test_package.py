"""The table of guarantees, and the contract that each of them keeps."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib.metadata import EntryPoint
from itertools import count
from typing import Any

import pytest

import gostage_sim.guarantees as package
from gostage_sim.guarantees import (
    GuaranteeNotLoaded,
    all_guarantees,
    guarantee,
    guarantee_names,
    plug_in_problems,
)
from gostage_sim.guarantees.contract import Guarantee, Judgement, Verdict
from gostage_sim.guarantees.describe import describe
from gostage_sim.guarantees.order import Order
from gostage_sim.history.model import History
from gostage_sim.scenario.loader import parse_text
from gostage_sim.scenario.problems import ScenarioError
from gostage_sim.testing import GUARANTEE_CHECKS, check_guarantee


def test_names_stand_in_a_fixed_order() -> None:
    """The order of reports is the order of this list."""
    assert guarantee_names() == [
        "parent-alive",
        "fault-fired",
        "order",
        "no-loss",
        "no-duplicate",
        "no-phantom",
        "no-crosstalk",
        "siblings-unharmed",
        "true-verdict",
        "prompt-return",
        "quarantine",
        "handler-contained",
        "bounded-memory",
        "nothing-left",
        "no-orphans",
        "recovers",
        "final-store",
        "as-expected",
    ]
    assert [found.name for found in all_guarantees()] == guarantee_names()


def test_unknown_name() -> None:
    """A name that is close to one gets it suggested, another one the list."""
    with pytest.raises(ValueError, match=r"^unknown guarantee 'no-los'; did you mean 'no-loss'\?$"):
        guarantee("no-los")
    with pytest.raises(ValueError, match=r"^unknown guarantee 'zzz'; expected one of parent-alive, fault-fired, .*$"):
        guarantee("zzz")


@pytest.mark.parametrize("name", guarantee_names())
def test_every_guarantee_describes_itself(name: str) -> None:
    """`explain` shows docstring, invariant and witness of each."""
    found = guarantee(name)
    text = describe(found)
    assert text.startswith(f"{name}\n\n")
    assert f"Holds when:     {found.holds_when}\n" in text
    assert f"Counts only if: {found.counts_only_if}\n" in text
    assert type(found).__doc__


@pytest.mark.parametrize("check", GUARANTEE_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", guarantee_names())
def test_every_guarantee(name: str, check: Callable[[Guarantee], None]) -> None:
    """Those of this package are held to the same checks as anybody's."""
    check(guarantee(name))


NUMBERS = count()


class Good:
    """Something holds."""

    name = "good"
    holds_when = "it does"
    counts_only_if = "it was seen"

    def applies(self, history: History) -> bool:
        return True

    def judge(self, history: History) -> Judgement:
        return Judgement("good", Verdict.UNKNOWN, "nothing was seen")


def test_a_good_one() -> None:
    """Nothing is wrong with it, though none is known by its name."""
    check_guarantee(Good())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"holds_when": " "}, "has holds_when ' '; expected a text"),
        ({"__doc__": None}, "has no docstring; expected what holds, in a sentence"),
        ({"applies": lambda self, history: None}, "has an applies() that returns no bool"),
        ({"judge": lambda self, history: Judgement("good", Verdict.PASS, "all is well")}, "passes where nothing was"),
        ({"judge": lambda self, history: Judgement("bad", Verdict.UNKNOWN, "?")}, "judges in the name of 'bad'"),
        ({"judge": lambda self, history: Judgement("good", Verdict.FAIL, "")}, "gives no reason"),
        (
            {"judge": lambda self, history: Judgement("good", Verdict.FAIL, f"{next(NUMBERS)}")},
            "judges one history in two",
        ),
    ],
)
def test_what_is_wrong_is_told(changes: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose fault it is, what was found and what is expected."""
    for name, value in changes.items():
        monkeypatch.setattr(Good, name, value)
    with pytest.raises(AssertionError, match=f"^guarantee 'good' {re.escape(message)}"):
        check_guarantee(Good())


def test_plug_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package adds a guarantee under its own name; it cannot take one of ours, nor another name. Each that
    cannot be used is one line, which names the entry point."""
    entries = [
        EntryPoint("always", "json:JSONDecoder", package.ENTRY_POINT_GROUP),
        EntryPoint("order", "json:JSONDecoder", package.ENTRY_POINT_GROUP),
        EntryPoint("other", "gostage_sim.guarantees.order:Order", package.ENTRY_POINT_GROUP),
        EntryPoint("none", "no_such_module:Thing", package.ENTRY_POINT_GROUP),
        EntryPoint("none", "json:JSONDecoder", package.ENTRY_POINT_GROUP),
    ]
    monkeypatch.setattr(package, "entry_points", lambda group: entries)
    assert guarantee_names()[-3:] == ["always", "none", "other"]
    assert isinstance(guarantee("order"), Order)
    of = "entry point of group gostage_sim.guarantees"
    lacks = (
        "it has no name, no holds_when, no counts_only_if, no applies, no judge; see gostage_sim.guarantees.contract"
    )
    problems = [
        f"guarantee 'always' (json:JSONDecoder), {of}: {lacks}",
        f"guarantee 'order' (json:JSONDecoder), {of}: this name is taken by a guarantee of ours; "
        "give the entry point another name",
        f"guarantee 'other' (gostage_sim.guarantees.order:Order), {of}: it calls itself 'order'; "
        "expected the entry point's name",
        f"guarantee 'none' (no_such_module:Thing), {of}: cannot be loaded: "
        "ModuleNotFoundError: No module named 'no_such_module'",
        f"guarantee 'none' (json:JSONDecoder), {of}: no_such_module:Thing has the same name; "
        "uninstall one of the two packages",
    ]
    assert plug_in_problems() == problems
    with pytest.raises(GuaranteeNotLoaded, match="calls itself 'order'"):
        guarantee("other")
    with pytest.raises(ScenarioError) as refused:
        parse_text("name: x\nchildren: {a: {steps: [send: 1]}}\n", "x.yaml")
    assert [str(problem) for problem in refused.value.problems] == problems
