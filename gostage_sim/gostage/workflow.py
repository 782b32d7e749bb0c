"""A workflow: stages in order, and one store for all of them."""

from __future__ import annotations

from _thread import allocate_lock

from gostage_sim.gostage.chain import Chain, Place
from gostage_sim.gostage.errors import DefinitionError, WorkflowError
from gostage_sim.gostage.middleware.adding import extended
from gostage_sim.gostage.stage import Stage
from gostage_sim.gostage.status import PENDING, mark, tags_of
from gostage_sim.gostage.store import Store, require_store
from gostage_sim.gostage.storing.metadata import require_description
from gostage_sim.gostage.switches import Switches
from gostage_sim.gostage.tags import Tagged, distinct_tags

TYPE_CHECKING = False  # see gostage/__init__.py
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from gostage_sim.gostage.actions import Action
    from gostage_sim.gostage.context import ActionContext, StageContext
    from gostage_sim.gostage.definition import SubWorkflowDef
    from gostage_sim.gostage.middleware import Middleware


class Workflow(Tagged, Switches):
    """Stages that run one after another over one store.

    `store` holds the values that actions share; it travels with a child's result. `context` is a dict for what cannot
    or should not be stored: connections, callbacks, open files; it stays in this process.

    A workflow may run several times, but not twice at once. A run begins by taking out what actions of the run before
    had added; what was removed stays removed, and values stay in the store. While a workflow runs, only the thread that
    runs it may change its stages.
    """

    def __init__(
        self,
        id: str,
        name: str = "",
        description: str = "",
        tags: Iterable[str] = (),
        stages: Iterable[Stage] = (),
        *,
        store: Store | None = None,
    ) -> None:
        if not isinstance(id, str) or not id:
            raise TypeError(f"a workflow id is a non-empty str; found {id!r}")
        require_description(description)
        self.id = id
        self.name = name or id
        self.description = description
        self.tags = distinct_tags(tags)
        if store is not None:
            require_store(store, f"the store of workflow {id!r}")
        self.store = Store() if store is None else store
        self.context: dict[str, Any] = {}
        self.middleware: tuple[Middleware[StageContext], ...] = ()
        self.action_middleware: tuple[Middleware[ActionContext], ...] = ()
        self._chain: Chain[Stage] = Chain()
        self._places: dict[str, Place[Stage]] = {}
        self._place: Place[Workflow] = Place(self)
        self._place.key = f"workflow:{id}"
        self._running = allocate_lock()
        self._join()
        for stage in stages:
            self.add_stage(stage)

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages in the order they run, as it is now. Collected anew after a change."""
        return self._chain.items()

    @property
    def status(self) -> str:
        """pending, running, completed, failed or skipped: how the run goes, or how the last one ended."""
        return self._place.status

    def add_stage(self, stage: Stage) -> None:
        """Append a stage; DefinitionError when the id is taken or the stage belongs to a workflow already."""
        self._admit(stage)
        self._settle(self._chain.append(stage))

    def get_stage(self, id: str) -> Stage | None:
        """The stage of this id, or None."""
        return self.find_stage(id)

    def use(self, *middleware: Middleware[StageContext]) -> None:
        """Put middleware around each stage; what was added first is outermost."""
        self.middleware = extended(self.middleware, middleware)

    def use_for_actions(self, *middleware: Middleware[ActionContext]) -> None:
        """Put middleware around each action of every stage, outside of what stages and actions use themselves."""
        self.action_middleware = extended(self.action_middleware, middleware)

    def add_tag(self, tag: str) -> None:
        """Add a tag; one that is there already changes nothing."""
        super().add_tag(tag)
        self.store.add_tag(self._place.key, tag)

    def stages_by_tag(self, tag: str) -> list[Stage]:
        """The stages that carry this tag."""
        return self.find_stages(tag=tag)

    def stages_by_status(self, status: str) -> list[Stage]:
        """The stages that are pending, running, completed, failed or skipped."""
        return [place.item for place in self._chain.places() if place.status == status]

    @classmethod
    def from_def(cls, definition: SubWorkflowDef | Mapping[str, Any]) -> Workflow:
        """Rebuild a workflow from its definition, or from the decoded JSON of one.

        UnknownActionError names every action id that is not registered in this process; DefinitionError says which part
        has the wrong shape.
        """
        if not isinstance(definition, dict) and not hasattr(definition, "to_document"):
            raise TypeError(f"from_def() takes a SubWorkflowDef or a dict; found {type(definition).__name__}")
        from gostage_sim.gostage.rebuild import rebuild

        return rebuild(cls, definition if isinstance(definition, dict) else definition.to_document())

    def __repr__(self) -> str:
        return f"Workflow({self.id!r}, {len(self._chain)} stages)"

    def _model(self) -> Workflow:
        return self

    def _join(self) -> None:
        """Keep its status in its store, which a program may have changed."""
        self._kept_in = self.store
        self._place.tags = tags_of(self._place)
        self.store.keep(self._place.key, self._place)

    # What a run does with it

    def _begin(self) -> None:
        """Be run by the caller until `_end`."""
        if not self._running.acquire(False):
            raise WorkflowError(f"workflow {self.id!r} is already running; wait for its end, or run another one")

    def _end(self) -> None:
        self._chain.end()
        self._running.release()

    def _reset(self) -> None:
        """As it was before its last run, but for what was removed, switched or stored."""
        for place in self._chain.places():
            self._reset_stage(place)
        if not self.store.keeps(self._place.key, self._place):
            self._kept_in.release(self._place.key, self._place)
            self._join()
        self._place.status = PENDING

    def _reset_stage(self, place: Place[Stage]) -> None:
        stage = place.item
        if not place.removed and not (stage._store is self.store and self.store.keeps(place.key, place)):
            stage._join(place, self.store)  # it is another store, or another workflow used this one since
        if place.status == PENDING:
            return
        for action in stage._chain.places():
            self._undo(action)
            if action.status != PENDING:
                mark(self.store, action, PENDING)
        mark(self.store, place, PENDING)

    def _undo(self, place: Place[Any]) -> None:
        """Take out what the action here added, and what that added in turn."""
        # A stack of our own: of 100,000 actions each may have been added by the one before.
        left = [place.created]
        place.created = None
        while left:
            made = left.pop()
            while made is not None:
                for one in (made, *(made.item._chain.places() if made.home is None else ())):
                    left.append(one.created)
                    one.created = None
                if made.home is None:
                    self._remove(made)
                else:
                    made.home._remove(made)
                made = made.created_before

    def _insert(self, anchor: Place[Stage], stage: Stage, creator: Place[Action]) -> Place[Stage]:
        """Add a dynamic stage behind `anchor` and behind those added there before."""
        self._admit(stage)
        place = self._chain.insert_behind(anchor, stage)
        place.creator = creator
        self._settle(place)
        return place

    def _admit(self, stage: Stage) -> None:
        if not isinstance(stage, Stage):
            raise TypeError(f"a workflow is made of Stages; found {stage!r}")
        if stage.id in self._places:
            raise DefinitionError(f"workflow {self.id!r} already has a stage {stage.id!r}; stage ids are unique")
        if stage._place is not None:
            raise DefinitionError(f"stage {stage.id!r} already belongs to a workflow; make a new one for each workflow")

    def _settle(self, place: Place[Stage]) -> None:
        self._places[place.item.id] = place
        place.item._join(place, self.store)

    def _remove(self, place: Place[Stage]) -> bool:
        if not self._chain.remove(place):
            return False
        del self._places[place.item.id]
        place.item._leave()
        place.creator = None
        return True
