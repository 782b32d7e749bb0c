"""Transports: what a runner is given, what the environment says, and what is wrong with either."""

from __future__ import annotations

import re
from typing import Any

import pytest

from gostage_sim import gostage
from gostage_sim.gostage import transports
from gostage_sim.gostage.transports import Grpc, Json, grpc, json, named


@pytest.mark.parametrize(
    ("environment", "given", "expected"),
    [
        ({}, None, Json()),
        ({}, "grpc", Grpc()),
        ({"GOSTAGE_IPC_TRANSPORT": "grpc"}, None, Grpc()),
        ({"GOSTAGE_IPC_TRANSPORT": "grpc"}, "json", Json()),
        ({"GOSTAGE_IPC_TRANSPORT": "grpc"}, json(), Json()),
        ({"GOSTAGE_IPC_TRANSPORT": ""}, None, Json()),
        ({"GOSTAGE_GRPC_ADDRESS": "::1", "GOSTAGE_GRPC_PORT": "50051"}, "grpc", Grpc("::1", 50051)),
    ],
)
def test_the_environment_says_what_the_program_leaves_open(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], given: Any, expected: transports.Transport
) -> None:
    """A transport or its name given by the program counts; otherwise the environment; otherwise JSON."""
    monkeypatch.delenv("GOSTAGE_IPC_TRANSPORT", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert named(given) == expected


def test_arguments_of_grpc_come_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Address and port that the program names are not the environment's, nor is a port put on a Unix socket."""
    monkeypatch.setenv("GOSTAGE_GRPC_ADDRESS", "::1")
    monkeypatch.setenv("GOSTAGE_GRPC_PORT", "50051")
    assert grpc("127.0.0.2", 0) == Grpc("127.0.0.2", 0)
    assert grpc(unix_socket=True).port == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"address": "0.0.0.0"},
         "address of the gRPC transport must be a loopback address, as 127.0.0.1 or ::1; found '0.0.0.0'"),
        ({"address": "x"}, "address of the gRPC transport must be a loopback address, as 127.0.0.1 or ::1; found 'x'"),
        ({"port": 70000}, "port of the gRPC transport must be a whole number from 0 to 65535; found 70000"),
        ({"port": 1, "unix_socket": True}, "port of the gRPC transport must be 0 beside unix_socket=True; found 1"),
        ({"acknowledge": "all"}, "acknowledge of the gRPC transport must be 'window' or 'each'; found 'all'"),
        ({"window_bytes": 0}, "window_bytes of the gRPC transport must be 1 or more; found 0"),
        ({"max_frame_bytes": 5}, "max_frame_bytes of the gRPC transport must be 1 MiB or more; found 5"),
        ({"keep_alive_s": 0.5},
         "keep_alive_s of the gRPC transport must be seconds from 1 to 86400, or None; found 0.5"),
        ({"keep_alive_s": True},
         "keep_alive_s of the gRPC transport must be seconds from 1 to 86400, or None; found True"),
    ],
)  # fmt: skip
def test_wrong_arguments(arguments: dict[str, Any], message: str) -> None:
    """Each says what was found and what is expected."""
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        grpc(**arguments)


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        (
            {"GOSTAGE_IPC_TRANSPORT": "pigeon"},
            "GOSTAGE_IPC_TRANSPORT must be 'json' or 'grpc', or one of gostage.transports; found 'pigeon'",
        ),
        (
            {"GOSTAGE_IPC_TRANSPORT": "grpc", "GOSTAGE_GRPC_PORT": "many"},
            "GOSTAGE_GRPC_PORT of the gRPC transport must be a whole number from 0 to 65535; found 'many'",
        ),
    ],
)
def test_wrong_environment(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], message: str) -> None:
    """The variable is named, at the first spawn."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        gostage.Runner().start(gostage.SubWorkflowDef.of("x"))


def test_a_name_that_is_none() -> None:
    """A runner that is given a name nobody knows says which there are."""
    with pytest.raises(
        ValueError, match=r"^transport must be 'json' or 'grpc', or one of gostage.transports; found 'x'$"
    ):
        gostage.Runner(transport="x").start(gostage.SubWorkflowDef.of("x"))
