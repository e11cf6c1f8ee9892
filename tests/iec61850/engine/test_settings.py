"""What holds for setting groups whatever clients do: a simple picture of them agrees with the engine at every step."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from janusgrid.iec61850.acsi.blocks import (
    ConfirmEditSGValues,
    GetEditSGValue,
    GetSGCBValues,
    SelectActiveSG,
    SelectEditSG,
    SetEditSGValue,
)
from janusgrid.iec61850.acsi.errors import ServiceError, ServiceRefused
from janusgrid.iec61850.acsi.services import Request
from janusgrid.iec61850.engine import Engine, Outcome, settle

from tests.iec61850.plant import LD, plant, ref
from tests.iec61850.wires import START

ACTIVE, EDIT = (ref("PTUV1.OpDlTmms.setVal", fc) for fc in ("SG", "SE"))
CLIENTS = st.integers(0, 1)
STEPS = st.one_of(
    st.tuples(st.just("active"), CLIENTS, st.integers(0, 4)),
    st.tuples(st.just("edit"), CLIENTS, st.integers(0, 4)),
    st.tuples(st.just("write"), CLIENTS, st.integers(-5, 5)),
    st.tuples(st.just("confirm"), CLIENTS, st.just(0)),
    st.tuples(st.just("leave"), CLIENTS, st.just(0)),
    st.tuples(st.just("wait"), CLIENTS, st.integers(1, 25)),
)


@settings(max_examples=150, deadline=None)
@given(steps=st.lists(STEPS, max_size=25))
def test_the_groups_are_what_was_confirmed_and_the_active_one_is_served(steps: list[tuple[str, int, int]]) -> None:
    now, engine = START, Engine(plant(), START)
    clients = [engine.associate(f"client {number}") for number in range(2)]
    groups, active, editor, edited, buffer, until = {1: 10, 2: 20, 3: 20}, 2, None, 0, 0, START

    def ask(client: int, request: Request[object]) -> bool:
        try:
            answer = settle(engine.call(clients[client], request, now), Outcome(now))
        except ServiceRefused:
            return False
        return not isinstance(answer, tuple) or answer == (ServiceError.NO_ERROR,)

    for step, client, number in steps:
        if step == "active":
            assert ask(client, SelectActiveSG(LD, number)) is (1 <= number <= 3)
            active = number if 1 <= number <= 3 else active
        elif step == "edit":
            fine = number <= 3 and editor in (None, client)
            assert ask(client, SelectEditSG(LD, number)) is fine
            if fine:
                editor, edited, until = (client if number else None), number, now + timedelta(seconds=20)
                buffer = groups.get(number, 0)
        elif step == "write":
            assert ask(client, SetEditSGValue(((EDIT, number),))) is (editor == client)
            if editor == client:
                buffer, until = number, now + timedelta(seconds=20)
        elif step == "confirm":
            assert ask(client, ConfirmEditSGValues(LD)) is (editor == client)
            if editor == client:
                groups[edited], editor, edited = buffer, None, 0
        elif step == "leave":
            engine.end(clients[client], now)
            clients[client] = engine.associate(f"client {client} again")
            if editor == client:
                editor, edited = None, 0
        else:
            now += timedelta(seconds=number)
            engine.tick(now)
            if editor is not None and until <= now:
                editor, edited = None, 0
        found = settle(engine.call(clients[0], GetSGCBValues(LD), now), Outcome(now))
        assert (found["ActSG"], found["EditSG"]) == (active, edited)
        values = settle(engine.call(clients[0], GetEditSGValue((ACTIVE, EDIT)), now), Outcome(now))
        assert values == (groups[active], buffer if edited else ServiceError.ACCESS_NOT_ALLOWED_IN_CURRENT_STATE)
        assert engine.settings.due() == (until if edited else None)
