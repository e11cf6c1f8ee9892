"""What malformed input, and reading with its eyes, has found: each is held to what it is now."""

from __future__ import annotations

import asyncio
import logging
import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest
from janusgrid.common.errors import Malformed
from janusgrid.iec61850.acsi.errors import ServiceError, ServiceRefused
from janusgrid.iec61850.acsi.references import FC, Reference
from janusgrid.iec61850.acsi.services import (
    CreateDataSet,
    GetServerDirectory,
    Report,
    ReportEntry,
)
from janusgrid.iec61850.acsi.types import BitString
from janusgrid.iec61850.client.blocks import Settings
from janusgrid.iec61850.client.ied import Ied
from janusgrid.iec61850.client.nodes import Nodes
from janusgrid.iec61850.client.reports import Reports
from janusgrid.iec61850.mapping import initiate, names
from janusgrid.iec61850.mapping.client import MmsClient
from janusgrid.iec61850.mapping.controls import LastApplError, encode_last_appl_error, origin
from janusgrid.iec61850.mapping.reports import decode_report
from janusgrid.iec61850.mapping.wire import Parameters
from janusgrid.iec61850.mms import encode_xer, pdu
from janusgrid.iec61850.scsm82.client import XmppAssociation
from janusgrid.iec61850.scsm82.context import PROFILES, Envelope
from janusgrid.iec61850.scsm82.endpoint import Endpoint

from tests.iec61850.fuzz.test_context import PEER, MemorySession
from tests.iec61850.fuzz.world import World
from tests.iec61850.fuzzing import measured
from tests.iec61850.plant import LD, ref


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, random.Random(1))


def name(item: str) -> Any:
    return ("domain-specific", pdu.DomainSpecific(LD, item))


def variable(item: str, access: Any = None) -> pdu.VariableDef:
    return pdu.VariableDef(("name", name(item)), access)


def asked(world: World, service: Any) -> Any:
    """Return what the world's server answers to a service: the response, or the class and code of the error."""
    answer = world.wire.decode(world.ask(("confirmed-RequestPDU", pdu.ConfirmedRequestPDU(1, service))).answer)[1]
    if isinstance(answer, pdu.ConfirmedErrorPDU):
        return answer.service_error.error_class
    return answer.service[1] if isinstance(answer, pdu.ConfirmedResponsePDU) else answer


def read(world: World, *variables: pdu.VariableDef) -> Any:
    return asked(world, ("read", pdu.ReadRequest(("listOfVariable", list(variables)))))


def write(world: World, *items: tuple[str, Any]) -> Any:
    variables = [variable(item) for item, _ in items]
    return asked(world, ("write", pdu.WriteRequest(("listOfVariable", variables), [data for _, data in items])))


PDU_SIZE = ("service", pdu.ServiceProblem.PDU_SIZE)


# --- names -----------------------------------------------------------------------------------------------------------

SPELLINGS = ["Har(x)", "Har()", "Har(1", "Har(-1)", "Har(01)", "Har(٣)", "Har(1)(2)", "Har(1_0)", "Har( 1)", "Har(1-)",
             "Har(9999999999)"]  # fmt: skip


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_an_element_of_an_array_has_one_name(world: World, spelling: str) -> None:
    """Some of them were exceptions, and each that was found was remembered under a name of its own."""
    assert names.reference(LD, f"MMXU1$MX$HaV${spelling}") is None
    known = len(world.engine.tree._found)
    answer = read(world, variable(f"MMXU1$MX$HaV${spelling}"))
    assert answer.list_of_access_result == [("failure", pdu.DataAccessError.OBJECT_NON_EXISTENT)]
    assert len(world.engine.tree._found) == known


def test_an_array_within_an_array_is_no_reference(world: World) -> None:
    twice: Any = [("unnamed", ("selectAlternateAccess", pdu.SelectAlternateAccess(
        ("index", 1), [("unnamed", ("selectAccess", ("index", 2)))])))]  # fmt: skip
    with pytest.raises(Malformed):
        names.from_variable(variable("GGIO1$SV$Ind1$subID", twice))
    define = pdu.DefineNamedVariableListRequest(("aa-specific", "x"), [variable("MMXU1$MX$HaV$Har", twice)])
    assert asked(world, ("defineNamedVariableList", define))[0] != "service"


# --- work that grows faster than what is asked -----------------------------------------------------------------------


def test_long_bit_strings_take_linear_time() -> None:
    def bits(size: int) -> float:
        return measured(lambda: (BitString((1 << size) - 1, size).bits, initiate.numbers(((1 << size) - 1, size))))

    assert bits(400_000) < 10 * bits(100_000)


def test_a_short_read_of_much_is_refused_before_it_is_rendered(world: World) -> None:
    found = world.catalogue.variable(LD, "MMXU1")
    assert found is not None
    render, rendered = found.render, 0

    def counted() -> Any:
        nonlocal rendered
        rendered += found.weight
        return render()

    found.render = counted
    assert read(world, *[variable("MMXU1")] * 300) == PDU_SIZE
    assert found.weight < rendered <= world.parameters.pdu_size // 2
    assert read(world, variable("MMXU1$MX$TotW")).list_of_access_result[0][0] == "success"


def test_a_short_alternate_access_to_much_is_refused(world: World) -> None:
    many: Any = ("unnamed", ("selectAlternateAccess", pdu.SelectAlternateAccess(
        ("allElements", None), [("unnamed", ("selectAccess", ("component", "cVal")))] * 90)))  # fmt: skip
    assert read(world, variable("MMXU1$MX$HaV$Har", [many] * 30)) == PDU_SIZE


def test_one_pdu_gets_one_general_interrogation(world: World) -> None:
    block = "LLN0$RP$urcbMeas02"
    assert write(world, (f"{block}$RptEna", ("boolean", True))) == [("success", None)]
    world.drained()
    answers = write(world, *[(f"{block}$GI", ("boolean", True))] * 50)
    assert answers == [("success", None)] + [("failure", pdu.DataAccessError.TEMPORARILY_UNAVAILABLE)] * 49
    assert world.mine is not None
    assert len(world.mine.outbox) == 1
    assert world.drained()
    assert write(world, (f"{block}$GI", ("boolean", True))) == [("success", None)], "the next one is welcome"


def test_one_pdu_gets_a_buffer_once(world: World) -> None:
    block = "LLN0$BR$brcbMeas02"
    leaf = world.engine.find(ref("MMXU1.TotW.mag.f", "MX"))
    assert leaf is not None
    for number in range(20):
        world.engine.update([(leaf, float(number))], world.now)
    world.drained()
    toggled = [(f"{block}$EntryID", ("octet-string", bytes(8))), (f"{block}$RptEna", ("boolean", True)),
               (f"{block}$RptEna", ("boolean", False))]  # fmt: skip
    answers = write(world, *toggled * 15)
    assert answers[:3] == [("success", None)] * 3
    assert world.mine is not None
    assert len(world.mine.outbox) == 20
    world.drained()
    assert write(world, toggled[0], toggled[1])[1] == ("success", None)
    assert len(world.mine.outbox) == 20


def test_a_data_set_of_too_many_values(world: World) -> None:
    member = Reference(LD, "MMXU1", ("HaV",), FC.MX)
    world.engine.data_sets.limits = type(world.engine.data_sets.limits)(values=100)
    assert world.mine is not None
    few, many = CreateDataSet(Reference("@few"), (member,) * 3), CreateDataSet(Reference("@many"), (member,) * 30)
    world.engine.data_sets.create(world.mine, few, world.now)
    with pytest.raises(ServiceRefused) as refused:
        world.engine.data_sets.create(world.mine, many, world.now)
    assert refused.value.error is ServiceError.FAILED_DUE_TO_SERVER_CONSTRAINT
    assert "@many" not in world.mine.data_sets


def test_names_that_are_near_are_looked_for_among_a_few(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    def matches(name: str, there: Any, *rest: Any) -> list[str]:
        compared.append(len(there))
        return []

    monkeypatch.setattr("janusgrid.iec61850.client.nodes.get_close_matches", matches)

    async def call(request: Any) -> Any:
        return tuple(f"N{number}" for number in range(100_000))

    nodes = Nodes(SimpleNamespace(call=call))  # type: ignore[arg-type]
    with pytest.raises(Exception, match="is no logical node"):
        asyncio.run(nodes.type(LD, "M"))
    assert compared == [500]


# --- what a server tells a client that has not asked -----------------------------------------------------------------


async def test_rejects_that_nobody_waits_for_are_not_kept() -> None:
    logging.disable(logging.WARNING)
    session, profile = MemorySession(), PROFILES["80-3"]
    association = XmppAssociation(
        Endpoint.of(session), PEER, Envelope(profile, "1"), Parameters(8_000, 5, 5, 10), 1.0  # type: ignore[arg-type]
    )  # fmt: skip
    try:
        for number in range(200):
            rejected: Any = ("rejectPDU", pdu.RejectPDU(("pdu-error", 1), number))
            element = ElementTree.fromstring(encode_xer(rejected, profile.dialect))
            assert await association.take(element, "chat") is None
        assert not association._rejects
    finally:
        logging.disable(logging.NOTSET)
        await association.abort()
        if association._endpoint._watch is not None:
            association._endpoint._watch.cancel()


def client(answer: Any = None) -> MmsClient:
    async def exchange(message: pdu.MMSpdu) -> pdu.MMSpdu:
        assert isinstance(message[1], pdu.ConfirmedRequestPDU)
        return ("confirmed-ResponsePDU", pdu.ConfirmedResponsePDU(message[1].invoke_id, answer(message[1])))

    return MmsClient(exchange, "hostile")


def test_reasons_that_nobody_waits_for_are_not_kept() -> None:
    told = client()
    for number in range(200):
        why = LastApplError(Reference(LD, "DWGC1", (f"X{number}",)), 0, origin(2, b""), 1, 1)  # type: ignore[arg-type]
        assert told.unasked(encode_last_appl_error(why)) is None
    assert not told._commands._causes


def test_a_report_has_no_more_segments_than_members() -> None:
    logging.disable(logging.WARNING)
    reports = Reports(None, None, ref("LLN0.urcbMeas", "RP"), Settings())  # type: ignore[arg-type]
    reports._id, reports._members = "id", [(ref("MMXU1.TotW", "MX"), None)] * 4
    try:
        for number in range(500):
            entry = ReportEntry(0, 1)
            reports._take(Report("id", [entry], sequence=1, sub_sequence=number, more_follows=True, members=4))
            assert len(reports._segments) <= 5
    finally:
        logging.disable(logging.NOTSET)
    assert reports._waiting.empty()


def test_an_entry_id_is_short() -> None:
    def report(size: int) -> Any:
        return [("success", ("visible-string", "id")), ("success", ("bit-string", (0b0000000100, 10))),
                ("success", ("octet-string", bytes(size))), ("success", ("bit-string", (0, 4)))]  # fmt: skip

    assert decode_report(report(8)).entry_id == bytes(8)
    with pytest.raises(Malformed):
        decode_report(report(65))


async def test_names_are_short() -> None:
    names_ = ["x" * 256]
    hostile = client(lambda request: ("getNameList", pdu.GetNameListResponse(names_, False)))
    with pytest.raises(Malformed):
        await hostile.call(GetServerDirectory())


async def test_a_data_set_whose_values_are_not_as_many_as_its_members() -> None:
    async def call(request: Any) -> Any:
        return (ref("MMXU1.TotW", "MX"),) * 3 if type(request).__name__ == "GetDataSetDirectory" else (1.0, 2.0)

    ied = Ied(SimpleNamespace(call=call, on_end=lambda listener: lambda: None, peer="hostile"))  # type: ignore[arg-type]
    with pytest.raises(Malformed):
        await ied.read_data_set(f"{LD}/LLN0.Meas")


def test_a_write_to_all_commands_of_a_node(world: World) -> None:
    """It names no command whose refusal could be told."""
    denied = [("failure", pdu.DataAccessError.OBJECT_NON_EXISTENT)]
    assert write(world, ("GGIO2$CO", ("boolean", True)))[0][0] == "failure"
    assert write(world, ("GGIO2$CO$Nothing", ("boolean", True))) == denied
