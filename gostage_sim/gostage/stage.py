"""A stage: actions that run one after another."""

from __future__ import annotations

TYPE_CHECKING = False  # see gostage/__init__.py
if TYPE_CHECKING:
    from collections.abc import Iterable

    from gostage_sim.gostage.actions import Action


class Stage:
    """An ordered list of actions under one id, with values put into the store before its first action."""

    def __init__(self, id: str, name: str = "", description: str = "", tags: Iterable[str] = ()) -> None:
        self.id = id
        self.name = name or id
        self.description = description
        self.tags = tuple(tags)
        self.actions: list[Action] = []
        self.initial_store: dict[str, object] = {}

    def add_action(self, action: Action) -> None:
        """Append an action; it runs after those already there."""
        self.actions.append(action)

    def set_initial_data(self, key: str, value: object) -> None:
        """Put `value` into the workflow's store when the stage begins."""
        self.initial_store[key] = value

    def __repr__(self) -> str:
        return f"Stage({self.id!r}, {len(self.actions)} actions)"
