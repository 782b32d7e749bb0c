"""Finding stages and actions: the same calls on a workflow and on the context of whatever runs in it."""

from __future__ import annotations

from gostage_sim.gostage.tags import distinct_tags

TYPE_CHECKING = False  # see gostage/__init__.py
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from gostage_sim.gostage.actions import Action
    from gostage_sim.gostage.chain import Place
    from gostage_sim.gostage.stage import Stage
    from gostage_sim.gostage.workflow import Workflow


class Queries:
    """What can be asked about the stages and actions of a workflow, as they stand at the moment of the call.

    Answers are new lists in the order of execution; disabled stages and actions are among them, removed ones are not.
    """

    __slots__ = ()

    def _model(self) -> Workflow:
        raise NotImplementedError

    def find_stage(self, id: str) -> Stage | None:
        """The stage of this id, or None; at once, however many there are."""
        place = self._model()._places.get(id)
        return None if place is None else place.item

    def find_stages(
        self,
        *,
        id: str | None = None,
        name: str | None = None,
        name_part: str | None = None,
        description_part: str | None = None,
        tag: str | None = None,
        all_tags: Iterable[str] | None = None,
        any_tag: Iterable[str] | None = None,
        type: type[Stage] | None = None,
    ) -> list[Stage]:
        """The stages for which everything given holds; all stages when nothing is given.

        `name` is the exact name, `name_part` and `description_part` occur in it whatever the case; `type` is a class of
        stages, its subclasses included.
        """
        meant = _criteria("stages", name, name_part, description_part, tag, all_tags, any_tag, type)
        stages = self.filter_stages(meant)
        return stages if id is None else [stage for stage in stages if stage.id == id]

    def filter_stages(self, predicate: Callable[[Stage], object]) -> list[Stage]:
        """The stages for which `predicate(stage)` is true."""
        return [stage for stage in self._model().stages if predicate(stage)]

    def find_action(self, name: str, *, stage: str | None = None) -> Action | None:
        """The first action of exactly this name, in the stage of this id or in any; None when there is none."""
        return next((place.item for _, place in self._action_places(stage) if place.item.name == name), None)

    def find_actions(
        self,
        *,
        stage: str | None = None,
        id: str | None = None,
        name: str | None = None,
        name_part: str | None = None,
        description_part: str | None = None,
        tag: str | None = None,
        all_tags: Iterable[str] | None = None,
        any_tag: Iterable[str] | None = None,
        type: type[Action] | None = None,
    ) -> list[Action]:
        """The actions for which everything given holds, of all stages or of the one with the id `stage`.

        `id` is the one it is registered under, see `Action.registered_id`; otherwise as `find_stages`. An action that
        stands at several places is found once for each.
        """
        meant = _criteria("actions", name, name_part, description_part, tag, all_tags, any_tag, type)
        actions = self.filter_actions(meant, stage=stage)
        return actions if id is None else [action for action in actions if action.registered_id == id]

    def filter_actions(self, predicate: Callable[[Action], object], *, stage: str | None = None) -> list[Action]:
        """The actions for which `predicate(action)` is true, of all stages or of the one with the id `stage`."""
        return [place.item for _, place in self._action_places(stage) if predicate(place.item)]

    def stage_of(self, action: Action) -> Stage | None:
        """The first stage in which this very action stands; None when it stands in none."""
        return next((stage for stage, place in self._action_places() if place.item is action), None)

    def _action_places(self, stage_id: str | None = None) -> Iterator[tuple[Stage, Place[Action]]]:
        """Every action of the workflow, or of one stage, with its stage."""
        model = self._model()
        if stage_id is None:
            stages = model.stages
        else:
            found = model._places.get(stage_id)
            stages = () if found is None else (found.item,)
        for stage in stages:
            for place in stage._chain.places():
                yield stage, place


def _criteria(
    what: str,
    name: str | None,
    name_part: str | None,
    description_part: str | None,
    tag: str | None,
    all_tags: Iterable[str] | None,
    any_tag: Iterable[str] | None,
    type_: type | None,
) -> Callable[[Stage | Action], bool]:
    """One predicate of all that was asked for."""
    name_lower = None if name_part is None else name_part.lower()
    description_lower = None if description_part is None else description_part.lower()
    if type_ is not None:
        from gostage_sim.gostage.arguments import require_class

        require_class(type_, what)
    every = None if all_tags is None else frozenset(distinct_tags(all_tags))
    some = None if any_tag is None else frozenset(distinct_tags(any_tag))

    def holds(item: Stage | Action) -> bool:
        return (
            (name is None or item.name == name)
            and (name_lower is None or name_lower in item.name.lower())
            and (description_lower is None or description_lower in item.description.lower())
            and (tag is None or tag in item.tags)
            and (every is None or every.issubset(item.tags))
            and (some is None or not some.isdisjoint(item.tags))
            and (type_ is None or isinstance(item, type_))
        )

    return holds
