"""What a scenario says must fail, because no parent can hide its fault: then that failure is what passes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from gostage_sim.guarantees.contract import Judgement, Verdict


def as_the_scenario_expects(judgements: Iterable[Judgement], expected_to_fail: Iterable[str]) -> tuple[Judgement, ...]:
    """The judgements, where those of the names turn round: a failure passes, with its reason and its evidence, and a
    pass fails, as does a guarantee that was not judged at all. What is unknown stays so.
    """
    found = {judgement.name: judgement for judgement in judgements}
    for name in expected_to_fail:
        found[name] = _turned(found.get(name, Judgement(name, Verdict.PASS, "this run has nothing for it to judge")))
    return tuple(found.values())


def _turned(judgement: Judgement) -> Judgement:
    if judgement.verdict is Verdict.UNKNOWN:
        return judgement
    failed = judgement.verdict is Verdict.FAIL
    verdict = Verdict.PASS if failed else Verdict.FAIL
    said = "failed, as the scenario expects" if failed else "expected to fail, and did not"
    evidence = {**judgement.evidence, "expected_verdict": "fail"}
    return dataclasses.replace(judgement, verdict=verdict, reason=f"{said}: {judgement.reason}", evidence=evidence)
