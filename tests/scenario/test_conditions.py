"""`skip` and `only_on`: what cannot run here says why."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from gostage_sim.scenario.conditions import Here, split, why_skipped
from gostage_sim.scenario.loader import load, parse_text
from gostage_sim.scenario.transports import cases_of

HEAD = "name: x\nchildren: {a: {steps: []}}\n"
LINUX = Here(
    "linux",
    root=False,
    python="3.12.1",
    kernel="6.1.0-13-amd64",
    no_memory_group=lambda: "no cgroup here",
    no_tmpfs=lambda: "to mount one fails",
)


@pytest.mark.parametrize(
    ("condition", "lacking"),
    [
        ("transports: [json, grpc]", None),
        ("transports: [grpc]", "transport grpc"),
        ("platform: [linux, darwin]", None),
        ("platform: [darwin, freebsd]", "platform darwin or freebsd; this is linux"),
        ("root: false", None),
        ("root: true", "root"),
        ("python: '>=3.12'", None),
        ("python: '==3.12'", None),
        ("python: '>3.12'", "python >3.12; this is 3.12.1"),
        ("python: '>3.12.0, <4'", None),
        ("python: '>=3.9,<3.12'", "python >=3.9,<3.12; this is 3.12.1"),
        ("kernel: '>=6.15'", "kernel >=6.15; this is 6.1.0-13-amd64"),
        ("kernel: '<=6.1'", None),
        ("memory_group: true", "a memory group; no cgroup here"),
        ("tmpfs: true", "a tmpfs; to mount one fails"),
        ("kernel: '>=6.2', root: true", "root, kernel >=6.2; this is 6.1.0-13-amd64"),
    ],
)
def test_each_condition(condition: str, lacking: str | None) -> None:
    """The reason is the file's own, followed by all that is lacking; versions are compared by number."""
    scenario = parse_text(HEAD + f"only_on: {{{condition}, reason: it is so}}\n", "x.yaml")
    expected = None if lacking is None else f"it is so (needs {lacking})"
    assert why_skipped(scenario, "json", LINUX) == expected


def test_a_shipped_scenario_is_skipped_where_it_cannot_run() -> None:
    """For anybody but root, and elsewhere than on Linux; where it can it is not."""
    (made,) = load([Path(__file__).parents[2] / "scenarios/launchers/as-somebody-else.yaml"])[0]
    reason = "only root can become somebody else"
    assert why_skipped(made, "json", LINUX) == f"{reason} (needs root)"
    root = replace(LINUX, root=True)
    assert why_skipped(made, "json", root) is None
    assert (
        why_skipped(made, "json", replace(root, platform="darwin"))
        == f"{reason} (needs platform linux; this is darwin)"
    )


def test_a_skip_is_for_everybody() -> None:
    """Its reason stands alone."""
    scenario = parse_text(HEAD + "skip: see issue 7\nonly_on: {root: true, reason: r}\n", "x.yaml")
    assert why_skipped(scenario, "json", LINUX) == "see issue 7"


def test_cases_are_split_by_their_transport() -> None:
    """One transport of a scenario may run where the other is skipped."""
    scenario = parse_text(HEAD + "only_on: {transports: [grpc], reason: r}\n", "x.yaml")
    run, skipped = split(cases_of([scenario], "all")[0], LINUX)
    assert [case.transport for case in run] == ["grpc"]
    assert [(case.transport, why) for case, why in skipped] == [("json", "r (needs transport grpc)")]


def test_here_is_this_process() -> None:
    """What is compared is what the system says of itself."""
    here = Here()
    assert (here.platform, here.root) == (sys.platform, os.geteuid() == 0)
    assert (here.python, here.kernel) == (platform.python_version(), platform.release())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("skip: true\n", "3:7: skip is true; expected text that says why"),
        ("skip: ' '\n", "3:7: skip is ' '; expected text that says why"),
        ("only_on: linux\n", "3:10: only_on is 'linux'; expected a mapping of reason, transports, platform, root, "),
        (
            "only_on: {root: true}\n",
            "3:10: only_on has no 'reason'; it is required, for example reason: only root may do this",
        ),
        (
            "only_on: {reason: r}\n",
            "3:10: only_on has only a reason; expected one of transports, platform, root, python, kernel, "
            "memory_group, tmpfs as well",
        ),
        ("only_on: {reason: r, rot: true}\n", "3:22: unknown key 'rot'; did you mean 'root'? known keys: "),
        ("only_on: {reason: r, root: 1}\n", "3:28: root is 1; expected true or false"),
        (
            "only_on: {reason: r, python: 3.12}\n",
            "3:30: python is 3.12; expected versions such as '>=3.12' or '>=3.11, <3.13'",
        ),
        (
            "only_on: {reason: r, kernel: '>= six'}\n",
            "3:30: kernel is '>= six'; expected versions such as '>=3.12' or '>=3.11, <3.13'",
        ),
        ("only_on: {reason: r, platform: [linus]}\n", "3:33: unknown platform 'linus'; did you mean 'linux'?"),
        ("only_on: {reason: r, transports: [jsno]}\n", "3:35: unknown transport 'jsno'; did you mean 'json'?"),
    ],
)
def test_a_wrong_condition(problems: Callable[[str], list[str]], text: str, expected: str) -> None:
    """Each with its position and what may stand there."""
    (found,) = problems(HEAD + text)
    assert found.removeprefix("x.yaml:").startswith(expected)


def test_only_on_may_come_from_a_folder(tmp_path: Path, problems: Callable[[str], list[str]]) -> None:
    """A whole folder of scenarios is skipped by its defaults, whose mistakes are told in their own file."""
    (tmp_path / "_defaults.yaml").write_text("only_on: {reason: r, root: maybe}\n")
    assert problems(HEAD) == ["_defaults.yaml:1:28: root is 'maybe'; expected true or false"]
