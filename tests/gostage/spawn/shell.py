"""Children that are next to nothing: a line of sh that speaks the protocol."""

from __future__ import annotations

import os
from pathlib import Path

from gostage_sim import gostage

UP = """printf '{"type":"up"}\\n'; """
HOLDS = UP + "exec sleep 1000"
IGNORES_SIGTERM = "trap '' TERM; " + HOLDS
NAMED = 'read -r document; id=${document#*:\\"}; id=${id%\\"*}; '
"""Puts the id of a definition without stages into `$id`."""

SAYS = """read -r document; printf '{"type":"got","payload":[%s,"%s"]}\\n' "$document" "$WORD" """
"""Sends its definition, and what is in its environment under WORD."""


def shell(code: str, **runner: object) -> gostage.Runner:
    """A runner whose children run this, and write JSON lines by themselves."""
    launcher = gostage.launchers.Program(["/bin/sh", "-c", code])
    return gostage.Runner(launcher=launcher, transport="json", **runner)  # type: ignore[arg-type]


def named(*ids: str) -> list[gostage.SubWorkflowDef]:
    """Definitions with these ids and nothing else."""
    return [gostage.SubWorkflowDef(id=id) for id in ids]


class Gate:
    """A fifo at which children stand (`read x <path`) until it lets one through for each line."""

    def __init__(self, folder: Path, name: str = "gate") -> None:
        self.path = folder / name
        os.mkfifo(self.path)
        self._fd = os.open(self.path, os.O_RDWR)  # never blocks, and nobody sees its end

    def open(self, count: int = 1) -> None:
        os.write(self._fd, b"\n" * count)

    def close(self) -> None:
        os.close(self._fd)
