"""Faults of other packages, found by their entry points in a real folder of distribution metadata."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gostage_sim.faults import FaultNotLoaded, UnknownFault, fault_kind, fault_kinds
from gostage_sim.faults.noop import Noop

_PLUG_IN = """\
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Sulk:
    kind: ClassVar[str] = "sulk"
    points: ClassVar[frozenset[str]] = frozenset({"step"})
    example: ClassVar[str] = ""

    def inject(self, victim): ...

    def witness(self, fault, child): ...


@dataclass
class Half:
    kind: ClassVar[str] = "half"
    points: ClassVar[frozenset[str]] = frozenset({"step"})


function = len


def __getattr__(name):
    raise SystemExit(3)
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """Installs a package whose one module has the fault; returns the module's name, a new one for each test."""
    module = f"plug_in_of_{re.sub(r'[^a-z]', '_', request.node.name.lower())}"
    (tmp_path / f"{module}.py").write_text(_PLUG_IN)
    monkeypatch.syspath_prepend(str(tmp_path))
    return module


def _offer(folder: Path, name: str, value: str, package: str = "sulking") -> None:
    info = folder / f"{package}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[gostage_sim.faults]\n{name} = {value}\n")


def test_a_plug_in_is_a_fault_like_any_other(tmp_path: Path, install: str) -> None:
    """An entry point in the group adds a kind, beside the built-in ones."""
    _offer(tmp_path, "sulk", f"{install}:Sulk")
    assert fault_kind("sulk").kind == "sulk"
    assert fault_kinds()["sulk"] is fault_kind("sulk")
    assert fault_kinds()["noop"] is Noop


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("noop", "{0}:Sulk", "this name is taken by a built-in fault; give the entry point another name"),
        ("sulk", "{0}_not:Sulk", "cannot be imported: ModuleNotFoundError: No module named '{0}_not'"),
        ("pout", "{0}:Sulk", "its kind is 'sulk'; expected the name of the entry point"),
        ("half", "{0}:Half", "it has no example, no witness, no inject or around; see gostage_sim.faults.contract"),
        (
            "sulk",
            "{0}:function",
            "is <built-in function len>; expected a class, a frozen dataclass as those of gostage_sim.faults are",
        ),
        ("sulk", "{0}:exit", "cannot be imported: SystemExit: 3"),
    ],
)
def test_a_bad_plug_in_is_named(tmp_path: Path, install: str, name: str, value: str, message: str) -> None:
    """A plug-in that cannot be used says which entry point it is and what is wrong with it."""
    value, message = value.format(install), message.format(install)
    _offer(tmp_path, name, value)
    with pytest.raises(FaultNotLoaded) as caught:
        fault_kinds()
    assert str(caught.value) == f"fault {name!r} ({value}), entry point of group gostage_sim.faults: {message}"


def test_unknown_kind_names_the_close_match() -> None:
    """A misspelt kind gets the nearest one."""
    with pytest.raises(UnknownFault, match=r"^unknown fault 'krash'; did you mean 'crash'\?$"):
        fault_kind("krash")


def test_unknown_kind_without_a_close_match_lists_all() -> None:
    """A kind like no other gets the list."""
    known = ", ".join(fault_kinds())
    with pytest.raises(UnknownFault, match=f"^unknown fault 'zzz'; known are {known}$"):
        fault_kind("zzz")


def test_two_packages_with_one_name(tmp_path: Path, install: str) -> None:
    """Which of them is meant nobody can know."""
    _offer(tmp_path, "sulk", f"{install}:Sulk")
    _offer(tmp_path, "sulk", "pouting:Pout", package="pouting")
    with pytest.raises(FaultNotLoaded, match=r"has the same name; uninstall one of the two packages$"):
        fault_kinds()
