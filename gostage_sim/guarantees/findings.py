"""What one checker found, turned into its judgement: a violation beats a missing witness, which beats a pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gostage_sim.guarantees.contract import Judgement, Verdict

#: How many violations a judgement keeps as evidence.
_KEPT = 20


@dataclass(slots=True)
class Findings:
    """Sentences in the order found; the first one becomes the reason."""

    violations: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def judgement(self, name: str, seen: str, evidence: Mapping[str, Any] | None = None) -> Judgement:
        """`seen` is the reason of a pass: the witness in words."""
        facts = dict(evidence or {})
        if self.violations:
            facts["violations"] = self.violations[:_KEPT]
            return Judgement(name, Verdict.FAIL, _first(self.violations), facts)
        if self.missing:
            facts["missing"] = self.missing[:_KEPT]
            return Judgement(name, Verdict.UNKNOWN, _first(self.missing), facts)
        return Judgement(name, Verdict.PASS, seen, facts)


def _first(sentences: list[str]) -> str:
    rest = len(sentences) - 1
    return sentences[0] if not rest else f"{sentences[0]} (and {rest} more)"
