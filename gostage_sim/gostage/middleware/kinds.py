"""The types of middleware, for annotations."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from gostage_sim.gostage.context import RunContext

C = TypeVar("C", bound="RunContext")

Proceed = Callable[[], None]
"""Runs what is inside."""

Middleware = Callable[[C, Proceed], object]
"""`Middleware[RunContext]`, `Middleware[StageContext]` or `Middleware[ActionContext]`; what it returns is ignored."""
