"""A valid scenario file, and a way to hand in one with changes."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from gostage_sim.scenario.loader import load

Problems = Callable[[str], list[str]]

VALID = """\
# yaml-language-server: $schema=https://example.org/scenario.json
name: A bad pointer in the middle of a stream
description: The parent keeps all that was sent before the crash.
tags: [crash, smoke]
transports: [json]
timeout: 20s

children:
  victim:
    steps:
      - send: {count: 500, type: store_put, payload: {key: "user-{i}", value: "{faker.name}"}}
      - log: half way
      - put: {key: done, value: [1, 2.5, null]}
    faults:
      - crash: {signal: SIGSEGV}
        at: {message: 250}
      - exit: 3
        at: result
      - noop:
        at: {message: 2, byte: 7}
  sibling:
    copies: 4
    timeout: 5s
    steps:
      - send: 500
      - call: os.path:join
        with: {path: data.csv}

handlers:
  store_put: {delay: 1ms}

expect:
  victim: {outcome: signaled, signal: SIGSEGV, handled: 250}
  sibling: {outcome: completed, handled: {at_least: 500}}
guarantees: [order, no-loss]
"""


@pytest.fixture
def problems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Problems:
    """The problems of a text that stands in `x.yaml` of the current directory."""
    monkeypatch.chdir(tmp_path)

    def found(text: str) -> list[str]:
        Path("x.yaml").write_text(textwrap.dedent(text))
        return [str(problem) for problem in load(["x.yaml"])[1]]

    return found


@pytest.fixture(scope="session")
def valid() -> str:
    """The text of a valid file that uses every part of the syntax."""
    return VALID
