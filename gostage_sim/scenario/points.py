"""The points at which faults strike, in words: the one source of the schema and of `gostage-sim explain`."""

from __future__ import annotations

from gostage_sim.faults.contract import Point

AT = "The point at which the fault strikes: never a time."

#: What `at:` may say, in the order of a child's life.
POINTS: dict[Point, str] = {
    "spawn": "in the parent, around the spawn of the child",
    "definition": "before the definition is read",
    "step": "before a step, counted from 1",
    "message": "when a message, counted from 1, cannot be lost any more",
    "byte": "after so many bytes of the line of a message",
    "result": "between the result and the exit",
    "handler": "in the parent, while it handles a message of the child, counted from 1",
}

#: How a file writes them.
FORMS: dict[Point, str] = {
    "spawn": "at: spawn",
    "definition": "at: definition",
    "step": "at: {step: 2}",
    "message": "at: {message: 250}",
    "byte": "at: {message: 250, byte: 10}",
    "result": "at: result",
    "handler": "at: {handler: 100}",
}

#: Those that are no word of their own.
ALWAYS_NUMBERED: frozenset[Point] = frozenset({"step", "message", "byte", "handler"})

#: What each key of `at:` says.
KEYS = {
    "spawn": "In the parent, around the spawn of this copy of the child, counted from 1, and of no other.",
    "step": "Before this step, counted from 1.",
    "message": "When this message, counted from 1, cannot be lost any more.",
    "byte": "After so many bytes of the line of the message.",
    "every": "Again, each time so many more messages are sent.",
    "times": "How often, the first time included.",
    "until": "For a fault that lasts: the last message for which it is in effect.",
    "after": "The fault waits at its point until another child has sent a message; alone, before the first step.",
    "handler": "In the parent, while a handler has this message of the child, counted from 1 as they are handled.",
}
