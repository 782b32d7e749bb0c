"""`gostage-sim explain NAME`: what a fault, a guarantee or a word of a scenario file is, from its own source."""

from __future__ import annotations

import inspect
from collections.abc import Iterable

from gostage_sim.faults import FaultNotLoaded, fault_kinds
from gostage_sim.faults.contract import Fault, LastsOverMessages, LimitsTransports, Placement
from gostage_sim.faults.describe import Parameter, parameters_of
from gostage_sim.guarantees import GuaranteeNotLoaded, guarantee, guarantee_names
from gostage_sim.guarantees.contract import Guarantee
from gostage_sim.guarantees.describe import describe
from gostage_sim.harness.agreement import TransportsAgree
from gostage_sim.report import explain_language as language
from gostage_sim.report.bad_input import BadInput
from gostage_sim.report.escape import visible, visible_line
from gostage_sim.scenario.model import TRANSPORTS
from gostage_sim.scenario.points import FORMS, POINTS
from gostage_sim.scenario.problems import close_match


def explain(name: str) -> str:
    """The text for a person, of all that has this name; BadInput with the close match where nothing has."""
    try:
        faults = fault_kinds()
    except FaultNotLoaded as error:
        raise BadInput([visible_line(str(error))]) from None
    found = []
    if name in faults:
        found.append("\n".join(_fault(name, faults[name])) + "\n")
    if name in guarantee_names():
        found.append(describe(_guarantee(name)))
    if name == TransportsAgree.name:
        found.append(describe(TransportsAgree()))
    found += ["\n".join([topic.path, "", *topic.lines]) + "\n" for topic in language.find(name)]
    if found:
        return visible("\n".join(found))
    shown = visible_line(repr(name))
    judging = _judging()
    match = close_match(name, names())
    if match is not None:
        raise BadInput([f"nothing is called {shown}; did you mean '{match}'?"])
    known = f"faults: {', '.join(faults)}; guarantees: {', '.join(judging)}; keys of a file: see 'explain scenario'"
    raise BadInput([f"nothing is called {shown}; known {known}"])


def names() -> list[str]:
    """All that `explain` knows. FaultNotLoaded where a package's fault cannot be loaded."""
    return [*fault_kinds(), *_judging(), *language.names()]


def _judging() -> list[str]:
    return [*guarantee_names(), TransportsAgree.name]


def _guarantee(name: str) -> Guarantee:
    try:
        return guarantee(name)
    except GuaranteeNotLoaded as error:
        raise BadInput([visible_line(str(error))]) from None


def _fault(name: str, kind: type[Fault]) -> Iterable[str]:
    yield name
    yield ""
    yield inspect.getdoc(kind) or "no description"
    yield ""
    parameters = parameters_of(kind)
    yield "Parameters:" if parameters else "Parameters: none"
    for parameter in parameters:
        yield from _parameter(parameter)
    yield ""
    yield "Where it may be placed:"
    for point in POINTS:
        if point in kind.points:
            yield f"  {FORMS[point]:28}  {POINTS[point]}"
    if "spawn" in kind.points:
        yield f"  {'at: {spawn: 2}':28}  around the spawn of the second copy of the child alone"
    if "message" in kind.points:
        yield f"  {'at: {message: 10, every: 10, times: 3}':28}  again, each time so many more messages are sent"
    if kind.points & {"step", "message"}:
        yield f"  {'at: {after: {child: a, message: 10}}':28}  before the first step, once child a has sent that"
        yield f"  {'at: {message: 5, after: …}':28}  the same at another point of its own: a step, a message, a byte"
    if issubclass(kind, LastsOverMessages):
        yield f"  {'at: {message: 10, until: 30}':28}  not after message 30"
    problems = dict(_transports(kind))
    if problems:
        yield ""
        yield "Transports:"
        yield from (f"  not {transport}: {problem}" for transport, problem in problems.items())
    witness = kind.witness.__doc__
    if witness:
        yield ""
        yield "Witness:"
        yield from (f"  {line}" for line in inspect.cleandoc(witness).splitlines())
    yield ""
    yield "Example:"
    yield from (f"  {line}" for line in kind.example.rstrip().splitlines())


def _transports(kind: type[Fault]) -> Iterable[tuple[str, str]]:
    """Those on which the fault does not exist at all, and why."""
    fault: object = kind()
    if isinstance(fault, LimitsTransports):
        for transport in TRANSPORTS:
            problems = {fault.transport_problem(transport, Placement(point)) for point in kind.points}
            if None not in problems:
                yield transport, "; ".join(sorted(map(str, problems)))


def _parameter(parameter: Parameter) -> Iterable[str]:
    default = "must be given" if parameter.default is None else f"default {parameter.default}"
    yield f"  {parameter.name}: {parameter.type_text}; {default}"
    if parameter.doc:
        yield f"      {parameter.doc}"
