"""Switching stages and actions off and on, before a run or during one, and taking them out."""

from __future__ import annotations

from gostage_sim.gostage.queries import Queries
from gostage_sim.gostage.status import switch

TYPE_CHECKING = False  # see gostage/__init__.py
if TYPE_CHECKING:
    from collections.abc import Callable

    from gostage_sim.gostage.actions import Action
    from gostage_sim.gostage.stage import Stage
    from gostage_sim.gostage.states import ActionState, StageState


class Switches(Queries):
    """What can be done to the stages and actions of a workflow, as they stand at the moment of the call.

    A disabled stage or action is skipped, and marked `skipped`, when its turn comes; it stays disabled until it is
    enabled. One that is running goes on to its end. What is added later is enabled, whatever it is called. An action
    that stands at several places is meant at each. Every call returns how many places it changed: 0 when nothing
    matches, or everything was so already.
    """

    __slots__ = ()

    def disable_stage(self, id: str) -> int:
        """Skip the stage of this id."""
        return self._switch_stage(id, disabled=True)

    def enable_stage(self, id: str) -> int:
        """Run the stage of this id again."""
        return self._switch_stage(id, disabled=False)

    def disable_stages_by_tag(self, tag: str) -> int:
        """Skip the stages that carry this tag."""
        return self._switch_stages(lambda stage: tag in stage.tags, disabled=True)

    def enable_stages_by_tag(self, tag: str) -> int:
        """Run the stages that carry this tag again."""
        return self._switch_stages(lambda stage: tag in stage.tags, disabled=False)

    def disable_action(self, name: str, *, stage: str | None = None) -> int:
        """Skip the actions of exactly this name, in all stages or in the one with the id `stage`."""
        return self._switch_actions(lambda action: action.name == name, stage, disabled=True)

    def enable_action(self, name: str, *, stage: str | None = None) -> int:
        """Run the actions of exactly this name again."""
        return self._switch_actions(lambda action: action.name == name, stage, disabled=False)

    def disable_actions_by_tag(self, tag: str, *, stage: str | None = None) -> int:
        """Skip the actions that carry this tag."""
        return self._switch_actions(lambda action: tag in action.tags, stage, disabled=True)

    def enable_actions_by_tag(self, tag: str, *, stage: str | None = None) -> int:
        """Run the actions that carry this tag again."""
        return self._switch_actions(lambda action: tag in action.tags, stage, disabled=False)

    def disable_actions_by_type(self, type: type[Action], *, stage: str | None = None) -> int:
        """Skip the actions of this class and of its subclasses."""
        return self._switch_actions(_are(type), stage, disabled=True)

    def enable_actions_by_type(self, type: type[Action], *, stage: str | None = None) -> int:
        """Run the actions of this class and of its subclasses again."""
        return self._switch_actions(_are(type), stage, disabled=False)

    def is_stage_enabled(self, id: str) -> bool:
        """Whether there is such a stage, and it is not disabled."""
        place = self._model()._places.get(id)
        return place is not None and not place.disabled

    def is_action_enabled(self, name: str, *, stage: str | None = None) -> bool:
        """Whether there is an action of this name that is not disabled; that of its stage is another question."""
        return any(place.item.name == name and not place.disabled for _, place in self._action_places(stage))

    def stage_states(self) -> list[StageState]:
        """Each stage, in order, with `enabled` and `status`."""
        from gostage_sim.gostage.states import StageState

        return [StageState(p.item, not p.disabled, p.status) for p in self._model()._chain.places()]

    def action_states(self, stage: str) -> list[ActionState]:
        """Each action of the stage with this id, in order, with `enabled` and `status`; empty without such a stage."""
        from gostage_sim.gostage.states import ActionState

        return [ActionState(p.item, not p.disabled, p.status) for _, p in self._action_places(stage)]

    def remove_stage(self, id: str) -> bool:
        """Take the stage of this id out, and what the store knows of it; False when there is none.

        One that has run leaves its values in the store. Of the one that is running, the current action goes on to its
        end and the actions behind it do not run.
        """
        model = self._model()
        place = model._places.get(id)
        return place is not None and model._remove(place)

    def remove_action(self, name: str, *, stage: str | None = None) -> bool:
        """Take out the first action of exactly this name; False when there is none. A running one still ends."""
        for home, place in self._action_places(stage):
            if place.item.name == name:
                return home._remove(place)
        return False

    def remove_actions_by_tag(self, tag: str, *, stage: str | None = None) -> int:
        """Take out every action that carries this tag, and return how many those were."""
        return self._remove_actions(lambda action: tag in action.tags, stage)

    def remove_actions_by_type(self, type: type[Action], *, stage: str | None = None) -> int:
        """Take out every action of this class and its subclasses, and return how many those were."""
        return self._remove_actions(_are(type), stage)

    def _switch_stage(self, id: str, *, disabled: bool) -> int:
        model = self._model()
        place = model._places.get(id)
        return 0 if place is None else int(switch(model.store, place, disabled=disabled))

    def _switch_stages(self, meant: Callable[[Stage], bool], *, disabled: bool) -> int:
        model = self._model()
        return sum(switch(model.store, p, disabled=disabled) for p in model._chain.places() if meant(p.item))

    def _switch_actions(self, meant: Callable[[Action], bool], stage: str | None, *, disabled: bool) -> int:
        store = self._model().store
        return sum(switch(store, p, disabled=disabled) for _, p in self._action_places(stage) if meant(p.item))

    def _remove_actions(self, meant: Callable[[Action], bool], stage: str | None) -> int:
        return sum(home._remove(place) for home, place in self._action_places(stage) if meant(place.item))


def _are(type: type[Action]) -> Callable[[Action], bool]:
    """Whether an action is of this class; TypeError for what is no class."""
    from gostage_sim.gostage.arguments import require_class

    require_class(type, "actions")
    return lambda action: isinstance(action, type)
