"""Every guarantee has saboteurs, and what becomes of them is told apart."""

from __future__ import annotations

from collections import Counter

import pytest

from gostage_sim.guarantees import guarantee_names
from gostage_sim.guarantees.contract import Verdict
from gostage_sim.harness.observer import run_scenario
from gostage_sim.harness.plan import make_plan
from gostage_sim.harness.saboteurs import SABOTEURS, saboteur
from gostage_sim.harness.saboteurs.contract import Saboteur
from gostage_sim.harness.saboteurs.scenes import SCENES
from gostage_sim.harness.selftest import Trial, finding, trials
from gostage_sim.harness.verdict import unjudged
from gostage_sim.scenario.model import TRANSPORTS


def test_every_guarantee_has_two_saboteurs_on_each_transport() -> None:
    """A guarantee that was never seen to fail proves nothing, and one that was seen to fail once proves little."""
    tried = Counter((one.saboteur.guarantee, one.transport) for one in trials(SABOTEURS, TRANSPORTS) if one.saboteur)
    wanted = {(name, transport) for name in guarantee_names() for transport in TRANSPORTS}
    assert {each for each in wanted if tried[each] < 2} == set()
    assert tried.keys() == wanted


def test_no_two_saboteurs_are_alike() -> None:
    """Names are unique, and so is what they do: two of one guarantee break the engine at different places."""
    for facts in ([one.name for one in SABOTEURS], [one.does for one in SABOTEURS]):
        assert [fact for fact, times in Counter(facts).items() if times > 1] == []
    assert len({one.sabotage.__code__ for one in SABOTEURS}) == len(SABOTEURS)


def test_the_engine_as_it_is_comes_first_in_each_scenario_that_is_needed() -> None:
    """Where it does not pass, what becomes of the saboteurs says nothing."""
    chosen = trials([saboteur("drops"), saboteur("asks")], ["grpc"])
    assert [(trial.name, trial.scene, trial.transport) for trial in chosen] == [
        ("engine as it is: crash", "crash", "grpc"),
        ("engine as it is: killed parent", "killed parent", "grpc"),
        ("drops", "crash", "grpc"),
        ("asks", "killed parent", "grpc"),
    ]


@pytest.mark.parametrize("scene", SCENES)
def test_a_saboteur_that_does_nothing_survives(scene: str) -> None:
    """With the result of the engine as it is, every saboteur of that scenario counts as one that got away."""
    (found,) = [name for name in SCENES if name == scene]
    result = run_scenario(SCENES[found], seed=1)
    ours = [one for one in SABOTEURS if one.scene == found]
    assert ours
    for one in ours:
        seen = finding(Trial(one, found, "json"), result)
        assert (seen.verdict, seen.reason.split(":")[0]) == (Verdict.FAIL, "pass"), one.name
    assert finding(Trial(None, found, "json"), result).verdict is Verdict.PASS


def test_a_guarantee_that_did_not_judge_has_caught_nobody() -> None:
    """A saboteur in a scenario about which its guarantee has nothing to say survives, and the reason says why."""
    result = run_scenario(SCENES["hang"].model_copy(update={"guarantees": ("order",)}), seed=1)
    seen = finding(Trial(Saboteur("idle", "quarantine", "does nothing", lambda: None, "hang"), "hang", "json"), result)
    assert (seen.verdict, seen.reason) == (Verdict.FAIL, "quarantine was not judged")


def test_a_harness_that_fails_catches_nobody() -> None:
    """Without evidence a saboteur is neither caught nor free: unknown, with what went wrong."""
    plan = make_plan(SCENES["crash"], seed=1, transport="json")
    seen = finding(Trial(saboteur("drops"), "crash", "json"), unjudged(plan, "its observer ended", duration_s=0.0))
    assert (seen.verdict, seen.reason) == (Verdict.UNKNOWN, "its observer ended")
