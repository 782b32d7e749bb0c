"""The typed examples: checked by mypy, and run."""

from __future__ import annotations

from pathlib import Path

import pytest

from gostage_sim import gostage
from gostage_sim.gostage import registry

from . import typed_examples


def test_mypy_agrees() -> None:
    """Every example has the type it asserts, and what is to be refused is refused: mypy --strict is silent."""
    api = pytest.importorskip("mypy.api")
    out, err, code = api.run(["--strict", "--no-incremental", "--no-error-summary", str(Path(typed_examples.__file__))])
    assert (out, err, code) == ("", "", 0)


def test_the_examples_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """What mypy is told is what happens."""
    monkeypatch.setattr(registry, "_factories", {})
    assert typed_examples.workflows_take_what_is_written_for_their_tier().success
    definition = typed_examples.definitions()
    workflow = gostage.Workflow.from_def(definition)
    workflow.store.put("count", 1)
    assert gostage.Runner().run(workflow).success
