"""Reads the faults of a child: which kind, with which parameters, and at which point of the child's life."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from gostage_sim.faults.contract import After, Fault, LastsOverMessages, LimitsPlacement, LimitsTransports, Placement
from gostage_sim.scenario.expected import fields_of
from gostage_sim.scenario.model import PlacedFault
from gostage_sim.scenario.positions import Document, Path
from gostage_sim.scenario.problems import quote, unknown, unknown_key

_FORMS = (
    "spawn, {spawn: n}, definition, result, {step: n}, {message: n}, {message: n, byte: b}, {handler: n} or "
    "{after: {child: a, message: n}}"
)
_KEYS = ("spawn", "step", "message", "byte", "every", "times", "until", "handler", "after")
#: What stands alone: nothing repeats it, nothing ends it.
_ALONE = ("spawn", "step", "handler")
_MOST_TIMES = 1000
_POINTS = {
    "spawn": "spawn",
    "definition": "definition",
    "step": "{step: n}",
    "message": "{message: n}",
    "byte": "{message: n, byte: b}",
    "result": "result",
    "handler": "{handler: n}",
}


class FieldReader(Protocol):
    """Checks the keys of a mapping against the fields of a class and reports what is wrong."""

    def __call__(
        self, cls: type, data: dict[str, Any], path: Path, noun: str, *, bare: bool, parameters_of: str | None
    ) -> dict[str, Any]: ...


def transport_problems(faults: Sequence[PlacedFault], transports: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Each of these faults that cannot be done on one of the transports, by its number from 0, and why."""
    for number, placed in enumerate(faults):
        fault: object = placed.fault
        for transport in transports:
            problem = fault.transport_problem(transport, placed.at) if isinstance(fault, LimitsTransports) else None
            if problem is not None:
                yield number, f"fault '{placed.fault.kind}' cannot be done on {transport}: {problem}"


class PlacementReader:
    """Reads `- crash: {signal: SIGSEGV}` with its `at:`."""

    def __init__(self, document: Document, kinds: Mapping[str, type[Fault]], fields: FieldReader) -> None:
        self._document = document
        self._report = document.report
        self._kinds = kinds
        self._fields = fields

    def fault(self, data: Any, path: Path, *, child: str, steps: int) -> PlacedFault | None:
        """One item of a child's `faults`."""
        if not isinstance(data, dict):
            self._report(path, f"a fault is {quote(data)}; expected a mapping of its kind and 'at'")
            return None
        kind = self._kind(data, path)
        probability = self._probability(data.get("probability", 1.0), (*path, "probability"))
        fault = self._parameters(kind, data[kind], (*path, kind)) if kind is not None else None
        if "at" not in data:
            forms = _FORMS if kind is None else self._points_of(kind)
            self._report(path, f"{f'fault {kind!r}' if kind else 'a fault'} has no 'at'; expected {forms}")
            return None
        at = self._at(data["at"], (*path, "at"), child, steps)
        if kind is None or at is None or not self._applies(kind, fault, at, (*path, "at"), data["at"]) or fault is None:
            return None
        data_at = data["at"] if isinstance(data["at"], dict) else {}
        return PlacedFault(
            fault=fault,
            at=at,
            line=self._document.position((*path, kind), key=True).line,
            every=data_at.get("every", 0),
            times=data_at.get("times", 1),
            probability=probability,
        )

    def _probability(self, found: Any, path: Path) -> float:
        if isinstance(found, int | float) and not isinstance(found, bool) and 0 < found <= 1:
            return float(found)
        self._report(path, f"probability is {quote(found)}; expected a number above 0, and at most 1")
        return 1.0

    def _kind(self, data: dict[str, Any], path: Path) -> str | None:
        others = [key for key in data if key not in ("at", "probability")]
        kinds = [key for key in others if key in self._kinds]
        if not others:
            self._report(path, f"a fault has no kind; expected one of {', '.join(self._kinds)}")
        elif not kinds:
            self._report((*path, others[0]), unknown("fault", others[0], list(self._kinds)), key=True)
        known = [kinds[0] if kinds else "the kind of the fault", "at", "probability"]
        for key in others[1:] if not kinds else [key for key in others if key != kinds[0]]:
            if key in kinds:
                self._report((*path, key), f"one item is one fault; found {kinds[0]} and {key}: make it two", key=True)
            else:
                self._report((*path, key), unknown_key(key, known), key=True)
        return kinds[0] if kinds else None

    def _parameters(self, kind: str, data: Any, path: Path) -> Fault | None:
        cls = self._kinds[kind]
        names = list(fields_of(cls))
        bare = data is not None and not isinstance(data, dict)
        if bare and (isinstance(data, list) or not names):
            expected = f"a mapping of {', '.join(names)}" if names else "nothing: it takes no parameters"
            self._report(path, f"fault '{kind}' is given {quote(data)}; expected {expected}")
            return None
        given = {names[0]: data} if bare else data or {}
        before = self._document.mistakes
        found = self._fields(cls, given, path, kind, bare=bare, parameters_of=f"fault '{kind}'")
        if self._document.mistakes > before:
            return None
        try:
            return cls(**found)
        except (ValueError, TypeError) as error:  # a fault's own check of parameters that exclude each other
            self._report(path, f"fault '{kind}': {error}")
            return None

    def _at(self, data: Any, path: Path, child: str, steps: int) -> Placement | None:
        if data == "spawn" or data == "definition" or data == "result":
            return Placement(data)
        if isinstance(data, str):
            word = unknown("point", data, ("spawn", "definition", "result"))
            self._report(path, word if "did you mean" in word else f"at is {quote(data)}; expected {_FORMS}")
            return None
        if not isinstance(data, dict) or not data:
            self._report(path, f"at is {'empty' if data == {} else quote(data)}; expected {_FORMS}")
            return None
        before = self._document.mistakes
        after = self._after(data["after"], (*path, "after")) if "after" in data else None
        data = {key: value for key, value in data.items() if key != "after"}
        if after is not None and not data:
            if not steps:
                message = f"'after' alone is before the first step, and child '{child}' has none; add {{message: n}}"
                self._report((*path, "after"), message)
                return None
            data = {"step": 1}
        for key, value in data.items():
            if key not in _KEYS:
                self._report((*path, key), unknown_key(key, _KEYS), key=True)
            elif isinstance(value, bool) or not isinstance(value, int) or value < 1:
                message = f"{key} is {quote(value)}; expected a whole number of at least 1"
                self._report((*path, key), message)
            elif key == "step" and value > steps:
                count = f"{steps} step{'' if steps == 1 else 's'}"
                self._report((*path, key), f"step {value} does not exist; child '{child}' has {count}")
            elif key == "times" and value > _MOST_TIMES:
                self._report((*path, key), f"times is {value}; expected at most {_MOST_TIMES}")
        alone = next((key for key in _ALONE if key in data), None)
        if alone is not None and len(data) > 1:
            self._report(path, f"'{alone}' stands alone; expected {_FORMS}")
        elif after is not None and alone in ("spawn", "handler"):
            message = f"'after' has the child wait at a point of its own, and {alone} is one of the parent"
            self._report((*path, "after"), f"{message}; expected {{step: n, after: …}} or {{message: n, after: …}}")
        elif "byte" in data and "message" not in data:
            self._report(path, "'byte' counts within a message; expected {message: n, byte: b}")
        elif ("every" in data) is not ("times" in data) or ("every" in data and "message" not in data):
            self._report(path, "'every' and 'times' repeat a message; expected {message: n, every: k, times: m}")
        elif "until" in data and ("message" not in data or "byte" in data or "every" in data):
            self._report(path, "'until' ends what begins with a message; expected {message: n, until: m}")
        elif "until" in data and self._document.mistakes == before and data["until"] < data["message"]:
            self._report((*path, "until"), f"until is {data['until']}, which is before message: {data['message']}")
        if self._document.mistakes > before:
            return None
        point = alone or ("byte" if "byte" in data else "message")
        numbers = {key: value for key, value in data.items() if key not in ("every", "times")}
        return Placement(point, **numbers, after=after)  # type: ignore[arg-type]

    def _points_of(self, kind: str) -> str:
        return ", ".join(form for point, form in _POINTS.items() if point in self._kinds[kind].points)

    def _after(self, data: Any, path: Path) -> After | None:
        if not isinstance(data, dict):
            self._report(path, f"after is {quote(data)}; expected {{child: name, message: n}}")
            return None
        before = self._document.mistakes
        found = self._fields(After, data, path, "after", bare=False, parameters_of=None)
        message = found.get("message")
        if message is not None and message < 1:
            self._report((*path, "message"), f"message is {message}; expected a whole number of at least 1")
        return None if self._document.mistakes > before else After(**found)

    def _applies(self, kind: str, fault: Fault | None, at: Placement, path: Path, data: Any) -> bool:
        if at.point not in self._kinds[kind].points:
            where = self._points_of(kind)
            alone = isinstance(data, dict) and [*data] == ["after"]
            here = "{after: …} alone, which is before the first step" if alone else _POINTS[at.point]
            self._report(path, f"fault '{kind}' cannot be placed at {here}; expected {where}")
            return False
        limited: object = fault
        problem = limited.placement_problem(at) if isinstance(limited, LimitsPlacement) else None
        if problem is None and at.until is not None:
            problem = limited.window_problem() if isinstance(limited, LastsOverMessages) else "it does not last"
            if problem is not None:
                self._report((*path, "until"), f"fault '{kind}' has no end to be given by until: {problem}")
                return False
        if problem is not None:
            self._report(path, f"fault '{kind}' cannot be placed here: {problem}")
        return problem is None
