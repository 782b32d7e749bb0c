"""Reads what a scenario expects of its children, and reports what no child can come to."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from gostage_sim.faults.contract import StandsBetween
from gostage_sim.faults.interrupt_parent import InterruptParent
from gostage_sim.gostage.delivery import MAX_HANDLER_ERRORS
from gostage_sim.scenario.model import TRANSPORTS, Child, Count, Expectation, Handler, RunExpectation
from gostage_sim.scenario.patterns import pattern_problem
from gostage_sim.scenario.positions import Document, Path
from gostage_sim.scenario.problems import close_match, quote, unknown
from gostage_sim.scenario.traffic import of_its_own

_SIGNALS = [name.name for name in signal.Signals]
#: What is told by a result, and by nothing else.
_OF_A_RESULT = ("outcome", "exit_code", "signal", "malformed", "handler_errors", "error", "stderr", "final_store")


#: Which exception a signal to the parent becomes there.
_RAISED_BY = {"KeyboardInterrupt": "SIGINT", "SystemExit": "SIGTERM"}


class ExpectationReader:
    """Reads `expect:` and `expect_on:`. `model` makes the model of one child's, `mapping` gives the items of a mapping;
    both report what is wrong."""

    def __init__(
        self,
        document: Document,
        model: Callable[[Any, Path], Expectation | None],
        mapping: Callable[[Any, Path], Mapping[str, Any]],
    ) -> None:
        self._report = document.report
        self._model = model
        self._mapping = mapping

    def by_transport(
        self, data: dict[str, Any], children: Sequence[str], transports: Sequence[str] | None
    ) -> dict[str, dict[str, Expectation]]:
        path: Path = ("expect_on",)
        found: dict[str, dict[str, Expectation]] = {}
        for name, item in self._mapping(data.get("expect_on", {}), path).items():
            if name not in TRANSPORTS:
                self._report((*path, name), unknown("transport", name, list(TRANSPORTS)), key=True)
            elif transports and name not in transports:
                message = f"this scenario does not run on {name}; its transports are {', '.join(transports)}"
                self._report((*path, name), message, key=True)
            else:
                found[name] = self.of_children(item, (*path, name), children)
        return found

    def of_children(self, data: Any, path: Path, children: Sequence[str]) -> dict[str, Expectation]:
        items = self._mapping(data, path)
        models = {name: self._model(item, (*path, name)) for name, item in items.items()}
        found = {name: model for name, model in models.items() if model is not None}
        for name, item in items.items():
            if name not in children:
                self._report((*path, name), unknown("child", name, list(children)), key=True)
            self._texts((*path, name), item if isinstance(item, dict) else {})
        for name, expectation in found.items():
            self._contradictions((*path, name), expectation)
        return found

    def of_run(
        self,
        data: Mapping[str, Any],
        expected: RunExpectation | None,
        children: Mapping[str, Child] | None,
        transports: Sequence[str],
    ) -> None:
        """Reports what no run can come to. `children`: where all of them could be read."""
        path: Path = ("expect_run",)
        if data.get("expect_run") == {}:
            self._report(path, f"expect_run is empty; expected one of {', '.join(RunExpectation.model_fields)}")
        if expected is None:
            return
        for key, wanted in expected:
            at_most = getattr(wanted, "at_most", None)
            if at_most is not None and wanted.at_least > at_most:
                least, most = (data["expect_run"][key][bound] for bound in ("at_least", "at_most"))
                message = f"at_least is {least}, which is above at_most: {most}; nothing is both"
                self._report((*path, key, "at_least"), message)
        for key in ("refused_calls", "strangers"):
            if _least(getattr(expected, key)) and "json" in transports:
                message = f"over JSON the parent has no server and no {key}; say where it runs: transports: [grpc]"
                self._report((*path, key), message, key=True)
        most_handled = None if children is None else _most_handled(children.values())
        if most_handled is not None and _least(expected.handled) > most_handled:
            message = f"handled is {_least(expected.handled)}; all children together send {most_handled}"
            self._report((*path, "handled"), message)

    def of_what_is_done(
        self,
        expected: Mapping[str, Expectation],
        path: Path,
        children: Mapping[str, Child],
        handlers: Mapping[str, Handler] | None,
    ) -> None:
        """Reports what does not come of what these `children`, those that could be read, do. `handlers`: where all of
        them could be read."""
        for name, child in children.items():
            wanted = expected.get(name)
            if wanted is None:
                continue
            most = _most_handled([child.model_copy(update={"copies": 1})])
            if most is not None and _least(wanted.handled) > most:
                message = f"handled is {_least(wanted.handled)}; child '{name}' sends {most} by its steps and faults"
                self._report((*path, name, "handled"), message)
            if wanted.raises is None or handlers is None:
                continue
            number = _RAISED_BY[wanted.raises]
            faults: list[object] = [placed.fault for placed in child.faults]
            interrupted = any(isinstance(fault, InterruptParent) and fault.signal == number for fault in faults)
            leaves = wanted.raises == "SystemExit" and any(handler.exit for handler in handlers.values())
            if not interrupted and not leaves:
                meant = f"interrupt_parent: {{signal: {number}}}, a fault of the child"
                meant += ", or a handler with exit: true" * (wanted.raises == "SystemExit")
                message = f"nothing raises {wanted.raises} in the spawn of child '{name}'; expected {meant}"
                self._report((*path, name, "raises"), message)

    def _texts(self, path: Path, item: Mapping[str, Any]) -> None:
        """Names of signals, and patterns, whatever else is wrong beside them."""
        signal_name = item.get("signal")
        if isinstance(signal_name, str) and signal_name.startswith("SIG") and signal_name not in _SIGNALS:
            match = close_match(signal_name, _SIGNALS)
            meant = f"did you mean '{match}'?" if match else "expected a signal name such as SIGSEGV"
            if signal_name.isalnum() and signal_name.isupper():  # else the form of the name is reported
                self._report((*path, "signal"), f"unknown signal '{signal_name}'; {meant}")
        for key in ("error", "stderr"):
            text = item.get(key)
            problem = pattern_problem(text) if isinstance(text, str) else None
            if problem is not None:
                self._report((*path, key), f"{key} is {quote(text)}, no regular expression: {problem}")

    def _contradictions(self, path: Path, expectation: Expectation) -> None:
        """Expectations that no child can meet."""
        for key in ("handled", "malformed", "handler_errors"):
            number = getattr(expectation, key)
            if isinstance(number, Count) and number.at_most is not None and number.at_least > number.at_most:
                message = f"at_least is {number.at_least}, which is above at_most: {number.at_most}; no number is both"
                self._report((*path, key, "at_least"), message)
        least = _least(expectation.handler_errors)
        if least > MAX_HANDLER_ERRORS:
            message = f"handler_errors is {least}; of a child the engine records the first {MAX_HANDLER_ERRORS}"
            self._report((*path, "handler_errors"), message)
        if expectation.final_store == {}:
            self._report((*path, "final_store"), "final_store is empty; expected at least one key with its value")
        if expectation.raises is not None:
            for key in _OF_A_RESULT:
                if getattr(expectation, key) is not None:
                    self._report((*path, key), f"where spawn() raises there is no result; leave out {key} or raises")
        code, killed_by = expectation.exit_code, expectation.signal
        if killed_by is not None and expectation.outcome == "completed":
            self._report((*path, "signal"), "a child that completed was not killed; leave out signal or outcome")
        if code is not None and killed_by is not None:
            message = "a child that was killed by a signal has no exit code; leave out exit_code or signal"
            self._report((*path, "exit_code"), message)
        elif code and expectation.outcome == "completed":
            message = f"exit_code is {code}; a child that completed has exit code 0"
            self._report((*path, "exit_code"), message)


def _least(number: int | Count | None) -> int:
    return number.at_least if isinstance(number, Count) else number or 0


def _most_handled(children: Iterable[Child]) -> int | None:
    """None where nobody can know: of programs and actions of the user's, and of messages that a relay may double."""
    most = 0
    for child in children:
        sent = None if child.command else of_its_own(child.steps, child.faults)
        if sent is None or any(isinstance(placed.fault, StandsBetween) for placed in child.faults):
            return None
        most += child.copies * sent.total()
    return most
