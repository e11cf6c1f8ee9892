"""Messages that come when their association has ended, or never was."""

from __future__ import annotations

import pytest
from janusgrid.common.xmpp.broker import Broker
from janusgrid.common.xmpp.servers.accounts import Accounts
from janusgrid.iec61850 import Server
from janusgrid.iec61850.mms import encode_xer, pdu
from janusgrid.iec61850.scsm82.client import XmppAssociation
from janusgrid.iec61850.scsm82.context import around, profile
from janusgrid.iec61850.scsm82.endpoint import Endpoint

from tests.iec61850.plant import plant
from tests.iec61850.wires import until

EMS, DER = "ems@plant.test/IEC", "dg750@plant.test/IEC"


async def test_what_is_on_the_way_when_an_association_ends_is_no_alarm(caplog: pytest.LogCaptureFixture) -> None:
    """Late reports leave no line in the log; messages for what never was are counted, and told of ten times."""
    broker, chosen = Broker("plant.test"), profile("80-3")
    accounts = Accounts(broker, (EMS, DER))
    body = pdu.InformationReport(("variableListName", ("vmd-specific", "RPT")), [])
    report = encode_xer(("unconfirmed-PDU", pdu.UnconfirmedPDU(("informationReport", body))), chosen.dialect)
    async with broker, accounts.session(EMS) as ems, accounts.session(DER) as der, Server(plant()) as server:
        server.start(der)
        association = await XmppAssociation.open(ems, DER)
        ended = association._key[1]
        await association.release()
        for id in (ended, "4711"):
            for _ in range(30):
                await der.push(EMS, around(chosen, id, report))
        await until(lambda: Endpoint.of(ems).refused["association-unknown"] == 30)
        assert not ems.refusals
        assert not der.refusals
    warned = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(warned) == 10
    assert all("association-unknown" in text and "4711" in text for text in warned)
