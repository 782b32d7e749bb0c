"""Messages of workflows that run in this process: encoded, decoded and delivered here."""

from __future__ import annotations

import os
import uuid
from _thread import RLock, allocate_lock
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from gostage_sim.gostage.delivery import Delivery
from gostage_sim.gostage.spawn.result import HandlerError
from gostage_sim.gostage.wire.encode import encode_frame, encode_place, unsendable
from gostage_sim.gostage.wire.messages import DECODE_ERRORS, Origin, decode_line

if TYPE_CHECKING:
    from gostage_sim.gostage.broker import Broker
    from gostage_sim.gostage.context import ActionContext
    from gostage_sim.gostage.workflow import Workflow


class LocalSession:
    """One run of a workflow in this process, as its handlers see it."""

    def __init__(self, broker: Broker, workflow_id: str) -> None:
        self._origin = Origin(workflow_id, os.getpid(), uuid.uuid4().hex, is_child=False)
        self._delivery = Delivery(broker)
        self._sequence = 0
        # Threads of one workflow take turns, as the messages of one child do; a handler may itself send.
        self._lock = RLock()
        self._suffixes = (("", ""), b"}\n")

    @property
    def handler_errors(self) -> list[HandlerError]:
        """What handlers raised; the first hundred."""
        return self._delivery.handler_errors

    @property
    def rejected(self) -> int:
        """How many messages the inbound middleware refused."""
        return self._delivery.rejected

    def send(self, type: str, payload: Any, context: ActionContext | None) -> None:
        """Encode, decode, deliver. MessageError for what could not be sent from a child."""
        frame = encode_frame(type, payload, self._suffix(context))
        try:
            message = decode_line(frame)
        except DECODE_ERRORS as error:
            raise unsendable(type, error) from error
        with self._lock:
            self._sequence += 1
            message._origin, message._sequence = self._origin, self._sequence
            self._delivery.deliver((message,))

    def _suffix(self, context: ActionContext | None) -> bytes:
        """The end of the line; encoded once for all messages of an action."""
        if context is None:
            return b"}\n"
        place = (context.stage.id, context.action.name)
        known, suffix = self._suffixes
        if place != known:
            suffix = encode_place(*place)
            self._suffixes = (place, suffix)
        return suffix


class LocalChannel:
    """The channel of a broker that has no other: a session for every workflow run here."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._lock = allocate_lock()
        self._sessions: WeakKeyDictionary[Workflow, LocalSession] = WeakKeyDictionary()
        self._no_workflow = LocalSession(broker, "")

    def forget(self, workflow: Workflow) -> None:
        """What the workflow sends from here on belongs to another session, if it sends anything."""
        with self._lock:
            self._sessions.pop(workflow, None)

    def find(self, workflow: Workflow) -> LocalSession | None:
        """The session of a workflow that has sent something."""
        with self._lock:
            return self._sessions.get(workflow)

    def send(self, type: str, payload: Any, context: ActionContext | None = None) -> None:
        """Deliver one message in this thread; when it returns, its handlers have returned."""
        self._session(context).send(type, payload, context)

    def send_many(self, type: str, payloads: Iterable[Any], context: ActionContext | None = None) -> None:
        """As `send` for each."""
        session = self._session(context)
        for payload in payloads:
            session.send(type, payload, context)

    def _session(self, context: ActionContext | None) -> LocalSession:
        if context is None:
            return self._no_workflow
        workflow = context.workflow
        with self._lock:
            session = self._sessions.get(workflow)
            if session is None:
                session = self._sessions[workflow] = LocalSession(self._broker, workflow.id)
            return session
