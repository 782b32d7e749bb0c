"""Makes the model from a document, and reports every mistake in it at its position."""

from __future__ import annotations

import re
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path as FilePath
from typing import Any, TypeVar

from pydantic import BaseModel

from gostage_sim.faults.contract import Fault
from gostage_sim.scenario.expected import fields_of, model_within, read
from gostage_sim.scenario.fakes import provider_problem
from gostage_sim.scenario.model import (
    Call,
    Child,
    Expectation,
    Handler,
    Log,
    PlacedFault,
    Put,
    Scenario,
    Send,
    Step,
)
from gostage_sim.scenario.payloads import Placeholder, parse_template, strings
from gostage_sim.scenario.placement import PlacementReader
from gostage_sim.scenario.positions import Document, Path
from gostage_sim.scenario.problems import close_match, quote, unknown, unknown_key
from gostage_sim.scenario.targets import import_module, target_problem

M = TypeVar("M", bound=BaseModel)

_NOUNS = {"transports": "transport"}
_STEPS = ("send", "call", "log", "put")
_CHILD_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_MODULE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
_SIGNALS = [name.name for name in signal.Signals]
_RECOVERY = "recovery"


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
        self._folder = folder
        self._placements = PlacementReader(document, fault_kinds, self._fields)

    def scenario(self) -> Scenario | None:
        """The scenario, or None where it is not one; look at the document's problems in either case."""
        data = self._document.data
        if data is None:
            self._report((), "the file is empty; expected a scenario with name and children")
            return None
        if not isinstance(data, dict):
            self._report((), f"found {quote(data)}; expected a mapping with name and children")
            return None
        found = self._fields(Scenario, data, (), "scenario", by_hand=("children", "handlers", "expect", "guarantees"))
        children = self._children(data.get("children"))
        names = list(self._mapping(data.get("children"), ("children",), quiet=True))
        self._imports(found.get("imports", ()))
        if found.get("transports") == ():
            self._report(("transports",), "transports is an empty list; expected at least one")
        found |= {
            "children": children,
            "handlers": self._named(Handler, data, "handlers", "handler"),
            "expect": self._expectations(data, names),
            "guarantees": self._guarantee_list(data),
            "file": self._document.file,
        }
        return None if self._document.problems else Scenario.model_construct(**found)

    def child(self, data: Any, path: Path, name: str) -> Child | None:
        """One child."""
        if not isinstance(data, dict):
            self._report(path, f"child {quote(name)} is {quote(data)}; expected a mapping with steps")
            return None
        before = len(self._document.problems)
        found = self._fields(Child, data, path, "child", by_hand=("steps", "faults"))
        raw_steps = self._list(data.get("steps"), (*path, "steps"), "steps") if "steps" in data else []
        steps = [self._step(item, (*path, "steps", i)) for i, item in enumerate(raw_steps)]
        raw_faults = self._list(data["faults"], (*path, "faults"), "faults") if "faults" in data else []
        faults = [
            self._placements.fault(item, (*path, "faults", i), child=name, steps=len(raw_steps))
            for i, item in enumerate(raw_faults)
        ]
        if len(self._document.problems) > before:
            return None
        kept: tuple[PlacedFault, ...] = tuple(fault for fault in faults if fault is not None)
        return Child.model_construct(
            **{**found, "steps": tuple(step for step in steps if step is not None), "faults": kept}
        )

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

    def _step(self, data: Any, path: Path) -> Step | None:
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
        if kind == "log":
            return self._model(Log, {"message": value} if _is_bare(value) else value, here, "log", _is_bare(value))
        return self._model(Put, value, here, "put")

    def _send(self, data: Any, path: Path, *, bare: bool) -> Send | None:
        if isinstance(data, dict) and not bare:
            for inner, text, is_key in strings(data.get("payload"), (*path, "payload")):
                self._template(text, inner, is_key)
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
            problem = target_problem(target, self._folder)
        if problem is not None:
            self._report((*path, "call"), problem)
        if not isinstance(arguments, dict):
            self._report((*path, "with"), f"with is {quote(arguments)}; expected a mapping")
        elif problem is None:
            return Call.model_validate({"target": target, "with": arguments})
        return None

    def _imports(self, names: Sequence[str]) -> None:
        for index, name in enumerate(names):
            found = import_module(name, self._folder) if _MODULE.fullmatch(name) else "not the name of a module"
            if isinstance(found, str):
                self._report(("imports", index), f"imports, item {index + 1}, {quote(name)}: {found}")

    def _expectations(self, data: dict[str, Any], children: Sequence[str]) -> dict[str, Expectation]:
        found = self._named(Expectation, data, "expect", "expect")
        for name in self._mapping(data.get("expect"), ("expect",), quiet=True):
            if name not in children:
                self._report(("expect", name), unknown("child", name, list(children)), key=True)
        for name, expectation in found.items():
            if expectation.signal is not None and expectation.signal not in _SIGNALS:
                where: Path = ("expect", name, "signal")
                match = close_match(expectation.signal, _SIGNALS)
                meant = f"did you mean '{match}'?" if match else "expected a signal name such as SIGSEGV"
                self._report(where, f"unknown signal '{expectation.signal}'; {meant}")
        return found

    def _guarantee_list(self, data: dict[str, Any]) -> Any:
        found = data.get("guarantees", "all")
        if found == "all":
            return found
        if not isinstance(found, list):
            message = f"guarantees is {quote(found)}; expected 'all' or a list of names"
            self._report(("guarantees",), message)
            return ()
        for index, name in enumerate(found):
            where: Path = ("guarantees", index)
            if not isinstance(name, str):
                self._report(where, f"guarantees, item {index + 1}, is {quote(name)}; expected the name of a guarantee")
            elif name not in self._guarantees:
                self._report(where, unknown("guarantee", name, self._guarantees))
        return tuple(found)

    def _named(self, cls: type[M], data: dict[str, Any], key: str, noun: str) -> dict[str, M]:
        found = self._mapping(data.get(key), (key,), quiet=key not in data)
        models = {name: self._model(cls, item, (key, name), noun) for name, item in found.items()}
        return {name: model for name, model in models.items() if model is not None}

    def _model(self, cls: type[M], data: Any, path: Path, noun: str, bare: bool = False) -> M | None:
        if not isinstance(data, dict):
            self._report(path, f"{noun} is {quote(data)}; expected a mapping of {', '.join(fields_of(cls))}")
            return None
        before = len(self._document.problems)
        found = self._fields(cls, data, path, noun, bare=bare)
        return None if len(self._document.problems) > before else cls.model_construct(**found)

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
        known = [key for key in fields_of(cls) if key not in ("file", "line")]
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
                name = _NOUNS.get(key, key) if parameters_of is None else f"parameter '{key}'{of}"
                found[key], mistakes = read(cls, key, value, name)
                for inside, message in mistakes:
                    self._report((*here, *inside), message)
        for key, required in fields_of(cls).items():
            if required and key not in data and key not in meant:
                self._report(path, f"{parameters_of or noun} has no '{key}'; it is required")
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
