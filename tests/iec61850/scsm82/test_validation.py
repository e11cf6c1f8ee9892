"""The mode in which every PDU is held against its schema."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
import pytest_asyncio
from janusgrid.common.clock import LockStepClock
from janusgrid.common.errors import ConfigError, LocalError
from janusgrid.common.resources import resource
from janusgrid.common.xmpp.broker import Broker
from janusgrid.common.xmpp.slix import SlixSession
from janusgrid.iec61850 import connect
from janusgrid.iec61850.mms import DIALECT_80_3, DIALECTS, encode_xer
from janusgrid.iec61850.scsm82.protection import Security
from janusgrid.iec61850.scsm82.validation import Validation
from janusgrid.iec61850.server import Server

from tests.common.security.e2e.ends import identity
from tests.iec61850.mms.test_xer import FORMS
from tests.iec61850.plant import LD, plant
from tests.iec61850.wires import START

READ = encode_xer(FORMS["read response"][0], DIALECT_80_3)


@pytest_asyncio.fixture
async def sessions() -> AsyncIterator[tuple[SlixSession, SlixSession]]:
    async with Broker("plant.test", {"dg750": "1", "ems": "2"}) as broker:
        both = [
            SlixSession(
                f"{user}@plant.test/IEC", password=word, host=broker.host, port=broker.port, tls=broker.ca,
                allow=lambda peer: True,
            )
            for user, word in (("dg750", "1"), ("ems", "2"))
        ]  # fmt: skip
        async with both[0], both[1]:
            yield both[0], both[1]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("secured", [False, True])
async def test_everything_is_seen_on_both_sides_also_what_is_encrypted(
    sessions: tuple[SlixSession, SlixSession], dialect: str, secured: bool
) -> None:
    serving, asking = sessions
    ours, theirs = Validation(), Validation()
    security = [Security(identity(session.jid)) if secured else None for session in sessions]
    async with Server(plant(), clock=LockStepClock(START)) as server:
        server.start(serving, security=security[0], validation=theirs)
        async with connect(
            f"xmpp:{serving.jid}", session=asking, dialect=dialect, security=security[1], validation=ours
        ) as ied:
            assert await ied.read(f"{LD}/MMXU1.Hz.mag.f") == 50.0
            async with ied.report(f"{LD}/LLN0.urcbMeas") as reports:
                server.update(f"{LD}/MMXU1.Hz", 51.0)
                await anext(reports)
    assert ours.checked["sent"] == theirs.checked["received"] > 5
    assert ours.checked["received"] == theirs.checked["sent"] > 5
    assert not +ours.faulty
    assert not +theirs.faulty


def test_a_fault_of_ours_is_loud(caplog: pytest.LogCaptureFixture) -> None:
    validation = Validation()
    validation.sent(READ)
    assert not caplog.records
    validation.sent(READ.replace("<invokeID>7<", "<invokeID>seven<"))
    assert validation.faulty == {"sent": 1}
    assert validation.checked == {"sent": 2}
    assert {record.levelno for record in caplog.records} == {logging.ERROR}
    said = caplog.records[0].message
    assert "A FAULT OF OURS" in said
    assert "/MMSpdu/confirmed-ResponsePDU/invokeID, line 1: " in said
    assert "(CVC_DATATYPE" in said


def test_a_fault_of_a_peer_is_told_with_its_name(caplog: pytest.LogCaptureFixture) -> None:
    validation = Validation()
    validation.received(ElementTree.fromstring(READ.replace("invokeID", "invokeId")), "dg750@plant.test/IEC")
    assert validation.faulty == {"received": 1}
    (record, *_) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.message.startswith("dg750@plant.test/IEC: ")


@pytest.mark.parametrize("text", ["<MMSpdu/>", '<MMSpdu xmlns="http://example.org"/>', "<MMSpdu", "<!DOCTYPE a><a/>"])
def test_what_no_schema_is_for_is_not_valid(text: str) -> None:
    assert Validation().faults(text)


def test_another_schema_takes_the_place_of_ours(tmp_path: Path) -> None:
    """That of the standard, for instance: it is for the namespace that it names."""
    ours = resource("schemas/iec61850/mms-80-3.xsd").read_text("utf-8")
    theirs = tmp_path / "official.xsd"
    theirs.write_text(ours.replace('"invokeID"', '"invokeNumber"'))
    validation = Validation(theirs)
    assert validation.faults(READ)
    assert not validation.faults(READ.replace("invokeID", "invokeNumber"))
    assert not validation.faults(encode_xer(FORMS["read response"][0], DIALECTS["2018"]))


def test_a_schema_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="give the file of a schema"):
        Validation(tmp_path)
    (tmp_path / "a.xsd").write_text("<a/>")
    with pytest.raises(ConfigError, match="not an XML schema"):
        Validation(tmp_path / "a.xsd")


async def test_it_is_for_xmpp() -> None:
    with pytest.raises(LocalError, match="for XMPP"):
        await connect("tcp://127.0.0.1", validation=Validation())
