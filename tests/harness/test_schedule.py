"""In which order cases are given to observers that work side by side."""

from __future__ import annotations

from gostage_sim.harness.schedule import observers, side_by_side
from gostage_sim.scenario.model import Child, Log, Scenario
from gostage_sim.scenario.transports import Case, cases_of


def made(name: str, timeout: float = 20.0, **changes: object) -> Scenario:
    return Scenario.model_validate(
        {"name": name, "timeout": timeout, "children": {"a": Child(steps=(Log(message="x"),))}, **changes}
    )


ENDED = {"a": {"outcome": "timed_out"}}


def names(cases: list[Case]) -> str:
    return " ".join(f"{case.scenario.name}{case.transport[0]}" for case in cases)


def test_those_that_wait_are_spread_among_those_that_work() -> None:
    """Observers do not wait for deadlines all at once, though the files stand together."""
    scenarios = [made("w", expect=ENDED), made("x", expect=ENDED), *map(made, "abcd")]
    assert names(side_by_side(cases_of(scenarios, "all")[0])) == "aj wj ag bj wg bg cj xj cg dj xg dg"


def test_the_longest_come_first() -> None:
    """No observer is left alone with the longest at the end; those that may take as long as others stay in order."""
    scenarios = [made("a"), made("b"), made("c", timeout=60.0), made("d", timeout=120.0)]
    assert names(side_by_side(cases_of(scenarios, "json")[0])) == "dj cj aj bj"


def test_what_is_expected_on_one_transport_counts_there() -> None:
    """A child may be ended by its deadline on one transport and not on the other."""
    only_by_grpc = made("w", expect={"a": {"outcome": "completed"}}, expect_on={"grpc": ENDED})
    scenarios = [only_by_grpc, made("a"), made("b")]
    assert names(side_by_side(cases_of(scenarios, "all")[0])) == "wj aj ag wg bj bg"


def test_no_case_is_lost() -> None:
    """Also where none of them works, or there is none."""
    waiting = cases_of([made("w", expect=ENDED), made("x", expect=ENDED)], "all")[0]
    assert side_by_side(waiting) == waiting
    assert side_by_side([]) == []


def test_one_more_runs_while_one_waits() -> None:
    """Beside several workers: who asked for one has one. Two that wait make no room for two."""
    (working, _), (waits, waits_too) = (cases_of([one], "all")[0] for one in (made("a"), made("w", expect=ENDED)))
    assert [observers(2, running) for running in ([], [working], [working, waits], [waits, waits_too])] == [2, 2, 3, 3]
    assert observers(1, [waits]) == 1
