"""Every guarantee has a saboteur, and catches it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gostage_sim.harness import selftest
from gostage_sim.harness.saboteurs import SABOTEURS
from gostage_sim.harness.selftest import main, unwatched


def test_every_guarantee_of_ours_has_a_saboteur() -> None:
    """A guarantee that was never seen to fail proves nothing."""
    assert unwatched() == []


@pytest.mark.slow
def test_every_saboteur_is_caught_and_the_honest_engine_passes(tmp_path: Path) -> None:
    """Over each transport a broken engine is noticed by its guarantee; the engine as it is passes the same scenario."""
    command = [sys.executable, "-P", "-m", "gostage_sim", "selftest"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=280)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    *lines, summary = done.stdout.splitlines()
    assert summary == f"{len(SABOTEURS)} saboteurs on 2 transports, all caught"
    expected = {
        f"{transport}: {start}: "
        for transport in ("json", "grpc")
        for start in (
            "the engine as it is, self-test",
            "the engine as it is, self-test of a killed parent",
            *(f"{one.name} ({one.does}) by {one.guarantee}" for one in SABOTEURS),
        )
    }
    found = {text: reason for text in expected for line in lines if (reason := line[9:].partition(text)[2])}
    assert {line.split()[0] for line in lines} == {"ok", "caught"}
    assert (set(found), len(lines)) == (expected, len(expected))
    # Caught for what it does: an engine that merely starts no child fails many a guarantee.
    harmed = [reason for text, reason in found.items() if ": harms (" in text]
    assert len(harmed) == 2
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
        f"{len(SABOTEURS)} saboteurs on 2 transports, 1 of the lines above are not as they should be\n"
    )


def test_arguments_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """There is nothing to choose."""
    assert main(["-x"]) == 2
    assert capsys.readouterr().err == "selftest takes no arguments; found '-x'\n"
