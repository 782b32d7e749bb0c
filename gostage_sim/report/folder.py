"""The report folder: checked before a run, with only what an earlier run of ours left there replaced."""

from __future__ import annotations

import shutil
from pathlib import Path

from gostage_sim.report.bad_input import BadInput
from gostage_sim.report.escape import visible_line
from gostage_sim.report.json_report import SCHEMA
from gostage_sim.report.pages import remove_pages
from gostage_sim.report.run_report import Run, write_all

HISTORIES = "histories"


def prepare(directory: Path, run: Run) -> None:
    """Make the folder, write the reports of a run that has not finished, remove the histories of an earlier run.

    These first reports prove that the folder can be written, and they are what remains when the run is killed: old
    results never pass for new ones. BadInput when the folder cannot be used.
    """
    option = f"--report {visible_line(str(directory))}"
    histories = directory / HISTORIES
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if not _is_ours(directory, histories):
            reason = f"{visible_line(str(histories))} is there and not from a run of gostage-sim"
            raise BadInput([f"{option}: {reason}; it would be replaced, choose another folder"])
        remove_pages(directory)
        write_all(run, directory)
        if histories.is_dir():
            shutil.rmtree(histories)
    except (OSError, ValueError) as error:
        raise BadInput([cannot_write(directory, error)]) from None


def cannot_write(directory: Path, error: Exception) -> str:
    """The message for a folder that refuses a report."""
    where = visible_line(str(getattr(error, "filename", None) or directory))
    why = getattr(error, "strerror", None) or error
    return f"--report {visible_line(str(directory))}: cannot write there: {why}: {where}; choose a folder you can write"


def _is_ours(directory: Path, histories: Path) -> bool:
    """Whether `histories` may be replaced: it is absent or empty, or our report lies beside it."""
    if histories.is_symlink() or (histories.exists() and not histories.is_dir()):
        return False
    if not histories.exists() or not any(histories.iterdir()):
        return True
    try:
        with (directory / "report.json").open(encoding="utf-8", errors="replace") as report:
            return f'"{SCHEMA.rpartition("/")[0]}/' in report.read(200)
    except FileNotFoundError:
        return False
