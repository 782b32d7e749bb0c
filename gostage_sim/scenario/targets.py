"""Looks up the user's own actions, `package.module:function`, and survives whatever importing them does."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import io
import os
import sys
from collections.abc import Callable, Iterator
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
    if not callable(found):
        return f"{target!r} is a {type(found).__name__}; expected a function of one argument"
    return _not_an_action(target, found)


def _not_an_action(target: str, found: Callable[..., Any]) -> str | None:
    """Why calling it with the action context would fail, or would return without having run any of it."""
    for is_one, kind in (
        (inspect.iscoroutinefunction, "an async function"),
        (inspect.isasyncgenfunction, "an async generator function"),
        (inspect.isgeneratorfunction, "a generator function"),
    ):
        if is_one(found):
            return f"{target!r} is {kind}, nothing in it would run; expected a plain function of one argument"
    try:
        signature = inspect.signature(found)
    except (TypeError, ValueError):
        return None  # some of those written in C have none
    try:
        signature.bind(None)
    except TypeError as error:
        return f"{target!r} cannot be called with one argument, the action context: {error}"
    return None


def import_module(name: str, folder: Path) -> ModuleType | str:
    """The module, or why it cannot be imported. What it prints is dropped and it cannot end this process with
    SystemExit; KeyboardInterrupt alone passes through."""
    folder = folder.resolve()
    _make_room(folder)
    before = set(sys.modules)
    try:
        with _search_path(folder), _quiet(), _still_us():
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
def _still_us() -> Iterator[None]:
    """One process comes out, where it was: `os._exit()` at module level must not end a run as if it had passed, and a
    process that the module forked must not run the scenarios a second time."""
    pid, leave = os.getpid(), os._exit
    directory = os.open(".", os.O_PATH | os.O_DIRECTORY)

    def refuse(status: int) -> None:
        raise SystemExit(f"os._exit({status})")

    os._exit = refuse  # type: ignore[assignment]
    try:
        yield
    finally:
        os._exit = leave
        if os.getpid() != pid:
            leave(0)
        os.fchdir(directory)
        os.close(directory)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    stdin, sys.stdin = sys.stdin, io.StringIO()  # `input()` at module level must not wait for the user
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        sys.stdin = stdin
