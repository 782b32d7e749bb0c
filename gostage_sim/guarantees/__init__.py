"""The guarantees: one a file, each a pure function of the history, with the witness its pass needs.

The map of this room:

* `contract`   what a guarantee is: `Guarantee`, `Judging`, `Judgement`, `Verdict`
* `judge`      all guarantees of one history, with a net under each checker
* `expected_verdicts`   failures that a scenario expects
* `describe`   the text of `gostage-sim explain NAME`
* `findings`   violations and missing witnesses of one checker, turned into its judgement
* `ranges`     numbers within bounds; `of_the_run`: those that a scenario expects of all children together
* `streams`    what a child sent against what handlers saw: lost, doubled, invented, reordered
* `wording`    names, numbers and texts of a child, made safe and short for a reason
* all others   one guarantee each; the table below names them

Other packages add guarantees through entry points of the group `gostage_sim.guarantees`: the entry's name is the
guarantee's name, its object a `Guarantee`, or a class that makes one without arguments. Nothing is imported until asked
for by name, so that a plug-in that cannot be imported spoils its own judgement and no other.
"""

from __future__ import annotations

import difflib
import importlib
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from gostage_sim.guarantees.contract import Guarantee

ENTRY_POINT_GROUP = "gostage_sim.guarantees"

#: In the order in which a report shows them: the parent first, then messages, processes, and the scenario's own words.
_BUILT_IN = {
    "parent-alive": "parent_alive:ParentAlive",
    "fault-fired": "fault_fired:FaultFired",
    "order": "order:Order",
    "no-loss": "no_loss:NoLoss",
    "no-duplicate": "no_duplicate:NoDuplicate",
    "no-phantom": "no_phantom:NoPhantom",
    "no-crosstalk": "no_crosstalk:NoCrosstalk",
    "siblings-unharmed": "siblings_unharmed:SiblingsUnharmed",
    "true-verdict": "true_verdict:TrueVerdict",
    "prompt-return": "prompt_return:PromptReturn",
    "quarantine": "quarantine:Quarantine",
    "handler-contained": "handler_contained:HandlerContained",
    "bounded-memory": "bounded_memory:BoundedMemory",
    "nothing-left": "nothing_left:NothingLeft",
    "no-orphans": "no_orphans:NoOrphans",
    "recovers": "recovers:Recovers",
    "final-store": "final_store:FinalStore",
    "as-expected": "as_expected:AsExpected",
}


def guarantee_names() -> list[str]:
    """Every name a scenario's `guarantees:` may hold: ours in a fixed order, then plug-ins by name."""
    return [*_BUILT_IN, *sorted(_plug_ins())]


def guarantee(name: str) -> Guarantee:
    """The guarantee of that name; ValueError with the close match when there is none."""
    if name in _BUILT_IN:
        module, _, attribute = _BUILT_IN[name].partition(":")
        return cast("Guarantee", getattr(importlib.import_module(f"{__name__}.{module}"), attribute)())
    entry = _plug_ins().get(name)
    if entry is None:
        close = difflib.get_close_matches(name, guarantee_names(), n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"expected one of {', '.join(guarantee_names())}"
        raise ValueError(f"unknown guarantee {name!r}; {hint}")
    loaded = entry.load()
    found = loaded() if isinstance(loaded, type) else loaded
    if found.name != name:
        raise ValueError(f"entry point {name!r} ({entry.value}) gives a guarantee that calls itself {found.name!r}")
    return cast("Guarantee", found)


def all_guarantees() -> list[Guarantee]:
    """Every guarantee, in the order of `guarantee_names()`."""
    return [guarantee(name) for name in guarantee_names()]


def _plug_ins() -> dict[str, EntryPoint]:
    """Entry points by name; a plug-in cannot replace a guarantee of ours."""
    return {entry.name: entry for entry in entry_points(group=ENTRY_POINT_GROUP) if entry.name not in _BUILT_IN}
