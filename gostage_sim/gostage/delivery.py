"""Delivery: the messages of one sender to the handlers, one after another, whatever those raise."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Protocol

from gostage_sim.gostage.broker import Broker
from gostage_sim.gostage.errors import MessageRejectedError
from gostage_sim.gostage.spawn.result import HandlerError
from gostage_sim.gostage.wire.messages import Message

if TYPE_CHECKING:
    from gostage_sim.gostage.broker import Handler

MAX_HANDLER_ERRORS = 100


class Timer(Protocol):
    """What knows when time is over."""

    deadline: float


class Endless:
    """The timer of messages that nobody waits for."""

    deadline = math.inf


def _nothing() -> None:
    pass


class Delivery:
    """Calls the handlers of one child, or of one workflow in this process, and keeps what went wrong."""

    def __init__(
        self, broker: Broker, observers: tuple[Handler, ...] = (), clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        """What the deadlines of timers are measured by."""
        self._broker = broker
        self.observers = observers
        """Called with every message before anybody else."""
        self.is_open = True
        """Set to False to let what still comes go unhandled."""
        self.handler_errors: list[HandlerError] = []
        """The first hundred."""
        self.rejected = 0
        """How many messages the inbound middleware refused."""

    def deliver(
        self, messages: Iterable[Message], timer: Timer = Endless, overdue: Callable[[], None] = _nothing
    ) -> None:
        """Call the handlers of each message, in order; `overdue()` between two of them once time is over.

        The hot path of every parent: types that nobody narrowed are looked up once, without their context.
        """
        if self.observers:
            messages = self._observed(messages)
        routes, now = self._broker.routes(), self._clock
        for message in messages:
            if self.is_open:
                handlers = routes.by_type.get(message.type, routes.default)
                if handlers is None:
                    message, handlers = self._arrive(message)
                for handler in handlers:
                    try:
                        handler(message)
                    except Exception as error:
                        self._failed(message, error)
            if now() >= timer.deadline:
                overdue()

    def _observed(self, messages: Iterable[Message]) -> Iterator[Message]:
        for message in messages:
            for observe in self.observers if self.is_open else ():
                try:
                    observe(message)
                except Exception as error:
                    self._failed(message, error)
            yield message

    def _arrive(self, message: Message) -> tuple[Message, tuple[Handler, ...]]:
        """The message behind the inbound middleware and its handlers: none if it was dropped or refused."""
        try:
            arrived = self._broker.arrive(message)
        except MessageRejectedError:
            self.rejected += 1
        except Exception as error:
            self.rejected += 1
            self._failed(message, error)
        else:
            if arrived is not None:
                return arrived, self._broker.handlers_for(arrived)
        return message, ()

    def _failed(self, message: Message, error: Exception) -> None:
        """Tell `on_handler_error`, while the error still has its traceback, and record both."""
        errors = [error]
        callback = self._broker.on_handler_error
        if callback is not None:
            try:
                callback(message, error)
            except Exception as another:
                errors.append(another)
        for one in errors:
            self.record(message.type, message._sequence, one)

    def record(self, message_type: str, sequence: int, error: Exception) -> None:
        """Keep what a handler raised."""
        if len(self.handler_errors) < MAX_HANDLER_ERRORS:
            self.handler_errors.append(HandlerError.of(message_type, sequence, error))
