"""`gostage-sim selftest`: all saboteurs are caught for what they do, and whatever else comes of it is said."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from gostage_sim.guarantees.contract import Verdict
from gostage_sim.harness.saboteurs import SABOTEURS, saboteur
from gostage_sim.harness.saboteurs.scenes import SCENES
from gostage_sim.harness.selftest import Finding, Trial
from gostage_sim.report import selftest_command
from gostage_sim.report.bad_input import BadInput
from gostage_sim.report.selftest_matrix import Matrix

#: A part of the reason for which each is caught: an engine that merely starts no child fails many a guarantee.
REASONS = {
    "dies": "ended before its work was done: killed by SIGKILL",
    "panics": "an exception was not handled in the parent: 'LookupError: a thread of the engine",
    "freezes": "the parent's heart paused for 2.",
    "shortens": "was armed but never fired",
    "mislays": "was planned but never armed",
    "reorders": "victim handled message 11 (message) where message 10 (message) was sent",
    "defers": "victim handled message 2 (message) where message 1 (log) was sent",
    "drops": "victim sent message 10 (message) and no handler saw it",
    "withholds": "victim sent message 60 (message) and no handler saw it",
    "swaps": "was handled as message",
    "mixes": "was handled as message",
    "doubles": "victim sent a message (message) 1 time and it was handled 2 times, again as handled message 11",
    "echoes": "60 duplicates in all",
    "invents": "victim never sent what was handled as its message 11 (message)",
    "guesses": "victim never sent what was handled as its message 21 (text)",
    "harms": "sibling should have completed with exit code 0, but ended as signaled, killed by SIGKILL",
    "mourns": "while the parent did nothing for it; at most 2.000 s is expected",
    "misreports": "victim was reported exited, but the kernel said killed by SIGSEGV",
    "slanders": "sibling was reported failed, but the kernel said exit code 0",
    "hangs": "after its child's exit; at most 2.000 s is expected",
    "oversleeps": "after its deadline and grace period; at most 2.000 s is expected",
    "lingers": "after its child's exit; at most 2.000 s is expected",
    "swallows": "('not_json') was not reported",
    "misplaces": "where none was written",
    "chokes": "the next good one after the bad line",
    "shares": "under 'first'",  # of the one that ends first
    "empties": "the final store of sibling has no 'first', 1 expected",
    "stops": "which came next, was never handled",
    "forgets": "and 0 errors recorded",
    "hoards": "the parent grew by 3",
    "transcribes": "the parent grew by 3",
    "leaks": "9 open file descriptors after the last spawn, 8 before the first",
    "looks": "4 zombies after the last spawn, 0 before the first",
    "spares": "1 process after the last spawn, 0 before the first",
    "abandons": "outlived the parent, and was there to the end",
    "orphans": "grandchild') outlived the parent, and was there to the end",
    "asks": "state T",
    "gives-up": "the spawn of recovery after the faults raised RuntimeError",
    "numbs": "0 messages of recovery handled, 3 expected",
    "embellishes": "outcome of victim is completed, signaled expected",
    "skimps": "the final store of sibling has no",
}


def selftest(*arguments: str, cwd: Path) -> tuple[int, list[str], str]:
    """Exit code, lines of stdout, stderr."""
    command = [sys.executable, "-P", "-m", "gostage_sim", "selftest", *arguments]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.splitlines(), done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("transport", ["json", "grpc"])
def test_every_saboteur_is_caught_and_the_engine_as_it_is_passes(tmp_path: Path, transport: str) -> None:
    """Over each transport a broken engine is noticed by its guarantee, and for what it does; the engine as it is passes
    the same scenarios; and the matrix says who noticed what."""
    code, lines, stderr = selftest("--transport", transport, cwd=tmp_path)
    assert (code, stderr) == (0, ""), "\n".join(lines)
    assert lines[-1] == f"{len(SABOTEURS)} saboteurs over {transport}: all caught"
    found, matrix = lines[: lines.index("")], lines[lines.index("") :]
    starts = {f"passes   {transport}: engine as it is: {scene}: every guarantee holds": "" for scene in SCENES} | {
        f"caught   {transport}: {one.name} ({one.does}) by {one.guarantee}: ": REASONS[one.name] for one in SABOTEURS
    }
    assert len(found) == len(starts)
    assert {start for start in starts if not any(line.startswith(start) for line in found)} == set()
    for start, reason in starts.items():
        (line,) = [line for line in found if line.startswith(start)]
        assert reason in line
    for one in SABOTEURS:
        (row,) = [row for row in matrix if row.startswith(f"{one.name} ")]
        assert ("[?]" if one.guarantee == "fault-fired" else "[F]") in row


def test_some_of_them(tmp_path: Path) -> None:
    """`-k` chooses by name and by guarantee, `--transport` the transport; the engine as it is is always there."""
    code, lines, stderr = selftest("-k", "no-loss and not withholds", "--transport", "json", cwd=tmp_path)
    assert (code, stderr) == (0, ""), "\n".join(lines)
    assert sorted(line.split(" (")[0] for line in lines[: lines.index("")]) == [
        "caught   json: drops",
        "passes   json: engine as it is: crash: every guarantee holds",
    ]
    assert lines[-1] == "1 saboteur over json: all caught"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-k", "order or"], "-k 'order or': found the end at column 9; expected a word, 'not' or '('\n"),
        (["--transport", "pigeon"], "'pigeon' is not one of 'json', 'grpc', 'all'"),
    ],
)
def test_bad_usage(tmp_path: Path, arguments: list[str], message: str) -> None:
    """Exit code 2, what is wrong, and nothing is run."""
    code, lines, stderr = selftest(*arguments, cwd=tmp_path)
    assert (code, lines) == (2, [])
    assert message in stderr


def test_an_expression_that_matches_nothing() -> None:
    """What there is stands in the message."""
    with pytest.raises(BadInput) as raised:
        selftest_command.choose("flies")
    assert list(raised.value.lines) == [
        "-k 'flies': matches no saboteur and no guarantee",
        f"  saboteurs: {', '.join(one.name for one in SABOTEURS)}",
        f"  guarantees: {', '.join(dict.fromkeys(one.guarantee for one in SABOTEURS))}",
    ]


@pytest.mark.parametrize(
    ("drops", "engine", "code", "said"),
    [
        (Verdict.FAIL, Verdict.PASS, 1, "1 saboteur over json: 1 fail"),
        (Verdict.UNKNOWN, Verdict.PASS, 3, "1 saboteur over json: 1 unknown"),
        (Verdict.UNKNOWN, Verdict.FAIL, 1, "1 saboteur over json: 1 fail, 1 unknown"),
        (Verdict.PASS, Verdict.UNKNOWN, 3, "1 saboteur over json: 1 unknown"),
    ],
)
def test_what_is_not_as_it_should_be(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    drops: Verdict,
    engine: Verdict,
    code: int,
    said: str,
) -> None:
    """A saboteur that survives makes the self-test fail; so does an engine that does not pass as it is; what could not
    be seen makes it unknown."""

    def found(chosen: Iterable[Trial], workers: int) -> Iterable[Finding]:
        for trial in chosen:
            yield Finding(trial, engine if trial.saboteur is None else drops, "pass: \x1b[2J", {"no-loss": drops})

    monkeypatch.setattr(selftest_command, "run_selftest", found)
    assert selftest_command.selftest(transport="json", keyword="drops") == code
    lines = capsys.readouterr().out.splitlines()
    marks = {Verdict.PASS: "caught", Verdict.FAIL: "SURVIVED", Verdict.UNKNOWN: "UNKNOWN"}
    what = "json: drops (delivers message 10 of each child to nobody) by no-loss: pass: \\x1b[2J"
    assert f"{marks[drops]:8} {what}" in lines
    assert lines[-1] == said


def test_the_matrix() -> None:
    """A row a saboteur, a column a guarantee that judged, a mark a transport; its own guarantee stands in brackets."""
    drops = saboteur("drops")
    judged = {"order": Verdict.PASS, "no-loss": Verdict.FAIL}
    matrix = Matrix(
        [
            Finding(Trial(None, "crash", "json"), Verdict.PASS, "", dict.fromkeys(judged, Verdict.PASS)),
            Finding(Trial(None, "crash", "grpc"), Verdict.UNKNOWN, "", {"order": Verdict.UNKNOWN}),
            Finding(Trial(drops, "crash", "json"), Verdict.PASS, "", judged),
            Finding(Trial(drops, "crash", "grpc"), Verdict.FAIL, "", {**judged, "no-loss": Verdict.PASS}),
        ]
    )
    assert list(matrix.plain()) == [
        "                        1   2",
        "engine as it is: crash  .?  .-",
        "drops                   .. [F.]",
    ]
    assert list(matrix.legend()) == [
        "1 order  2 no-loss",
        ". pass, F fail, ? unknown, - not judged, over json and grpc; [ ] had to notice",
    ]
