"""Reads scenario files and folders of them, and data built in Python; reports all mistakes of all files at once."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from gostage_sim.faults import fault_kinds as known_fault_kinds
from gostage_sim.faults.contract import Fault
from gostage_sim.guarantees import guarantee_names as known_guarantee_names
from gostage_sim.guarantees import plug_in_problems
from gostage_sim.scenario.fragments import Read, assembled, sources_of
from gostage_sim.scenario.matrix import expand, problems_of
from gostage_sim.scenario.model import Child, Scenario
from gostage_sim.scenario.positions import Document, read_python, read_yaml
from gostage_sim.scenario.problems import Problem, ScenarioError, quote
from gostage_sim.scenario.reader import Reader
from gostage_sim.scenario.targets import target_problems
from gostage_sim.units import format_size

_SUFFIXES = (".yaml", ".yml")
_LARGEST_FILE = 2**20
_MOST_NAMED = 3

FaultKinds = Mapping[str, type[Fault]]


def load(
    paths: Iterable[str | os.PathLike[str]],
    *,
    fault_kinds: FaultKinds | None = None,
    guarantee_names: Sequence[str] | None = None,
) -> tuple[list[Scenario], list[Problem]]:
    """The scenarios of files and folders, one for each combination of a file's matrix, and every mistake in them.

    Folders are searched for `*.yaml` and `*.yml`, sorted; names that begin with `_` or `.` are left out. A file named
    twice is read once. Kinds of faults and names of guarantees are those installed, unless given.
    """
    try:
        kinds, names = _kinds(fault_kinds), _names(guarantee_names)
    except ScenarioError as error:
        return [], list(error.problems)
    found: list[_File | list[Problem]] = []  # in the order of the files
    read = cache(_read)  # many files have the same fragments
    named: dict[str, str] = {}
    for path in _files(paths, found):
        try:
            file = _File(_read(path), kinds, names, path.parent, read)
        except ScenarioError as error:
            found.append(list(error.problems))
            continue
        file.claim_names(named)
        found.append(file)
    files = [each for each in found if isinstance(each, _File)]
    _look_up(reader for file in files for reader in file.readers)
    every = [(each, each.problems()) if isinstance(each, _File) else (None, each) for each in found]
    return [scenario for file in files for scenario in file.scenarios()], _once(every)


def scenarios_of(
    path: str | os.PathLike[str],
    *,
    fault_kinds: FaultKinds | None = None,
    guarantee_names: Sequence[str] | None = None,
) -> list[Scenario]:
    """One file's scenarios: one, or as many as its matrix has combinations; ScenarioError with all its mistakes."""
    if Path(path).is_dir():
        raise ScenarioError([Problem("is a folder; expected a scenario file", str(path))])
    scenarios, problems = load([path], fault_kinds=fault_kinds, guarantee_names=guarantee_names)
    if problems:
        raise ScenarioError(problems)
    return scenarios


def load_file(
    path: str | os.PathLike[str],
    *,
    fault_kinds: FaultKinds | None = None,
    guarantee_names: Sequence[str] | None = None,
) -> Scenario:
    """The scenario of a file that has only one; ScenarioError as `scenarios_of`, and for a file with a matrix."""
    return _only(scenarios_of(path, fault_kinds=fault_kinds, guarantee_names=guarantee_names), str(path))


def parse_child(
    data: Mapping[str, Any],
    *,
    name: str = "child",
    folder: str | os.PathLike[str] = ".",
    fault_kinds: FaultKinds | None = None,
) -> Child:
    """A child from Python data with the keys, the units and the checks of a file: `{"steps": [{"send": 500}],
    "faults": [{"crash": "SIGSEGV", "at": {"message": 250}}]}`. The problems of a ScenarioError have paths such as
    `steps[0].send.count`. `folder` is searched for the modules of `call:` before the current directory."""
    document = read_python(data)
    reader = Reader(document, fault_kinds=_kinds(fault_kinds), guarantee_names=(), folder=Path(folder))
    child = reader.child(document.data, (), name)
    _look_up([reader])
    if child is None or document.problems:
        raise ScenarioError(document.problems)
    return child


def parse_text(
    text: str,
    file: str,
    *,
    fault_kinds: FaultKinds | None = None,
    guarantee_names: Sequence[str] | None = None,
) -> Scenario:
    """The scenario a text describes, as if it stood in `file`; ScenarioError with all its mistakes."""
    read = _File(read_yaml(text, file), _kinds(fault_kinds), _names(guarantee_names), Path(file).parent)
    _look_up(read.readers)
    problems = read.problems()
    if problems:
        raise ScenarioError(problems)
    return _only(read.scenarios(), file)


def _read(file: Path) -> Document:
    """The document; ScenarioError when there is none to read."""
    try:
        content = _bytes_of(file)
    except FileNotFoundError:
        raise ScenarioError([Problem("no such file or folder", str(file))]) from None
    except OSError as error:
        raise ScenarioError([Problem(f"cannot be read: {error.strerror}", str(file))]) from None
    try:
        return read_yaml(content.decode("utf-8-sig"), str(file))
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8", "replace")
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        message = f"not UTF-8: byte 0x{content[error.start]:02x}; save the file as UTF-8"
        raise ScenarioError([Problem(message, str(file), line, column)]) from None


def _bytes_of(file: Path) -> bytes:
    if "\0" in str(file):
        raise ScenarioError([Problem("no file can have this name", str(file))])
    status = file.stat()
    if not stat.S_ISREG(status.st_mode):
        raise ScenarioError([Problem("is not a regular file; expected a scenario file or a folder", str(file))])
    if status.st_size > _LARGEST_FILE:
        message = f"has {format_size(status.st_size)}; a scenario file has at most {format_size(_LARGEST_FILE)}"
        raise ScenarioError([Problem(message, str(file))])
    return file.read_bytes()


class _File:
    """One scenario file: what is written in it and in the files it takes from, and a reader for each combination of its
    matrix."""

    def __init__(
        self, document: Document, kinds: FaultKinds, names: Sequence[str], folder: Path, read: Read = _read
    ) -> None:
        self._document = assembled(document, read)
        self._combinations = expand(self._document)
        self.readers = [
            Reader(each.document, fault_kinds=kinds, guarantee_names=names, folder=folder)
            for each in self._combinations
        ]
        self.name = document.file
        self.sources = sources_of(self._document)
        self._read = [reader.scenario() for reader in self.readers]

    def problems(self) -> list[Problem]:
        """All of them, once the readers' targets were looked up."""
        return in_order(problems_of(self._document, self._combinations), self._document.file)

    def scenarios(self) -> list[Scenario]:
        """None of a file with mistakes."""
        if self.problems():
            return []
        return [
            scenario.model_copy(update={"parameters": each.parameters, "combination": each.label})
            for each, scenario in zip(self._combinations, self._read, strict=True)
            if scenario is not None
        ]

    def claim_names(self, named: dict[str, str]) -> None:
        """Reports run and select by name: two scenarios of one name could not be told apart."""
        line, column, file = self._document.position(("name",))
        for document in (self._document, *(each.document for each in self._combinations)):
            name = document.data.get("name") if isinstance(document.data, dict) else None
            here = f"{file}:{line}:{column}"
            if isinstance(name, str) and named.setdefault(name, here) != here:
                message = f"duplicate scenario name {quote(name)}; it is already used at {named[name]}"
                self._document.report(("name",), message)
                return


def _once(every: Iterable[tuple[_File | None, list[Problem]]]) -> list[Problem]:
    """All problems. One of a fragment comes once, and says in which scenarios where others that have the fragment do
    not have it."""
    having: dict[Problem, list[_File]] = {}
    files = []
    for file, problems in every:
        if file is not None:
            files.append(file)
        for problem in problems:
            having.setdefault(problem, []).extend([] if file is None else [file])
    found = []
    for problem, those in having.items():
        with_it = sum(problem.file in file.sources for file in files)
        names = ", ".join(file.name for file in those[:_MOST_NAMED]) + ", …" * (len(those) > _MOST_NAMED)
        found.append(replace(problem, message=f"{problem.message}, in {names}") if len(those) < with_it else problem)
    return found


def _only(scenarios: Sequence[Scenario], file: str) -> Scenario:
    if len(scenarios) != 1:
        message = f"holds {len(scenarios)} scenarios, one for each combination of its matrix; expected a file with one"
        raise ScenarioError([Problem(message, file)])
    return scenarios[0]


def _look_up(readers: Iterable[Reader]) -> None:
    """The user's own code that the readers met, one folder at a time, and only where there is any."""
    by_folder: dict[Path, list[Reader]] = {}
    for reader in readers:
        if reader.targets:
            by_folder.setdefault(reader.folder, []).append(reader)
    for folder, those in by_folder.items():
        found = target_problems([target for reader in those for target in reader.targets.values()], folder)
        for reader in those:
            reader.report_targets(found)


def in_order(problems: Iterable[Problem], file: str) -> list[Problem]:
    """As a reader of the file meets them, and then those in what it takes from others."""
    return sorted(problems, key=lambda each: (each.file != file, each.file, each.line, each.column))


def _kinds(given: FaultKinds | None) -> FaultKinds:
    if given is not None:
        return given
    try:
        return known_fault_kinds()
    except ImportError as error:  # an installed package whose fault cannot be imported; the text names it
        raise ScenarioError([Problem(str(error))]) from None


def _names(given: Sequence[str] | None) -> Sequence[str]:
    if given is not None:
        return given
    problems = plug_in_problems()  # they would judge every scenario
    if problems:
        raise ScenarioError(map(Problem, problems))
    return known_guarantee_names()


def _files(paths: Iterable[str | os.PathLike[str]], problems: list[_File | list[Problem]]) -> Iterator[Path]:
    seen: set[str] = set()
    for path in map(Path, paths):
        for file in _search(path, problems) if os.path.isdir(path) else [path]:
            real = str(file) if "\0" in str(file) else os.path.realpath(file)
            if real not in seen:
                seen.add(real)
                yield file


def _search(folder: Path, problems: list[_File | list[Problem]]) -> Iterator[Path]:
    errors: list[OSError] = []
    count = 0
    for root, folders, files in os.walk(folder, onerror=errors.append):
        folders[:] = sorted(name for name in folders if not name.startswith(("_", ".")))
        for name in sorted(files):
            if name.endswith(_SUFFIXES) and not name.startswith(("_", ".")):
                count += 1
                yield Path(root, name)
    problems.append([Problem(f"cannot be read: {error.strerror}", str(error.filename)) for error in errors])
    if not count and not errors:
        problems.append([Problem("no scenario file in this folder; expected *.yaml or *.yml", str(folder))])
