"""Texts in an expectation: a part of what was seen, or between slashes a regular expression."""

from __future__ import annotations

import re


def pattern_in(text: str) -> str | None:
    """The regular expression of `/no .* left/`; None for a text that is meant as it stands."""
    return text[1:-1] if len(text) > 2 and text[0] == text[-1] == "/" else None


def pattern_problem(text: str) -> str | None:
    """Why the regular expression in it is none, or None."""
    try:
        re.compile(pattern_in(text) or "")
    except re.error as error:
        return str(error)
    return None
