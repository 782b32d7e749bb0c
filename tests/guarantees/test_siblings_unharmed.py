"""Guarantee `siblings-unharmed`."""

from __future__ import annotations

from dataclasses import replace

from gostage_sim.guarantees.contract import Verdict
from gostage_sim.guarantees.siblings_unharmed import SiblingsUnharmed
from gostage_sim.history.model import KernelExit, SpawnReport, Window

from .histories import CLOSED, OPENED, SECOND, content, handled_as, history, recovery, sibling, victim


def test_holds() -> None:
    """Siblings that sent before, during and after the faults and completed are unharmed."""
    judgement = SiblingsUnharmed().judge(history())
    assert judgement.verdict is Verdict.PASS
    assert judgement.reason == "2 siblings sent before, during and after the faults and completed unharmed"
    assert set(judgement.evidence["sibling[1]"]) == {"max_delay_s", "p99_delay_s", "max_stall_s"}


def test_killed_with_the_victim() -> None:
    """A sibling that did not complete was harmed."""
    harmed = sibling(2, report=SpawnReport("signaled", None, "SIGKILL", 202))
    judgement = SiblingsUnharmed().judge(history(victim(), sibling(1), harmed))
    assert judgement.verdict is Verdict.FAIL
    assert judgement.reason == (
        "sibling[2] should have completed with exit code 0, but ended as signaled, killed by SIGKILL"
    )


def test_kernel_is_asked_too() -> None:
    """The engine's word that a sibling completed is not enough."""
    harmed = sibling(1, exit=KernelExit(CLOSED, None, "SIGKILL", "pidfd"))
    judgement = SiblingsUnharmed().judge(history(victim(), harmed))
    assert judgement.reason == ("sibling[1] should have ended with exit code 0, but the kernel said killed by SIGKILL")
    judgement = SiblingsUnharmed().judge(history(victim(), sibling(1, exit=None)))
    assert (judgement.verdict, judgement.reason) == (
        Verdict.UNKNOWN,
        "how the kernel saw sibling[1] end is not known",
    )


def test_messages_missing() -> None:
    """A sibling whose messages were not all handled was harmed."""
    judgement = SiblingsUnharmed().judge(history(victim(), handled_as(sibling(1), content(29))))
    assert judgement.reason == "29 messages of sibling[1] handled, 30 expected as without the fault"


def test_stall() -> None:
    """A message that waits while the parent does nothing for its child is harm; a backlog that moves is not."""
    slow = sibling(1)
    times = slow.handled.rows["t_ns"]
    times[:] = slow.sent.rows["t_ns"][0] + [index * SECOND for index in range(1, 31)]
    assert SiblingsUnharmed().judge(history(victim(), slow)).verdict is Verdict.PASS
    times[20:] += 6 * SECOND
    judgement = SiblingsUnharmed().judge(history(victim(), slow))
    assert judgement.reason == (
        "message 21 of sibling[1] waited 7.000 s while the parent did nothing for it; at most 2.000 s is expected"
    )
    since, until = int(times[19]), int(times[20])
    held = replace(slow, held=((since + 1, until),))
    assert SiblingsUnharmed().judge(history(victim(), held)).verdict is Verdict.PASS
    held = replace(slow, held=((since - 5 * SECOND, until - 3 * SECOND),))
    assert SiblingsUnharmed().judge(history(victim(), held)).verdict is Verdict.FAIL


def test_silent_during_the_faults() -> None:
    """A sibling that sent nothing in the window proves nothing."""
    judgement = SiblingsUnharmed().judge(history(window=Window(OPENED, OPENED + 1)))
    assert judgement.verdict is Verdict.UNKNOWN
    assert judgement.reason == (
        "sibling[1] sent nothing during the faults; let its own steps send 3 messages or more (and 1 more)"
    )


def test_no_window() -> None:
    """Without a window that opened and closed there is no before and after."""
    for window, word in ((None, "opened"), (Window(OPENED, None), "closed")):
        judgement = SiblingsUnharmed().judge(history(window=window))
        assert (judgement.verdict, judgement.reason) == (Verdict.UNKNOWN, f"the window of the faults never {word}")


def test_applies() -> None:
    """It needs siblings."""
    assert not SiblingsUnharmed().applies(history(victim()))
    assert SiblingsUnharmed().applies(history(replace(victim(), faults=()), sibling(1)))


def test_without_faults() -> None:
    """Where nothing is broken on purpose every child must complete all the same, unless the scenario says otherwise."""
    judgement = SiblingsUnharmed().judge(history(sibling(1), recovery(), window=None))
    assert (judgement.verdict, judgement.reason) == (Verdict.PASS, "1 sibling completed")
    broken = sibling(1, report=SpawnReport("failed", 1, None, 201), exit=KernelExit(CLOSED, 1, None, "pidfd"))
    judgement = SiblingsUnharmed().judge(history(broken, window=None))
    assert (judgement.verdict, judgement.reason) == (
        Verdict.FAIL,
        "sibling[1] should have completed with exit code 0, but ended as failed, exit code 1",
    )
    meant = replace(broken, expect={"outcome": "failed"})
    assert not SiblingsUnharmed().applies(history(meant, window=None))
    assert SiblingsUnharmed().applies(history(victim(), meant))
