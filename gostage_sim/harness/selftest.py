"""The self-test: every saboteur must be caught by its guarantee, the engine as it is must pass the same scenarios."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from gostage_sim.guarantees.contract import Verdict
from gostage_sim.harness.plan import Plan, make_plan
from gostage_sim.harness.pool import ObserverPool
from gostage_sim.harness.result import ScenarioResult
from gostage_sim.harness.saboteurs.contract import Saboteur, Scene
from gostage_sim.harness.saboteurs.scenes import SCENES
from gostage_sim.scenario.model import Transport
from gostage_sim.scenario.transports import Case


@dataclass(frozen=True, slots=True)
class Trial:
    """One scenario on one transport, with a saboteur, or of the engine as it is."""

    saboteur: Saboteur | None
    scene: Scene
    transport: Transport

    @property
    def name(self) -> str:
        """`drops`, or `engine as it is: crash`."""
        return f"engine as it is: {self.scene}" if self.saboteur is None else self.saboteur.name


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of one trial."""

    trial: Trial
    verdict: Verdict
    """PASS where the saboteur was caught, or the engine as it is has passed; FAIL where not; UNKNOWN where that could
    not be seen."""
    reason: str
    """Of the guarantee that had to notice, or why it did not."""
    judged: Mapping[str, Verdict]
    """What each guarantee said, by name."""


def trials(saboteurs: Sequence[Saboteur], transports: Sequence[Transport]) -> list[Trial]:
    """These saboteurs, behind the engine as it is in the scenarios that they need, each over every transport."""
    scenes = [scene for scene in SCENES if any(one.scene == scene for one in saboteurs)]
    made = [(None, scene) for scene in scenes] + [(one, one.scene) for one in saboteurs]
    return [Trial(saboteur, scene, transport) for saboteur, scene in made for transport in transports]


def run_selftest(chosen: Sequence[Trial], workers: int) -> Iterator[Finding]:
    """Run them, so many side by side; findings come as they are done."""
    by_name: dict[tuple[str, str], Trial] = {(trial.name, trial.transport): trial for trial in chosen}
    with ObserverPool(workers=workers) as pool:
        for result in pool.run_plans(map(_planned, chosen)):
            yield finding(by_name[result.scenario, result.transport], result)


def finding(trial: Trial, result: ScenarioResult) -> Finding:
    """What the result says of the trial."""
    judged = {judgement.name: judgement.verdict for judgement in result.guarantees}
    if trial.saboteur is None:
        return Finding(trial, result.verdict, result.reason or "every guarantee holds", judged)
    guarantee = trial.saboteur.guarantee
    judgement = next((found for found in result.guarantees if found.name == guarantee), None)
    if judgement is None:
        could_not = not result.children  # the harness failed, and its reason stands in place of all judgements
        verdict = Verdict.UNKNOWN if could_not else Verdict.FAIL
        return Finding(trial, verdict, result.reason if could_not else f"{guarantee} was not judged", judged)
    # A fault that did not happen is unknown by design; everything else must be recognised for what it is.
    wanted = Verdict.UNKNOWN if guarantee == "fault-fired" else Verdict.FAIL
    verdict = Verdict.PASS if judgement.verdict is wanted else _missed(judgement.verdict)
    return Finding(trial, verdict, f"{judgement.verdict}: {judgement.reason}", judged)


def _missed(said: Verdict) -> Verdict:
    """Of a saboteur of which its guarantee says something else than it should: by a pass it survives."""
    return Verdict.UNKNOWN if said is Verdict.UNKNOWN else Verdict.FAIL


def _planned(trial: Trial) -> tuple[Case, Plan]:
    scenario = SCENES[trial.scene].model_copy(update={"name": trial.name})
    plan = make_plan(scenario, seed=1, transport=trial.transport)
    return Case(scenario, trial.transport), {**plan, "saboteur": trial.saboteur and trial.saboteur.name}
