"""Numbers that a scenario expects, as a plan has them: just `7`, or within `{"at_least": 1, "at_most": 9}`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def within(seen: float, expected: Any) -> bool:
    """Whether the number is the expected one, or between its bounds."""
    if not isinstance(expected, dict):
        return bool(seen == expected)
    most = expected.get("at_most")
    return bool(expected.get("at_least", 0) <= seen and (most is None or seen <= most))


def bounds(expected: Any, shown: Callable[[Any], str] = "{:,}".format) -> str:
    """`7`, `at least 1`, `at most 9`, `between 1 and 9`."""
    if not isinstance(expected, dict):
        return shown(expected)
    least, most = expected.get("at_least", 0), expected.get("at_most")
    if most is None:
        return f"at least {shown(least)}"
    return f"at most {shown(most)}" if not least else f"between {shown(least)} and {shown(most)}"
