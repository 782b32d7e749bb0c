"""The scenarios in which saboteurs are shown: something to see for every guarantee, and all hold of the real engine."""

from __future__ import annotations

from gostage_sim.faults.contract import Placement
from gostage_sim.faults.crash import Crash
from gostage_sim.faults.flood import Flood
from gostage_sim.faults.hang import Hang
from gostage_sim.faults.kill_parent import KillParent
from gostage_sim.faults.malformed import Malformed
from gostage_sim.faults.stray import Stray
from gostage_sim.harness.saboteurs.contract import Scene
from gostage_sim.scenario.model import Child, Delete, Expectation, Handler, Log, PlacedFault, Put, Scenario, Send

_STEPS = (Log(message="begin"), Send(count=90, payload={"i": "{i}", "name": "{faker.name}"}))
_STORE = {"first": 1, "second": 2}
_FIRST, _SECOND = Placement("message", message=20), Placement("message", message=60)
_SIBLING = Child(steps=_STEPS)

SCENES: dict[Scene, Scenario] = {
    "crash": Scenario(
        name="a bad line, a crash, and a handler that raises",
        children={
            "victim": Child(
                steps=_STEPS,
                faults=(
                    PlacedFault(fault=Malformed(form="not_json"), at=_FIRST),
                    PlacedFault(fault=Crash(), at=_SECOND),
                ),
            ),
            "sibling": Child(steps=(*_STEPS, *(Put(key=key, value=value) for key, value in _STORE.items()))),
            "other": Child(steps=(*_STEPS, Put(key="first", value="another"), Put(key="gone"), Delete(key="gone"))),
        },
        handlers={"message": Handler(raise_every=25)},
        expect={"victim": Expectation(outcome="signaled"), "sibling": Expectation(final_store=_STORE)},
    ),
    "flood": Scenario(
        name="more than ten times what the parent may grow by",
        children={
            "victim": Child(
                steps=_STEPS, faults=(PlacedFault(fault=Flood(count=1300, size=256 << 10), at=_FIRST),), timeout=30.0
            ),
            "sibling": _SIBLING,
        },
    ),
    "grandchild": Scenario(
        name="a grandchild that stays",
        children={
            "victim": Child(
                steps=_STEPS,
                faults=(
                    PlacedFault(fault=Stray(form="grandchild"), at=_FIRST),
                    PlacedFault(fault=Crash(), at=_SECOND),
                ),
            ),
            "sibling": _SIBLING,
        },
        expect={"victim": Expectation(outcome="signaled")},
    ),
    "hang": Scenario(
        name="a child that hangs",
        children={
            "victim": Child(
                steps=_STEPS,
                faults=(PlacedFault(fault=Hang(form="deaf"), at=_SECOND),),
                timeout=3.0,
                grace=0.2,
            ),
            "sibling": _SIBLING,
        },
        expect={"victim": Expectation(outcome="timed_out")},
    ),
    "killed parent": Scenario(
        name="a stopped child with a child of its own, when the parent is killed",
        children={
            "victim": Child(
                steps=_STEPS,
                faults=(
                    PlacedFault(fault=Stray(form="grandchild"), at=_FIRST),
                    PlacedFault(fault=KillParent(child="stopped"), at=_SECOND),
                ),
            ),
            "sibling": _SIBLING,
        },
    ),
}
