"""report.html, read by an HTML parser; `test_in_a_browser` clicks through it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from gostage_sim.guarantees.contract import Verdict
from gostage_sim.harness.result import ScenarioResult
from gostage_sim.report.html import details
from gostage_sim.report.html.page import render
from gostage_sim.report.run_report import NotRun, Run, Skipped, Tally
from gostage_sim.report.source import Source
from gostage_sim.report.stories import Story

MakeResult = Callable[..., ScenarioResult]
MakeRun = Callable[..., Run]


class Parsed(HTMLParser):
    """The elements in their order, their attributes, and the text of each by its id or its tag."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, frozenset[str]]] = []
        self.links: list[str] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.shown = ""
        self._script: dict[str, str | None] | None = None
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, frozenset(name for name, _ in attrs)))
        self.links += [value or "" for name, value in attrs if name in ("href", "src", "srcset", "action")]
        if tag == "script":
            self._script = dict(attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self._script = None

    def handle_data(self, data: str) -> None:
        if self._script is not None:
            self.scripts.append((self._script, data))
        else:
            self.shown += data


def page_of(run: Run, source: Source | None = None) -> str:
    return render(run, [Story(result, source or Source("a: 1\n"), None, "none was kept") for result in run.results])


def test_the_verdict_comes_first(make_result: MakeResult, make_run: MakeRun) -> None:
    """Then what did not pass, failures before what nobody knows, then a row for each scenario; all without a script."""
    run = make_run(
        make_result(),
        make_result(Verdict.UNKNOWN, "nobody saw", scenario="B"),
        make_result(Verdict.FAIL, "late", scenario="C"),
        not_run=(NotRun("D", "d.yaml", "json"),),
        skipped=(Skipped("E", "e.yaml", "grpc", "no kernel"),),
    )
    shown = Parsed(page_of(run)).shown
    order = ["fail gostage-sim", "What did not pass", "order fail: late", "order unknown: nobody saw", "All scenarios"]
    places = [" ".join(shown.split()).find(words) for words in order]
    assert -1 not in places
    assert places == sorted(places)
    table = " ".join(shown[shown.rindex("scenario\n") if "scenario\n" in shown else 0 :].split())
    for name, word in (("B", "unknown"), ("C", "fail"), ("D", "not run"), ("E", "skipped")):
        assert f"{name} " in table
        assert word in table


def test_a_failure_names_the_invariant_and_the_missing_witness(make_result: MakeResult, make_run: MakeRun) -> None:
    """What holds when the guarantee holds; of an unknown one what had to be seen as well."""
    failed = " ".join(Parsed(page_of(make_run(make_result(Verdict.FAIL, "late")))).shown.split())
    unknown = " ".join(Parsed(page_of(make_run(make_result(Verdict.UNKNOWN, "late")))).shown.split())
    invariant = "It holds when the messages handled of each child are in the order in which it sent them, across types."
    assert invariant in failed
    assert invariant in unknown
    assert "Its pass counts only if" not in failed
    assert "Its pass counts only if some child sent at least 2 types" in unknown
    assert "gostage-sim run a" in failed


def test_rounds(make_result: MakeResult, make_run: MakeRun) -> None:
    """Each result that was kept has its link in the cell of its transport, beside what all rounds came to."""
    kept = (replace(make_result(), round=1), replace(make_result(Verdict.FAIL), round=7, reproduced=(1, 20)))
    tally = Tally("A bad pointer", "scenarios/crash/a.yaml", "json", 19, 0, 1)
    parsed = Parsed(page_of(replace(make_run(*kept), rounds=20, tallies=(tally,))))
    shown = " ".join(parsed.shown.split())
    assert "pass, round 1 fail, round 7 19 pass, 1 fail" in shown
    assert "round 7, fail in 1 of 20 rounds" in shown
    assert "in 20 rounds, 2.5s" in shown
    assert {"#r0", "#r1"} <= set(parsed.links)


def test_nothing_comes_from_elsewhere(make_result: MakeResult, make_run: MakeRun) -> None:
    """Every link is into the page, and its policy forbids all that is not in it."""
    page = page_of(make_run(make_result(Verdict.FAIL)))
    links = Parsed(page).links
    assert links
    assert [link for link in links if not link.startswith("#")] == []
    assert "default-src &#39;none&#39;; script-src &#39;sha256-" in page


def test_hostile_text_is_only_text(make_result: MakeResult, make_run: MakeRun, hostile: str) -> None:
    """Whatever a child says, the page has the same elements and attributes, and its data are what was said, visibly."""
    changes = {"scenario": f"x{hostile}", "file": f"x{hostile}", "reproduce": f"x{hostile}"}
    source = Source(f"# {hostile}")
    page = page_of(make_run(make_result(Verdict.FAIL, f"x{hostile}", **changes)), source)
    parsed, calm = Parsed(page), Parsed(page_of(make_run(make_result(Verdict.FAIL, "calm"))))
    assert parsed.elements == calm.elements
    assert not {c for c in parsed.shown if not c.isprintable()} - {"\n", "\t"}
    (found,) = [json.loads(text) for facts, text in parsed.scripts if facts.get("id") == "d0"]
    if hostile == "<script>alert(1)</script>":
        assert found["result"]["children"][0]["stderr_tail"] == f"x{hostile}"
        assert "alert(1)" in parsed.shown
    data = [text for facts, text in parsed.scripts if facts.get("type") == "application/json"]
    assert [text for text in data if set("<>&\x1b\u2028") & set(text)] == []


def test_too_many_charts_cost_charts(
    make_result: MakeResult, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page is bounded: what did not pass keeps its charts, the rest says that it has none, and nothing is lost."""
    stories = [Story(make_result(), Source(""), None), Story(make_result(Verdict.FAIL), Source(""), None)]
    one = len(details.details_of(stories[1:])[0][0])
    monkeypatch.setattr(details, "MOST_CHARACTERS", one)
    texts, left_out = details.details_of(stories)
    assert left_out == 1
    assert [json.loads(text)["problem"] for text in texts] == [
        "the charts of so many results would make this page too large",
        None,
    ]
    assert [json.loads(text)["result"]["verdict"] for text in texts] == ["pass", "fail"]


def test_a_long_text_is_cut(make_result: MakeResult) -> None:
    """And says how much is missing."""
    texts, _ = details.details_of([Story(make_result(said="x" * 20_005), Source(""), None)])
    assert json.loads(texts[0])["result"]["children"][0]["stderr_tail"].endswith("x… (5 characters more)")
