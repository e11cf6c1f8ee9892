"""Tolerant reading as an option of the roles: on every entry, counted, told once, and never before a signature."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from janusgrid.common.clock import LockStepClock
from janusgrid.common.errors import Malformed
from janusgrid.openadr.binding.envelopes import Envelopes
from janusgrid.openadr.binding.http import HttpTransport
from janusgrid.openadr.binding.tolerance import MOST_PEERS, OTHERS, Reading
from janusgrid.openadr.codec import DEVIATIONS, element, write
from janusgrid.openadr.core.answers import Code
from janusgrid.openadr.events import load_dispatch
from janusgrid.openadr.model import DistributeEvent, Event, OptType
from janusgrid.openadr.signing import Unproved
from janusgrid.openadr.ven import Rejected, Ven
from janusgrid.openadr.vtn import Vtn

from tests.openadr.binding.test_ways import made
from tests.openadr.binding.ways import a_grid, eventually
from tests.openadr.signing.kit import NOW, Office, signed, text

T0 = datetime(2026, 3, 25, 8, 20, tzinfo=UTC)


MADE = load_dispatch(5, start=T0, duration=timedelta(hours=1), created=T0, ramp_up=timedelta(minutes=5))
EVENT = DistributeEvent(request_id="D", vtn_id="VTN1", events=[Event(ei_event=MADE)])

OPENLEADR = {
    "empty-option": (
        "<ei:priority>1</ei:priority>", "<ei:priority/>",
        "<ei:x-eiNotification>",
        "<xcal:tolerance><xcal:tolerate><xcal:startafter/></xcal:tolerate></xcal:tolerance>"
        "<ei:x-eiNotification>",
    ),
}  # fmt: skip
"""What openleadr 0.5.36 writes for an event without a priority and a tolerance."""
OTHER = {
    "text-duration": ("<ei:x-eiRampUp><xcal:duration>PT5M</xcal:duration>", "<ei:x-eiRampUp>PT5M"),
    "scaled-unit": (
        "<power:itemUnits>W</power:itemUnits><scale:siScaleCode>k<",
        "<power:itemUnits>kW</power:itemUnits><scale:siScaleCode>none<",
    ),
    "zero-offset": ("08:20:00Z</ei:createdDateTime>", "08:20:00+00:00</ei:createdDateTime>"),
}
KINDS = {**OPENLEADR, **OTHER}


def deviating(kind: str, document: str | None = None) -> str:
    """Return an event that deviates so."""
    found = document or write(EVENT)
    pairs = KINDS[kind]
    for right, wrong in zip(pairs[::2], pairs[1::2], strict=True):
        assert right in found, right
        found = found.replace(right, wrong)
    return found


def envelopes(tolerant: bool, notary: Any = None) -> Envelopes:
    return Envelopes(
        notary, LockStepClock(T0), lambda *_: False, lambda *_: True, reading=Reading(tolerant=tolerant)
    )  # fmt: skip


def test_every_kind_is_met_here() -> None:
    assert KINDS.keys() == DEVIATIONS.keys()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", [str, str.encode, ElementTree.fromstring], ids=["text", "octets", "stanza"])
def test_what_deviates_is_read_on_request_alone(kind: str, form: Callable[[str], Any]) -> None:
    document = form(deviating(kind))
    strict, tolerant = envelopes(tolerant=False), envelopes(tolerant=True)
    with pytest.raises(Malformed):
        strict.open("peer", document)
    opened = tolerant.open("peer", document)
    assert opened.message == EVENT or kind == "empty-option"
    assert tolerant.reading.deviations == {("peer", kind): len(KINDS[kind]) // 2}
    assert strict.reading.deviations == {}


def test_what_is_right_is_read_as_ever_and_what_has_no_name_is_refused() -> None:
    tolerant = envelopes(tolerant=True)
    assert tolerant.open("peer", write(EVENT)).message == EVENT
    with pytest.raises(Malformed, match="vtnID"):
        tolerant.open("peer", deviating("scaled-unit").replace("<ei:vtnID>VTN1</ei:vtnID>", ""))
    assert tolerant.reading.deviations == {}


def test_each_kind_of_each_peer_is_told_once_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    tolerant = envelopes(tolerant=True)
    with caplog.at_level(logging.WARNING):
        for peer in ("one", "two", "one", "one"):
            tolerant.open(peer, deviating("scaled-unit"))
        tolerant.open("one", deviating("zero-offset"))
    assert tolerant.reading.deviations == {
        ("one", "scaled-unit"): 3, ("two", "scaled-unit"): 1, ("one", "zero-offset"): 1,
    }  # fmt: skip
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 3
    assert all("event=openadr.deviation" in each and "/oadrPayload/" in each for each in told)


def test_strangers_do_not_fill_the_books() -> None:
    reading = envelopes(tolerant=True).reading
    _, found = reading.admitted(element(deviating("zero-offset")))
    for number in range(MOST_PEERS + 500):
        reading.note(f"peer {number}", found, "DistributeEvent")
    assert len(reading.deviations) == MOST_PEERS + 1
    assert reading.deviations[OTHERS, "zero-offset"] == 500


# --- signatures ---


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


@pytest.mark.parametrize("kind", KINDS)
def test_what_deviates_and_is_signed_is_verified_as_it_came(office: Office, kind: str) -> None:
    """The signature is over what deviates: had it been put right before, it would not hold."""
    payload = deviating(kind, write(EVENT, id="oadrSignedObject"))
    document = text(signed(payload, office.issued()))
    notary = office.notary("vtn")
    roles = {tolerant: Envelopes(
        notary, LockStepClock(NOW), lambda *_: True, lambda *_: True, reading=Reading(tolerant=tolerant)
    ) for tolerant in (True, False)}  # fmt: skip
    with pytest.raises(Malformed):
        roles[False].open("peer", document)
    opened = roles[True].open("peer", document)
    assert opened.signed
    assert isinstance(opened.message, DistributeEvent)
    assert roles[True].reading.deviations == {("peer", kind): len(KINDS[kind]) // 2}
    again = roles[True].open("peer", document)
    assert opened.spend is not None
    assert again.spend is not None
    opened.spend()
    with pytest.raises(Unproved, match="before"):
        again.spend()  # a replay is one, however it is read


@pytest.mark.parametrize("kind", KINDS)
def test_no_signature_holds_for_what_was_changed_into_a_deviation(office: Office, kind: str) -> None:
    """Nor for what was signed as a deviation and put right on the way: tolerance is no licence to change."""
    right = write(EVENT, id="oadrSignedObject")
    for before in (right, deviating(kind, right)):
        document = text(signed(before, office.issued()))
        pairs = KINDS[kind]
        spoiled = document
        for good, bad in zip(pairs[::2], pairs[1::2], strict=True):
            spoiled = spoiled.replace(*((good, bad) if before is right else (bad, good)))
        assert spoiled != document
        role = Envelopes(
            office.notary("vtn"), LockStepClock(NOW), lambda *_: True, lambda *_: True, reading=Reading(tolerant=True)
        )  # fmt: skip
        with pytest.raises(Unproved):
            role.open("peer", spoiled)
        assert role.reading.deviations == {}


# --- both roles, on every way ---


def deviates(role: Vtn | Ven, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all that a role sends deviate, in two ways."""
    close = role.envelopes.close

    def closed(*args: Any, **kwargs: Any) -> str:
        found = close(*args, **kwargs).replace("Z</ei:createdDateTime>", "+00:00</ei:createdDateTime>")
        for name in ("xcal:granularity", "ei:reportBackDuration"):
            found = re.sub(f"<{name}><xcal:duration>(.*?)</xcal:duration>", rf"<{name}>\1", found)
        return found

    monkeypatch.setattr(role.envelopes, "close", closed)


@pytest.mark.parametrize("way", ["embedded", "pull", "push"])
async def test_roles_that_deviate_live_with_those_that_are_tolerant(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_grid(way, tmp_path) as grid:
        vtn, ven = await grid.vtn(), await grid.ven()
        for role in (vtn, ven):
            deviates(role, monkeypatch)
            role.envelopes.reading = Reading(tolerant=True)
        async with asyncio.timeout(30):
            await ven.joined()
            await vtn.wait_registered("site")
            dispatch = vtn.create_event(made(grid), ["site"])
            assert await dispatch.opted("site") is OptType.OPT_IN
        await eventually(lambda: len(grid.samples) >= 2)
        (peer,) = {peer for peer, _ in vtn.deviations}
        assert peer == grid.way.identity("ems")
        assert {name for _, name in vtn.deviations} == {"zero-offset"}
        assert {name for _, name in ven.deviations} == {"zero-offset", "text-duration"}
        assert min((*vtn.deviations.values(), *ven.deviations.values())) >= 1


@pytest.mark.parametrize("way", ["embedded", "pull"])
async def test_and_are_refused_by_those_that_are_strict(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_grid(way, tmp_path) as grid:
        vtn, ven = await grid.vtn(), await grid.ven()
        deviates(ven, monkeypatch)
        with pytest.raises(Rejected) as caught:
            async with asyncio.timeout(30):
                await ven.joined()
        assert caught.value.code == Code.INVALID_DATA
        assert vtn.deviations == {}


def test_the_option_is_one_of_the_roles() -> None:
    transport = HttpTransport(plain=True)
    for tolerant in (True, False):
        roles = (
            Vtn("V", transport, tolerant=tolerant),
            Ven("site", transport, vtn="http://127.0.0.1", tolerant=tolerant),
        )
        for role in roles:
            try:
                role.envelopes.open("peer", deviating("scaled-unit"))
            except Malformed:
                assert not tolerant
            else:
                assert tolerant
                assert role.deviations == {("peer", "scaled-unit"): 1}
