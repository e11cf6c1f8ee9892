"""The client side of the mapping against servers that do not keep to the protocol: typed errors, no loops."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from janusgrid.common.errors import JanusGridError, Malformed
from janusgrid.iec61850.acsi.errors import AddCause, ServiceError, ServiceRefused
from janusgrid.iec61850.acsi.references import FC, Reference
from janusgrid.iec61850.acsi.services import (
    AcsiClass,
    GetAllDataValues,
    GetDataDefinition,
    GetDataDirectory,
    GetDataSetDirectory,
    GetDataSetValues,
    GetDataValues,
    GetLogicalDeviceDirectory,
    GetLogicalNodeDirectory,
    GetRCBValues,
    GetServerDirectory,
    Operate,
    Request,
    SetDataValues,
    SetRCBValues,
)
from janusgrid.iec61850.mapping import initiate
from janusgrid.iec61850.mapping.client import MmsClient
from janusgrid.iec61850.mms import pdu

from tests.iec61850.mms.strategies import ROOT, Values

WHERE = Reference("LD", "LLN0", ("Mod",), FC.ST)
REQUESTS: list[Request[Any]] = [
    GetServerDirectory(), GetLogicalDeviceDirectory("LD"), GetLogicalNodeDirectory(Reference("LD", "LLN0")),
    GetLogicalNodeDirectory(Reference("LD", "LLN0"), AcsiClass.DATA_SET), GetDataDirectory(WHERE),
    GetDataDirectory(WHERE.with_fc(None)), GetDataDefinition(WHERE), GetAllDataValues(Reference("LD", "LLN0"), FC.ST),
    GetDataValues((WHERE,)), SetDataValues(((WHERE, 1),)), GetDataSetDirectory(Reference("LD", "LLN0", ("ds",))),
    GetDataSetValues(Reference("LD", "LLN0", ("ds",))), GetRCBValues(Reference("LD", "LLN0", ("rp",))),
    SetRCBValues(Reference("LD", "LLN0", ("rp",)), (("RptEna", True),)), Operate(Reference("LD", "LLN0", ("Mod",)), 1),
]  # fmt: skip


def client(answer: Callable[[pdu.ConfirmedRequestPDU], Any]) -> MmsClient:
    async def exchange(message: pdu.MMSpdu) -> pdu.MMSpdu:
        assert isinstance(message[1], pdu.ConfirmedRequestPDU)
        return answer(message[1])  # type: ignore[no-any-return]

    return MmsClient(exchange, "hostile")


def response(request: pdu.ConfirmedRequestPDU, service: Any) -> Any:
    return ("confirmed-ResponsePDU", pdu.ConfirmedResponsePDU(request.invoke_id, service))


@pytest.mark.parametrize(
    "answer",
    [
        lambda r: response(r, ("identify", pdu.IdentifyResponse("a", "b", "c"))),
        lambda r: ("confirmed-ResponsePDU", pdu.ConfirmedResponsePDU(r.invoke_id + 1, ("read", pdu.ReadResponse([])))),
        lambda r: ("conclude-ResponsePDU", None),
        lambda r: ("confirmed-RequestPDU", r),
        lambda r: ("unconfirmed-PDU", pdu.UnconfirmedPDU(("unsolicitedStatus", pdu.StatusResponse(0, 0)))),
        lambda r: ("confirmed-ErrorPDU", pdu.ConfirmedErrorPDU(r.invoke_id + 1, pdu.ServiceError(("access", 2)))),
    ],
)
@pytest.mark.parametrize("request_", REQUESTS, ids=lambda r: type(r).__name__)
async def test_answers_to_something_else(request_: Request[Any], answer: Any) -> None:
    with pytest.raises(Malformed):
        await client(answer).call(request_)


@pytest.mark.parametrize("code", [*range(12), 99, -1])
async def test_every_error_is_a_refusal(code: int) -> None:
    def refuse(request: pdu.ConfirmedRequestPDU) -> Any:
        return ("confirmed-ErrorPDU", pdu.ConfirmedErrorPDU(request.invoke_id, pdu.ServiceError(("access", code))))

    with pytest.raises(ServiceRefused) as refused:
        await client(refuse).call(GetServerDirectory())
    known = {2: ServiceError.INSTANCE_NOT_AVAILABLE, 3: ServiceError.ACCESS_VIOLATION}
    assert refused.value.error is known.get(code, refused.value.error)


@pytest.mark.parametrize(
    ("reason", "error"),
    [
        (("confirmed-requestPDU", 1), ServiceError.CLASS_NOT_SUPPORTED),
        (("confirmed-requestPDU", 6), ServiceError.FAILED_DUE_TO_COMMUNICATIONS_CONSTRAINT),
        (("pdu-error", 1), ServiceError.FAILED_DUE_TO_COMMUNICATIONS_CONSTRAINT),
    ],
)
async def test_a_reject_is_a_refusal(reason: Any, error: ServiceError) -> None:
    with pytest.raises(ServiceRefused) as refused:
        await client(lambda r: ("rejectPDU", pdu.RejectPDU(reason, r.invoke_id))).call(GetServerDirectory())
    assert refused.value.error is error


@pytest.mark.parametrize(
    "pages",
    [
        [([], True)],
        [(["a"], True), (["a"], True)],
        [(["a"], True), ([], True)],
    ],
)
async def test_names_that_never_end(pages: list[tuple[list[str], bool]]) -> None:
    left = iter(pages)

    def page(request: pdu.ConfirmedRequestPDU) -> Any:
        names, more = next(left)
        return response(request, ("getNameList", pdu.GetNameListResponse(names, more)))

    with pytest.raises(Malformed):
        await client(page).call(GetServerDirectory())


async def test_names_that_go_round_in_circles_end_in_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("janusgrid.iec61850.mapping.client._MOST_NAMES", 1000)
    flip = iter(range(10_000))

    def page(request: pdu.ConfirmedRequestPDU) -> Any:
        names = ["a", "b"] if next(flip) % 2 else ["b", "a"]
        return response(request, ("getNameList", pdu.GetNameListResponse(names, True)))

    with pytest.raises(Malformed):
        await client(page).call(GetServerDirectory())


async def test_names_of_no_known_constraint_are_passed_over() -> None:
    """A server of tomorrow, or one with names of its own: what is known is found, nothing else raises."""
    names = ["LLN0", "LLN0$ST", "LLN0$ST$Mod", "LLN0$ST$Mod$q", "LLN0$XX$Mod", "LLN0$XX$Mod$new", "$", "$$", "own$"]
    mms = client(lambda r: response(r, ("getNameList", pdu.GetNameListResponse(names, False))))
    assert await mms.call(GetDataDirectory(WHERE.with_fc(None))) == ("q",)
    assert await mms.call(GetLogicalNodeDirectory(Reference("LD", "LLN0"))) == ("Mod",)
    assert await mms.call(GetLogicalDeviceDirectory("LD")) == ("LLN0",)


async def test_too_few_and_too_many_values() -> None:
    for count in (0, 1, 3):
        results: Any = [("success", ("boolean", True))] * count
        asked = client(lambda r, results=results: response(r, ("read", pdu.ReadResponse(results))))
        with pytest.raises(Malformed):
            await asked.call(GetDataValues((WHERE, WHERE)))


@pytest.mark.parametrize(
    "value",
    [("floating-point", b""), ("floating-point", b"\x08\x00"), ("floating-point", bytes(5)), ("utc-time", b"123"),
     ("binary-time", b"1234"), ("binary-time", b"\xff" * 6)],
)  # fmt: skip
async def test_octets_that_are_no_value(value: Any) -> None:
    asked = client(lambda r: response(r, ("read", pdu.ReadResponse([("success", value)]))))
    with pytest.raises(Malformed):
        await asked.call(GetDataValues((WHERE,)))


async def test_data_sets_with_members_that_we_cannot_name() -> None:
    for member in (
        pdu.VariableDef(("invalidated", None)),
        pdu.VariableDef(("name", ("vmd-specific", "x"))),
        pdu.VariableDef(("name", ("domain-specific", pdu.DomainSpecific("LD", "LLN0$XX$Mod")))),
    ):
        answer = pdu.GetNamedVariableListAttributesResponse(False, [member])
        asked = client(lambda r, answer=answer: response(r, ("getNamedVariableListAttributes", answer)))
        with pytest.raises(Malformed):
            await asked.call(GetDataSetDirectory(Reference("LD", "LLN0", ("ds",))))


async def test_a_type_that_iec_61850_does_not_have() -> None:
    for description in (("bcd", 4), ("objId", None), ("generalized-time", None)):
        answer = pdu.GetVariableAccessAttributesResponse(False, description)  # type: ignore[arg-type]
        asked = client(lambda r, answer=answer: response(r, ("getVariableAccessAttributes", answer)))
        with pytest.raises(Malformed):
            await asked.call(GetDataDefinition(WHERE))


REPORT: Any = [
    ("success", ("visible-string", "id")), ("success", ("bit-string", (0b0100000000, 10))),
    ("success", ("unsigned", 5)), ("success", ("bit-string", (0b10, 2))), ("success", ("boolean", True)),
]  # fmt: skip


def unasked(results: Any) -> Any:
    report = pdu.InformationReport(("variableListName", ("vmd-specific", "RPT")), results)
    return ("unconfirmed-PDU", pdu.UnconfirmedPDU(("informationReport", report)))


def test_a_report_cut_short_anywhere() -> None:
    receiver = client(lambda r: None)
    assert receiver.unasked(unasked(REPORT)) is not None
    for length in range(len(REPORT)):
        with pytest.raises(Malformed):
            receiver.unasked(unasked(REPORT[:length]))


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("value", [("boolean", True), ("failure", 3), ("floating-point", b"\x08\0\0\0\0")])
def test_a_report_with_the_wrong_fields(place: int, value: Any) -> None:
    wrong = list(REPORT)
    wrong[place] = value if value[0] == "failure" else ("success", value)
    with pytest.raises(Malformed):
        client(lambda r: None).unasked(unasked(wrong))


def test_information_reports_that_are_no_reports_are_passed_over() -> None:
    receiver = client(lambda r: None)
    for access in (
        ("variableListName", ("vmd-specific", "OTHER")),
        ("listOfVariable", [pdu.VariableDef(("name", ("aa-specific", "x")))]),
        ("listOfVariable", []),
    ):
        report = pdu.InformationReport(access, [])  # type: ignore[arg-type]
        message: Any = ("unconfirmed-PDU", pdu.UnconfirmedPDU(("informationReport", report)))
        assert receiver.unasked(message) is None


async def test_the_reason_of_a_refusal_may_come_late_or_never() -> None:
    structure = pdu.StructureType([
        pdu.StructureComponent(("structure", pdu.StructureType([
            pdu.StructureComponent(("boolean", None), "ctlVal"), pdu.StructureComponent(("boolean", None), "Test"),
        ])), "Oper"),
    ])  # fmt: skip

    def answer(request: pdu.ConfirmedRequestPDU) -> Any:
        if request.service[0] == "write":
            return response(request, ("write", [("failure", 3)]))
        described = pdu.GetVariableAccessAttributesResponse(False, ("structure", structure))
        return response(request, ("getVariableAccessAttributes", described))

    late: list[bool] = []
    asked = client(answer)
    reason: Any = ("structure", [
        ("visible-string", "LD/LLN0$CO$Mod$Oper"), ("integer", 0),
        ("structure", [("integer", 77), ("octet-string", b"")]), ("unsigned", 1), ("integer", 10),
    ])  # fmt: skip
    report = pdu.InformationReport(
        ("listOfVariable", [pdu.VariableDef(("name", ("vmd-specific", "LastApplError")))]), [("success", reason)]
    )

    async def settle() -> None:
        late.append(True)
        if len(late) == 1:
            assert asked.unasked(("unconfirmed-PDU", pdu.UnconfirmedPDU(("informationReport", report)))) is None

    asked._commands._settle = settle
    for expected in (AddCause.BLOCKED_BY_INTERLOCKING, None):
        with pytest.raises(ServiceRefused) as refused:
            await asked.call(Operate(Reference("LD", "LLN0", ("Mod",)), True))
        assert refused.value.add_cause is expected
    assert len(late) == 2


@pytest.mark.parametrize(
    "change",
    [
        {"local_detail_called": 0}, {"local_detail_called": 70_000}, {"local_detail_called": -5},
    ],
)  # fmt: skip
def test_a_server_that_settles_on_what_was_not_proposed(change: dict[str, int]) -> None:
    proposed = initiate.request(initiate.Limits())[1]
    assert isinstance(proposed, pdu.InitiateRequestPDU)
    _, answer = initiate.accept(proposed, initiate.Limits())
    for field, value in change.items():
        setattr(answer[1], field, value)
    with pytest.raises(Malformed):
        initiate.settled(answer, initiate.Limits())


def test_a_server_that_refuses_or_answers_something_else() -> None:
    refused: Any = ("initiate-ErrorPDU", pdu.ServiceError(("initiate", 5)))
    with pytest.raises(initiate.InitiateRefused) as error:
        initiate.settled(refused, initiate.Limits())
    assert error.value.code == "service-cbb-insufficient"
    with pytest.raises(initiate.InitiateRefused):
        initiate.settled(("initiate-ErrorPDU", pdu.ServiceError(("access", 3))), initiate.Limits())
    with pytest.raises(Malformed):
        initiate.settled(("conclude-ResponsePDU", None), initiate.Limits())


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(answer=Values().of(ROOT), unasked=Values().of(ROOT))
async def test_whatever_a_server_sends_the_errors_are_ours(answer: Any, unasked: Any) -> None:
    def give(request: pdu.ConfirmedRequestPDU) -> Any:
        if isinstance(answer[1], pdu.ConfirmedResponsePDU | pdu.ConfirmedErrorPDU):
            answer[1].invoke_id = request.invoke_id
        return answer

    asked = client(give)
    for request in REQUESTS:
        try:
            await asked.call(request)
        except JanusGridError:
            continue
    with contextlib.suppress(JanusGridError):
        asked.unasked(unasked)
