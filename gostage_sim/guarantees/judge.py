"""Judges one history: asks every guarantee, and turns whatever goes wrong with a checker into `unknown`."""

from __future__ import annotations

from typing import Literal

from gostage_sim.guarantees import guarantee, guarantee_names
from gostage_sim.guarantees.contract import Judgement, Verdict
from gostage_sim.guarantees.wording import quoted
from gostage_sim.history.model import History

#: Judged wherever they apply, whatever a scenario selects: a fault that did not happen proves nothing, and what a
#: scenario expects in its own words is never optional.
ALWAYS = ("fault-fired", "as-expected")

#: The name under which missing or damaged evidence is reported.
EVIDENCE = "evidence"


def judge(history: History, names: Literal["all"] | tuple[str, ...] = "all") -> tuple[Judgement, ...]:
    """One judgement a guarantee, in the order of `guarantee_names()`, and one of the evidence itself when it has gaps.

    Under `all` a guarantee that does not apply is left out; asked for by name it is `unknown`. A checker that raises is
    `unknown` too: it never passes for lack of an answer, and never hides the others.
    """
    judgements = []
    if history.problems:
        judgements.append(
            Judgement(EVIDENCE, Verdict.UNKNOWN, "; ".join(history.problems), {"problems": list(history.problems)})
        )
    known = guarantee_names()
    asked = known if names == "all" else [name for name in known if name in names or name in ALWAYS]
    strangers = [] if names == "all" else [name for name in names if name not in known]
    for name in [*asked, *strangers]:
        by_name = names != "all" and name in names
        judgement = _judge_one(name, history, by_name=by_name)
        if judgement is not None:
            judgements.append(judgement)
    return tuple(judgements)


def _judge_one(name: str, history: History, *, by_name: bool) -> Judgement | None:
    try:
        checker = guarantee(name)
        if checker.applies(history):
            return checker.judge(history)
    except Exception as error:
        reason = f"the checker raised {type(error).__name__}: {quoted(str(error))}"
        return Judgement(name, Verdict.UNKNOWN, reason, {"exception": type(error).__name__})
    if by_name:
        reason = f"asked for by name, but this run has nothing for it to judge (it holds when {checker.holds_when})"
        return Judgement(name, Verdict.UNKNOWN, reason)
    return None
