"""What a run says to GitHub Actions when it runs there: annotations at lines of scenario files, and the job's summary.

https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from gostage_sim.guarantees.contract import Verdict
from gostage_sim.report import summary
from gostage_sim.report.escape import visible_line
from gostage_sim.report.lines import reproduced
from gostage_sim.report.run_report import Run
from gostage_sim.report.source import read_source

#: GitHub takes no summary of a step that has more than 1 MiB.
MOST_SUMMARY_BYTES = 1_000_000

_IN_TEXT = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_IN_PROPERTY = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A", ":": "%3A", ",": "%2C"})


def commands(run: Run, environ: Mapping[str, str]) -> Iterable[str]:
    """A command for each result that is no pass, at the line of the first fault of its file; none elsewhere.

    Unknown is an error too: it is never green. Of several rounds with the same verdict the first speaks for all.
    """
    if environ.get("GITHUB_ACTIONS") != "true":
        return
    told = set()
    for result in run.results:
        case = (result.file, result.scenario, result.transport, result.verdict)
        if result.verdict is not Verdict.PASS and case not in told:
            told.add(case)
            line = read_source(result.file).line
            title = f"{result.verdict}: {result.scenario} [{result.transport}]"
            place = f"file={_property(_in_repository(result.file, environ))},line={line},title={_property(title)}"
            often = f" ({reproduced(result)})" if result.reproduced else ""
            again = f" (repeat: {result.reproduce})" if result.reproduce else ""
            text = f"{result.reason}{often}{again}"
            yield f"::error {place}::{visible_line(text).translate(_IN_TEXT)}"
    for missing in run.not_run:
        name = _property(f"not run: {missing.scenario}")
        place = f"file={_property(_in_repository(missing.file, environ))},title={name}"
        yield f"::error {place}::no result on {_property(missing.transport)}"


def add_summary(run: Run, environ: Mapping[str, str]) -> Iterable[str]:
    """Append summary.md to the summary of the step, where there is one; a line when it cannot be."""
    path = environ.get("GITHUB_STEP_SUMMARY")
    if not path:
        return ()
    try:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(_cut(summary.render(run)))
    except OSError as error:
        return (visible_line(f"GITHUB_STEP_SUMMARY {path}: not written, which changes no verdict: {error.strerror}"),)
    return ()


def _cut(page: str) -> str:
    """The page, or its beginning: whole sections, or at least whole lines."""
    encoded = page.encode()
    if len(encoded) <= MOST_SUMMARY_BYTES:
        return page
    begin = encoded[:MOST_SUMMARY_BYTES].decode("utf-8", "ignore")
    end = max(begin.rfind("\n## "), 0) or begin.rfind("\n")
    return f"{begin[:end]}\n\nThe rest is cut off here; summary.md has all of it.\n"


def _in_repository(file: str, environ: Mapping[str, str]) -> str:
    """The file as GitHub names it, from the top of the repository; as it is where it lies elsewhere."""
    path, top = os.path.abspath(file), environ.get("GITHUB_WORKSPACE")
    if top and os.path.commonpath((path, os.path.abspath(top))) == os.path.abspath(top):
        return os.path.relpath(path, top)
    return file


def _property(text: str) -> str:
    return visible_line(text).translate(_IN_PROPERTY)
