"""The guarantees: one a file, each a pure function of the history, with the witness its pass needs.

The map of this room:

* `contract`   what a guarantee is: `Guarantee`, `Judging`, `Judgement`, `Verdict`
* `judge`      all guarantees of one history, with a net under each checker
* `expected_verdicts`   failures that a scenario expects
* `describe`   the text of `gostage-sim explain NAME`
* `findings`   violations and missing witnesses of one checker, turned into its judgement
* `ranges`     numbers within bounds; `of_the_run`: those that a scenario expects of all children together
* `streams`    what a child sent against what handlers saw: lost, doubled, invented, reordered
* `twin`       a sibling against itself in the run without the faults
* `wording`    names, numbers and texts of a child, made safe and short for a reason
* all others   one guarantee each; the table below names them

Other packages add guarantees through entry points of the group `gostage_sim.guarantees`: the entry's name is the
guarantee's name, its object a `Guarantee`, or a class that makes one without arguments; `gostage_sim.testing` says
whether it is a good one. Ours are not imported until asked for by name.
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


class GuaranteeNotLoaded(ImportError):  # noqa: N818
    """You get it when an installed package offers what cannot be imported, or is no guarantee of the name it has."""


def guarantee_names() -> list[str]:
    """Every name a scenario's `guarantees:` may hold: ours in a fixed order, then plug-ins by name."""
    return [*_BUILT_IN, *sorted(_plug_ins())]


def guarantee(name: str) -> Guarantee:
    """The guarantee of that name; ValueError with the close match when there is none, GuaranteeNotLoaded when an
    installed package offers none that can be used."""
    if name in _BUILT_IN:
        module, _, attribute = _BUILT_IN[name].partition(":")
        return cast("Guarantee", getattr(importlib.import_module(f"{__name__}.{module}"), attribute)())
    entry = _plug_ins().get(name)
    if entry is None:
        close = difflib.get_close_matches(name, guarantee_names(), n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"expected one of {', '.join(guarantee_names())}"
        raise ValueError(f"unknown guarantee {name!r}; {hint}")
    return _load(entry)


def all_guarantees() -> list[Guarantee]:
    """Every guarantee, in the order of `guarantee_names()`."""
    return [guarantee(name) for name in guarantee_names()]


def plug_in_problems() -> list[str]:
    """What is wrong with the guarantees of other packages, a line for each of which nothing can be expected."""
    problems = []
    values: dict[str, str] = {}
    for entry in entry_points(group=ENTRY_POINT_GROUP):
        other = values.setdefault(entry.name, entry.value)
        try:
            if entry.name in _BUILT_IN:
                message = "this name is taken by a guarantee of ours; give the entry point another name"
                raise GuaranteeNotLoaded(f"{_where(entry)}: {message}")
            if other != entry.value:
                message = f"{other} has the same name; uninstall one of the two packages"
                raise GuaranteeNotLoaded(f"{_where(entry)}: {message}")
            _load(entry)
        except GuaranteeNotLoaded as error:
            problems.append(str(error))
    return problems


def _plug_ins() -> dict[str, EntryPoint]:
    """Entry points by name; a plug-in cannot replace a guarantee of ours."""
    return {entry.name: entry for entry in entry_points(group=ENTRY_POINT_GROUP) if entry.name not in _BUILT_IN}


def _load(entry: EntryPoint) -> Guarantee:
    try:
        loaded = entry.load()
        found = loaded() if isinstance(loaded, type) else loaded
    except (Exception, SystemExit) as error:  # whatever a module does when it is imported
        raise GuaranteeNotLoaded(f"{_where(entry)}: cannot be loaded: {type(error).__name__}: {error}") from error
    missing = [
        each for each in ("name", "holds_when", "counts_only_if", "applies", "judge") if not hasattr(found, each)
    ]
    if missing:
        message = f"it has no {', no '.join(missing)}; see gostage_sim.guarantees.contract"
        raise GuaranteeNotLoaded(f"{_where(entry)}: {message}")
    if found.name != entry.name:
        raise GuaranteeNotLoaded(f"{_where(entry)}: it calls itself {found.name!r}; expected the entry point's name")
    return cast("Guarantee", found)


def _where(entry: EntryPoint) -> str:
    return f"guarantee {entry.name!r} ({entry.value}), entry point of group {ENTRY_POINT_GROUP}"
