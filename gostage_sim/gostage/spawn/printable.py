"""Text of a child made harmless before a terminal or a one-line message sees it."""

from __future__ import annotations


def printable(text: str) -> str:
    """`text` on one line, with what would act instead of being read as escapes: `\\x1b`, `\\u202e`; tabs stay."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\t" else c.encode("unicode_escape").decode() for c in text)
