"""Every guarantee has a saboteur, and catches it."""

from __future__ import annotations

import os

import pytest

from gostage_sim.harness import selftest
from gostage_sim.harness.saboteurs import SABOTEURS
from gostage_sim.harness.selftest import main, run_selftest, unwatched


def test_every_guarantee_of_ours_has_a_saboteur() -> None:
    """A guarantee that was never seen to fail proves nothing."""
    assert unwatched() == []


def test_every_saboteur_is_caught_and_the_honest_engine_passes() -> None:
    """Over each transport a broken engine is noticed by its guarantee; the engine as it is passes the same scenario."""
    findings = list(run_selftest(workers=len(os.sched_getaffinity(0))))
    expected = {(one, transport) for one in (None, *SABOTEURS) for transport in ("json", "grpc")}
    assert {(finding.saboteur, finding.transport) for finding in findings} == expected
    assert [finding for finding in findings if not finding.ok] == []
    # Caught for what it does: an engine that merely starts no child fails many a guarantee.
    harmed = [finding.reason for finding in findings if finding.saboteur and finding.saboteur.name == "harms"]
    assert all("killed by SIGKILL" in reason for reason in harmed)


def test_an_idle_saboteur_is_missed_and_said_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A saboteur that nobody catches makes the self-test fail: exit code 1 and a line that says MISSED."""
    (drops,) = [one for one in SABOTEURS if one.name == "drops"]
    missed = selftest.Finding(drops, "json", ok=False, reason="pass: nothing was lost")
    monkeypatch.setattr(selftest, "run_selftest", lambda workers: iter([missed]))
    assert main([]) == 1
    assert capsys.readouterr().out == (
        "MISSED   json: drops (delivers message 10 of each child to nobody) by no-loss: pass: nothing was lost\n"
        "13 saboteurs on 2 transports, 1 of the lines above are not as they should be\n"
    )


def test_arguments_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """There is nothing to choose."""
    assert main(["-x"]) == 2
    assert capsys.readouterr().err == "selftest takes no arguments; found '-x'\n"
