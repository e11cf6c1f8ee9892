"""Logs below the services: what MMS has beyond the ACSI, answers that fit, and entries as other servers make them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from janusgrid.common.errors import Malformed
from janusgrid.iec61850.acsi.logs import LogData, LogPage, QueryLogByTime
from janusgrid.iec61850.acsi.services import Reason
from janusgrid.iec61850.acsi.types import BitString, EntryTime
from janusgrid.iec61850.engine import Engine, Outcome, settle
from janusgrid.iec61850.engine.log import LogLimits
from janusgrid.iec61850.mapping.catalogue import Catalogue
from janusgrid.iec61850.mapping.client import MmsClient
from janusgrid.iec61850.mapping.server import MmsServer
from janusgrid.iec61850.mapping.wire import Parameters
from janusgrid.iec61850.mms import pdu
from janusgrid.iec61850.mms.data import entry_time_to_octets
from janusgrid.iec61850.model.nodes import Model

from tests.iec61850.plant import LD, plant, ref
from tests.iec61850.wires import START, Ber, TestWire, Xer

WIRES: list[TestWire] = [Ber(), Xer("80-3"), Xer("2018")]
EVENTS: Any = ("domain-specific", pdu.DomainSpecific(LD, "LLN0$Events"))
INAPPROPRIATE = ("definition", pdu.DefinitionError.INVALID_ADDRESS)
TOTW = f"{LD}/MMXU1$MX$TotW"


class Served:
    """A server whose log `Events` holds an entry for each second, 0 to 9, made by hand."""

    def __init__(self, wire: TestWire | None = None, pdu_size: int = 65_000, model: Model | None = None) -> None:
        self.engine = Engine(model or plant(), START)
        self.wire, self.pdu_size = wire or Ber(), pdu_size
        parameters = Parameters(pdu_size, 5, 5, 10)
        association = self.engine.associate("tester")
        self.mms: MmsServer[Any] = MmsServer(Catalogue(self.engine), association, self.wire, parameters)

    def fill(self, *sizes: int) -> None:
        """Give the log entries with so many values each."""
        log = self.engine.logs.find(ref("LLN0.Events"))
        for second, size in enumerate(sizes):
            data = (LogData(ref("MMXU1.TotW.mag.f", "MX"), float(second), Reason.DATA_CHANGE),) * size
            log.add(data, START + timedelta(seconds=second))

    def answer(self, request: pdu.ReadJournalRequest) -> pdu.MMSpdu:
        asked: Any = ("confirmed-RequestPDU", pdu.ConfirmedRequestPDU(1, ("readJournal", request)))
        answer = settle(self.mms.receive(asked, START), Outcome(START))
        assert self.wire.size(answer.answer) <= self.pdu_size
        return self.wire.decode(answer.answer)

    def read(self, journal: Any = EVENTS, **more: Any) -> Any:
        """Return the times in seconds of the entries that come and whether there are more; or the error, or reject."""
        match self.answer(pdu.ReadJournalRequest(journal, **more)):
            case ("confirmed-ResponsePDU", response):
                found: Any = response.service[1]
                entries = [int.from_bytes(e.entry_identifier) - _number(0) >> 16 for e in found.list_of_journal_entry]
                return [milliseconds // 1000 for milliseconds in entries], found.more_follows
            case ("confirmed-ErrorPDU", error):
                return error.service_error.error_class
            case ("rejectPDU", rejected):
                return rejected.reject_reason
        raise AssertionError


def _number(second: int) -> int:
    return EntryTime.of(START + timedelta(seconds=second)).milliseconds << 16


def entry(second: int) -> bytes:
    return _number(second).to_bytes(8)


def time(second: float) -> bytes:
    return entry_time_to_octets(EntryTime.of(START + timedelta(seconds=second)))


@pytest.fixture
def served() -> Served:
    made = Served()
    made.fill(*[1] * 10)
    return made


@pytest.mark.parametrize(
    ("request_", "seconds"),
    [
        ({}, range(10)),
        ({"range_start_specification": ("startingEntry", entry(7))}, [7, 8, 9]),
        ({"range_start_specification": ("startingTime", time(2)),
          "range_stop_specification": ("numberOfEntries", 2)}, [2, 3]),
        ({"range_start_specification": ("startingTime", time(2)),
          "range_stop_specification": ("endingTime", time(3))}, [2, 3]),
        ({"range_start_specification": ("startingTime", time(1)),
          "range_stop_specification": ("endingTime", time(6)),
          "entry_to_start_after": pdu.EntryToStartAfter(time(4), entry(4))}, [5, 6]),
        ({"entry_to_start_after": pdu.EntryToStartAfter(bytes(6), entry(8))}, [9]),
        ({"entry_to_start_after": pdu.EntryToStartAfter(time(8), b"never was")}, [8, 9]),
        ({"list_of_variables": [f"{TOTW}$mag$f"], "range_stop_specification": ("numberOfEntries", 1)}, [0]),
        ({"list_of_variables": [TOTW]}, []),
    ],
)  # fmt: skip
def test_what_can_be_asked(served: Served, request_: dict[str, Any], seconds: Any) -> None:
    assert served.read(**request_) == (list(seconds), False)


@pytest.mark.parametrize(
    "request_",
    [
        {"range_start_specification": ("startingTime", bytes(4))},
        {"range_start_specification": ("startingTime", b"\xff" * 6)},
        {"range_stop_specification": ("endingTime", b"\xff" * 6)},
        {"range_stop_specification": ("numberOfEntries", 0)},
        {"range_stop_specification": ("numberOfEntries", -3)},
        {"range_start_specification": ("startingEntry", b"?")},
        {"entry_to_start_after": pdu.EntryToStartAfter(bytes(6), b"?")},
        {"entry_to_start_after": pdu.EntryToStartAfter(b"\xff" * 6, entry(1))},
    ],
)
def test_what_makes_no_sense_is_refused(served: Served, request_: dict[str, Any]) -> None:
    assert served.read(**request_) == INAPPROPRIATE


@pytest.mark.parametrize("name", ["LLN0$Nothing", "LLN0", "LLN0$LG$lcbMeas", ""])
def test_journals_that_are_not_there(served: Served, name: str) -> None:
    for journal in (("domain-specific", pdu.DomainSpecific(LD, name)), ("vmd-specific", name), ("aa-specific", name)):
        assert served.read(journal) == ("access", pdu.AccessError.OBJECT_NON_EXISTENT)


def test_without_a_log_there_is_no_such_service() -> None:
    model = plant()
    lln0 = model.devices[LD].nodes["LLN0"]
    lln0.logs.clear()
    served = Served(model=model)
    assert served.read() == ("confirmed-requestPDU", pdu.ConfirmedRequestReject.UNRECOGNIZED_SERVICE)
    announced = pdu.ServiceSupportOptions.READ_JOURNAL
    assert announced not in Catalogue(served.engine).services
    assert announced in Catalogue(Engine(plant(), START)).services


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(WIRES), st.integers(600, 4000), st.lists(st.integers(1, 30), max_size=12), st.integers(1, 20))
def test_every_answer_fits_and_nothing_is_left_out(wire: TestWire, pdu_size: int, sizes: list[int], most: int) -> None:
    served = Served(wire, pdu_size)
    served.engine.logs.limits = LogLimits(answer=most)
    served.fill(*sizes)
    seconds, more = served.read()
    while more:
        assert seconds
        last = seconds[-1]
        page, more = served.read(entry_to_start_after=pdu.EntryToStartAfter(time(last), entry(last)))
        assert 1 <= len(page) <= most
        seconds += page
    assert seconds == list(range(len(sizes)))


# --- entries as other servers make them ------------------------------------------------------------------------------

REASON = pdu.JournalVariable("ReasonCode", ("bit-string", (0b010000, 6)))
INTEGRITY = pdu.JournalVariable("ReasonCode", ("bit-string", (0b0000100, 7)))
ONE = pdu.JournalVariable(TOTW, ("integer", 1))
TWO = pdu.JournalVariable(f"{LD}/GGIO1$ST$Ind1", ("boolean", True))
FIRST, SECOND = ref("MMXU1.TotW", "MX"), ref("GGIO1.Ind1", "ST")


async def decoded(form: Any, occurred: bytes | None = None) -> LogPage:
    """Return what the client makes of an entry."""
    content = pdu.EntryContent(time(0) if occurred is None else occurred, form)
    journaled = pdu.JournalEntry(b"\x01", pdu.ApplicationReference(), content)

    async def exchange(message: pdu.MMSpdu) -> pdu.MMSpdu:
        request: Any = message[1]
        response = pdu.ReadJournalResponse([journaled])
        return ("confirmed-ResponsePDU", pdu.ConfirmedResponsePDU(request.invoke_id, ("readJournal", response)))

    return await MmsClient(exchange, "peer").call(QueryLogByTime(ref("LLN0.Events")))


@pytest.mark.parametrize(
    ("variables", "data"),
    [
        ([ONE, REASON, TWO, INTEGRITY], [(FIRST, 1, Reason.DATA_CHANGE), (SECOND, True, Reason.INTEGRITY)]),
        ([ONE, TWO, REASON, INTEGRITY], [(FIRST, 1, Reason.DATA_CHANGE), (SECOND, True, Reason.INTEGRITY)]),
        ([ONE, TWO, REASON], [(FIRST, 1, Reason.DATA_CHANGE), (SECOND, True, Reason.DATA_CHANGE)]),
        ([ONE, TWO], [(FIRST, 1, Reason.NONE), (SECOND, True, Reason.NONE)]),
        ([REASON], []),
        ([], []),
        (None, []),
    ],
)
async def test_reasons_where_they_may_stand(variables: Any, data: Any) -> None:
    event = pdu.EntryEvent(("domain-specific", pdu.DomainSpecific(LD, "LLN0$LG$lcb")), pdu.ECState.ACTIVE)
    for given_event in (None, event):
        (found,) = (await decoded(("data", pdu.EntryData(given_event, variables)))).entries
        assert found.data == tuple(LogData(*one) for one in data)
        assert (found.id, found.time) == (b"\x01", EntryTime.of(START))


async def test_a_remark_is_an_entry_without_values() -> None:
    (found,) = (await decoded(("annotation", "cleaned"))).entries
    assert found.data == ()


@pytest.mark.parametrize(
    ("variable", "occurred"),
    [
        (pdu.JournalVariable("no reference", ("integer", 1)), None),
        (pdu.JournalVariable("ReasonCode", ("integer", 1)), None),
        (pdu.JournalVariable(TOTW, ("utc-time", b"\x00")), None),
        (ONE, bytes(4)),
        (ONE, b"\xff" * 6),
    ],
)
async def test_entries_that_are_none(variable: pdu.JournalVariable, occurred: bytes | None) -> None:
    with pytest.raises(Malformed):
        await decoded(("data", pdu.EntryData(None, [variable])), occurred)


def test_declared_as_fixed_is_not_to_be_set() -> None:
    model = plant()
    model.services["LogSettings"] = {"logEna": "Dyn", "intgPd": "Fix", "datSet": "Conf"}
    served = Served(model=model)

    def write(name: str, data: Any) -> Any:
        variable = pdu.VariableDef(("name", ("domain-specific", pdu.DomainSpecific(LD, f"LLN0$LG$lcbMeas${name}"))))
        asked: Any = pdu.ConfirmedRequestPDU(1, ("write", pdu.WriteRequest(("listOfVariable", [variable]), [data])))
        answer: Any = settle(served.mms.receive(("confirmed-RequestPDU", asked), START), Outcome(START))
        found: Any = served.wire.decode(answer.answer)
        return found[1].service[1]

    denied = [("failure", pdu.DataAccessError.OBJECT_ACCESS_DENIED)]
    assert write("IntgPd", ("unsigned", 5)) == denied
    assert write("DatSet", ("visible-string", f"{LD}/LLN0$Single")) == denied
    bits = BitString.of(1, size=6)
    assert write("TrgOps", ("bit-string", (bits.value, bits.size))) == [("success", None)]
    assert write("LogEna", ("boolean", True)) == [("success", None)]
