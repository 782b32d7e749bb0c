"""The table of guarantees, and the contract that each of them keeps."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

import gostage_sim.guarantees as package
from gostage_sim.guarantees import all_guarantees, guarantee, guarantee_names
from gostage_sim.guarantees.contract import Verdict
from gostage_sim.guarantees.describe import describe
from gostage_sim.guarantees.order import Order

from .histories import history, parent


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


@pytest.mark.parametrize("name", guarantee_names())
def test_no_guarantee_passes_without_evidence(name: str) -> None:
    """An empty history, of a parent nobody saw, passes nothing."""
    nothing = history(parent=parent(finished=False, alive=False, heartbeats_ns=parent().heartbeats_ns[:0]))
    empty = type(nothing)(scenario="", transport="json", seed=0, parent=nothing.parent, children=())
    found = guarantee(name)
    assert not found.applies(empty) or found.judge(empty).verdict is not Verdict.PASS


def test_plug_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package adds a guarantee under its own name; it cannot take one of ours, nor another name."""
    entries = [
        EntryPoint("always", "json:JSONDecoder", package.ENTRY_POINT_GROUP),
        EntryPoint("order", "json:JSONDecoder", package.ENTRY_POINT_GROUP),
        EntryPoint("other", "gostage_sim.guarantees.order:Order", package.ENTRY_POINT_GROUP),
    ]
    monkeypatch.setattr(package, "entry_points", lambda group: entries)
    assert guarantee_names()[-2:] == ["always", "other"]
    assert isinstance(guarantee("order"), Order)
    message = (
        r"^entry point 'other' \(gostage_sim.guarantees.order:Order\) gives a guarantee that calls itself 'order'$"
    )
    with pytest.raises(ValueError, match=message):
        guarantee("other")
