"""What the user gave cannot be used: the one exception that the command line turns into exit code 2."""

from __future__ import annotations

from collections.abc import Iterable


class BadInput(Exception):  # noqa: N818 - named for what it is about, as everywhere in this project
    """You get it for paths, options and folders of the user; never for a fault of this program or a verdict.

    `lines` holds every mistake found, each a complete message for one line of stderr.
    """

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines = tuple(lines)
        super().__init__("\n".join(self.lines))
