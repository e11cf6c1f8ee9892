"""Each service in the stanza that the table has for it (IEC 61850-8-2, Annex D; second-hand), and errors where they
belong."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Literal

import pytest
import pytest_asyncio
from janusgrid.common.clock import LockStepClock
from janusgrid.common.xmpp.broker import Broker
from janusgrid.common.xmpp.session import StanzaRefused
from janusgrid.common.xmpp.slix import SlixSession
from janusgrid.iec61850.mms import DIALECTS, OTHER_REQUESTS, decode_xer, encode_xer, pdu, tree
from janusgrid.iec61850.scsm82.client import XmppAssociation
from janusgrid.iec61850.scsm82.context import around, content_of, profile, stanza_kind
from janusgrid.iec61850.server import Server

from tests.iec61850.mms.strategies import samples
from tests.iec61850.plant import plant
from tests.iec61850.wires import START

Kind = Literal["get", "set"]
TABLE: dict[str, Kind] = {
    "status": "get",
    "getNameList": "get",
    "identify": "get",
    "read": "get",
    "write": "set",
    "getVariableAccessAttributes": "get",
    "defineNamedVariableList": "set",
    "getNamedVariableListAttributes": "get",
    "deleteNamedVariableList": "set",
    "obtainFile": "get",
    "readJournal": "get",
    "initializeJournal": "set",
    "reportJournalStatus": "get",
    "fileOpen": "set",
    "fileRead": "get",
    "fileClose": "set",
    "fileRename": "set",
    "fileDelete": "set",
    "fileDirectory": "get",
}


def requests() -> dict[str, pdu.MMSpdu]:
    """Return a request of each service."""
    found: dict[str, pdu.MMSpdu] = {}
    for message in samples():
        match message:
            case ("confirmed-RequestPDU", request):
                found.setdefault(request.service[0], message)
    return found


REQUESTS = requests()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def asking() -> AsyncIterator[tuple[SlixSession, str]]:
    """A client's session, and the JID of a server."""
    async with Broker("plant.test", {"dg750": "1", "ems": "2"}) as broker:
        sessions = [
            SlixSession(
                f"{user}@plant.test/IEC", password=word, host=broker.host, port=broker.port, tls=broker.ca,
                allow=lambda peer: True,
            )
            for user, word in (("dg750", "1"), ("ems", "2"))
        ]  # fmt: skip
        async with Server(plant(), clock=LockStepClock(START)) as server, sessions[0], sessions[1]:
            server.start(sessions[0])
            yield sessions[1], sessions[0].jid


async def told(asking: tuple[SlixSession, str], text: str, kind: Kind, dialect: str) -> str:
    """Return the PDU that answers a PDU, or the condition of the stanza error."""
    session, jid = asking
    association = await XmppAssociation.open(session, jid, dialect=dialect)
    try:
        answer = await session.request(jid, around(profile(dialect), association._key[1], text), kind=kind)
    except StanzaRefused as refused:
        return refused.code or ""
    finally:
        await association.release()
    return "" if answer is None else decode_xer(content_of(answer), DIALECTS[dialect])[0]


def test_the_table_has_all_services() -> None:
    known = {component.name for component in tree.load()["ConfirmedServiceRequest"].components}
    assert set(TABLE) == set(REQUESTS) == known


@pytest.mark.parametrize(("service", "kind"), TABLE.items())
def test_what_our_client_sends(service: str, kind: Kind) -> None:
    assert stanza_kind(REQUESTS[service]) == kind


def test_what_opens_and_ends_associations_is_a_set() -> None:
    others = {message[0]: message for message in samples() if message[0] != "confirmed-RequestPDU"}
    assert stanza_kind(others["initiate-RequestPDU"]) == stanza_kind(others["conclude-RequestPDU"]) == "set"
    assert stanza_kind(others["cancel-RequestPDU"]) == "get"


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("service", [service for service, kind in TABLE.items() if kind == "set"])
async def test_what_changes_something_is_refused_in_a_get(asking: tuple[SlixSession, str], service: str) -> None:
    """At the level of the stanza, for it is the stanza that is wrong."""
    assert await told(asking, encode_xer(REQUESTS[service], DIALECTS["80-3"]), "get", "80-3") == "bad-request"


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("service", TABLE)
@pytest.mark.parametrize("dialect", DIALECTS)
async def test_an_error_of_mms_comes_in_a_result(asking: tuple[SlixSession, str], service: str, dialect: str) -> None:
    """Whatever becomes of a request, the iq is answered by a result with a PDU; in 2018 a reject comes by itself."""
    answer = await told(asking, encode_xer(REQUESTS[service], DIALECTS[dialect]), TABLE[service], dialect)
    rejected = "" if dialect == "2018" else "rejectPDU"
    assert answer in ("confirmed-ResponsePDU", "confirmed-ErrorPDU", rejected)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("kind", ["get", "set"])
@pytest.mark.parametrize("service", [*sorted(OTHER_REQUESTS)[::10], "madeUp"])
async def test_services_that_are_not_known_are_rejected(
    asking: tuple[SlixSession, str], service: str, kind: Any
) -> None:
    request = encode_xer(REQUESTS["identify"], DIALECTS["80-3"])
    assert "<identify/>" in request
    assert await told(asking, request.replace("identify", service), kind, "80-3") == "rejectPDU"
