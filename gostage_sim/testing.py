"""What a fault and a guarantee must be, as checks: ours are held to them, and so may be those of your package.

    from gostage_sim.testing import check_fault, check_guarantee

    def test_my_fault():
        check_fault(Hiccup)

Each check is a function of its own too, in `FAULT_CHECKS` and `GUARANTEE_CHECKS`, for a test of each by its name. All
of them raise AssertionError with what was found and what is expected.
"""

from __future__ import annotations

import dataclasses
import io
import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any, Final, get_args, get_type_hints

from gostage_sim.faults.contract import (
    ANYWHERE,
    IN_PARENT,
    Fault,
    LimitsPlacement,
    Placement,
    StrikesInChild,
    StrikesInParent,
)
from gostage_sim.faults.describe import parameters_of, values_of
from gostage_sim.guarantees.contract import Guarantee, Judgement, Verdict
from gostage_sim.history.model import ChildHistory, FaultRecord, History, ParentHistory

#: What no fault may load in a child that imports it: each costs a start milliseconds, or stands in its way.
HEAVY: Final = frozenset(
    {"asyncio", "ctypes", "gostage_sim.harness", "importlib.metadata", "numpy", "pydantic", "ruamel", "subprocess"}
)


def check_fault(kind: type[Fault]) -> None:
    """All of `FAULT_CHECKS`; AssertionError at the first that finds something."""
    for check in FAULT_CHECKS:
        check(kind)


def check_guarantee(guarantee: Guarantee) -> None:
    """All of `GUARANTEE_CHECKS`; AssertionError at the first that finds something."""
    for check in GUARANTEE_CHECKS:
        check(guarantee)


def is_a_frozen_value(kind: type[Fault]) -> None:
    """Equal parameters are equal faults, all have a default, and nothing can change one."""
    made_as = getattr(kind, "__dataclass_params__", None)  # the only word on whether it is frozen
    assert made_as is not None, _of(kind, "is no dataclass; expected @dataclass(frozen=True, slots=True)")
    assert made_as.frozen, _of(kind, "can be changed; expected a dataclass with frozen=True")
    fault = kind()
    assert (fault, hash(fault)) == (kind(), hash(kind())), _of(kind, "is not equal to another of equal parameters")
    assert not hasattr(fault, "__dict__"), _of(kind, "has a __dict__; expected a dataclass with slots=True")


def says_what_it_does(kind: type[Fault]) -> None:
    """`gostage-sim explain` has something to print: what it does, what witnesses it, and every parameter."""
    doc = kind.__doc__ or ""
    made_up = doc.startswith(f"{kind.__name__}(")  # by dataclass, where there is none
    says = bool(doc) and not made_up
    assert says, _of(kind, "has no docstring; expected what it does for real")
    assert kind.witness.__doc__, _of(kind, "does not say what proves it; expected a docstring of witness()")
    for parameter in parameters_of(kind):
        assert parameter.doc, _of(kind, f"does not say what {parameter.name} is; expected metadata with a description")
        assert parameter.type_text, _of(kind, f"has a parameter {parameter.name} of a type without words")


def has_powers_for_its_points(kind: type[Fault]) -> None:
    """It strikes at points of the child's life, or in the parent at the spawn or in a handler, and has the powers for
    just these."""
    known = ANYWHERE | IN_PARENT
    assert kind.points, _of(kind, f"has no points; expected some of {', '.join(sorted(known))}")
    assert kind.points <= known, _of(kind, f"has points that there are not: {', '.join(sorted(kind.points - known))}")
    for points, power, method in ((IN_PARENT, StrikesInParent, "around"), (ANYWHERE, StrikesInChild, "inject")):
        here, able = sorted(kind.points & points), issubclass(kind, power)
        found = f"has {'' if able else 'no '}{method}(), and of its points: {', '.join(here) or 'none'}"
        assert bool(here) is able, _of(kind, found)


def has_an_example(kind: type[Fault]) -> None:
    """The example makes a fault of this kind, placed where it may be."""
    params, at = _example(kind)
    fault = kind(**params)
    point: Any = at if isinstance(at, str) else "byte" if "byte" in at else next(iter(at))
    assert point in kind.points, _of(kind, f"has an example at {point}, which is not among its points")
    problem = fault.placement_problem(Placement(point)) if isinstance(fault, LimitsPlacement) else None
    assert problem is None, _of(kind, f"has an example that cannot be placed there: {problem}")


def opens_every_point(kind: type[Fault]) -> None:
    """A point in the list that no parameters allow would be a lie."""
    variants = [kind()]
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        hint = get_type_hints(kind)[field.name]
        variants += [kind(**{field.name: choice}) for choice in get_args(hint) if isinstance(choice, str)]
    for point in kind.points:
        problems = [
            each.placement_problem(Placement(point)) if isinstance(each, LimitsPlacement) else None for each in variants
        ]
        assert None in problems, _of(kind, f"can be placed at {point} with no parameters: {problems[0]}")


def travels_as_json(kind: type[Fault]) -> None:
    """Parameters reach the child as JSON and make the same fault there."""
    for fault in (kind(), kind(**_example(kind)[0])):
        params = json.loads(json.dumps(dataclasses.asdict(fault)))  # type: ignore[call-overload]
        assert kind(**params) == fault, _of(kind, f"is another one when it comes back from JSON: {params}")


def has_no_witness_of_nothing(kind: type[Fault]) -> None:
    """A fault that fired and did nothing, in a child of which nothing is known, has no witness."""
    record = FaultRecord("victim:1", kind.kind, {}, {}, "victim", armed_ns=1, fired_ns=2, over_ns=3)
    seen = kind().witness(record, ChildHistory("victim", "victim", "victim", 5.0, 1.0))
    assert seen is None, _of(kind, f"has a witness where nothing happened: {seen!r}")


def loads_little(kind: type[Fault]) -> None:
    """A child imports its fault and nothing that takes long; what the fault needs it imports when it strikes."""
    there = f"print(*sorted({set(HEAVY)!r} & {{*sys.modules}}))"
    code = f"import sys, {kind.__module__} as module; module.{kind.__qualname__}(); {there}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, _of(kind, f"cannot be imported by itself: {done.stderr.strip()[-500:]}")
    loaded = done.stdout.strip()
    assert not loaded, _of(kind, f"loads {loaded} when it is imported; expected an import where it strikes")


FAULT_CHECKS: Final[tuple[Callable[[type[Fault]], None], ...]] = (
    is_a_frozen_value,
    says_what_it_does,
    has_powers_for_its_points,
    has_an_example,
    opens_every_point,
    travels_as_json,
    has_no_witness_of_nothing,
    loads_little,
)


def says_what_it_means(guarantee: Guarantee) -> None:
    """`gostage-sim explain` has something to print: its docstring, what holds, and what must have been seen."""
    assert type(guarantee).__doc__, _by(guarantee, "has no docstring; expected what holds, in a sentence")
    for name in ("name", "holds_when", "counts_only_if"):
        text = getattr(guarantee, name)
        says = isinstance(text, str) and bool(text.strip())
        assert says, _by(guarantee, f"has {name} {text!r}; expected a text")


def passes_nothing_without_evidence(guarantee: Guarantee) -> None:
    """An empty history, of a parent nobody saw, passes nothing."""
    nothing = _nothing()
    if guarantee.applies(nothing):
        found = guarantee.judge(nothing)
        assert found.verdict is not Verdict.PASS, _by(guarantee, f"passes where nothing was seen: {found.reason}")


def judges_alike_each_time(guarantee: Guarantee) -> None:
    """A verdict is a function of the history, if it is one that it applies to: the same one each time, in the
    guarantee's own name, and with a reason."""
    nothing = _nothing()
    applies = guarantee.applies(nothing)
    assert isinstance(applies, bool), _by(guarantee, "has an applies() that returns no bool")
    if not applies:
        return
    first, second = guarantee.judge(nothing), guarantee.judge(nothing)
    assert isinstance(first, Judgement), _by(guarantee, f"judges {first!r}; expected a Judgement")
    assert first == second, _by(guarantee, f"judges one history in two ways: {first} and {second}")
    assert first.name == guarantee.name, _by(guarantee, f"judges in the name of {first.name!r}")
    assert first.reason, _by(guarantee, "gives no reason")
    json.dumps(dict(first.evidence))


GUARANTEE_CHECKS: Final[tuple[Callable[[Guarantee], None], ...]] = (
    says_what_it_means,
    passes_nothing_without_evidence,
    judges_alike_each_time,
)


def _example(kind: type[Fault]) -> tuple[dict[str, Any], Any]:
    """The parameters and the point in the example, units read."""
    from ruamel.yaml import YAML

    items = YAML(typ="safe", pure=True).load(io.StringIO(kind.example))
    entry = items[0] if isinstance(items, list) and len(items) == 1 else {}
    assert {*entry} == {kind.kind, "at"}, _of(kind, f"has the example {kind.example!r}; expected one entry of faults:")
    return values_of(kind, entry[kind.kind] or {}), entry["at"]


def _nothing() -> History:
    return History(scenario="", transport="json", seed=0, parent=ParentHistory(pid=1, alive=False), children=())


def _of(kind: type[Fault], problem: str) -> str:
    return f"fault {getattr(kind, 'kind', kind)!r} {problem}"


def _by(guarantee: Guarantee, problem: str) -> str:
    return f"guarantee {getattr(guarantee, 'name', guarantee)!r} {problem}"
