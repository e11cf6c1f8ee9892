"""A declaration that contradicts itself is refused where it is made."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from janusgrid.openadr.codec.shape import shape
from janusgrid.openadr.model import CreatedEvent, EiEvent, EiTarget
from janusgrid.openadr.model.declare import DECLARATIONS, child, part


@pytest.mark.parametrize(("path", "annotation"), [("oadr:a*", str), ("oadr:a", Sequence[str])])
def test_what_repeats_is_a_sequence_and_nothing_else(path: str, annotation: object) -> None:
    with pytest.raises(TypeError, match="a Sequence goes with one step marked"):
        part("oadr:T")(type("T", (), {"__annotations__": {"a": annotation}, "a": child(path)}))


def test_fields_may_not_share_a_step_that_may_be_absent() -> None:
    body = {
        "__annotations__": {"a": str | None, "b": str},
        "a": child("oadr:x/oadr:a", default=None),
        "b": child("oadr:x/oadr:b"),
    }
    made = part("oadr:T")(type("T", (), body))
    try:
        with pytest.raises(TypeError, match="b shares oadr:x with a field that may be absent"):
            shape(made)
    finally:
        del DECLARATIONS[made]


def test_shapes() -> None:
    (created,) = shape(CreatedEvent).nodes
    assert (created.name, created.low, created.high) == ("pyld:eiCreatedEvent", 1, 1)
    responses = created.inner[1]
    assert (responses.name, responses.low, responses.opens) == ("ei:eventResponses", 0, responses.inner[0].field)
    assert (responses.inner[0].low, responses.inner[0].high) == (0, None)
    signals = shape(EiEvent).nodes[2]
    assert [(node.name, node.low, node.high) for node in signals.inner] == [
        ("ei:eiEventSignal", 1, None),
        ("ei:eiEventBaseline", 0, 1),
    ]
    assert all((node.low, node.high) == (0, None) for node in shape(EiTarget).nodes)
