"""Contexts to send from, and middleware made of one function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gostage_sim import gostage


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


class Inbound:
    """IPC middleware for what arrives."""

    def __init__(self, function: Callable[[gostage.Message], Any]) -> None:
        self.inbound = function


class Outbound:
    """IPC middleware for what is sent."""

    def __init__(self, function: Callable[[gostage.OutgoingMessage], Any]) -> None:
        self.outbound = function
