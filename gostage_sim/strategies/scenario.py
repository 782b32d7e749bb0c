"""Whole scenarios: victims, siblings beside them, handlers that are slow, on one transport."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from typing import Any

from hypothesis import strategies as st

from gostage_sim.faults import fault_kinds
from gostage_sim.scenario.model import TRANSPORTS, Transport
from gostage_sim.strategies.child import SELDOM, siblings
from gostage_sim.strategies.fates import ALONE, EXPECTED_TO_FAIL, LEFT_OUT
from gostage_sim.strategies.parameters import Data
from gostage_sim.strategies.placing import kinds_for
from gostage_sim.strategies.victim import victims

#: For all of it: a victim that stops for ever costs four seconds.
_TIMEOUT = "60s"
_NOT_KINDS = ("at", "probability")


@st.composite
def scenarios(
    draw: st.DrawFn,
    *,
    transports: Sequence[Transport] = TRANSPORTS,
    kinds: Iterable[str] | None = None,
    name: str = "generated",
) -> Data:
    """A scenario file of one of the transports, with faults of these kinds, by default of all but `LEFT_OUT`."""
    every = sorted(set(fault_kinds()) - set(LEFT_OUT)) if kinds is None else list(kinds)
    transport = draw(st.sampled_from([one for one in transports if kinds_for(one, every)]))
    here = kinds_for(transport, every)
    beside = {"sibling": draw(siblings())}
    if draw(SELDOM):
        beside["other"] = draw(siblings())
    victim = draw(victims(transport, here, others=beside))
    children = {"victim": victim, **beside}
    kind = kind_of(victim["faults"][-1])
    if kind not in ALONE and draw(SELDOM):
        together = [one for one in here if one not in ALONE]
        if together:
            children["second"] = draw(victims(transport, together, others=beside))
    found: Data = {"name": name, "transports": [transport], "timeout": _TIMEOUT, "children": children}
    if _sends(beside, _HANDLED) and draw(st.booleans()):
        found["handlers"] = {_HANDLED: draw(_HANDLERS)}
    return found | expectations(children)


def kind_of(placed: Data) -> str:
    """Of an entry of `faults:`."""
    return next(key for key in placed if key not in _NOT_KINDS)


def yaml_text(scenario: Data) -> str:
    """The scenario as a file, with what belongs together on one line."""
    from ruamel.yaml import YAML

    yaml: Any = YAML(typ="safe", pure=True)
    yaml.default_flow_style = None
    yaml.sort_base_mapping_type_on_output = False
    yaml.width = 110
    yaml.allow_unicode = False
    yaml.representer.ignore_aliases = lambda value: True
    written = io.StringIO()
    yaml.dump(scenario, written)
    return written.getvalue()


#: The type of message whose handler may be bad, where siblings send many of it: it raises, and goes on after that.
_HANDLED = "row"
_HANDLERS = st.fixed_dictionaries({"delay": st.sampled_from(["100us", "1ms", "5ms"])}) | st.fixed_dictionaries(
    {"raise_every": st.integers(2, 10)}
)
_MANY = 20


def _sends(children: Data, type: str) -> bool:
    sends = [step["send"] for child in children.values() for step in child["steps"] if "send" in step]
    return any(send.get("type") == type and send["count"] >= _MANY for send in sends)


def expectations(children: Data) -> Data:
    """What the faults of these children are known to do to what is judged, as keys of the scenario."""
    found: Data = {}
    for name, child in children.items():
        for placed in child.get("faults", ()):
            kind = kind_of(placed)
            if kind in EXPECTED_TO_FAIL:
                found.setdefault("expect_verdict", {})[EXPECTED_TO_FAIL[kind]] = "fail"
            elif kind == "interrupt_parent":
                raised = "SystemExit" if placed[kind].get("signal") == "SIGTERM" else "KeyboardInterrupt"
                found.setdefault("expect", {})[name] = {"raises": raised}
    return found
