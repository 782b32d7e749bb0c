"""The director: who waits, who goes, and that nobody waits for ever."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from gostage_sim.harness.director import Awaited, Director, Gate, Phase


def _director() -> Director:
    return Director(faults={"victim": ["a", "b"]}, siblings=["s1", "s2"])


def test_the_window_opens_when_all_are_there() -> None:
    """Siblings at the gate and the victim at its fault wait for the last of them, then all go."""
    director = _director()
    assert director.gate("s1", "before") == []
    assert director.reached("victim", "a") == []
    assert sorted(director.gate("s2", "before")) == ["s1", "s2", "victim"]
    assert director.phase is Phase.OPEN


def _opened() -> Director:
    director = _director()
    director.gate("s1", "before")
    director.gate("s2", "before")
    director.reached("victim", "a")
    return director


def test_a_second_fault_strikes_at_once_while_the_window_is_open() -> None:
    """Only the first fault of a victim waits for the others."""
    director = _opened()
    assert director.over("victim", "a") == []
    assert director.reached("victim", "b") == ["victim"]


def test_the_window_closes_when_faults_are_over_siblings_there_and_the_heart_has_beaten() -> None:
    """Every one of the three is needed, whichever comes last."""
    director = _opened()
    director.over("victim", "a")
    director.over("victim", "b")
    director.gate("s1", "during")
    assert director.gate("s2", "during") == []
    assert sorted(director.beat()) == ["s1", "s2"]
    assert director.phase is Phase.CLOSED


def test_a_beat_before_the_window_does_not_count() -> None:
    """The heart must be seen to beat inside the window."""
    director = _director()
    director.beat()
    director.gate("s1", "before")
    director.gate("s2", "before")
    director.reached("victim", "a")
    director.gone("victim")
    director.gate("s1", "during")
    assert director.gate("s2", "during") == []


def test_a_dead_victim_has_no_faults_to_come() -> None:
    """A crash is over when its child is gone."""
    director = _opened()
    director.beat()
    director.gate("s1", "during")
    director.gate("s2", "during")
    assert sorted(director.gone("victim")) == ["s1", "s2"]


def test_nobody_waits_for_a_child_that_never_came() -> None:
    """A child that could not be started is gone like any other."""
    director = _director()
    director.reached("victim", "a")
    director.gate("s2", "before")
    assert sorted(director.gone("s1")) == ["s2", "victim"]


def test_after_the_window_everybody_goes_at_once() -> None:
    """A late fault or gate is not held up: there is nothing left to wait for."""
    director = _opened()
    director.beat()
    for name in ("victim", "s1", "s2"):
        director.gone(name)
    assert director.phase is Phase.CLOSED
    assert director.reached("late", "a") == ["late"]
    assert director.gate("late", "before") == ["late"]


class _Run:
    """Children that act one step at a time, as often as the director lets them."""

    def __init__(self, victims: list[int], siblings: int) -> None:
        self.faults = {f"v{n}": [f"v{n}#{k}" for k in range(count)] for n, count in enumerate(victims)}
        self.siblings = [f"s{n}" for n in range(siblings)]
        self.director = Director(faults=self.faults, siblings=self.siblings)
        gates: list[Gate] = ["before", "during"]
        self.script: dict[str, list[tuple[str, str]]] = {
            **{
                name: list(itertools.chain.from_iterable((("reached", f), ("over", f)) for f in faults))
                for name, faults in self.faults.items()
            },
            **{name: [("gate", gate) for gate in gates] for name in self.siblings},
        }
        self.waiting: set[str] = set()
        self.alive = set(self.script)
        self.phases = [Phase.GATHERING]

    def step(self, name: str, *, dies: bool) -> None:
        if name not in self.alive or (name in self.waiting and not dies):
            return
        if dies or not self.script[name]:
            self.alive.discard(name)
            self.waiting.discard(name)
            self._released(self.director.gone(name))
            return
        what, which = self.script[name].pop(0)
        if what == "over":
            self._released(self.director.over(name, which))
        else:
            self.waiting.add(name)
            call = self.director.reached if what == "reached" else self.director.gate
            self._released(call(name, which))  # type: ignore[arg-type]

    def beat(self) -> None:
        self._released(self.director.beat())

    def _released(self, names: list[str]) -> None:
        assert len(names) == len(set(names))
        self.waiting -= set(names)
        if self.director.phase is not self.phases[-1]:
            self.phases.append(self.director.phase)


@given(
    victims=st.lists(st.integers(1, 3), max_size=3),
    siblings=st.integers(0, 3),
    data=st.data(),
)
def test_everyone_alive_is_released_in_the_end(victims: list[int], siblings: int, data: st.DataObject) -> None:
    """Whatever acts and dies in whatever order, all come to their end; the window opens once and closes once."""
    run = _Run(victims, siblings)
    names = sorted(run.script)
    if names:
        for name, dies in data.draw(st.lists(st.tuples(st.sampled_from(names), st.integers(0, 9)), max_size=40)):
            run.step(name, dies=dies == 0)
    for _ in range(12):  # everyone goes on, one step a round; the longest script has six
        for name in names:
            run.step(name, dies=False)
        run.beat()
    assert run.alive == set()
    assert run.phases == [Phase.GATHERING, Phase.OPEN, Phase.CLOSED]


@given(victims=st.lists(st.integers(1, 2), min_size=1, max_size=3), siblings=st.integers(1, 3))
def test_no_fault_strikes_before_every_sibling_is_in_the_middle_of_its_work(victims: list[int], siblings: int) -> None:
    """While one sibling is not at its gate, no victim is let go."""
    run = _Run(victims, siblings)
    for name in run.faults:
        run.step(name, dies=False)
    for name in run.siblings[:-1]:
        run.step(name, dies=False)
    assert run.waiting == set(run.faults) | set(run.siblings[:-1])
    run.step(run.siblings[-1], dies=False)
    assert run.waiting == set()


def _awaiting() -> Director:
    awaited = {"b": Awaited("victim", "s1", 10)}
    return Director(faults={"victim": ["a", "b"]}, siblings=["s1"], awaited=awaited)


def test_a_fault_waits_in_the_window_for_a_message_of_another_child() -> None:
    """Whoever does a fault in its name without waiting goes on; it goes when the message is sent."""
    director = _awaiting()
    director.reached("victim", "a")
    director.gate("s1", "before")
    director.over("victim", "a")
    director.reached("victim", "b")
    assert (director.holds("a"), director.holds("b")) == (False, True)
    assert director.sent("s1", 9) == ["victim"]  # who looks, and still waits
    assert director.holds("b")
    assert director.sent("s1", 10) == ["victim"]
    assert (director.holds("b"), director.in_vain("b")) == (False, False)


def test_a_message_before_the_window_opens_nothing() -> None:
    """The victim waits for the window as well."""
    director = _awaiting()
    assert director.sent("s1", 10) == []
    assert director.reached("victim", "b") == []
    assert director.gate("s1", "before") == ["victim", "s1"]
    assert not director.holds("b")


def test_who_waits_for_the_dead_goes_on_in_vain() -> None:
    """But not for one that had sent the message."""
    director = _awaiting()
    director.gate("s1", "before")
    director.reached("victim", "b")
    assert director.holds("b")
    assert director.gone("s1") == ["victim"]
    assert (director.holds("b"), director.in_vain("b")) == (False, True)
    director = _awaiting()
    director.sent("s1", 10)
    director.gone("s1")
    assert not director.in_vain("b")
