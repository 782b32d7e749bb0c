"""The generated modules are those that `gostage.proto` gives today."""

from __future__ import annotations

from pathlib import Path

import pytest

from gostage_sim.gostage.wire.proto.generate import GENERATED, HERE, ROOT, generate


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("generated")
    generate(folder)
    return folder / HERE.relative_to(ROOT)


@pytest.mark.parametrize("name", GENERATED)
def test_committed_modules_are_up_to_date(fresh: Path, name: str) -> None:
    """What the documented command writes is what is committed, byte for byte."""
    assert (fresh / name).read_text() == (HERE / name).read_text()


def test_nothing_else_is_generated(fresh: Path) -> None:
    """The list of generated modules is complete."""
    assert sorted(path.name for path in fresh.iterdir()) == sorted(GENERATED)
