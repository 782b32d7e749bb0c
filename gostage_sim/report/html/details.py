"""What report.html holds of each result until somebody asks for it: JSON, bounded for one and for all together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from gostage_sim.guarantees.contract import Verdict
from gostage_sim.report.escape import json_in_html, visible
from gostage_sim.report.json_report import plain
from gostage_sim.report.stories import Story

#: Of all results together, in characters; a run of the whole catalogue takes about a tenth.
MOST_CHARACTERS = 32_000_000
_LONGEST_TEXT = 20_000
_LONGEST_LIST = 10_000


def details_of(stories: Sequence[Story]) -> tuple[list[str], int]:
    """The JSON of each, in their order, and how many had to do without their picture.

    What did not pass has it first; every result keeps its tables.
    """
    texts = [""] * len(stories)
    used = left_out = 0
    passed_last = sorted(range(len(stories)), key=lambda index: stories[index].result.verdict is Verdict.PASS)
    for index in passed_last:
        text = _json(_details(stories[index], with_picture=True))
        if used + len(text) > MOST_CHARACTERS:
            left_out += 1
            text = _json(_details(stories[index], with_picture=False))
        used += len(text)
        texts[index] = text
    return texts, left_out


def sources_of(stories: Sequence[Story]) -> dict[str, str]:
    """The JSON of each scenario file, once however many results it has."""
    found = {}
    for story in stories:
        if story.result.file not in found:
            lines = sorted(set(story.source.faults.values()))
            facts = {"text": story.source.text, "cut": story.source.cut, "problem": story.source.problem}
            found[story.result.file] = _json({**facts, "lines": lines})
    return found


def _details(story: Story, *, with_picture: bool) -> dict[str, Any]:
    problem = story.problem if with_picture else "the charts of so many results would make this page too large"
    return {"result": story.result, "picture": story.picture if with_picture else None, "problem": problem}


def _json(value: Any) -> str:
    return json_in_html(msgspec.json.encode(_shown(plain(value))).decode())


def _shown(value: Any) -> Any:
    """With every text visible, and nothing so long that a browser would choke on it."""
    if isinstance(value, str):
        text = visible(value[:_LONGEST_TEXT])
        return text if len(value) <= _LONGEST_TEXT else f"{text}… ({len(value) - _LONGEST_TEXT:,} characters more)"
    if isinstance(value, dict):
        return {visible(key): _shown(item) for key, item in list(value.items())[:_LONGEST_LIST]}
    if isinstance(value, list):
        return [_shown(item) for item in value[:_LONGEST_LIST]]
    return value
