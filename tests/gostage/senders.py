"""Contexts to send from, what became of the messages, and middleware made of one function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gostage_sim import gostage
from gostage_sim.gostage.local import LocalSession


class Place:
    """As much of an ActionContext as the broker looks at."""

    def __init__(self, workflow: gostage.Workflow, stage_id: str, action_name: str) -> None:
        self.workflow = workflow
        self.stage = gostage.Stage(stage_id)
        self.action = gostage.Action(action_name)


def context(workflow: gostage.Workflow | str, stage_id: str, action_name: str) -> Any:
    """Where a message is sent from."""
    made = gostage.Workflow(workflow) if isinstance(workflow, str) else workflow
    return Place(made, stage_id, action_name)


def session_of(broker: gostage.Broker, workflow: gostage.Workflow) -> LocalSession:
    """The session of a workflow that has sent something."""
    session = broker.session_of(workflow)
    assert session is not None
    return session


class Inbound:
    """IPC middleware for what arrives."""

    def __init__(self, function: Callable[[gostage.Message], Any]) -> None:
        self.inbound = function


class Outbound:
    """IPC middleware for what is sent."""

    def __init__(self, function: Callable[[gostage.OutgoingMessage], Any]) -> None:
        self.outbound = function
