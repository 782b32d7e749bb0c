"""Keeps a run folder as a history: under a name of its own, and no larger than what it takes to judge it again."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from gostage_sim.harness.plan import Plan
from gostage_sim.history.collect import LOST_NAME, TWIN_NAME
from gostage_sim.history.journal import SIZE

_BLOCK_BYTES = 64 << 10


def keep(folder: Path, histories: Path, plan: Plan, *, lost: str | None = None) -> Path:
    """Move the run folder to a name of its own under `histories`; returns where it is.

    `lost` says why nothing can be judged from it, where that is so; somebody may still write in the folder then.
    """
    _clear(folder, plan, trim=lost is None)
    if plan.get("twin") is not None:
        _clear(folder / TWIN_NAME, plan["twin"], trim=lost is None)
    if lost is not None:
        (folder / LOST_NAME).write_text(lost, "utf-8", "backslashreplace")
    histories.mkdir(parents=True, exist_ok=True)
    slug = re.sub(r"[^a-z0-9]+", "-", plan["scenario"]["name"].lower()).strip("-")[:80] or "scenario"
    number = 1
    while True:
        kept = histories / (slug if number == 1 else f"{slug}-{number}")
        try:
            kept.mkdir()
        except FileExistsError:
            number += 1
            continue
        for file in folder.iterdir():
            shutil.move(file, kept / file.name)
        return kept


def _clear(folder: Path, plan: Plan, *, trim: bool) -> None:
    """Remove what nobody needs any more."""
    shutil.rmtree(folder / "tmp", ignore_errors=True)
    for name in ("control", *(child["plan"] for child in plan["children"])):  # the plan of all holds theirs
        (folder / name).unlink(missing_ok=True)
    for journal in (*folder.glob("*.journal"), *folder.glob("*.relay-*")) if trim else ():
        _trim(journal)


def _trim(journal: Path) -> None:
    """Cut off the empty room that a killed writer leaves. A torn record stays: it says that there was one."""
    with journal.open("r+b") as file:
        size = end = file.seek(0, os.SEEK_END)
        while end:
            start = max(0, end - _BLOCK_BYTES)
            file.seek(start)
            written = file.read(end - start).rstrip(b"\0")
            if written:
                end = start + len(written)
                break
            end = start
        file.truncate(min(size, end + -end % SIZE))
