"""Hooks into modules that nobody has imported yet."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from gostage_sim.gostage.child.on_import import when_imported


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a module that can be imported, and is not."""
    name = "imported_later"
    (tmp_path / f"{name}.py").write_text("value = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, name, raising=False)
    return name


def test_called_once_after_the_module_has_run(module: str) -> None:
    """Nothing happens before the import; after it the module is whole, and the import system as it was."""
    finders, seen = list(sys.meta_path), []
    when_imported(module, lambda loaded: seen.append(loaded.value))
    assert seen == []
    __import__(module)
    assert seen == [1]
    assert sys.meta_path == finders
    when_imported(module, lambda loaded: seen.append(loaded.value + 1))
    assert seen == [1, 2]
    del sys.modules[module]


def test_two_hooks_on_one_module(module: str) -> None:
    """Several may wait for the same module."""
    seen: list[str] = []
    when_imported(module, lambda loaded: seen.append("first"))
    when_imported(module, lambda loaded: seen.append("second"))
    __import__(module)
    assert sorted(seen) == ["first", "second"]
    del sys.modules[module]
