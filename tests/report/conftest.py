"""Results and runs made by hand for the writers, and texts that a hostile child could have said."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gostage_sim.guarantees.contract import Judgement, Verdict
from gostage_sim.harness.result import ChildResult, FaultResult, ParentResult, ScenarioResult
from gostage_sim.report.run_report import NotRun, Platform, Run, Skipped

HOSTILE = [
    "\x1b[2J\x1b]0;owned\x07",
    "]]>",
    "<script>alert(1)</script>",
    "a | b || c",
    "NUL \x00 and DEL \x7f and CSI \x9b31m",
    "lone \ud800 and \udcff",
    "not characters \ufffe \uffff",
    "```\n# heading\n````",
    "`code` *bold* [link](https://evil.example) ![x](y) &amp; \\",
    "\u202egnp.exe\u2028\u2066",
    "line\r\nline\ttab",
    "[red]markup[/red] :bomb:",
    "https://evil.example www.evil.example a@evil.example",
    "",
]


@pytest.fixture(scope="session", params=HOSTILE, ids=range(len(HOSTILE)))
def hostile(request: pytest.FixtureRequest) -> str:
    text: str = request.param
    return text


@pytest.fixture(scope="session")
def make_result() -> Callable[..., ScenarioResult]:
    def make(verdict: Verdict = Verdict.PASS, said: str = "said", **changes: str) -> ScenarioResult:
        """A result in which the child's words stand wherever a child can put words."""
        texts = {"scenario": "A bad pointer", "file": "scenarios/crash/a.yaml", "reproduce": "gostage-sim run a"}
        texts |= changes
        return ScenarioResult(
            scenario=texts["scenario"],
            file=texts["file"],
            transport="json",
            verdict=verdict,
            reason="" if verdict is Verdict.PASS else said,
            seed=42,
            duration_s=1.25,
            guarantees=(
                Judgement("parent-alive", Verdict.PASS, "seen alive", {"beats": 7}),
                Judgement("order", verdict, said, {said: [said]}),
            ),
            faults=(FaultResult("crash", said, True, True, said),),
            children=(ChildResult(said, 17, "signaled", None, "SIGSEGV", 500, 250, 0, said, said),),
            parent=ParentResult(True, 4096, 0.011),
            reproduce=texts["reproduce"],
            tags=(said,),
            id=texts["scenario"],
            extra={"said": said},
        )

    return make


@pytest.fixture(scope="session")
def make_run() -> Callable[..., Run]:
    def make(
        *results: ScenarioResult,
        not_run: tuple[NotRun, ...] = (),
        skipped: tuple[Skipped, ...] = (),
        interrupted: bool = False,
    ) -> Run:
        return Run(
            version="0.1.0",
            git_head="0" * 40,
            git_dirty=True,
            argv=("gostage-sim", "run", "scenarios/"),
            platform=Platform("Linux", "6.15", "x86_64", "CPython 3.11.2", 2, "host"),
            seed=42,
            workers=2,
            transport="json",
            started_at="2025-01-02T03:04:05+00:00",
            duration_s=2.5,
            results=results,
            not_run=not_run,
            skipped=skipped,
            interrupted=interrupted,
        )

    return make
