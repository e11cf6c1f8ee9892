"""Bad input at the doors of a running site: each is answered properly, and what is good goes on as if nothing was.

The rooms have tests of their own for every kind of it; here it comes over the wire, to a device and a site host that
others use at the same time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import attrs
import pytest
import pytest_asyncio
from janusgrid.common.errors import LocalError, Malformed, NotReachable, UnknownName
from janusgrid.common.resources import resource
from janusgrid.common.xml import read as read_xml
from janusgrid.common.xmpp.broker import Broker
from janusgrid.common.xmpp.servers.accounts import Accounts
from janusgrid.common.xmpp.session import StanzaRefused
from janusgrid.common.xmpp.slix import SlixSession
from janusgrid.iec61850 import Server
from janusgrid.iec61850.acsi.errors import ServiceError, ServiceRefused
from janusgrid.iec61850.acsi.references import Reference
from janusgrid.iec61850.acsi.services import GetDataValues, Operate, SetDataValues
from janusgrid.iec61850.acsi.types import DataValue
from janusgrid.iec61850.mms import decode_xer
from janusgrid.iec61850.scsm82.client import XmppAssociation
from janusgrid.iec61850.scsm82.context import around, parse, profile
from janusgrid.openadr.codec import read
from janusgrid.openadr.events import load_dispatch
from janusgrid.openadr.model import EiTarget, OptType, changed
from janusgrid.openadr.ven import Ven
from janusgrid.openadr.vtn import Party, Vtn

EMS, UTILITY, DER = "ems@site.example/ems", "utility@site.example/vtn", "dg750@site.example/IEC"
MALLORY = "mallory@site.example/x"
CID = "mappings/sites/microgrid/DG750.cid"
POWER = Reference.parse("DG750DER/MMXU1.TotW.mag.f", "MX")
LIMIT = Reference.parse("DG750DER/DGEN1.WMax.setMag.f", "SP")


@attrs.frozen
class Field:
    """A device that is served and watched, a utility, the session of the host between them, and somebody else's."""

    host: SlixSession
    device: SlixSession
    mallory: SlixSession
    association: XmppAssociation
    vtn: Vtn

    async def power(self) -> DataValue | ServiceError:
        """Return what the device's meter shows: 123 kW, whatever happened."""
        (found,) = await self.association.call(GetDataValues((POWER,)))
        return found


@pytest_asyncio.fixture
async def field() -> AsyncIterator[Field]:
    broker = Broker("site.example")
    accounts = Accounts(broker, (EMS, UTILITY, DER, MALLORY))
    server = Server.from_scl(resource(CID))
    server.update("DG750DER/MMXU1.TotW", 123e3)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(broker)
        host, utility, device, mallory = [
            await stack.enter_async_context(accounts.session(jid)) for jid in (EMS, UTILITY, DER, MALLORY)
        ]
        server.start(device)
        await stack.enter_async_context(server)
        ven = Ven("site", host, vtn=UTILITY)
        ven.on_event(lambda change: OptType.OPT_IN)
        await stack.enter_async_context(ven)
        vtn = await stack.enter_async_context(Vtn("utility", utility, parties=[Party("site", "ems@site.example")]))
        async with asyncio.timeout(60):
            await vtn.wait_registered("site")
        found = Field(host, device, mallory, await XmppAssociation.open(host, DER), vtn)
        yield found
        assert await found.power() == 123e3
        assert [session.statistics.attempts for session in (host, utility, device)] == [1, 1, 1]


async def test_an_unknown_object_reference(field: Field) -> None:
    unknown = Reference.parse("DG750DER/MMXU9.TotW.mag.f", "MX")
    answer = await field.association.call(GetDataValues((unknown, POWER)))
    assert answer == (ServiceError.INSTANCE_NOT_AVAILABLE, 123e3)


@pytest.mark.parametrize("value", [True, 7, "7", [7.0]], ids=repr)
async def test_a_write_of_the_wrong_type(field: Field, value: DataValue) -> None:
    assert await field.association.call(SetDataValues(((LIMIT, value),))) == (ServiceError.TYPE_CONFLICT,)
    assert await field.association.call(GetDataValues((LIMIT,))) == (750e3,)


@pytest.mark.parametrize("name", ["MMXU1.TotW", "DGEN1.DEROpSt", "DGEN1.WMaxRtg"])
async def test_a_command_for_what_can_only_be_read(field: Field, name: str) -> None:
    with pytest.raises(ServiceRefused) as refused:
        await field.association.call(Operate(Reference.parse(f"DG750DER/{name}"), [1.0]))
    assert refused.value.error in {ServiceError.INSTANCE_NOT_AVAILABLE, ServiceError.ACCESS_VIOLATION}


@pytest.mark.parametrize(
    "text",
    [
        "<MMSpdu/>",
        "<MMSpdu><nonsense/></MMSpdu>",
        "<MMSpdu><confirmed-RequestPDU><invokeID>many</invokeID></confirmed-RequestPDU></MMSpdu>",
        "<MMSpdu><confirmed-RequestPDU><invokeID>1</invokeID><read>5</read></confirmed-RequestPDU></MMSpdu>",
    ],
)
async def test_malformed_xer(field: Field, text: str) -> None:
    answer = await field.host.request(DER, around(profile("80-3"), field.association._key[1], text), kind="get")
    assert answer is not None
    assert decode_xer(parse(answer).content)[0] == "rejectPDU"


async def test_a_stanza_that_is_too_deep(field: Field) -> None:
    with pytest.raises(StanzaRefused) as refused:
        await field.mallory.request(DER, f"<z>{'<a>' * 70 + '</a>' * 70}</z>", kind="get")
    assert refused.value.code == "policy-violation"
    assert field.device.refusals["stanza-too-deep"] == 1


@pytest.mark.parametrize(
    "content",
    ["<a>" * 1000 + "</a>" * 1000, '<!DOCTYPE a [<!ENTITY e "e">]><a>&e;</a>'],
    ids=["a thousand deep", "DOCTYPE"],
)
async def test_what_no_server_relays_costs_its_sender_the_stream_and_nobody_else(field: Field, content: str) -> None:
    """A DOCTYPE stands before the root only: within a stream it is no XML at all."""
    with pytest.raises(NotReachable):
        await field.mallory.request(DER, f"<z>{content}</z>", kind="get")
    assert not field.device.refusals
    assert await field.power() == 123e3


async def test_an_oversized_stanza_is_not_even_sent(field: Field) -> None:
    text = around(profile("80-3"), field.association._key[1], f"<a>{'x' * 300_000}</a>")
    with pytest.raises(LocalError, match="octets are allowed, send less at once"):
        await field.host.request(DER, text, kind="get")


async def test_an_event_for_an_unknown_ven(field: Field, caplog: pytest.LogCaptureFixture) -> None:
    now = datetime.now(UTC)
    event = load_dispatch(1000, start=now + timedelta(hours=1), duration=timedelta(hours=1), created=now)
    with pytest.raises(UnknownName, match="no such VEN"):
        field.vtn.create_event(event, ["somebody"])
    misled = field.vtn.create_event(changed(event, ei_target=EiTarget(ven_ids=["VEN9"])), ["site"])
    good = load_dispatch(500, start=now + timedelta(hours=3), duration=timedelta(hours=1), created=now)
    async with asyncio.timeout(60):
        assert await field.vtn.create_event(good, ["site"]).opted("site") is OptType.OPT_IN
        while misled.id not in caplog.text:  # noqa: ASYNC110 - a line in a log is no event
            await asyncio.sleep(0.01)
    assert "462 it is for VEN9, not for VEN" in caplog.text  # target mismatch, conformance rule 22


def test_a_payload_with_a_doctype() -> None:
    evil = '<!DOCTYPE oadrPoll [<!ENTITY e SYSTEM "file:///etc/passwd">]><oadrPoll>&e;</oadrPoll>'
    for door in (read, read_xml):
        with pytest.raises(Malformed, match="DOCTYPE"):
            door(evil)
