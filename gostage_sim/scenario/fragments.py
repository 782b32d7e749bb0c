"""`include:` and `_defaults.yaml`: mappings laid under those of a scenario file, each value with its own position."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path as FilePath
from typing import Any

from gostage_sim.scenario.positions import Document, Path
from gostage_sim.scenario.problems import Problem, ScenarioError, quote

KEY = "include"
DEFAULTS = "_defaults.yaml"
#: Where a project begins, and what is above is somebody else's.
_PROJECT = (".git", "pyproject.toml")
#: Files one scenario is put together from; each may include others.
_MOST = 100

Read = Callable[[FilePath], Document]
"""The document of a file; ScenarioError when there is none to read."""


def assembled(document: Document, read: Read) -> Document:
    """The document with what it includes laid under it, and then the defaults of its folder and of those above.

    What a file says itself wins over what it includes, a later fragment over an earlier one, a nearer folder's defaults
    over a farther one's. Mappings are merged, all other values replaced. Mistakes keep the position in their own file.
    """
    return _Assembly(document, read).whole if isinstance(document.data, dict) else document


def sources_of(document: Document) -> set[str]:
    """The other files that parts of it were written in, as far as anything of them is left."""
    return {position.file for position in document.values.values()} - {document.file}


class _Assembly:
    def __init__(self, document: Document, read: Read) -> None:
        self._read = read
        self._count = 0
        self.whole = Document(document.file, {}, {(): document.position(())})
        self._lay(document, (document.file,))
        for file in _defaults_of(document.file):
            if os.path.realpath(file) != os.path.realpath(document.file):
                self._lay_defaults(file, document.file)

    def _lay_defaults(self, file: str, scenario: str) -> None:
        try:
            defaults = self._read(FilePath(file))
        except ScenarioError as error:
            self.whole.problems += error.problems
            return
        self._lay(defaults, (scenario, file))

    def _lay(self, layer: Document, chain: tuple[str, ...]) -> None:
        """The layer, and then what it includes, under what is there; `chain` is how it came to be read."""
        self.whole.problems += layer.problems
        if layer.data is None:
            return
        if not isinstance(layer.data, dict):
            self._report(layer, (), f"found {quote(layer.data)}; expected a mapping of keys of a scenario")
            return
        own = {key: value for key, value in layer.data.items() if key != KEY or len(chain) == 1}
        self._merge(self.whole.data, own, layer, ())
        for path, name in reversed(list(self._names(layer))):
            self._include(layer, path, name, chain)

    def _names(self, layer: Document) -> Iterator[tuple[Path, str]]:
        names = layer.data.get(KEY, [])
        if not isinstance(names, list):
            self._report(layer, (KEY,), f"{KEY} is {quote(names)}; expected a list of files")
            return
        for index, name in enumerate(names):
            if isinstance(name, str) and name:
                yield (KEY, index), name
            else:
                self._report(layer, (KEY, index), f"{KEY}, item {index + 1}, is {quote(name)}; expected a file")

    def _include(self, layer: Document, path: Path, name: str, chain: tuple[str, ...]) -> None:
        file = os.path.normpath(os.path.join(os.path.dirname(layer.file), name))
        self._count += 1
        if self._count > _MOST:
            if self._count == _MOST + 1:
                self._report(layer, path, f"more than {_MOST} fragments, each counted as often as it is included")
            return
        if any(os.path.realpath(file) == os.path.realpath(each) for each in chain if "\0" not in each + file):
            self._report(layer, path, f"{file} includes itself: {' > '.join((*chain, file))}")
            return
        try:
            fragment = self._read(FilePath(file))
        except ScenarioError as error:
            for problem in error.problems:
                if problem.line:
                    self.whole.problems.append(problem)
                else:
                    self._report(layer, path, f"cannot include {problem.file}: {problem.message}")
            return
        self._lay(fragment, (*chain, file))

    def _merge(self, mine: dict[str, Any], theirs: dict[str, Any], layer: Document, path: Path) -> None:
        for key, item in theirs.items():
            here = (*path, key)
            if key not in mine:
                mine[key] = self._adopted(item, layer, here)
            elif isinstance(mine[key], dict) and isinstance(item, dict):
                self._merge(mine[key], item, layer, here)

    def _adopted(self, data: Any, layer: Document, path: Path) -> Any:
        """A copy of the value, its position and what is known of it noted."""
        whole = self.whole
        whole.values[path] = layer.position(path)
        if path in layer.keys:
            whole.keys[path] = layer.keys[path]
        whole.spoilt |= {(path, key) for key in (False, True) if (path, key) in layer.spoilt}
        if isinstance(data, list):
            return [self._adopted(item, layer, (*path, i)) for i, item in enumerate(data)]
        if isinstance(data, dict):
            return {key: self._adopted(item, layer, (*path, key)) for key, item in data.items()}
        return data

    def _report(self, layer: Document, path: Path, message: str) -> None:
        if (path, False) not in layer.spoilt:
            line, column, file = layer.position(path)
            self.whole.problems.append(Problem(message, file, line, column))


def _defaults_of(file: str) -> Iterator[str]:
    """Of the file's folder and of those above, the nearest first, named as the file is.

    The search ends where the project begins, and below any folder in which everybody may put files.
    """
    if "\0" in file:
        return
    own = FilePath(os.path.abspath(file)).parent
    for folder in (own, *own.parents):
        if folder != own and _everybody_writes(folder):
            return
        found = folder / DEFAULTS
        if os.path.lexists(found):
            yield str(found) if os.path.isabs(file) else os.path.relpath(found)
        if any(os.path.lexists(folder / name) for name in _PROJECT):
            return


def _everybody_writes(folder: FilePath) -> bool:
    try:
        return bool(folder.stat().st_mode & stat.S_IWOTH)
    except OSError:
        return False
