"""Makes the model from a document, and reports every mistake in it at its position."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path as FilePath
from typing import Any, TypeVar

from pydantic import BaseModel

from gostage_sim.faults.contract import Fault
from gostage_sim.scenario.expectations import ExpectationReader
from gostage_sim.scenario.expected import fields_of, model_within, read
from gostage_sim.scenario.fakes import provider_problem
from gostage_sim.scenario.killing import killing_problems
from gostage_sim.scenario.main_thread import main_thread_problems
from gostage_sim.scenario.model import (
    FILLED_IN,
    MOST_SPAWNS_IN_SPAWNS,
    SHORT_FORMS,
    TRANSPORTS,
    Allocate,
    Call,
    Child,
    Delete,
    Expectation,
    File,
    Handler,
    Log,
    OnlyOn,
    OpenFiles,
    PlacedFault,
    Put,
    Scenario,
    Send,
    Sleep,
    Spawn,
    Spin,
    Step,
    Threads,
    step_name,
)
from gostage_sim.scenario.payloads import Placeholder, parse_template, strings
from gostage_sim.scenario.placement import PlacementReader, transport_problems
from gostage_sim.scenario.positions import Document, Path
from gostage_sim.scenario.problems import close_match, quote, unknown, unknown_key
from gostage_sim.scenario.targets import Target
from gostage_sim.scenario.traffic import ENGINE, of_child, of_program
from gostage_sim.scenario.waits import wait_problems

M = TypeVar("M", bound=BaseModel)

#: What an item of a list is called.
_NOUNS = {"transports": "transport"}
#: Of keys that are required, where their name does not tell what stands behind them.
_EXAMPLES = {
    "children": "children: {worker: {steps: [send: 10]}}",
    "steps": "steps: [send: 10]",
    "reason": "reason: only root may do this",
}
#: Steps that are nothing but a mapping, or its short form.
_SIMPLE_STEPS: dict[str, type[Step]] = {
    step_name(cls): cls for cls in (Log, Put, Delete, Sleep, Spin, Allocate, OpenFiles, Threads)
}
_STEPS = ("send", "call", *_SIMPLE_STEPS, "spawn")
_CHILD_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_MODULE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
#: The fresh child at the end, and the type of its messages.
_RECOVERY = "recovery"
#: The type of the messages of a child that a handler spawns.
_FRESH = "fresh"


class Reader:
    """Reads one document; what it cannot read it reports and leaves out."""

    def __init__(
        self,
        document: Document,
        *,
        fault_kinds: Mapping[str, type[Fault]],
        guarantee_names: Sequence[str],
        folder: FilePath,
    ) -> None:
        self._document = document
        self._report = document.report
        self._kinds = fault_kinds
        self._guarantees = guarantee_names
        self.folder = folder
        self.targets: dict[Path, Target] = {}
        """The user's own code that was met, by its place: looking it up is expensive, so it is done for all at once."""
        self._placements = PlacementReader(document, fault_kinds, self._fields)
        self._expectations = ExpectationReader(
            document,
            model=lambda data, path: self._model(Expectation, data, path, "expect"),
            mapping=lambda data, path: self._mapping(data, path, quiet=False),
        )
        self._placed: dict[Path, PlacedFault] = {}
        """Every fault that could be read, by its place, whatever else is wrong with its child."""

    def scenario(self) -> Scenario | None:
        """The scenario, or None where it is not one. In either case the targets are to be looked up, and the document's
        problems to be looked at."""
        data = self._document.data
        if data is None:
            self._report((), "the file is empty; expected a scenario with name and children")
            return None
        if not isinstance(data, dict):
            self._report((), f"found {quote(data)}; expected a mapping with name and children")
            return None
        by_hand = (
            "children", "handlers", "expect", "expect_on", "expect_verdict", "guarantees", "include", "parametrize"
        )  # fmt: skip
        found = self._fields(File, data, (), "scenario", by_hand=by_hand)
        children = self._children(data.get("children"))
        for path, problem in wait_problems(
            self._placed, children, [*self._mapping(data.get("children"), (), quiet=True)]
        ):
            self._report(path, problem)
        names = list(self._mapping(data.get("children"), ("children",), quiet=True))
        self._imports(data.get("imports"))
        if isinstance(data.get("only_on"), dict) and set(data["only_on"]) == {"reason"}:
            names_of = ", ".join(name for name in OnlyOn.model_fields if name != "reason")
            self._report(("only_on",), f"only_on has only a reason; expected one of {names_of} as well")
        if found.get("transports") == ():
            self._report(("transports",), "transports is an empty list; expected at least one")
        self._transports_exist(found.get("transports") or TRANSPORTS)
        for one_in_the_parent in (main_thread_problems, killing_problems):
            for path, problem in one_in_the_parent(self._placed, children):
                self._report(path, problem)
        found |= {
            "children": children,
            "handlers": self.handlers(data, children, complete=len(children) == len(names)),
            "expect": self._expectations.of_children(data.get("expect", {}), ("expect",), names),
            "expect_on": self._expectations.by_transport(data, names, found.get("transports", TRANSPORTS)),
            "guarantees": (guarantees := self._guarantee_list(data)),
            "expect_verdict": self._expected_verdicts(data, guarantees),
            "file": self._document.file,
        }
        every_handler = found["handlers"] if len(found["handlers"]) == len(data.get("handlers") or ()) else None
        for key, expected in (("expect", found["expect"]), *found["expect_on"].items()):
            path = (key,) if key == "expect" else ("expect_on", key)
            self._expectations.of_what_is_done(expected, path, children, every_handler)
        every_child = children if len(children) == len(names) else None
        self._expectations.of_run(data, found.get("expect_run"), every_child, found.get("transports") or TRANSPORTS)
        return None if self._document.problems else Scenario.model_construct(**found)

    def _transports_exist(self, transports: Sequence[str]) -> None:
        for path, placed in self._placed.items():
            for _, problem in transport_problems([placed], transports):
                meant = "" if len(transports) == 1 else "; say on which transports the scenario runs: transports: [...]"
                self._report((*path, placed.fault.kind), f"{problem}{meant}", key=True)

    def child(self, data: Any, path: Path, name: str) -> Child | None:
        """One child."""
        if not isinstance(data, dict):
            self._report(path, f"child {quote(name)} is {quote(data)}; expected a mapping with steps")
            return None
        before = self._document.mistakes
        if "command" in data:
            for key in ("steps", "faults", "launcher", "definition_size"):
                if key in data:
                    message = f"a command is a program of its own and has no {key}; leave out {key} or command"
                    self._report((*path, key), message, key=True)
            if data["command"] == []:
                self._report((*path, "command"), "command is an empty list; expected a program and its arguments")
            data = {"steps": [], **data}
        found = self._fields(Child, data, path, "child", by_hand=("steps", "faults"))
        for key in ("user", "group"):
            if "command" not in data and getattr(found.get("options"), key, None) is not None:
                message = f"{key} is for a command; a child of ours writes a journal that no other {key} may open"
                self._report((*path, "options", key), message, key=True)
        self._environment(data.get("options"), (*path, "options", "environment"))
        raw_steps = self._list(data.get("steps"), (*path, "steps"), "steps") if "steps" in data else []
        steps = [self._step(item, (*path, "steps", i)) for i, item in enumerate(raw_steps)]
        raw_faults = self._list(data["faults"], (*path, "faults"), "faults") if "faults" in data else []
        faults = [
            self._placements.fault(item, (*path, "faults", i), child=name, steps=len(raw_steps))
            for i, item in enumerate(raw_faults)
        ]
        self._placed |= {(*path, "faults", i): fault for i, fault in enumerate(faults) if fault is not None}
        copies = found.get("copies") or 1
        for index, placed in enumerate(faults):
            if placed is not None and placed.at.spawn is not None and placed.at.spawn > copies:
                number = f"{copies} cop{'y' if copies == 1 else 'ies'}"
                message = f"spawn {placed.at.spawn} does not exist; child '{name}' has {number}, each spawned once"
                self._report((*path, "faults", index, "at", "spawn"), message)
        self._points_exist(name, steps, faults, path, raw_faults)
        if self._document.mistakes > before:
            return None
        kept: tuple[PlacedFault, ...] = tuple(fault for fault in faults if fault is not None)
        return Child.model_construct(
            **{**found, "steps": tuple(step for step in steps if step is not None), "faults": kept}
        )

    def _environment(self, options: Any, path: Path) -> None:
        variables = options.get("environment") if isinstance(options, dict) else None
        for name in variables if isinstance(variables, dict) else ():
            if not name or "=" in name or "\0" in name:
                message = f"the variable {quote(name)} cannot be set; expected a name without '=' and null characters"
                self._report((*path, name), message, key=True)

    def _points_exist(
        self,
        child: str,
        steps: Sequence[Step | None],
        faults: Sequence[PlacedFault | None],
        path: Path,
        raw_faults: Sequence[Any],
    ) -> None:
        """No fault waits for a message that nobody sends, where the number of messages is known."""
        read_steps = [step for step in steps if step is not None]
        unread = [raw for raw, fault in zip(raw_faults, faults, strict=True) if fault is None]
        if len(read_steps) < len(steps) or any(map(self._may_send, unread)):
            return
        for index, fault in enumerate(faults):
            if fault is None:
                continue
            others = [other for other in faults if other is not None and other is not fault]
            if fault.times > 1:  # what it sent before its last time
                others.append(fault.model_copy(update={"times": fault.times - 1}))
            sent = of_child(read_steps, others)
            last = [*fault.strikes()][-1].message
            for key, number in (("message", last), ("until", fault.at.until), ("handler", fault.at.handler)):
                if sent is not None and number is not None and number > sent.total():
                    message = (
                        f"message {number} does not exist; child '{child}' sends {sent.total()}, "
                        "the final store and the result at its end included"
                    )
                    where = "times" if key == "message" and fault.times > 1 else key
                    self._report((*path, "faults", index, "at", where), message)

    def _may_send(self, raw: Any) -> bool:
        """Whether a fault that could not be read may be one that sends messages."""
        kinds = [key for key in raw if key in self._kinds] if isinstance(raw, dict) else []
        return not kinds or any(hasattr(self._kinds[kind], "sends") for kind in kinds)

    def report_targets(self, problems: Mapping[Target, str]) -> None:
        """Report what a look-up of `targets` found."""
        for path, target in self.targets.items():
            problem = problems.get(target)
            if problem is not None and target.attribute:
                self._report(path, problem)
            elif problem is not None:
                self._import_problem(path, target.module, problem)

    def _children(self, data: Any) -> dict[str, Child]:
        path: Path = ("children",)
        if data == {}:
            self._report(path, "children is empty; expected at least one child")
        children = {}
        for name, item in self._mapping(data, path, quiet="children" not in self._document.data).items():
            if name == _RECOVERY:
                message = "the child name 'recovery' is taken: it is the fresh child started at the end; choose another"
                self._report((*path, name), message, key=True)
            elif not _CHILD_NAME.fullmatch(name):
                message = f"child name {quote(name)}; expected a letter, then letters, digits, '_' and '-'"
                self._report((*path, name), message, key=True)
            child = self.child(item, (*path, name), name)
            if child is not None:
                children[name] = child
        return children

    def _step(self, data: Any, path: Path, depth: int = 0) -> Step | None:
        """`depth`: in how many `spawn` it stands."""
        if not isinstance(data, dict):
            self._report(path, f"a step is {quote(data)}; expected a mapping with one of {', '.join(_STEPS)}")
            return None
        kinds = [key for key in data if key in _STEPS]
        if len(kinds) > 1:
            self._report(
                (*path, kinds[1]),
                f"a step does one thing; found {' and '.join(kinds)}: make it {len(kinds)} steps",
                key=True,
            )
        allowed = ("call", "with") if kinds == ["call"] else tuple(kinds[:1]) or _STEPS
        for key in data:
            if key in _STEPS or (key == "with" and "call" in kinds):
                continue
            if key == "with":
                self._report(
                    (*path, key),
                    f"'with' belongs to 'call'; this step is {kinds[0]!r}"
                    if kinds
                    else "'with' belongs to 'call'; this step has no 'call'",
                    key=True,
                )
            else:
                self._report((*path, key), unknown_key(key, allowed), key=True)
        if not data:
            self._report(path, f"a step is empty; expected one of {', '.join(_STEPS)}")
        if not kinds:
            return None
        kind = kinds[0]
        here, value = (*path, kind), data[kind]
        if kind == "send":
            return self._send({"count": value} if _is_bare(value) else value, here, bare=_is_bare(value))
        if kind == "call":
            return self._call(value, data.get("with", {}), path)
        if kind == "spawn":
            return self._spawn(value, here, depth)
        cls = _SIMPLE_STEPS[kind]
        key = SHORT_FORMS.get(cls)
        bare = key is not None and _is_bare(value)
        return self._model(cls, {key: value} if bare else value, here, kind, bare)

    def _spawn(self, data: Any, path: Path, depth: int) -> Spawn | None:
        if depth >= MOST_SPAWNS_IN_SPAWNS:
            message = f"a spawn in {depth} others; expected at most {MOST_SPAWNS_IN_SPAWNS} in each other"
            self._report(path, message, key=True)
            return None
        if not isinstance(data, dict):
            self._report(path, f"spawn is {quote(data)}; expected a mapping of {', '.join(fields_of(Spawn))}")
            return None
        before = self._document.mistakes
        found = self._fields(Spawn, data, path, "spawn", by_hand=("steps",))
        raw = self._list(data["steps"], (*path, "steps"), "steps") if "steps" in data else []
        steps = [self._step(item, (*path, "steps", index), depth + 1) for index, item in enumerate(raw)]
        if self._document.mistakes > before:
            return None
        return Spawn.model_construct(**{**found, "steps": tuple(step for step in steps if step is not None)})

    def _send(self, data: Any, path: Path, *, bare: bool) -> Send | None:
        if isinstance(data, dict) and not bare:
            for inner, text, is_key in strings(data.get("payload"), (*path, "payload")):
                self._template(text, inner, is_key)
            if data.get("type") in ENGINE:
                message = f"type is {quote(data['type'])}, which the engine sends itself at the end; choose another"
                self._report((*path, "type"), message)
            if data.get("size") and not isinstance(data.get("payload", {}), dict):
                found = quote(data["payload"])
                self._report((*path, "payload"), f"payload is {found}; with size it gets a text: expected a mapping")
        return self._model(Send, {} if data is None else data, path, "send", bare)

    def _template(self, text: str, path: Path, is_key: bool) -> None:
        try:
            parts = parse_template(text)
        except ValueError as error:
            self._report(path, str(error), key=is_key)
            return
        for part in parts:
            if isinstance(part, Placeholder) and part != "i":
                problem = provider_problem(part.removeprefix("faker."))
                if problem is not None:
                    self._report(path, problem, key=is_key)

    def _call(self, target: Any, arguments: Any, path: Path) -> Call | None:
        name, colon, attribute = target.partition(":") if isinstance(target, str) else ("", "", "")
        problem: str | None
        if not (colon and _MODULE.fullmatch(name) and _MODULE.fullmatch(attribute)):
            problem = f"call is {quote(target)}; expected 'package.module:function'"
        else:
            problem = None
            self.targets[(*path, "call")] = Target(name, attribute)
        if problem is not None:
            self._report((*path, "call"), problem)
        if not isinstance(arguments, dict):
            self._report((*path, "with"), f"with is {quote(arguments)}; expected a mapping")
        elif problem is None:
            return Call.model_validate({"target": target, "with": arguments})
        return None

    def _imports(self, data: Any) -> None:
        """What can be looked up; that the rest are no texts is reported with the other fields."""
        for index, name in enumerate(data if isinstance(data, list) else ()):
            if not isinstance(name, str):
                continue
            if _MODULE.fullmatch(name):
                self.targets["imports", index] = Target(name)
            else:
                self._import_problem(("imports", index), name, "not the name of a module")

    def _import_problem(self, path: Path, name: str, problem: str) -> None:
        self._report(path, f"imports, item {int(path[-1]) + 1}, {quote(name)}: {problem}")

    def handlers(self, data: dict[str, Any], children: Mapping[str, Child], *, complete: bool) -> dict[str, Handler]:
        """The handlers in a scenario with these children; `complete` when there are no others, so that what is sent may
        be known."""
        sent = [of_program(child) for child in children.values()]
        if complete and None not in sent:
            types = list(dict.fromkeys(type for each in sent if each is not None for type in each))
            for name in self._mapping(data.get("handlers"), ("handlers",), quiet=True):
                if name not in types and name not in (_RECOVERY, _FRESH):
                    self._report(("handlers", name), unknown("message type", name, types), key=True)
        found = self._named(Handler, data, "handlers", "handler")
        for name, handler in found.items():
            strikes = bool(handler.block) or handler.spawn or handler.exit
            if "at" in data["handlers"][name] and not strikes:
                message = "at is where block, spawn or exit happen; this handler does none of them"
                self._report(("handlers", name, "at"), message, key=True)
            elif complete and None not in sent and name not in (_RECOVERY, _FRESH):
                most = max((each[name] for each in sent if each is not None), default=0)
                for key in ("at", "raise_every"):
                    number = getattr(handler, key)
                    if most and number is not None and number > most:
                        message = f"{key} is {number}; no child sends more than {most} of type {quote(name)}"
                        self._report(("handlers", name, key), message)
        return found

    def _guarantee_list(self, data: dict[str, Any]) -> Any:
        found = data.get("guarantees", "all")
        if found == "all":
            return found
        if not isinstance(found, list):
            message = f"guarantees is {quote(found)}; expected 'all' or a list of names"
            self._report(("guarantees",), message)
            return ()
        if not found:
            self._report(("guarantees",), "guarantees is an empty list; expected 'all' or at least one name")
        for index, name in enumerate(found):
            where: Path = ("guarantees", index)
            if not isinstance(name, str):
                self._report(where, f"guarantees, item {index + 1}, is {quote(name)}; expected the name of a guarantee")
            elif name not in self._guarantees:
                self._report(where, unknown("guarantee", name, self._guarantees))
        return tuple(found)

    def _expected_verdicts(self, data: dict[str, Any], selected: Any) -> dict[str, Any]:
        path: Path = ("expect_verdict",)
        found = self._mapping(data.get("expect_verdict"), path, quiet="expect_verdict" not in data)
        for name, verdict in found.items():
            if name not in self._guarantees:
                self._report((*path, name), unknown("guarantee", name, self._guarantees), key=True)
            elif selected != "all" and name not in selected:
                message = f"guarantee '{name}' is expected to fail, and not among the guarantees of this scenario"
                self._report((*path, name), message, key=True)
            if verdict != "fail":
                self._report((*path, name), f"{name} is {quote(verdict)}; expected 'fail': all others must pass anyway")
        return found

    def _named(self, cls: type[M], data: dict[str, Any], key: str, noun: str) -> dict[str, M]:
        found = self._mapping(data.get(key), (key,), quiet=key not in data)
        models = {name: self._model(cls, item, (key, name), noun) for name, item in found.items()}
        return {name: model for name, model in models.items() if model is not None}

    def _model(self, cls: type[M], data: Any, path: Path, noun: str, bare: bool = False) -> M | None:
        if not isinstance(data, dict):
            self._report(path, f"{noun} is {quote(data)}; expected a mapping of {', '.join(fields_of(cls))}")
            return None
        before = self._document.mistakes
        found = self._fields(cls, data, path, noun, bare=bare)
        return None if self._document.mistakes > before else cls.model_construct(**found)

    def _fields(
        self,
        cls: type,
        data: dict[str, Any],
        path: Path,
        noun: str,
        *,
        by_hand: Sequence[str] = (),
        bare: bool = False,
        parameters_of: str | None = None,
    ) -> dict[str, Any]:
        """Every key of a mapping checked on its own, so that one mistake hides no other. `bare`: the one key was not
        written, its value stands at the mapping's own place."""
        known = [key for key in fields_of(cls) if key not in FILLED_IN]
        of = "" if parameters_of is None else f" of {parameters_of}"
        what = "key" if parameters_of is None else "parameter"
        meant = {close_match(key, known) for key in data if key not in known}
        found: dict[str, Any] = {}
        for key, value in data.items():
            here = path if bare else (*path, key)
            if key not in known:
                self._report(here, unknown_key(key, known, what=what, of=of), key=True)
            elif key in by_hand:
                continue
            elif isinstance(value, dict) and (inner := model_within(cls, key)) is not None:
                found[key] = self._model(inner, value, here, key)
            else:
                noun_of = _NOUNS.get(key, key) if isinstance(value, list) else key
                name = noun_of if parameters_of is None else f"parameter '{key}'{of}"
                found[key], mistakes = read(cls, key, value, name)
                for inside, message in mistakes:
                    self._report((*here, *inside), message)
        for key, required in fields_of(cls).items():
            if required and key not in data and key not in meant:
                example = f", for example {_EXAMPLES[key]}" if key in _EXAMPLES and parameters_of is None else ""
                self._report(path, f"{parameters_of or noun} has no '{key}'; it is required{example}")
        return found

    def _mapping(self, data: Any, path: Path, *, quiet: bool) -> dict[str, Any]:
        if isinstance(data, dict):
            return data
        if not quiet:
            self._report(path, f"{path[-1]} is {quote(data)}; expected a mapping")
        return {}

    def _list(self, data: Any, path: Path, noun: str) -> list[Any]:
        if isinstance(data, list):
            return data
        self._report(path, f"{noun} is {quote(data)}; expected a list")
        return []


def _is_bare(value: Any) -> bool:
    return value is not None and not isinstance(value, dict | list)
