"""The matrix of a self-test: what each guarantee said of each saboteur, on each transport."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from gostage_sim.guarantees import guarantee_names
from gostage_sim.guarantees.contract import Verdict
from gostage_sim.harness.selftest import Finding
from gostage_sim.report.lines import STYLES, Line, text

MARKS = {Verdict.PASS: ".", Verdict.FAIL: "F", Verdict.UNKNOWN: "?"}
_NOT_JUDGED = "-"


class Matrix:
    """A row for each saboteur and a column for each guarantee that judged anything, which is called by its number.

    A cell has one mark a transport; that of the guarantee which had to notice stands in brackets.
    """

    def __init__(self, findings: Iterable[Finding]) -> None:
        self._rows: dict[str, list[Finding]] = {}
        for finding in findings:
            self._rows.setdefault(finding.trial.name, []).append(finding)
        judged = {name for row in self._rows.values() for finding in row for name in finding.judged}
        self._names = [name for name in guarantee_names() if name in judged]
        self._transports = list(dict.fromkeys(found.trial.transport for row in self._rows.values() for found in row))

    def legend(self) -> Iterable[str]:
        """What the numbers and the marks mean."""
        yield "  ".join(f"{number} {name}" for number, name in enumerate(self._names, 1))
        marks = ", ".join(f"{mark} {verdict}" for verdict, mark in MARKS.items())
        yield f"{marks}, {_NOT_JUDGED} not judged, over {' and '.join(self._transports)}; [ ] had to notice"

    def plain(self) -> Iterable[str]:
        """In columns of text."""
        width = max(map(len, self._rows), default=0)
        cell = len(self._transports) + 2
        heads = "".join(f"{number:^{cell}}" for number in range(1, len(self._names) + 1))
        yield f"{'':{width}} {heads}".rstrip()
        for name, row in self._rows.items():
            yield f"{name:{width}} {''.join(text(self._cell(row, guarantee)) for guarantee in self._names)}".rstrip()

    def table(self) -> Table:
        """In colour."""
        table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=0)
        table.add_column("")
        for number in range(1, len(self._names) + 1):
            table.add_column(str(number), justify="center", no_wrap=True)
        for name, row in self._rows.items():
            cells = (self._cell(row, guarantee) for guarantee in self._names)
            table.add_row(f"{name} ", *(Text.assemble(*((piece, style) for style, piece in cell)) for cell in cells))
        return table

    def _cell(self, row: Sequence[Finding], guarantee: str) -> Line:
        opening, closing = "  "
        if any(found.trial.saboteur is not None and found.trial.saboteur.guarantee == guarantee for found in row):
            opening, closing = "[]"
        of = {found.trial.transport: found.judged.get(guarantee) for found in row}
        said = [of.get(transport) for transport in self._transports]
        marks: Line = [("dim", _NOT_JUDGED) if each is None else (STYLES[each], MARKS[each]) for each in said]
        return [("bold", opening), *marks, ("bold", closing)]
