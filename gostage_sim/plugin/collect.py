"""Scenario files as test items, and the decision which YAML files are ours to collect."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gostage_sim.plugin.runner import choice_of, runner_of

if TYPE_CHECKING:
    from gostage_sim.harness.agreement import Agreement
    from gostage_sim.harness.result import ScenarioResult
    from gostage_sim.scenario.transports import Case

_OURS = ".chaos.yaml"
_FOLDER = "scenarios"
_PRIVATE = ("_", ".")

#: Keys that a scenario has and hardly any other YAML file, at its top level.
_TELLING = ("children", "expect", "guarantees", "handlers", "transports", "parametrize")
#: What one has that takes all the rest from elsewhere.
_ENOUGH = {"name", "include"}
_KEY = re.compile(r"""^["']?([A-Za-z_]+)["']?\s*:""", re.MULTILINE)
_FLOW_KEY = re.compile(r"""[{,]\s*["']?([A-Za-z_]+)["']?\s*:""")
_NAME_KEY = re.compile(r"""^["']?name["']?\s*:""", re.MULTILINE)
_LOOKED_AT = 65536

_FOLDERS = pytest.StashKey[tuple[Path, ...]]()


def is_ours(file: Path, session: pytest.Session) -> bool:
    """`*.chaos.yaml` anywhere; other YAML below `scenarios/` in the root folder, or named on the command line, that
    looks like a scenario or was itself named. A name that begins with `_` or `.`, of the file or of a folder, is of a
    fragment and not of a scenario."""
    named = session.isinitpath(file)
    if file.name.endswith(_OURS):
        return named or not _is_private(file, session.config.rootpath)
    for folder in _folders(session.config):
        if file.is_relative_to(folder):
            return named or (not _is_private(file, folder) and _looks_like_a_scenario(file))
    return False


def _is_private(file: Path, below: Path) -> bool:
    parts = file.relative_to(below).parts if file.is_relative_to(below) else (file.name,)
    return any(part.startswith(_PRIVATE) for part in parts)


def _folders(config: pytest.Config) -> tuple[Path, ...]:
    """The folders named `scenarios` that this session is about."""
    if _FOLDERS not in config.stash:
        root = config.rootpath
        found = [root / _FOLDER]
        for argument in config.args:
            path = Path(os.path.normpath(config.invocation_params.dir / argument.partition("::")[0]))
            # A folder of that name around the whole project says nothing about what is in it.
            within = [each for each in (path, *path.parents) if each.is_relative_to(root)] or [path]
            found += [each for each in within if each.name == _FOLDER]
        config.stash[_FOLDERS] = tuple(dict.fromkeys(found))
    return config.stash[_FOLDERS]


def _looks_like_a_scenario(file: Path) -> bool:
    """By its top-level keys, misspelt ones too: a scenario with a mistake must not vanish from the run."""
    try:
        with file.open("rb") as stream:
            text = stream.read(_LOOKED_AT).decode("utf-8", "replace")
    except OSError:
        return False
    keys: list[str] = (_FLOW_KEY if text.lstrip("\ufeff \t\r\n").startswith("{") else _KEY).findall(text)
    return set(keys) >= _ENOUGH or any(get_close_matches(key, _TELLING, n=1, cutoff=0.8) for key in keys)


class NotPassed(Exception):  # noqa: N818 - the verdict of a scenario, not an error of the program
    """You get it as the failure of a scenario item whose verdict is `fail` or `unknown`."""

    def __init__(self, result: ScenarioResult) -> None:
        self.result = result
        super().__init__(f"{result.verdict}: {result.reason}")


class ScenarioFile(pytest.File):
    """One file, an item for each combination of its matrix and each transport; its mistakes are a collection error with
    their positions."""

    def collect(self) -> Iterable[ScenarioItem]:
        from gostage_sim.harness.agreement import Agreement
        from gostage_sim.report.escape import visible_line
        from gostage_sim.scenario.conditions import split
        from gostage_sim.scenario.loader import scenarios_of
        from gostage_sim.scenario.problems import ScenarioError
        from gostage_sim.scenario.transports import cases_of

        try:
            scenarios = scenarios_of(self.shown())
        except ScenarioError as error:
            raise self.CollectError(str(error)) from None
        line = _line_of_name(self.path)
        cases, left_out = cases_of(scenarios, choice_of(self.config))
        runnable, skipped = split(cases)
        reasons = {id(case): why for case, why in skipped}
        agreement = Agreement(runnable)
        for case in (*cases, *left_out):
            name = visible_line(case.scenario.name).replace("::", ":")  # in a node id `::` separates
            named = f"{name}[{case.transport}]"
            item: ScenarioItem = ScenarioItem.from_parent(self, name=named, case=case, line=line, agreement=agreement)
            if id(case) in reasons:
                item.skipped = reasons[id(case)]
                item.add_marker(pytest.mark.skip(reason=item.skipped))
            if case in left_out:
                item.add_marker(pytest.mark.skip(reason=f"the scenario does not run on {case.transport}"))
            yield item

    def shown(self) -> str:
        """As a user in the folder of the call would name it."""
        here = self.config.invocation_params.dir
        return str(self.path.relative_to(here) if self.path.is_relative_to(here) else self.path)


class ScenarioItem(pytest.Item):
    """One scenario on one transport, run with real processes."""

    def __init__(self, *, case: Case, line: int, agreement: Agreement, **of_item: Any) -> None:
        super().__init__(**of_item)
        self.scenario, self.transport = case
        self._agreement = agreement
        self.result: ScenarioResult | None = None
        self.skipped: str | None = None
        """Why the scenario cannot run here."""
        self._line = line
        self.add_marker("gostage")
        self.extra_keyword_matches.update(self.scenario.tags)

    def runtest(self) -> None:
        self.result = runner_of(self.config).run(self.scenario, self.transport)
        for result in self._agreement.take(self.result):
            if result.transport == self.transport:
                self.result = result
        if self.result.verdict != "pass":
            raise NotPassed(self.result)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], *args: Any, **options: Any) -> Any:
        """The guarantees that did not pass and the command that repeats it, as on the command line."""
        if not isinstance(excinfo.value, NotPassed):
            return super().repr_failure(excinfo, *args, **options)
        from gostage_sim.report.lines import failure, text

        shown = "\n".join(map(text, failure(excinfo.value.result)))
        return f"{self.scenario.file}:{self._line + 1}: {shown}"

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, self._line, self.name


def _line_of_name(file: Path) -> int:
    """Where the scenario says its name, from 0."""
    text = file.read_text("utf-8-sig")
    found = _NAME_KEY.search(text)
    return text.count("\n", 0, found.start()) if found is not None else 0
