"""The guide of the scenario language says what is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gostage_sim.scenario.loader import load

GUIDE = Path(__file__).parents[2] / "scenarios" / "README.md"


def test_the_files_of_the_guide_have_no_mistakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each stands in a folder where the others are; the guide says how many scenarios they are."""
    files = re.findall(r"<!-- file: (\S+) -->\n```yaml\n(.*?)```\n", GUIDE.read_text("utf-8"), re.DOTALL)
    for name, text in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    scenarios, problems = load(["."])
    assert problems == []
    assert [scenario.name for scenario in scenarios if "signal=SIGBUS size=64KiB" in scenario.name] == [
        "Every fatal signal at every size [signal=SIGBUS size=64KiB]"
    ]
    assert sum("every size" in scenario.name for scenario in scenarios) == 6
