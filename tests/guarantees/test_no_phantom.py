"""Guarantee `no-phantom`."""

from __future__ import annotations

from gostage_sim.guarantees.contract import Verdict
from gostage_sim.guarantees.no_phantom import NoPhantom

from .histories import content, handled_as, history, sibling, victim


def test_holds() -> None:
    """Messages that were all sent pass, with several spawns on one runner."""
    judgement = NoPhantom().judge(history())
    assert judgement.verdict is Verdict.PASS
    assert judgement.reason == "83 messages of 4 spawns on one runner, each one sent"


def test_violated() -> None:
    """A message handled that was never sent is named by its place among the handled ones."""
    seen = content(20)
    seen.insert(9, ("login", "admin"))
    judgement = NoPhantom().judge(history(handled_as(victim(), seen), sibling(1)))
    assert judgement.verdict is Verdict.FAIL
    assert judgement.reason == "victim never sent what was handled as its message 10 (login)"


def test_changed_payload() -> None:
    """A message whose payload changed on the way was never sent."""
    seen = content(20)
    seen[3], seen[7] = ("store_put", "changed"), ("store_put", "changed too")
    judgement = NoPhantom().judge(history(handled_as(victim(), seen), sibling(1)))
    assert judgement.reason == "victim never sent what was handled as its message 4 (store_put); 2 phantoms in all"


def test_message_of_another_child() -> None:
    """A message attributed to the wrong child is a phantom there."""
    seen = [*content(20), ("log", "28")]
    judgement = NoPhantom().judge(history(handled_as(victim(), seen), sibling(1)))
    assert judgement.reason == "victim never sent what was handled as its message 21 (log)"


def test_one_spawn_is_no_witness() -> None:
    """With one child alone nothing could be delivered to another."""
    judgement = NoPhantom().judge(history(victim()))
    assert judgement.verdict is Verdict.UNKNOWN
    assert judgement.reason == "only 1 spawn was seen on the runner; at least 2 are needed"


def test_result_that_was_never_sent() -> None:
    """The engine's own messages are not made up either."""
    seen = [*content(20), ("workflow_result", "victim")]
    judgement = NoPhantom().judge(history(handled_as(victim(), seen), sibling(1)))
    assert judgement.reason == "victim never sent what was handled as its message 21 (workflow_result)"


def test_handled_before_it_was_sent() -> None:
    """A message handled before the child had sent it was another child's that looks the same."""
    early = sibling(1)
    early.handled.rows["t_ns"][4] = early.sent.rows["t_ns"][4] - 1
    judgement = NoPhantom().judge(history(victim(), early))
    assert judgement.reason == "sibling[1] had not yet sent what was handled as its message 5 (log)"
