"""Of all guarantees exactly those name an anomaly that are to, and none a history in which nothing is wrong."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gostage_sim.guarantees.contract import Verdict
from gostage_sim.guarantees.judge import judge
from gostage_sim.history.model import History

from .planted import ANOMALIES, Plant, clean_histories, planted


def failing(found: History) -> dict[str, str]:
    return {judgement.name: judgement.reason for judgement in judge(found) if judgement.verdict is Verdict.FAIL}


@settings(deadline=None, max_examples=25)
@given(clean_histories())
def test_clean(found: History) -> None:
    """Nothing is raised where nothing is wrong."""
    assert failing(found) == {}


@pytest.mark.parametrize("plant", ANOMALIES, ids=lambda plant: plant.__name__)
@settings(deadline=None, max_examples=15)
@given(data=st.data())
def test_planted(plant: Plant, data: st.DataObject) -> None:
    """Each anomaly is named by its guarantees, and by no other."""
    found, expected = data.draw(planted(plant))
    named = failing(found)
    assert named.keys() == expected, named
