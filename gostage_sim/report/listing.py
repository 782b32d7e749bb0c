"""`gostage-sim list`: what there is, a line each."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from pathlib import Path
from urllib.parse import quote

from gostage_sim.report.bad_input import BadInput
from gostage_sim.report.escape import markdown, visible_line

#: The tag of scenarios that are named after what people report of other programs.
_REPORTED = "reported"


def scenarios(paths: Sequence[Path]) -> Iterable[str]:
    """File, name and tags of every scenario, its transports where it does not run on all, and why it is skipped
    where it is; BadInput as for a run."""
    from gostage_sim.report.choice import load_all
    from gostage_sim.scenario.conditions import Here, why_skipped
    from gostage_sim.scenario.model import TRANSPORTS

    here = Here()
    found = sorted(load_all(paths), key=lambda scenario: (scenario.file, scenario.name))
    for scenario in found:
        tagged = f"  [{', '.join(map(visible_line, scenario.tags))}]" if scenario.tags else ""
        only = "" if set(scenario.transports) == set(TRANSPORTS) else f"  {', '.join(scenario.transports)} only"
        reasons = {why_skipped(scenario, transport, here) for transport in scenario.transports}
        skipped = "" if None in reasons else f"  skipped: {visible_line(str(min(filter(None, reasons))))}"
        yield f"{visible_line(scenario.file)}  {visible_line(scenario.name)}{tagged}{only}{skipped}"


def index(paths: Sequence[Path]) -> Iterable[str]:
    """The scenarios as markdown: a heading for each family, which is the folder, and a line for each file with a link
    to it, seen from the folder above; before the families the names of those tagged `reported`. BadInput as for a
    run."""
    from gostage_sim.report.choice import load_all
    from gostage_sim.scenario.model import TRANSPORTS

    files = {scenario.file: scenario for scenario in load_all(paths)}
    families: dict[Path, list[str]] = {}
    reported: list[str] = []
    for file in sorted(files):
        scenario, path = files[file], Path(file)
        name = scenario.name.removesuffix(f" [{scenario.combination}]")
        only = "" if set(scenario.transports) == set(TRANSPORTS) else f" ({', '.join(scenario.transports)} only)"
        link = f"[{markdown(name)}]({quote(f'{path.parent.name}/{path.name}')})"
        families.setdefault(path.parent, []).append(f"* {link}{only}: {markdown(scenario.description)}")
        if _REPORTED in scenario.tags:
            reported.append(f"* {link}{only}")
    yield f"Scenarios: {len(files)}, in families: {len(families)}."
    if reported:
        yield from ("", f"### What people report of other programs ({len(reported)})", "", *reported)
    for folder, lines in families.items():
        yield from ("", f"### {markdown(folder.name)} ({len(lines)})", "", *lines)


def faults() -> Iterable[str]:
    """Kind and first sentence of every fault, plug-ins included."""
    from gostage_sim.faults import FaultNotLoaded, fault_kinds

    try:
        kinds = fault_kinds()
    except FaultNotLoaded as error:
        raise BadInput([visible_line(str(error))]) from None
    return _columns({name: _first_sentence(kind) for name, kind in kinds.items()})


def guarantees() -> Iterable[str]:
    """Name of every guarantee and when it holds, plug-ins included."""
    from gostage_sim.guarantees import all_guarantees, plug_in_problems
    from gostage_sim.harness.agreement import TransportsAgree

    problems = plug_in_problems()
    if problems:
        raise BadInput(list(map(visible_line, problems)))
    rows = {each.name: each.holds_when for each in all_guarantees()}
    return _columns({**rows, TransportsAgree.name: TransportsAgree.holds_when})


def _columns(rows: dict[str, str]) -> Iterable[str]:
    width = max(map(len, rows), default=0)
    return [f"{visible_line(name):{width}}  {visible_line(text)}".rstrip() for name, text in rows.items()]


def _first_sentence(described: object) -> str:
    paragraph = (inspect.getdoc(described) or "").split("\n\n")[0].replace("\n", " ")
    sentence, dot, _ = paragraph.partition(". ")
    return sentence.removesuffix(".") + "." if dot else paragraph
