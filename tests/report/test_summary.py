"""summary.md."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from gostage_sim.guarantees.contract import Verdict
from gostage_sim.harness.result import ScenarioResult
from gostage_sim.report import summary
from gostage_sim.report.run_report import NotRun, Run

MakeResult = Callable[..., ScenarioResult]
MakeRun = Callable[..., Run]

GITHUB = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def structure(page: str) -> list[str]:
    """The elements of the rendered page, without their texts."""
    return [token.type for token in GITHUB.parse(page) if token.type != "inline"]


def test_one_is_one(make_result: MakeResult, make_run: MakeRun) -> None:
    """A single scenario is one scenario, several that were not run have no result."""
    missing = tuple(NotRun(name, name, "json") for name in "CD")
    lines = summary.render(make_run(make_result(), not_run=missing)).splitlines()
    assert lines[2:4] == ["1 scenario: 1 pass, 0 unknown, 0 fail, in 2.5s.", "2 more have no result."]


def test_the_page(make_result: MakeResult, make_run: MakeRun) -> None:
    """The verdict first, a table of everything, then what did not pass with the command that repeats it."""
    run = make_run(make_result(), make_result(Verdict.FAIL, "late", scenario="B"), not_run=(NotRun("C", "c", "json"),))
    zeros = "0" * 40
    assert (
        summary.render(run)
        == f"""\
# gostage-sim: fail

2 scenarios: 1 pass, 0 unknown, 1 fail, in 2.5s.
1 more has no result.

Seed 42, version 0.1.0, {zeros} with changes, Linux 6.15, CPython 3.11.2.

| verdict | scenario | transport | duration | reason |
| --- | --- | --- | --- | --- |
| pass | A bad pointer | json | 1.25s |  |
| **fail** | B | json | 1.25s | late |
| **not run** | C | json | | no result |

## fail: B

scenarios/crash/a.yaml, json, seed 42

* **fail** order: late

Repeat it with

```sh
gostage-sim run a
```

The end of stderr of late:

```text
late
```
"""
    )


def test_an_interrupted_run_says_so(make_run: MakeRun) -> None:
    """Its heading does not read like a finished run."""
    run = make_run(not_run=(NotRun("C", "c", "json"),), interrupted=True)
    assert summary.render(run).splitlines()[0] == "# gostage-sim: interrupted, unknown"


def test_hostile_text_changes_nothing(make_result: MakeResult, make_run: MakeRun, hostile: str) -> None:
    """Whatever a child says, the page has the same headings, cells and blocks, and no HTML."""
    changes = {"scenario": f"x{hostile}", "file": f"x{hostile}", "reproduce": f"x{hostile}"}
    page = summary.render(make_run(make_result(Verdict.FAIL, f"x{hostile}", **changes)))
    assert structure(page) == structure(summary.render(make_run(make_result(Verdict.FAIL, "calm"))))
    assert "<script>" not in GITHUB.render(page)
    assert not {c for c in page if not c.isprintable()} - {"\n", "\t"}


@given(said=st.text(st.characters() | st.sampled_from("`|<>\\\n*_#[]()!&~")))
def test_no_text_changes_the_page(make_result: MakeResult, make_run: MakeRun, said: str) -> None:
    """No text at all can end a cell, a row, a block or the page."""
    page = summary.render(make_run(make_result(Verdict.UNKNOWN, f"x{said}", scenario=f"x{said}")))
    assert structure(page) == structure(summary.render(make_run(make_result(Verdict.UNKNOWN, "calm"))))
