"""A machine is its table: what is in it happens, what is not is an error, and what is printed is what runs."""

from __future__ import annotations

from enum import Enum

import pytest
from janusgrid.common.errors import LocalError, RemoteError
from janusgrid.common.statemachine import StateMachine, UnexpectedEvent

ROWS: list[tuple[str | tuple[str, ...], str, str]] = [
    ("idle", "select", "selected"),
    ("selected", "operate", "operating"),
    (("selected", "operating"), "cancel", "idle"),
    ("operating", "done", "over"),
]
CONTROL = StateMachine("control", ROWS, initial="idle", final=["over"], code="450")


def test_every_row_and_only_rows() -> None:
    rows = {(s, e): to for sources, e, to in ROWS for s in (sources if isinstance(sources, tuple) else (sources,))}
    for state in CONTROL.states:
        for event in ("select", "operate", "cancel", "done", "nonsense"):
            if (state, event) in rows:
                assert CONTROL.next(state, event) == rows[state, event]
            else:
                with pytest.raises(UnexpectedEvent):
                    CONTROL.next(state, event)


def test_an_unexpected_event_says_what_was_expected() -> None:
    with pytest.raises(RemoteError) as caught:
        CONTROL.next("selected", "done")
    assert str(caught.value) == "control: 'done' is not expected in state 'selected' (expected: operate, cancel) [450]"
    error = caught.value
    assert isinstance(error, UnexpectedEvent)
    assert (error.machine, error.state, error.event) == ("control", "selected", "done")
    with pytest.raises(UnexpectedEvent, match="expected: none"):
        CONTROL.next("over", "select")


def test_states_and_events() -> None:
    assert CONTROL.states == ("idle", "selected", "operating", "over")
    assert CONTROL.events("selected") == ("operate", "cancel")
    assert CONTROL.events("over") == ()


def test_text() -> None:
    assert CONTROL.table() == (
        "state      event    next state\n"
        "---------  -------  ----------\n"
        "idle       select   selected\n"
        "selected   operate  operating\n"
        "selected   cancel   idle\n"
        "operating  cancel   idle\n"
        "operating  done     over"
    )


def test_markdown() -> None:
    lines = CONTROL.table("markdown").splitlines()
    assert lines[:3] == [
        "| state     | event   | next state |",
        "| --------- | ------- | ---------- |",
        "| idle      | select  | selected   |",
    ]
    assert len({len(row) for row in lines}) == 1


def test_mermaid() -> None:
    diagram = CONTROL.table("mermaid").splitlines()
    assert diagram[0] == "stateDiagram-v2"
    assert '    state "idle" as s0' in diagram
    assert "    [*] --> s0" in diagram
    assert "    s1 --> s2: operate" in diagram
    assert diagram[-1] == "    s3 --> [*]"


class Light(Enum):
    RED = "red"
    GREEN = "green"


def test_enumerations_are_states_too() -> None:
    light = StateMachine("light", [(Light.RED, "go", Light.GREEN), (Light.GREEN, "stop", Light.RED)], initial=Light.RED)
    assert light.next(Light.RED, "go") is Light.GREEN
    assert "green" in light.table()


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([("a", "x", "a"), ("a", "x", "b")], "two rows for 'x' in state 'a'"),
        ([("a", "x", "a"), ("b", "x", "a")], "state 'b' cannot be reached from 'a'"),
        ([("a", "x", "b")], "no way out of 'b'"),
    ],
)
def test_a_table_that_cannot_be_meant(rows: list[tuple[str, str, str]], reason: str) -> None:
    with pytest.raises(LocalError, match=reason):
        StateMachine("m", rows, initial="a")
