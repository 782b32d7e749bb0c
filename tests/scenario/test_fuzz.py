"""Whatever stands in a file, the loader answers with a scenario or with problems that have a position."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from gostage_sim.scenario.loader import parse_text
from gostage_sim.scenario.problems import Problem, ScenarioError

TOKENS = [*"{}[]:,-&*!|>'\"%@`#?\n\t\0", "null", "true", ".nan", "1e999", "2024-01-01", "<<", "&a", "*a", "!!int", "!x"]
TOKENS += [
    "-1",
    "0",
    "99999999999999999999",
    "\ud800",
    "\u2028",
    "\x85",
    "\ufeff",
    "faults",
    "steps",
    "at",
    "all",
    "with",
    "after",
    "handler",
    "spawn",
    "child",
    "expect_run",
    "at_least",
    "b[2]",
    "1MiB",
]

#: What `valid` does not say.
MORE = """\
name: Who waits for whom
transports: [grpc]
children:
  a:
    copies: 3
    steps: [send: 60, log: done]
    faults:
      - freeze: {duration: 1ms}
        at: {after: {child: b, message: 20}}
      - noop:
        at: {message: 30, every: 3, times: 2, after: {child: b, message: 30}}
  b:
    wave: 1
    steps: [send: {count: 60, size: 1KiB}, spawn: {steps: [send: 5]}]
    faults:
      - pause: {how: stop, duration: 10ms}
        at: {handler: 7}
      - slow: per_message
        at: {message: 10, until: 20}
        probability: 0.5
  c:
    copies: 2
    steps: [send: 5]
    faults:
      - exhaust: {what: files, left: 3}
        at: {spawn: 2}
expect_run:
  handled: {at_least: 10, at_most: 400}
  malformed: 0
  strangers: {at_most: 3}
  memory_growth: {at_most: 64MiB}
  duration: {at_least: 1ms, at_most: 10s}
"""


@st.composite
def mutated(draw: st.DrawFn, text: str) -> str:
    """The valid text after a few deletions, duplications, swaps and replacements of lines and tokens."""
    for _ in range(draw(st.integers(1, 4))):
        by_line = draw(st.booleans())
        parts = text.splitlines(keepends=True) if by_line else re.findall(r"\w+|\s+|[^\w\s]", text)
        if not parts:
            break
        i, j = draw(st.integers(0, len(parts) - 1)), draw(st.integers(0, len(parts) - 1))
        change = draw(st.sampled_from(["delete", "duplicate", "swap", "replace", "indent"]))
        if change == "delete":
            del parts[i]
        elif change == "duplicate":
            parts.insert(j, parts[i])
        elif change == "swap":
            parts[i], parts[j] = parts[j], parts[i]
        elif change == "replace":
            parts[i] = draw(st.sampled_from(TOKENS) | st.text(max_size=5)) + ("\n" if by_line else "")
        else:
            parts[i] = "  " + parts[i]
        text = "".join(parts)
    return text


def test_what_is_mutated_is_right(valid: str) -> None:
    """Else nothing behind the first mistake would ever be looked at."""
    for text in (valid, MORE):
        assert parse_text(text, "x.yaml").children


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_mutated_file_gives_a_scenario_or_positions(valid: str, data: st.DataObject) -> None:
    """Never an exception but ScenarioError, always a position, never a control character."""
    text = data.draw(mutated(data.draw(st.sampled_from([valid, MORE]))))
    problems: tuple[Problem, ...] = ()
    try:
        parse_text(text, "x.yaml")
    except ScenarioError as error:
        problems = error.problems or (Problem("an error without a problem"),)
    for problem in problems:
        assert problem.line >= 1
        assert problem.column >= 1
        assert problem.message
        assert str(problem).isprintable()
