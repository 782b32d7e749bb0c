"""`gostage-sim workflow`: runs and checks definitions in files. Progress goes to stderr, the final store to stdout."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from gostage_sim import gostage
from gostage_sim.gostage.child import CHILD_FLAG
from gostage_sim.gostage.definition_files import DefinitionFile, Steps, read
from gostage_sim.gostage.errors import DefinitionError, ExportError, GostageError, safe_str
from gostage_sim.gostage.registry import registered_ids
from gostage_sim.report.bad_input import BadInput
from gostage_sim.report.escape import terminal_safe_json, visible, visible_line
from gostage_sim.workflow_child import PROGRESS, import_actions, report_progress

COMPLETED, FAILED = 0, 1


def run(file: Path, *, imports: Sequence[str], store: Sequence[str], spawn: bool) -> int:
    """Run the workflow of a file, here or in a child, and print its final store as JSON; the exit code.

    BadInput for a file, a module or a value that cannot be used: then nothing was run.
    """
    values = _store_values(store)
    definition = _load(file, imports).definition
    definition.initial_store.update(values)
    return _run_in_child(definition, imports) if spawn else _run_here(definition)


def check(file: Path, *, imports: Sequence[str]) -> str:
    """See that a file can be run, without running it; what there is in it. BadInput with every mistake."""
    definition = _load(file, imports).definition
    stages = len(definition.stages)
    actions = sum(len(stage.actions) for stage in definition.stages)
    return f"no mistakes: {actions} action{'s' * (actions != 1)} in {stages} stage{'s' * (stages != 1)}"


def _run_here(definition: gostage.SubWorkflowDef) -> int:
    workflow = gostage.Workflow.from_def(definition)
    runner = gostage.Runner(middleware=[report_progress])
    _show_messages(runner)
    error: BaseException | None = None
    with contextlib.redirect_stdout(sys.stderr):  # stdout is for the final store; a child's prints go there too
        try:
            error = runner.run(workflow).error
        except KeyboardInterrupt:
            raise
        except BaseException as leaving:  # an action's sys.exit(0) is no success of the workflow
            error = leaving
    try:
        final_store = workflow.store.export_all()
    except ExportError as failure:
        error = error or failure
        final_store = failure.exported
    _show_store(final_store)
    if error is None:
        _tell(f"workflow {definition.id}: completed")
        return COMPLETED
    text = safe_str(error) if isinstance(error, GostageError) else f"{type(error).__name__}: {safe_str(error)}"
    _tell(f"workflow {definition.id}: failed: {text}")
    return FAILED


def _run_in_child(definition: gostage.SubWorkflowDef, imports: Sequence[str]) -> int:
    command = [sys.executable, "-m", "gostage_sim.workflow_child", CHILD_FLAG]
    for module in imports:
        command += ["--import", module]
    try:
        transport = gostage.transports.named(None)
    except ValueError as error:  # what the environment says
        raise BadInput([visible_line(str(error))]) from None
    runner = gostage.Runner(launcher=gostage.launchers.Program(command, foreign=False), transport=transport)
    _show_messages(runner)
    result = runner.spawn(definition)
    for line in visible(result.stderr_tail).splitlines():
        print(line, file=sys.stderr)
    _show_store(result.final_store)
    _tell(f"workflow {definition.id}: completed" if result.success else result.describe())
    return COMPLETED if result.success else FAILED


def _show_messages(runner: gostage.Runner) -> None:
    runner.broker.register_handler(PROGRESS, lambda message: _show_progress(message.payload))
    runner.broker.register_handler("log", lambda message: _show_log(message.payload))


def _show_progress(facts: dict[str, Any]) -> None:
    if "action" not in facts:
        _tell(f"stage {facts['stage']}")
        return
    took, error = f"{facts['seconds']:.3f} s", facts["error"]
    _tell(f"  {facts['action']}: " + (f"completed in {took}" if error is None else f"failed after {took}: {error}"))


def _show_log(record: dict[str, Any]) -> None:
    _tell(f"    {record['level']}: {record['message']}")


def _show_store(values: dict[str, Any]) -> None:
    print(terminal_safe_json(json.dumps(values, indent=2, ensure_ascii=False)))


def _tell(text: str) -> None:
    print(visible_line(text), file=sys.stderr)


# --- input ----------------------------------------------------------------------------------------------------------


def _load(file: Path, imports: Sequence[str]) -> DefinitionFile:
    """The definition, once all its actions are known. Keys that nothing reads are told on stderr."""
    try:
        found = read(file)
    except DefinitionError as error:
        raise BadInput([visible_line(str(error))]) from None
    for module in imports:
        _import(module)
    for line in found.ignored:
        _tell(f"warning: {line}")
    mistakes = _bad_ids(found) + _unknown_actions(found)
    if mistakes:
        raise BadInput(mistakes)
    if not found.definition.stages:
        raise BadInput([visible_line(f"{found.where()}: workflow {found.definition.id!r} has no stages")])
    _try(lambda: gostage.Workflow.from_def(found.definition), visible_line(found.path))
    return found


def _import(module: str) -> None:
    with contextlib.redirect_stdout(sys.stderr):
        _try(lambda: import_actions(module), f"--import {module}")


def _try(call: Callable[[], object], what: str) -> None:
    """BadInput when the user's own code raises, with the line of it that did."""
    try:
        call()
    except KeyboardInterrupt:
        raise
    except DefinitionError as error:
        raise BadInput([visible_line(f"{what}: {error}")]) from None
    except BaseException as error:
        text = visible_line(f"{what}: {type(error).__name__}: {safe_str(error)}{_place(error)}")
        raise BadInput([text]) from None


def _place(error: BaseException) -> str:
    """` (at FILE:LINE)` of the innermost line that is neither ours nor the import system's."""
    ours = os.path.dirname(__file__) + os.sep
    place, traceback = "", error.__traceback__
    while traceback is not None:
        name = traceback.tb_frame.f_code.co_filename
        if not name.startswith((ours, "<")) and "importlib" not in name:
            place = f" (at {name}:{traceback.tb_lineno})"
        traceback = traceback.tb_next
    return place


def _bad_ids(found: DefinitionFile) -> list[str]:
    """A line for each id that is empty, and for each stage whose id another one has."""
    stages = found.definition.stages
    ids: list[tuple[Steps, str]] = [((), found.definition.id)]
    for s, stage in enumerate(stages):
        ids += [(("stages", s), stage.id), *((("stages", s, "actions", a), x.id) for a, x in enumerate(stage.actions))]
    lines = [f"{found.where(*steps, 'id')}: the id is empty" for steps, id in ids if not id]
    known: dict[str, int] = {}
    for s, stage in enumerate(stages):
        first = known.setdefault(stage.id, s)
        if first != s and stage.id:
            where, before = found.where("stages", s, "id"), found.where("stages", first, "id")
            lines.append(f"{where}: a stage {stage.id!r} is already at {before}; stage ids are unique")
    return [visible_line(line) for line in lines]


def _unknown_actions(found: DefinitionFile) -> list[str]:
    """A line for each action that is not registered, with its place and what was probably meant."""
    known = registered_ids()
    lines = []
    for s, stage in enumerate(found.definition.stages):
        for a, action in enumerate(stage.actions):
            if action.id in known or not action.id:
                continue
            close = get_close_matches(action.id, known, n=1)
            if close:
                hint = f"did you mean {close[0]!r}?"
            elif known:
                hint = f"registered: {', '.join(known)}"
            else:
                hint = "none is registered; name the module that registers it with --import"
            where = found.where("stages", s, "actions", a, "id")
            lines.append(visible_line(f"{where}: unknown action {action.id!r}; {hint}"))
    return lines


def _store_values(settings: Sequence[str]) -> dict[str, Any]:
    """`KEY=JSON` options as a dict; every mistake at once."""
    values: dict[str, Any] = {}
    mistakes = []
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not key or not equals:
            mistakes.append(f"--store {setting}: expected KEY=JSON, for example --store limit=10")
            continue
        try:
            values[key] = json.loads(text, parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            example = json.dumps(text[:40], ensure_ascii=False)
            mistakes.append(f"--store {setting}: not JSON: {error}; text needs quotes: --store '{key}={example}'")
    if mistakes:
        raise BadInput(map(visible_line, mistakes))
    return values


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")
