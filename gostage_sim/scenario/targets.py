"""Looks up the user's own actions, `package.module:function`, and survives whatever importing them does."""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import sys
from collections.abc import Iterator
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from gostage_sim.scenario.problems import close_match

#: Modules that lookups imported from scenario folders, by folder: two folders may each have an `actions.py`.
_imported: dict[Path, dict[str, ModuleType]] = {}


def target_problem(target: str, folder: Path) -> str | None:
    """Why `module:attribute` cannot be called, or None. The folder and the current directory are searched first."""
    name, _, attribute = target.partition(":")
    module = import_module(name, folder)
    if isinstance(module, str):
        return module
    found: Any = module
    for part in attribute.split("."):
        try:
            found = getattr(found, part)
        except Exception as error:
            if not isinstance(error, AttributeError):
                return f"cannot read {part!r} of {name!r}: {type(error).__name__}: {error}"
            match = close_match(part, [known for known in dir(found) if not known.startswith("_")])
            return f"{name!r} has no {part!r}" + (f"; did you mean '{match}'?" if match is not None else "")
    return None if callable(found) else f"{target!r} is a {type(found).__name__}; expected a function of one argument"


def import_module(name: str, folder: Path) -> ModuleType | str:
    """The module, or why it cannot be imported. What it prints is dropped and it cannot end this process with
    SystemExit; KeyboardInterrupt alone passes through."""
    folder = folder.resolve()
    _make_room(folder)
    before = set(sys.modules)
    try:
        with _search_path(folder), _quiet():
            return importlib.import_module(name)
    except KeyboardInterrupt:
        raise
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            return f"no module named {error.name!r} in {str(folder)!r}, the current directory or the installed packages"
        return _failure(name, error)
    except BaseException as error:
        return _failure(name, error)
    finally:
        new = {key: module for key, module in sys.modules.items() if key not in before and _is_in(module, folder)}
        _imported.setdefault(folder, {}).update(new)


def _failure(name: str, error: BaseException) -> str:
    try:
        text = str(error)
    except BaseException as second:
        text = f"(its text raises {type(second).__name__})"
    return (
        f"importing {name!r} raises {type(error).__name__}: {text}"
        if text
        else (f"importing {name!r} raises {type(error).__name__}")
    )


def _make_room(folder: Path) -> None:
    """Put away other folders' modules where this folder has its own of the same name."""
    for other, modules in _imported.items():
        for name, module in modules.items():
            if other != folder and sys.modules.get(name) is module and _has(folder, name.partition(".")[0]):
                del sys.modules[name]
    sys.modules.update(_imported.get(folder, {}))


def _has(folder: Path, name: str) -> bool:
    return PathFinder.find_spec(name, [str(folder)]) is not None


def _is_in(module: ModuleType, folder: Path) -> bool:
    file = getattr(module, "__file__", None)
    return isinstance(file, str) and Path(file).is_relative_to(folder) and "site-packages" not in Path(file).parts


@contextlib.contextmanager
def _search_path(folder: Path) -> Iterator[None]:
    before = list(sys.path)
    importlib.invalidate_caches()
    sys.path[:0] = [str(folder), os.getcwd()]
    try:
        yield
    finally:
        sys.path[:] = before


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    stdin, sys.stdin = sys.stdin, io.StringIO()  # `input()` at module level must not wait for the user
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        sys.stdin = stdin
