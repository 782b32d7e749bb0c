"""Options: every wrong value is refused where it is written."""

from __future__ import annotations

import re
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
        ({"timeout_s": 10**400}, f"SpawnOptions.timeout_s must be 0 or more seconds; found {10**400}"),
        ({"max_message_bytes": 10}, "SpawnOptions.max_message_bytes must be at least 1024; found 10"),
        ({"max_message_bytes": None}, "SpawnOptions.max_message_bytes must be at least 1024; found None"),
        ({"malformed": "ignore"}, "SpawnOptions.malformed must be 'quarantine' or 'fail'; found 'ignore'"),
        ({"limits": {}}, "SpawnOptions.limits must be a ResourceLimits; found {}"),
        ({"inherit": "PATH"}, "SpawnOptions.inherit must be a tuple of names; found 'PATH'"),
        ({"inherit": (1,)}, "SpawnOptions.inherit must be a tuple of names; found (1,)"),
        ({"environment": {"K": 1}}, "SpawnOptions.environment must map str to str; found ('K', 1)"),
        ({"environment": ["K"]}, "SpawnOptions.environment must map str to str; found ['K']"),
        (
            {"environment": {"K=": "1"}},
            "SpawnOptions.environment must have names without '=' and no null character; found ('K=', '1')",
        ),
        ({"cwd": 3}, "SpawnOptions.cwd must be a path; found 3"),
        ({"cwd": "a\0b"}, "SpawnOptions.cwd must be a path; found 'a\\x00b'"),
        ({"user": -1}, "SpawnOptions.user must be a name or a number from 0; found -1"),
        ({"user": ""}, "SpawnOptions.user must be a name or a number from 0; found ''"),
        ({"group": True}, "SpawnOptions.group must be a name or a number from 0; found True"),
        ({"umask": 0o1000}, "SpawnOptions.umask must be a whole number from 0 to 0o777; found 512"),
        ({"no_new_privs": 1}, "SpawnOptions.no_new_privs must be True or False; found 1"),
        ({"niceness": 20}, "SpawnOptions.niceness must be a whole number from -20 to 19; found 20"),
        ({"max_depth": -1}, "SpawnOptions.max_depth must be a whole number, 0 or more; found -1"),
        ({"imports": "my.actions"}, "SpawnOptions.imports must be a tuple of module names; found 'my.actions'"),
        ({"imports": ("my,actions",)}, "SpawnOptions.imports must be a tuple of module names; found ('my,actions',)"),
        ({"forward_stderr": "yes"}, "SpawnOptions.forward_stderr must be True, False or a callable; found 'yes'"),
        ({"forward_stderr": 1}, "SpawnOptions.forward_stderr must be True, False or a callable; found 1"),
        ({"end_daemons": None}, "SpawnOptions.end_daemons must be True or False; found None"),
        ({"anonymous_child": 1}, "SpawnOptions.anonymous_child must be True or False; found 1"),
    ],
)
def test_wrong_options(arguments: dict[str, Any], text: str) -> None:
    """The message names the option, what it takes and what was found."""
    with pytest.raises((ValueError, TypeError)) as caught:
        SpawnOptions(**arguments)
    assert str(caught.value) == text


@pytest.mark.parametrize("name", ["memory_bytes", "cpu_s", "open_files", "processes", "file_size_bytes"])
@pytest.mark.parametrize("value", [-1, 1.5, "1", True, 2**63])
def test_wrong_limits(name: str, value: Any) -> None:
    """A limit is a whole number."""
    text = f"ResourceLimits.{name} must be a whole number, 0 or more; found {value!r}"
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        ResourceLimits(**{name: value})
