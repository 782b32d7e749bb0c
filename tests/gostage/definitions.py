"""Hypothesis strategies: any JSON value, any definition."""

from __future__ import annotations

from hypothesis import strategies as st

from gostage_sim import gostage

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
NAMES = TEXT.filter(bool)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(TEXT, JSON, max_size=3)
TAGS = st.lists(TEXT, max_size=2)


def definitions() -> st.SearchStrategy[gostage.SubWorkflowDef]:
    """Any definition that JSON can carry."""
    common = {"id": NAMES, "name": TEXT, "description": TEXT, "tags": TAGS}
    actions = st.builds(gostage.ActionDef, **common, params=OBJECTS)
    stages = st.builds(gostage.StageDef, **common, actions=st.lists(actions, max_size=2))
    transports = st.builds(
        gostage.TransportDef,
        type=st.sampled_from(["json", "grpc"]),
        grpc_address=TEXT,
        grpc_port=st.integers(0, 65535),
    )
    return st.builds(
        gostage.SubWorkflowDef,
        **common,
        stages=st.lists(stages, max_size=2),
        initial_store=OBJECTS,
        transport=st.none() | transports,
    )
