"""The saboteurs: the engine broken on purpose, in ways that each guarantee must notice.

Each replaces one seam of the engine inside the subject, before the first runner is made. Nothing here is ever loaded
otherwise.

* `contract`   what a saboteur is
* `scenes`     the scenarios in which they are shown
* `seams`      where several of them reach in
* `messages`   those that change what handlers see of a child
* `bad_lines`  those that treat wrongly what is no message
* `work`       those by which children do not get to what the scenario wants of them
* `siblings`   those that let children pay for each other
* `parent`     those that do not survive a child's death, or are of no use after it
* `returning`  those by which `spawn()` comes back late
* `reports`    those that say what is not true of a child
* `handlers`   those in which a handler that raises harms more than its message
* `memory`     those that hold on to what children sent
* `remains`    those that leave something behind
* `orphans`    those that leave children behind when they are killed
* `stores`     those that return a wrong store of a child
"""

from __future__ import annotations

from gostage_sim.harness.saboteurs import (
    bad_lines,
    handlers,
    memory,
    messages,
    orphans,
    parent,
    remains,
    reports,
    returning,
    siblings,
    stores,
    work,
)
from gostage_sim.harness.saboteurs.contract import Saboteur

SABOTEURS: tuple[Saboteur, ...] = (
    *parent.SABOTEURS,
    *work.SABOTEURS,
    *messages.SABOTEURS,
    *siblings.SABOTEURS,
    *reports.SABOTEURS,
    *stores.SABOTEURS,
    *returning.SABOTEURS,
    *bad_lines.SABOTEURS,
    *handlers.SABOTEURS,
    *memory.SABOTEURS,
    *remains.SABOTEURS,
    *orphans.SABOTEURS,
)


def saboteur(name: str) -> Saboteur:
    """The saboteur of that name; KeyError when there is none."""
    return {one.name: one for one in SABOTEURS}[name]
