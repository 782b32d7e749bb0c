"""Guarantee `no-crosstalk`."""

from __future__ import annotations

from dataclasses import replace

from gostage_sim.guarantees.contract import Verdict
from gostage_sim.guarantees.judge import judge
from gostage_sim.guarantees.no_crosstalk import NoCrosstalk
from gostage_sim.history.model import ChildHistory, History, KernelExit

from .histories import OPENED, SECOND, child, content, handled_as, history, messages, parent, recovery, sibling, victim

TYPES = ("log", "store_put")


def own(number: int) -> ChildHistory:
    """A sibling whose messages are no other's."""
    like = sibling(number)
    sent = [("log" if index % 2 else "store_put", f"{number}: {index}") for index in range(30)]
    times = like.sent.rows["t_ns"][:30].tolist()
    return replace(child(like.name, "sibling", sent, pid=200 + number, times=times), expected_types=TYPES)


def stream(number: int) -> list[tuple[str, str]]:
    return [("log" if index % 2 else "store_put", f"{number}: {index}") for index in range(30)]


def failing(found: History) -> set[str]:
    return {judgement.name for judgement in judge(found) if judgement.verdict is Verdict.FAIL}


def test_holds() -> None:
    """Children that send the same types side by side are told apart."""
    judgement = NoCrosstalk().judge(history(victim(), own(1), own(2), recovery()))
    assert (judgement.verdict, judgement.reason) == (
        Verdict.PASS,
        "83 messages handled in the name of their senders; victim and sibling[1] both sent log",
    )


def test_swapped() -> None:
    """A message that was handled in the name of another child is named by both; an invented one is no crosstalk."""
    one, other = stream(1), stream(2)
    one[10], other[12] = other[12], one[10]
    swapped = history(victim(), handled_as(own(1), one), handled_as(own(2), other), recovery())
    judgement = NoCrosstalk().judge(swapped)
    assert judgement.reason == (
        "message 13 (store_put) of sibling[2] was handled as message 11 of sibling[1] (and 1 more)"
    )
    assert failing(swapped) == {"no-crosstalk", "no-loss", "no-phantom"}
    one[10] = ("log", "of nobody")
    invented = history(victim(), handled_as(own(1), one), own(2), recovery())
    assert NoCrosstalk().judge(invented).verdict is Verdict.PASS


def test_copied_to_another() -> None:
    """Handled in the name of its sender as well is crosstalk too."""
    both = handled_as(own(1), [*stream(1)[:10], stream(2)[12], *stream(1)[10:]])
    judgement = NoCrosstalk().judge(history(victim(), both, own(2), recovery()))
    assert judgement.reason == "message 13 (store_put) of sibling[2] was handled as message 11 of sibling[1]"


def test_alike_and_missing_elsewhere() -> None:
    """Of children that send alike the one's is missing where the other's came twice; twice alone is a duplicate."""
    twice = handled_as(sibling(1), [*content(11), *content(30)[10:]])
    missing = handled_as(sibling(2), [*content(10), *content(30)[11:]])
    judgement = NoCrosstalk().judge(history(victim(), twice, missing, recovery()))
    assert judgement.reason == "message 11 (log) of sibling[2] was handled as message 12 of sibling[1]"
    assert NoCrosstalk().judge(history(victim(), twice, sibling(2), recovery())).verdict is Verdict.PASS


def test_in_the_name_of_nobody() -> None:
    """A message whose sender was never spawned was taken from somebody."""
    lost = history(victim(), own(1), own(2), unattributed=messages([("log\x07", "1")], [OPENED]))
    judgement = NoCrosstalk().judge(lost)
    assert (judgement.verdict, judgement.reason) == (
        Verdict.FAIL,
        r"1 message handled in the name of a child that was never spawned, the first one a 'log\x07'",
    )


def test_unknown() -> None:
    """Siblings that were to send one type must have done so, while both were there."""
    silent = handled_as(own(2), [])
    later = replace(own(2), spawned_ns=10 * SECOND, returned_ns=11 * SECOND)
    for other in (silent, later):
        lone = history(own(1), other)
        assert NoCrosstalk().applies(lone)
        judgement = NoCrosstalk().judge(lone)
        assert (judgement.verdict, judgement.reason) == (
            Verdict.UNKNOWN,
            "no 2 children that lived side by side sent and had handled messages of one type",
        )


def test_applies() -> None:
    """Not to one child after another, nor where it was planned and the parent killed before."""
    assert not NoCrosstalk().applies(history(own(1), recovery(spawned_ns=4 * SECOND)))
    assert not NoCrosstalk().applies(history(own(1), handled_as(replace(own(2), wave=2), [])))
    note = {"t_ns": 1, "by": "observer", "killed_parent": "SIGKILL"}
    killed = replace(victim(), faults=(replace(victim().faults[0], notes=(note,)),), handled=messages((), ()))
    dead = parent(alive=False, finished=False, exit=KernelExit(5 * SECOND, None, "SIGKILL", "waitpid"))
    assert not NoCrosstalk().applies(history(killed, own(1), handled_as(own(2), []), parent=dead))
