"""Options: every wrong value is refused where it is written."""

from __future__ import annotations

from typing import Any

import pytest

from gostage_sim.gostage import ResourceLimits, SpawnOptions


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"timeout_s": -1}, "SpawnOptions.timeout_s must be 0 or more seconds; found -1"),
        ({"timeout_s": float("nan")}, "SpawnOptions.timeout_s must be 0 or more seconds; found nan"),
        ({"timeout_s": "5"}, "SpawnOptions.timeout_s must be 0 or more seconds; found '5'"),
        ({"grace_s": None}, "SpawnOptions.grace_s must be 0 or more seconds; found None"),
        ({"drain_s": -0.1}, "SpawnOptions.drain_s must be 0 or more seconds; found -0.1"),
        ({"max_message_bytes": 10}, "SpawnOptions.max_message_bytes must be at least 1024; found 10"),
        ({"max_message_bytes": None}, "SpawnOptions.max_message_bytes must be at least 1024; found None"),
        ({"malformed": "ignore"}, "SpawnOptions.malformed must be 'quarantine' or 'fail'; found 'ignore'"),
        ({"limits": {}}, "SpawnOptions.limits must be a ResourceLimits; found {}"),
        ({"inherit": "PATH"}, "SpawnOptions.inherit must be a tuple of names; found 'PATH'"),
        ({"environment": {"K": 1}}, "SpawnOptions.environment must map str to str; found ('K', 1)"),
    ],
)
def test_wrong_options(arguments: dict[str, Any], text: str) -> None:
    """The message names the option, what it takes and what was found."""
    with pytest.raises((ValueError, TypeError)) as caught:
        SpawnOptions(**arguments)
    assert str(caught.value) == text


@pytest.mark.parametrize("value", [-1, 1.5, "1"])
def test_wrong_limits(value: Any) -> None:
    """A limit is a whole number."""
    with pytest.raises(ValueError, match=r"^ResourceLimits\.cpu_s must be a whole number, 0 or more; found "):
        ResourceLimits(cpu_s=value)
