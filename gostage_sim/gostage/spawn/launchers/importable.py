"""How a child imports the modules of this program: by name along the same path, or else by file."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from functools import lru_cache
from importlib.machinery import BuiltinImporter, FrozenImporter, ModuleSpec, PathFinder
from typing import Any


def places_of(modules: Iterable[str]) -> dict[str, Any]:
    """Where a child finds these modules, for `child.modules.find_modules_as`; plain data.

    A module that was made in memory is in no place; the child's import of it says so.
    """
    path = import_path()
    files: dict[str, list[Any]] = {}
    for module in set(modules):
        if not _is_found(module, _file(module), tuple(path)):
            for name in _with_packages(module):
                if not _is_found(name, _file(name), tuple(path)):
                    files[name] = [_file(name), _folders(name)]
    return {"path": path, "files": files}


def current_folder() -> str:
    """Empty for one that was removed: nothing is found in it, and a child can be started there all the same."""
    try:
        return os.getcwd()
    except FileNotFoundError:
        return ""


def import_path() -> list[str]:
    """`sys.path` for a program in another folder; without what is relative to a folder that was removed."""
    here = current_folder()
    return [os.path.join(here, entry) for entry in sys.path if here or os.path.isabs(entry)]


def _with_packages(module: str) -> list[str]:
    """`a`, `a.b` and `a.b.c` for `a.b.c`."""
    parts = module.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts) + 1)]


def _file(name: str) -> str | None:
    file = getattr(sys.modules.get(name), "__file__", None)
    try:
        return None if file is None else os.path.abspath(file)
    except FileNotFoundError:  # relative to a folder that was removed
        return None


def _folders(name: str) -> list[str] | None:
    """Of a package; also of one that nobody imported, whose modules were nevertheless."""
    module = sys.modules.get(name)
    folders = getattr(module, "__path__", None if module is not None else ())
    return None if folders is None else list(folders)


@lru_cache(maxsize=4096)
def _is_found(name: str, file: str | None, path: tuple[str, ...]) -> bool:
    """Whether that path leads to this very module."""
    spec: ModuleSpec | None = None
    search: Sequence[str] | None = path
    for part in _with_packages(name):
        if search is None:
            return False
        spec = BuiltinImporter.find_spec(part) or FrozenImporter.find_spec(part) or PathFinder.find_spec(part, search)
        if spec is None:
            return False
        search = spec.submodule_search_locations
    found = spec.origin if spec is not None and spec.has_location else None
    return found == file or (found is None and file is None)
