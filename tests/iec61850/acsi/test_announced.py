"""The MMS services that a server announces are those that it has: all 85 bits, by a request for each, on every wire."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from janusgrid.iec61850.mms import OTHER_REQUESTS, REQUESTS, Dialect, decode_ber, encode_ber, encode_xer, pdu
from janusgrid.iec61850.scsm81.client import TcpAssociation
from janusgrid.iec61850.scsm82.client import XmppAssociation
from janusgrid.iec61850.scsm82.xer import XerWire

from tests.iec61850.plant import LD
from tests.iec61850.wires import MemoryAssociation, Rig

pytestmark = pytest.mark.asyncio(loop_scope="session")

S = pdu.ServiceSupportOptions
UNRECOGNIZED = ("confirmed-requestPDU", int(pdu.ConfirmedRequestReject.UNRECOGNIZED_SERVICE))
UNASKED = {S.UNSOLICITED_STATUS, S.INFORMATION_REPORT, S.EVENT_NOTIFICATION}
MODIFIERS = {S.ATTACH_TO_EVENT_CONDITION, S.ATTACH_TO_SEMAPHORE}
OTHER_PDUS: dict[S, Any] = {S.CANCEL: ("cancel-RequestPDU", 99), S.CONCLUDE: ("conclude-RequestPDU", None)}


def name(item: str) -> Any:
    return ("domain-specific", pdu.DomainSpecific(LD, item))


VARIABLE = pdu.VariableDef(("name", name("MMXU1$MX$Hz")))
ASKED: dict[str, Any] = {
    "status": False,
    "getNameList": pdu.GetNameListRequest(("basicObjectClass", 9), ("vmdSpecific", None)),
    "identify": None,
    "read": pdu.ReadRequest(("listOfVariable", [VARIABLE])),
    "write": pdu.WriteRequest(("listOfVariable", []), []),
    "getVariableAccessAttributes": ("name", name("MMXU1")),
    "defineNamedVariableList": pdu.DefineNamedVariableListRequest(name("LLN0$New"), [VARIABLE]),
    "getNamedVariableListAttributes": name("LLN0$Meas"),
    "deleteNamedVariableList": pdu.DeleteNamedVariableListRequest(0, [name("LLN0$New")]),
    "obtainFile": pdu.ObtainFileRequest(["a"], ["b"]),
    "readJournal": pdu.ReadJournalRequest(name("LLN0$Events")),
    "initializeJournal": pdu.InitializeJournalRequest(name("LLN0$Events")),
    "reportJournalStatus": name("LLN0$Events"),
    "fileOpen": pdu.FileOpenRequest(["a"], 0),
    "fileRead": 1,
    "fileClose": 1,
    "fileRename": pdu.FileRenameRequest(["a"], ["b"]),
    "fileDelete": ["a"],
    "fileDirectory": pdu.FileDirectoryRequest(),
}


def spelled(service: S) -> str:
    return next(name for name, tag in {**REQUESTS, **OTHER_REQUESTS}.items() if tag == service)


async def test_a_request_for_each_service_there_is() -> None:
    assert set(ASKED) == set(REQUESTS)
    names = {**REQUESTS, **OTHER_REQUESTS}
    assert {tag: name.lower() for name, tag in names.items()} == {
        int(service): service.name.replace("_", "").lower() for service in S if service < S.UNSOLICITED_STATUS
    }, "the bit is the tag"


class Instead(XerWire):
    """Sends a text whatever there is to be encoded."""

    def __init__(self, dialect: Dialect, text: str) -> None:
        super().__init__(dialect)
        self.text = text

    def encode(self, message: pdu.MMSpdu) -> str:
        return self.text


class Raw:
    """Sends any octets or text at all as a request, and gives what the server answers."""

    def __init__(self, association: Any) -> None:
        self.association = association
        self.number = 1000

    @property
    def announced(self) -> frozenset[int]:
        return frozenset(self.association.parameters.services)

    async def ask(self, service: S) -> pdu.MMSpdu | None:
        """Return the answer to a request for a service; None where the wire's test has no form for it."""
        self.number += 1
        if service in OTHER_PDUS:
            return await self._send(OTHER_PDUS[service], service)
        kind = spelled(service)
        known = ("identify", None) if kind not in ASKED else (kind, ASKED[kind])
        return await self._send(("confirmed-RequestPDU", pdu.ConfirmedRequestPDU(self.number, known)), service)  # type: ignore[arg-type]

    async def _send(self, message: pdu.MMSpdu, service: S) -> pdu.MMSpdu | None:
        association = self.association
        kind = "" if service in OTHER_PDUS else spelled(service)
        unknown = kind in OTHER_REQUESTS
        if isinstance(association, MemoryAssociation):
            return None if unknown else association.wire.decode(await association.raw(message))
        if isinstance(association, TcpAssociation):
            return await self._send_octets(encode_ber(message), service if unknown else None, message)
        assert isinstance(association, XmppAssociation)
        text = encode_xer(message, association._profile.dialect)
        text = text.replace("<identify/>", f"<{kind}/>") if unknown else text
        assert not unknown or kind in text
        association._wire = Instead(association._profile.dialect, text)
        return await association.exchange(message)

    async def _send_octets(self, octets: bytes, unknown: S | None, message: pdu.MMSpdu) -> pdu.MMSpdu:
        if unknown is not None:  # in place of identify, which is 82 00
            assert octets[-2:] == b"\x82\x00"
            tag = bytes([0x80 | unknown]) if unknown < 31 else bytes([0x9F, unknown])
            octets = octets[:1] + bytes([octets[1] + len(tag) - 1]) + octets[2:-2] + tag + b"\x00"
        if message[0] == "cancel-RequestPDU":
            return await self._cancelled(octets)
        association, loop = self.association, asyncio.get_running_loop()
        key = message[1].invoke_id if isinstance(message[1], pdu.ConfirmedRequestPDU) else -1
        future: asyncio.Future[pdu.MMSpdu] = loop.create_future()
        association._waiting[key] = (future, loop.time() + 10)
        association._connection.send(octets)
        try:
            async with asyncio.timeout(10):
                return await future
        finally:
            del association._waiting[key]

    async def _cancelled(self, octets: bytes) -> pdu.MMSpdu:
        """Our client never cancels, so that its answer is caught where it comes in."""
        association, loop = self.association, asyncio.get_running_loop()
        future: asyncio.Future[bytes] = loop.create_future()
        take, association._take_pdu = association._take_pdu, future.set_result
        association._connection.send(octets)
        async with asyncio.timeout(10):
            answer = await future
        association._take_pdu = take
        return decode_ber(answer)


def rejected(answer: pdu.MMSpdu) -> bool:
    """Return whether an answer says that there is no such service; any other reject is a fault."""
    match answer:
        case ("rejectPDU", reject):
            assert reject.reject_reason == UNRECOGNIZED
            assert reject.original_invoke_id is not None
            return True
    return False


@pytest.mark.parametrize("files", ["no files", "read only", "writable"])
@pytest.mark.parametrize("logs", ["no logs", "logs"])
async def test_announced_is_what_is_answered(rig: Rig, tmp_path: Path, files: str, logs: str) -> None:
    if type(rig) is Rig:
        pytest.skip("there is no MMS within a process")
    if files != "no files":
        rig.server.serve_files(tmp_path, writable=files == "writable")
    if logs == "no logs":
        rig.server.engine.logs._logs.clear()
    raw = Raw(await rig.associate())
    answered = set()
    for service in [*sorted(set(S) - UNASKED - MODIFIERS - {S.CONCLUDE}), S.CONCLUDE]:
        answer = await raw.ask(service)
        if answer is not None and not rejected(answer):
            answered.add(service)
    assert answered | {S.INFORMATION_REPORT} == raw.announced
    assert (S.FILE_OPEN in answered, S.OBTAIN_FILE in answered) == (files != "no files", files == "writable")
    assert (S.READ_JOURNAL in answered) is (logs == "logs")
