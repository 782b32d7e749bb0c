"""What an action sees while it runs."""

from __future__ import annotations

from gostage_sim.gostage.logger import Logger

TYPE_CHECKING = False  # see gostage/__init__.py
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from gostage_sim.gostage.actions import Action
    from gostage_sim.gostage.broker import Broker
    from gostage_sim.gostage.stage import Stage
    from gostage_sim.gostage.store import Store
    from gostage_sim.gostage.workflow import Workflow


class ActionContext:
    """The one argument of `execute`: where the action stands, the store, and the way to send messages."""

    __slots__ = ("_broker", "action", "action_index", "is_last_action", "logger", "stage", "workflow")

    def __init__(self, workflow: Workflow, stage: Stage, action: Action, action_index: int, broker: Broker) -> None:
        self.workflow = workflow
        self.stage = stage
        self.action = action
        self.action_index = action_index
        """Position in its stage, from 0."""
        self.is_last_action = action_index == len(stage.actions) - 1
        self._broker = broker
        self.logger = Logger(self.send)

    @property
    def store(self) -> Store:
        """The workflow's store."""
        return self.workflow.store

    @property
    def params(self) -> dict[str, Any]:
        """What the definition gave this action."""
        return self.action.params

    def send(self, type: str, payload: Any = None) -> None:
        """Send one message to the handlers: the parent's in a child, this runner's otherwise.

        Over JSON it returns when the bytes are in the kernel: what was sent is handled even if this process is killed
        now. Blocks while the parent's handlers are behind. Raises MessageError for a payload that is not JSON,
        ChannelClosedError when the parent no longer reads.
        """
        self._broker.send(type, payload, self)

    def send_many(self, type: str, payloads: Iterable[Any]) -> None:
        """Send many messages of one type, in blocks of 64 KiB: several times faster than `send` for each.

        The iterable is consumed as it goes. Everything is in the kernel when it returns.
        """
        self._broker.send_many(type, payloads, self)
