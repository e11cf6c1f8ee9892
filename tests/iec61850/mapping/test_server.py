"""The server side of the mapping against PDUs made by hand: what no client of ours would send."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from janusgrid.iec61850.acsi.services import CreateDataSet, Report, SetRCBValues
from janusgrid.iec61850.acsi.types import BitString
from janusgrid.iec61850.engine import Association, Engine, settle
from janusgrid.iec61850.engine.steps import Outcome
from janusgrid.iec61850.mapping import initiate
from janusgrid.iec61850.mapping.catalogue import Catalogue
from janusgrid.iec61850.mapping.reports import encode_report
from janusgrid.iec61850.mapping.server import Identity, MmsServer
from janusgrid.iec61850.mapping.wire import Parameters
from janusgrid.iec61850.mms import decode_ber, encode_ber, pdu

from tests.iec61850.mms.strategies import ROOT, TYPES, Values
from tests.iec61850.plant import LD, plant, ref
from tests.iec61850.wires import START, Ber

REJECT, ACCESS = pdu.ConfirmedRequestReject, pdu.DataAccessError


class Served:
    """An engine, and one association whose parameters are at hand."""

    def __init__(self, parameters: Parameters | None = None) -> None:
        self.engine = Engine(plant(), START)
        self.association: Association = self.engine.associate("tester")
        self.mms = MmsServer(
            Catalogue(self.engine), self.association, Ber(), parameters or Parameters(65_000, 5, 5, 10),
            Identity("vendor", "model", "1"),
        )  # fmt: skip
        self.before: list[pdu.MMSpdu] = []

    def ask(self, message: pdu.MMSpdu) -> pdu.MMSpdu:
        answer = settle(self.mms.receive(message, START), Outcome(START))
        self.before = [decode_ber(payload) for payload in answer.before]  # type: ignore[arg-type]
        return decode_ber(answer.answer)  # type: ignore[arg-type]

    def service(self, service: Any, invoke_id: int = 7) -> Any:
        """Return what a service answers: the response, the error, or the reason of the reject."""
        answer = self.ask(("confirmed-RequestPDU", pdu.ConfirmedRequestPDU(invoke_id, service)))
        match answer:
            case ("confirmed-ResponsePDU", response):
                assert response.invoke_id == invoke_id
                assert response.service[0] == service[0]
                return response.service[1]
            case ("confirmed-ErrorPDU", error):
                assert error.invoke_id == invoke_id
                return error.service_error.error_class
            case ("rejectPDU", rejected):
                assert rejected.original_invoke_id == invoke_id
                return rejected.reject_reason
        raise AssertionError(answer)


@pytest.fixture
def served() -> Served:
    return Served()


def name(item: str, domain: str = LD) -> Any:
    return ("domain-specific", pdu.DomainSpecific(domain, item))


def variable(item: str, access: Any = None) -> pdu.VariableDef:
    return pdu.VariableDef(("name", name(item)), access)


def read(*variables: pdu.VariableDef) -> Any:
    return ("read", pdu.ReadRequest(("listOfVariable", list(variables))))


# --- the server itself -----------------------------------------------------------------------------------------------


def test_identify_status_conclude_cancel(served: Served) -> None:
    assert served.service(("identify", None)) == pdu.IdentifyResponse("vendor", "model", "1")
    assert served.service(("status", False)) == pdu.StatusResponse(0, 0)
    concluded = settle(served.mms.receive(("conclude-RequestPDU", None), START), Outcome(START))
    assert concluded.concluded
    assert decode_ber(concluded.answer) == ("conclude-ResponsePDU", None)  # type: ignore[arg-type]
    match served.ask(("cancel-RequestPDU", 99)):
        case ("cancel-ErrorPDU", error):
            assert error.original_invoke_id == 99
            assert error.service_error.error_class == ("cancel", pdu.CancelError.CANCEL_NOT_POSSIBLE)
        case other:
            raise AssertionError(other)


@pytest.mark.parametrize(
    "service",
    [
        ("fileOpen", pdu.FileOpenRequest(["x"], 0)),
        ("fileDirectory", pdu.FileDirectoryRequest()),
        ("initializeJournal", pdu.InitializeJournalRequest(name("LLN0$Events"))),
        ("reportJournalStatus", name("LLN0$Events")),
        ("obtainFile", pdu.ObtainFileRequest(["a"], ["b"])),
    ],
    ids=lambda service: service[0],
)
def test_services_that_are_not_announced_are_rejected(served: Served, service: Any) -> None:
    assert served.service(service) == ("confirmed-requestPDU", REJECT.UNRECOGNIZED_SERVICE)
    tags = {member.name: int(member) for member in pdu.ServiceSupportOptions}
    snake = "".join(f"_{c}" if c.isupper() else c for c in service[0]).upper()
    assert tags[snake] not in initiate.SERVER_SERVICES


def test_services_that_are_announced_are_answered(served: Served) -> None:
    answered = {
        "STATUS": ("status", True),
        "GET_NAME_LIST": ("getNameList", pdu.GetNameListRequest(("basicObjectClass", 9), ("vmdSpecific", None))),
        "IDENTIFY": ("identify", None),
        "READ": read(variable("MMXU1$MX")),
        "WRITE": ("write", pdu.WriteRequest(("listOfVariable", []), [])),
        "GET_VARIABLE_ACCESS_ATTRIBUTES": ("getVariableAccessAttributes", ("name", name("MMXU1"))),
        "GET_NAMED_VARIABLE_LIST_ATTRIBUTES": ("getNamedVariableListAttributes", name("LLN0$Meas")),
        "DEFINE_NAMED_VARIABLE_LIST": (
            "defineNamedVariableList",
            pdu.DefineNamedVariableListRequest(name("LLN0$x"), [variable("MMXU1$MX$Hz")]),
        ),
        "DELETE_NAMED_VARIABLE_LIST": (
            "deleteNamedVariableList",
            pdu.DeleteNamedVariableListRequest(0, [name("LLN0$x")]),
        ),
    }
    unasked = {pdu.ServiceSupportOptions[name] for name in ("INFORMATION_REPORT", "CONCLUDE", "CANCEL")}
    assert {pdu.ServiceSupportOptions[key] for key in answered} | unasked == initiate.SERVER_SERVICES
    for service in answered.values():
        answer = served.ask(("confirmed-RequestPDU", pdu.ConfirmedRequestPDU(1, service)))  # type: ignore[arg-type]
        assert answer[0] == "confirmed-ResponsePDU"


@pytest.mark.parametrize(
    "message",
    [
        ("confirmed-ResponsePDU", pdu.ConfirmedResponsePDU(1, ("identify", pdu.IdentifyResponse("a", "b", "c")))),
        ("conclude-ResponsePDU", None),
        initiate.request(initiate.Limits()),
        ("cancel-ResponsePDU", 5),
    ],
    ids=lambda message: message[0],
)
def test_what_is_no_request_is_rejected(served: Served, message: Any) -> None:
    match served.ask(message):
        case ("rejectPDU", rejected):
            assert rejected.reject_reason == ("pdu-error", pdu.PduError.UNKNOWN_PDU_TYPE)
        case other:
            raise AssertionError(other)


# --- names -----------------------------------------------------------------------------------------------------------


def names(class_: int, scope: Any, after: str | None = None) -> Any:
    return ("getNameList", pdu.GetNameListRequest(("basicObjectClass", class_), scope, after))


def test_variable_names_are_complete_and_in_ascii_order(served: Served) -> None:
    found = served.service(names(0, ("domainSpecific", LD))).list_of_identifier
    assert found == sorted(found)
    assert {"MMXU1", "MMXU1$MX", "MMXU1$MX$TotW", "MMXU1$MX$TotW$mag$f", "LLN0$RP$urcbMeas01$RptEna"} <= set(found)
    assert "MMXU1$MX$HaV$Har" in found
    assert not any(item.startswith("MMXU1$MX$HaV$Har$") for item in found), "an array's parts have no names"
    assert served.service(names(0, ("domainSpecific", LD), "MMXU1$MX$TotW")).list_of_identifier == [
        item for item in found if item > "MMXU1$MX$TotW"
    ]


@pytest.mark.parametrize(
    ("after", "first"), [("", "CSWI1"), ("D", "DGEN1"), ("E", "GGIO1"), ("ZZZ", None), ("DGEN", "DGEN1")]
)
def test_names_go_on_after_any_name(served: Served, after: str, first: str | None) -> None:
    found = served.service(names(0, ("domainSpecific", LD), after))
    assert not found.more_follows
    assert (found.list_of_identifier or [None])[0] == first


def test_names_of_other_classes_and_scopes(served: Served) -> None:
    vmd, domain, own = ("vmdSpecific", None), ("domainSpecific", LD), ("aaSpecific", None)
    assert served.service(names(9, vmd)).list_of_identifier == [LD]
    assert served.service(names(2, domain)).list_of_identifier == ["LLN0$Meas", "LLN0$Single"]
    assert served.service(names(8, domain)).list_of_identifier == ["LLN0$Events", "LLN0$GeneralLog"]
    for class_, scope in ((0, vmd), (2, vmd), (2, own), (0, own), (8, vmd)):
        assert served.service(names(class_, scope)).list_of_identifier == []
    assert served.service(names(9, domain)) == ("access", pdu.AccessError.OBJECT_ACCESS_UNSUPPORTED)
    for class_ in (0, 2, 8):
        found = served.service(names(class_, ("domainSpecific", "NoLD")))
        assert found == ("access", pdu.AccessError.OBJECT_NON_EXISTENT)


@pytest.mark.parametrize(
    "item",
    ["", "$", "MMXU1$", "MMXU1$XX", "MMXU1$MX$", "MMXU1$MX$TotW$$f", "MMXU1$MX$HaV$Har(1)", "MMXU1$MX$HaV$Har$q",
     "x" * 300, "MMXU1$mx", "MMXU1$MX$TotW$mag$f$g", "LLN0$Meas", "MMXU1.MX.TotW", "\N{SNOWMAN}"],
)  # fmt: skip
def test_odd_names_name_nothing(served: Served, item: str) -> None:
    attributes = ("getVariableAccessAttributes", ("name", name(item)))
    if item.isascii():
        assert served.service(attributes) == ("access", pdu.AccessError.OBJECT_NON_EXISTENT)
        assert served.service(read(variable(item))).list_of_access_result == [("failure", ACCESS.OBJECT_NON_EXISTENT)]
    data: Any = ("boolean", True)
    assert served.mms._catalogue.variable(LD, item) is None
    written = ("write", pdu.WriteRequest(("listOfVariable", [variable(item)]), [data]))
    if item.isascii():
        assert served.service(written) == [("failure", ACCESS.OBJECT_NON_EXISTENT)]


def test_names_of_nothing_are_not_kept(served: Served) -> None:
    before = len(served.mms._catalogue._variables)
    for number in range(100):
        served.service(read(variable(f"MMXU1$MX$Nothing{number}")))
    assert len(served.mms._catalogue._variables) == before


# --- reading ---------------------------------------------------------------------------------------------------------


def test_reading_echoes_the_specification_where_it_is_asked_to(served: Served) -> None:
    specification: Any = ("listOfVariable", [variable("MMXU1$MX$Hz$mag$f")])
    answer = served.service(("read", pdu.ReadRequest(specification, True)))
    assert answer.variable_access_specification == specification
    assert served.service(("read", pdu.ReadRequest(specification))).variable_access_specification is None


def test_vmd_and_association_specific_variables_do_not_exist(served: Served) -> None:
    for scope in ("vmd-specific", "aa-specific"):
        specification = pdu.VariableDef(("name", (scope, "x")))  # type: ignore[arg-type]
        found = served.service(read(specification)).list_of_access_result
        assert found == [("failure", ACCESS.OBJECT_NON_EXISTENT)]
    (found,) = served.service(read(pdu.VariableDef(("invalidated", None)))).list_of_access_result
    assert found == ("failure", ACCESS.OBJECT_NON_EXISTENT)


def test_a_whole_logical_node_can_be_read(served: Served) -> None:
    (found,) = served.service(read(variable("MMXU1"))).list_of_access_result
    structure = served.service(("getVariableAccessAttributes", ("name", name("MMXU1")))).type_description
    assert found[0] == "success"
    assert [c.component_name for c in structure[1].components] == ["MX", "ST", "CF", "DC"]
    assert len(found[1][1]) == 4


def step(kind: str, value: Any, below: Any = None) -> Any:
    if below is None:
        return ("unnamed", ("selectAccess", (kind, value)))
    return ("unnamed", ("selectAlternateAccess", pdu.SelectAlternateAccess((kind, value), below)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("item", "access", "found"),
    [
        ("MMXU1$MX$HaV$raw", [step("index", 2)], ("integer", 3)),
        ("MMXU1$MX$HaV$raw", [step("indexRange", pdu.IndexRange(0, 2))], ("array", [("integer", 1), ("integer", 2)])),
        ("MMXU1$MX$HaV$raw", [step("allElements", None)], ("array", [("integer", n) for n in (1, 2, 3)])),
        ("MMXU1$MX$HaV", [step("component", "raw", [step("index", 0)])], ("integer", 1)),
        ("MMXU1$MX$HaV$Har", [step("index", 1, [step("component", "q")])], ("bit-string", (0b01 << 11, 13))),
        ("MMXU1$MX$HaV$raw", [step("index", 0), step("index", 2)], ("structure", [("integer", 1), ("integer", 3)])),
        ("MMXU1$MX$HaV$raw", [step("index", 3)], None),
        ("MMXU1$MX$HaV$raw", [step("indexRange", pdu.IndexRange(2, 2))], None),
        ("MMXU1$MX$HaV$raw", [step("indexRange", pdu.IndexRange(0, 0))], None),
        ("MMXU1$MX$HaV$raw", [step("index", 0, [step("index", 0)])], None),
        ("MMXU1$MX$HaV$Har", [step("index", 1, [step("component", "nothing")])], None),
        ("MMXU1$MX$TotW", [step("index", 0)], None),
        ("MMXU1$MX$TotW$mag$f", [step("component", "f")], None),
        ("MMXU1$MX$HaV$raw", [], None),
    ],
)
def test_parts_by_alternate_access(served: Served, item: str, access: Any, found: Any) -> None:
    (result,) = served.service(read(variable(item, access))).list_of_access_result
    assert result == (("success", found) if found else ("failure", ACCESS.OBJECT_NON_EXISTENT))


def test_named_parts_too(served: Served) -> None:
    access: Any = [("named", pdu.NamedAccess("second", ("selectAccess", ("index", 1))))]
    (result,) = served.service(read(variable("MMXU1$MX$HaV$raw", access))).list_of_access_result
    assert result == ("success", ("integer", 2))


# --- writing ---------------------------------------------------------------------------------------------------------


def test_as_many_values_as_variables(served: Served) -> None:
    request = ("write", pdu.WriteRequest(("listOfVariable", [variable("MMXU1$MX")]), []))
    assert served.service(request) == ("confirmed-requestPDU", REJECT.INVALID_ARGUMENT)


@pytest.mark.parametrize(
    ("item", "access", "data", "error"),
    [
        ("MMXU1$MX$HaV$raw", [step("index", 2)], ("integer", 1), ACCESS.OBJECT_ACCESS_DENIED),
        ("DGEN1$SP$Curve$numbers", [step("index", 2)], ("boolean", True), ACCESS.TYPE_INCONSISTENT),
        ("DGEN1$SP$Curve$numbers", [step("index", 3)], ("integer", 1), ACCESS.OBJECT_NON_EXISTENT),
        ("DGEN1$SP$Curve", [step("component", "a(0)")], ("integer", 1), ACCESS.OBJECT_ACCESS_UNSUPPORTED),
        ("DGEN1$SP$Curve$numbers", [step("indexRange", pdu.IndexRange(0, 0))], ("array", []),
         ACCESS.OBJECT_ACCESS_UNSUPPORTED),
        ("DGEN1$SP$Curve$numbers", [step("index", 0), step("index", 1)], ("structure", [("integer", 1)] * 2),
         ACCESS.OBJECT_ACCESS_UNSUPPORTED),
        ("DGEN1$SP$Curve$numbers", [step("index", 2)], ("integer", 1), None),
        ("DGEN1$SP$Curve", [step("component", "crvPts", [step("indexRange", pdu.IndexRange(1, 2),
         [step("component", "yVal")])])], ("array", [("floating-point", b"\x08\0\0\0\0")] * 2), None),
        ("DGEN1$SP$Curve$numbers", [step("allElements", None)], ("array", [("integer", 1)] * 3), None),
    ],
)  # fmt: skip
def test_parts_are_written_by_alternate_access(
    served: Served, item: str, access: Any, data: Any, error: ACCESS | None
) -> None:
    request = ("write", pdu.WriteRequest(("listOfVariable", [variable(item, access)]), [data]))
    assert served.service(request) == [("failure", error) if error is not None else ("success", None)]


def test_lists_are_written_only_as_a_whole(served: Served) -> None:
    request = ("write", pdu.WriteRequest(("variableListName", name("LLN0$Meas")), []))
    assert served.service(request) == ("definition", pdu.DefinitionError.TYPE_INCONSISTENT)


def test_a_name_of_a_data_set_that_is_taken(served: Served) -> None:
    """Peers say so by the error definition, object-exists, and know it by no other."""
    request = pdu.DefineNamedVariableListRequest(name("LLN0$Meas"), [variable("MMXU1$MX$TotW")])
    error = served.service(("defineNamedVariableList", request))
    assert error == ("definition", pdu.DefinitionError.OBJECT_EXISTS)


def test_every_kind_of_data_to_every_kind_of_attribute(served: Served) -> None:
    kinds: list[Any] = [
        ("boolean", True), ("integer", 1), ("unsigned", 1), ("floating-point", b"\x08\0\0\0\0"),
        ("floating-point", b"\x0b" + bytes(8)), ("octet-string", b"12345678"), ("visible-string", "x"),
        ("mMSString", "x"), ("utc-time", bytes(8)), ("binary-time", bytes(6)), ("bit-string", (0, 2)),
        ("bit-string", (0, 0)), ("bit-string", (0, 13)), ("bit-string", (0, 6)), ("bit-string", (0, 64)),
        ("structure", []), ("array", []), ("bcd", 1), ("objId", "1.2.3"), ("booleanArray", (1, 2)),
    ]  # fmt: skip
    types = served.engine.tree.devices[LD]["DGEN1"].children["SP"].children["Types"].children
    accepted = 0
    for leaf in types:
        for data in kinds:
            request = ("write", pdu.WriteRequest(("listOfVariable", [variable(f"DGEN1$SP$Types${leaf}")]), [data]))
            (result,) = served.service(request)
            assert result[0] == "success" or result[1] in (ACCESS.TYPE_INCONSISTENT, ACCESS.OBJECT_VALUE_INVALID)
            accepted += result[0] == "success"
    # One kind each, but none for OCTET6 (eight octets are too many); both widths of float for both floats; short bit
    # strings where the length may vary: Check 1, TrgOps 2, OptFlds 2, Quality 3 of them.
    assert accepted == len(types) - 1 + 2 + 1 + 2 + 2 + 3


def test_a_refused_command_sends_its_reason_first(served: Served) -> None:
    oper: Any = ("structure", [
        ("boolean", True), ("structure", [("integer", 3), ("octet-string", b"me")]), ("unsigned", 9),
        ("utc-time", bytes(8)), ("boolean", False), ("bit-string", (0, 2)),
    ])  # fmt: skip
    request = ("write", pdu.WriteRequest(("listOfVariable", [variable("DWGC1$CO$Fixed$Oper")]), [oper]))
    assert served.service(request) == [("failure", ACCESS.OBJECT_ACCESS_DENIED)]
    ((_, unconfirmed),) = served.before
    report = unconfirmed.service[1]  # type: ignore[union-attr]
    assert report.variable_access_specification == (
        "listOfVariable", [pdu.VariableDef(("name", ("vmd-specific", "LastApplError")))],
    )  # fmt: skip
    assert report.list_of_access_result == [("success", ("structure", [
        ("visible-string", f"{LD}/DWGC1$CO$Fixed$Oper"), ("integer", 0),
        ("structure", [("integer", 3), ("octet-string", b"me")]), ("unsigned", 9), ("integer", 1),
    ]))]  # fmt: skip
    served.service(("identify", None))
    assert not served.before


def test_reading_a_command_commands_nothing(served: Served) -> None:
    (result,) = served.service(read(variable("DWGC1$CO$WSpt$Oper"))).list_of_access_result
    assert result[0] == "success"


# --- how much at once ------------------------------------------------------------------------------------------------


def test_more_requests_at_once_than_agreed_are_rejected() -> None:
    served = Served(Parameters(65_000, 1, 1, 10))
    oper: Any = ("structure", [
        ("boolean", True), ("structure", [("integer", 3), ("octet-string", b"")]), ("unsigned", 9),
        ("utc-time", bytes(8)), ("boolean", False), ("bit-string", (0, 2)),
    ])  # fmt: skip
    request: Any = ("write", pdu.WriteRequest(("listOfVariable", [variable("DWGC1$CO$Ena$Oper")]), [oper]))
    waiting = served.mms.receive(("confirmed-RequestPDU", pdu.ConfirmedRequestPDU(1, request)), START)
    next(waiting)  # the application is being asked for the conditions
    waiting.send(Outcome(START))  # and to carry it out
    reason = ("confirmed-requestPDU", REJECT.MAX_SERV_OUTSTANDING_EXCEEDED)
    assert served.service(("identify", None)) == reason
    with pytest.raises(StopIteration):
        waiting.send(Outcome(START))
    assert served.service(("identify", None)) != reason


# --- whatever comes --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def lasting() -> Served:
    return Served()


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(message=Values().of(ROOT))
def test_any_pdu_is_answered(lasting: Served, message: Any) -> None:
    answer = lasting.ask(message)
    assert answer[0] in {
        "confirmed-ResponsePDU", "confirmed-ErrorPDU", "rejectPDU", "conclude-ResponsePDU", "cancel-ErrorPDU",
    }  # fmt: skip


KNOWN = st.sampled_from([
    "MMXU1", "MMXU1$MX", "MMXU1$MX$TotW", "MMXU1$MX$HaV$Har", "MMXU1$MX$HaV$raw", "LLN0$RP$urcbMeas01",
    "LLN0$RP$urcbMeas01$RptEna", "LLN0$RP$urcbMeas01$DatSet", "LLN0$RP$urcbMeas01$GI", "LLN0$RP$urcbMeas01$IntgPd",
    "LLN0$RP$urcbMeas01$TrgOps", "DWGC1$CO$WSpt$Oper", "DWGC1$CO$Ena$Oper", "DGEN1$SP$WMaxRtg$setMag$f", "LLN0$Meas",
])  # fmt: skip


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data(), item=KNOWN)
def test_any_data_and_access_to_names_that_exist_is_answered(lasting: Served, data: st.DataObject, item: str) -> None:
    types = Values()
    access = data.draw(st.one_of(st.none(), types.of(_type("AlternateAccess"))))
    if data.draw(st.booleans()):
        service: Any = read(variable(item, access))
    else:
        value = data.draw(types.of(_type("Data")))
        service = ("write", pdu.WriteRequest(("listOfVariable", [variable(item, access)]), [value]))
    answer = lasting.ask(("confirmed-RequestPDU", pdu.ConfirmedRequestPDU(1, service)))
    assert answer[0] == "confirmed-ResponsePDU"
    for association, report in lasting.engine.drain():
        assert association is lasting.association
        assert all(encode_ber(decode_ber(payload)) == payload for payload in lasting.mms.notify(report))  # type: ignore[arg-type]


def _type(name: str) -> Any:
    return TYPES[name]


def test_reports_have_the_types_that_reading_has(served: Served) -> None:
    """An unsigned number, a FLOAT64, a Unicode text and an array are told as such, not as they look in Python."""
    engine, client = served.engine, served.association
    members = tuple(ref(text) for text in ("DGEN1.Types[SP]", "DGEN1.Curve[SP]", "MMXU1.HaV[MX]", "DWGC1.WSpt[MX]"))
    engine.data_sets.create(client, CreateDataSet(ref("LLN0.all"), members), START)
    block = ref("LLN0.urcbOne", "RP")
    values = (("DatSet", f"{LD}/LLN0.all"), ("TrgOps", BitString.of(5, size=6)), ("RptEna", True), ("GI", True))
    engine.reporting.set(client, SetRCBValues(block, values), START)
    ((_, report),) = engine.drain()
    assert isinstance(report, Report)
    sent: Any = encode_report(report)
    told = sent[1].service[1].list_of_access_result[-len(members) :]
    assert (
        told == served.service(("read", pdu.ReadRequest(("variableListName", name("LLN0$all"))))).list_of_access_result
    )
