"""`judge()`: every guarantee asked, and a net under each checker."""

from __future__ import annotations

import pytest

import gostage_sim.guarantees.judge as judging
from gostage_sim.guarantees import guarantee, guarantee_names
from gostage_sim.guarantees.contract import Judgement, Verdict
from gostage_sim.guarantees.judge import judge
from gostage_sim.guarantees.order import Order
from gostage_sim.history.model import History

from .histories import history, recovery, sibling, victim


def by_name(found: tuple[Judgement, ...]) -> dict[str, Verdict]:
    return {judgement.name: judgement.verdict for judgement in found}


def test_clean_history_passes_all_that_apply() -> None:
    """A clean history passes every guarantee that applies, in the order of `guarantee_names()`."""
    found = judge(history(victim(expect={"outcome": "signaled"}), sibling(1), recovery()))
    names = [judgement.name for judgement in found]
    assert names == [name for name in guarantee_names() if name in names]
    assert set(guarantee_names()) - set(names) == {
        "quarantine",
        "handler-contained",
        "bounded-memory",
        "no-orphans",
        "final-store",
    }
    assert set(by_name(found).values()) == {Verdict.PASS}


def test_fault_and_expectation_are_always_judged() -> None:
    """A scenario that selects one guarantee still cannot pass without its fault and its expectations."""
    found = judge(history(victim(expect={"outcome": "completed"}), sibling(1)), ("order",))
    assert [judgement.name for judgement in found] == ["fault-fired", "order", "as-expected"]
    assert by_name(found)["as-expected"] is Verdict.FAIL


def test_what_does_not_apply_is_unknown_when_asked_for() -> None:
    """A guarantee asked for by name that has nothing to judge is unknown and says so."""
    found = judge(history(sibling(1), sibling(2)), ("recovers",))
    assert found == (
        Judgement(
            "recovers",
            Verdict.UNKNOWN,
            "asked for by name, but this run has nothing for it to judge (it holds when a fresh child on the same "
            "runner completed with exit code 0 and all its messages were handled)",
        ),
    )


def test_missing_evidence_is_unknown() -> None:
    """Problems with the evidence make the run at least unknown, and name each."""
    first = judge(history(problems=("journal of sibling[1] is torn", "the harness ran out of time")))[0]
    assert (first.name, first.verdict) == ("evidence", Verdict.UNKNOWN)
    assert first.reason == "journal of sibling[1] is torn; the harness ran out of time"


def test_checker_that_raises_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """A checker that raises is unknown with the exception named, its text escaped, and the others are still judged."""

    class Broken(Order):
        def judge(self, history: History) -> Judgement:
            raise RuntimeError("boom \x1b[31m")

    monkeypatch.setattr(judging, "guarantee", lambda name: Broken() if name == "order" else guarantee(name))
    found = {judgement.name: judgement for judgement in judge(history())}
    assert found["order"].verdict is Verdict.UNKNOWN
    assert found["order"].reason == r"the checker raised RuntimeError: 'boom \x1b[31m'"
    assert found["no-loss"].verdict is Verdict.PASS


def test_unknown_name() -> None:
    """A name that no guarantee has is unknown, with the close match."""
    found = judge(history(), ("ordr",))[-1]
    assert found.verdict is Verdict.UNKNOWN
    assert found.reason == """the checker raised ValueError: "unknown guarantee 'ordr'; did you mean 'order'?\""""
