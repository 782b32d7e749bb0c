"""What people report of programs and their children, and the shipped scenario of each."""

from __future__ import annotations

from pathlib import Path

import pytest

from gostage_sim.scenario.loader import load, load_file

SCENARIOS = Path(__file__).parents[2] / "scenarios"

MODES = {
    "a pool that waits for ever after a worker is killed": "kill/from-outside",
    "one dead worker failing all siblings": "mixed/waves",
    "death without code or signal": "crash/every-fatal-signal",
    "a grandchild holding stdout": "stray/grandchild-outlives",
    "only the direct child killed": "stray/only-the-child-killed",
    "orphans outliving the parent": "parent/killed",
    "zombies filling the table": "spawn/fifty-children",
    "full stderr deadlock": "flood/stderr",
    "stdin write block": "death/never-reads-a-large-definition",
    "stray print breaking the protocol": "stray/print",
    "one bad line killing the connection": "malformed/bad-lines",
    "a line over 64 KiB stopping the reader": "malformed/line-over-64-kib",
    "split UTF-8": "stream/in-slices",
    "buffered output lost with a hung child": "stall/backtracking",
    "last message truncated": "crash/tail-in-the-pipe",
    "torn interleaved lines": "death/many-threads",
    "handler thread dying while the caller waits": "handlers/misbehaving",
    "fast child exhausting the parent": "flood/large-messages-slow-handler",
    "gRPC and fork": "grpc/and-fork",
    "gRPC's 4 MiB limit": "malformed/round-sizes",
    "two servers on one port": "grpc/two-servers-on-one-port",
    "lost exit status": "parent/stolen-status",
    "Ctrl-C reaching the group": "parent/interrupted",
    "alive but not progressing": "stall/deadlock",
    "leaked fds hiding end-of-file": "death/daemon",
    "re-exec bomb": "spawn/starts-itself",
}


@pytest.mark.parametrize("mode", MODES)
def test_a_mode_has_its_scenario(mode: str) -> None:
    """One file each, with the tag, and one sentence of what is learnt from it."""
    made = load_file(SCENARIOS / f"{MODES[mode]}.yaml")
    assert "reported" in made.tags
    assert made.description.endswith(".")
    assert made.description.count(". ") == 0


def test_nothing_else_is_said_to_be_reported() -> None:
    """No file has the tag but those, and no two modes share one."""
    scenarios, problems = load([SCENARIOS])
    tagged = {Path(made.file).relative_to(SCENARIOS) for made in scenarios if "reported" in made.tags}
    assert not problems
    assert sorted(str(file.with_suffix("")) for file in tagged) == sorted(MODES.values())
