"""Who is registered: the core of a registry, without input, output or clock."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

import attrs

from ...common.errors import Refused
from ...common.xmpp import jid as jids
from .entries import MOST_TEXT, PART, Device, Document, Happening, Kind, Proposal, unpacked


@attrs.frozen(slots=True)
class Limits:
    """What a registry takes.

    Attributes:
        devices: in all.
        document: octets of a CID file, and of it compressed.
        uploads: files that may be on their way at the same time; a device has one.
        upload: how long a device may wait before it sends the next part.
        watchers: in all.
        per_account: watchers of one account.
        keep: how long a device stays registered that is not seen.
    """

    devices: int = 10_000
    document: int = 8_388_608
    uploads: int = 16
    upload: timedelta = timedelta(minutes=1)
    watchers: int = 1000
    per_account: int = 4
    keep: timedelta = timedelta(days=90)


@attrs.define(slots=True)
class _Upload:
    """A registration that is complete once its file is here."""

    address: str
    proposal: Proposal
    document: Document
    until: datetime
    octets: bytearray = attrs.Factory(bytearray)


@attrs.frozen(slots=True)
class Entering:
    """A registration that is complete, to be stored and then entered; `file` is its CID file where that is new."""

    happening: Happening | None
    device: Device
    file: bytes | None = None


class Book:
    """The devices by account, and what is on its way to be one.

    Methods raise `Refused` with the condition of a stanza error (RFC 6120 clause 8.3.3) as its code.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self._devices: dict[str, Device] = {}
        self._order: list[str] = []
        self._uploads: dict[str, _Upload] = {}

    def __len__(self) -> int:
        return len(self._devices)

    def __iter__(self) -> Iterator[Device]:
        """Iterate over all devices, in order of their accounts."""
        return (self._devices[jid] for jid in self._order)

    def get(self, jid: str) -> Device | None:
        """Return the device of an account."""
        return self._devices.get(jid)

    # --- registering ------------------------------------------------------------------------------------------------

    def register(self, address: str, proposal: Proposal, now: datetime) -> Entering | int:
        """Take what a device registers: return what is to be entered, or from where on its file is wanted first."""
        account = jids.bare(address)
        before = self._devices.get(account)
        self._uploads.pop(account, None)
        if before is None and len(self._devices) >= self.limits.devices:
            raise Refused(f"{self.limits.devices} devices are registered", code="resource-constraint")
        if sum(len(name) + len(text) for name, text in proposal.nameplate.values.items()) > MOST_TEXT:
            raise Refused(f"a nameplate has {MOST_TEXT} characters", code="policy-violation")
        document = proposal.document
        if document is None or (before is not None and before.document == document):
            return self._entering(address, proposal, now)
        if document.size > self.limits.document:
            raise Refused(f"a file has {self.limits.document} octets", code="policy-violation")
        self._uploads = {jid: upload for jid, upload in self._uploads.items() if upload.until > now}
        if len(self._uploads) >= self.limits.uploads:
            raise Refused("too many files are on their way; come again", code="resource-constraint")
        self._uploads[account] = _Upload(address, proposal, document, now + self.limits.upload)
        return 0

    def receive(self, address: str, sum_: str, offset: int, octets: bytes, now: datetime) -> Entering | int:
        """Take a part of a file; return as `register`. A part that came before is no matter."""
        account = jids.bare(address)
        upload = self._uploads.get(account)
        if upload is None or upload.address != address or upload.document.sum != sum_:
            raise Refused("no such file is expected; register first", code="unexpected-request")
        have = len(upload.octets)
        if offset > have or len(octets) > PART or offset + len(octets) > upload.document.size or not octets:
            del self._uploads[account]
            raise Refused(
                f"the part does not fit: {have} octets of {upload.document.size} are here", code="bad-request"
            )
        upload.octets += octets[have - offset :]
        upload.until = now + self.limits.upload
        if len(upload.octets) < upload.document.size:
            return len(upload.octets)
        del self._uploads[account]
        file = bytes(upload.octets)
        unpacked(upload.document, file, self.limits.document)
        return self._entering(address, upload.proposal, now, file)

    def _entering(self, address: str, proposal: Proposal, now: datetime, file: bytes | None = None) -> Entering:
        before = self._devices.get(jids.bare(address))
        device = Device(address, proposal, True, before.registered if before else now, now)
        if before is None:
            kind = Kind.REGISTERED
        elif (before.address, before.about) != (address, proposal):
            kind = Kind.CHANGED
        else:
            return Entering(None if before.available else Happening(Kind.AVAILABLE, device), device, file)
        return Entering(Happening(kind, device), device, file)

    def enter(self, device: Device) -> None:
        """Enter a device: one that is stored, or was before."""
        if device.jid not in self._devices:
            insort(self._order, device.jid)
        self._devices[device.jid] = device

    def remove(self, jid: str, kind: Kind = Kind.DEREGISTERED) -> Happening | None:
        """Remove the device of an account, and what is on its way; None if there was none."""
        self._uploads.pop(jid, None)
        device = self._devices.pop(jid, None)
        if device is None:
            return None
        del self._order[bisect_right(self._order, jid) - 1]
        return Happening(kind, attrs.evolve(device, available=False))

    # --- the course of time -----------------------------------------------------------------------------------------

    def presence(self, address: str, available: bool, now: datetime) -> Happening | None:
        """Take that a JID has come or gone; return what that means for its device."""
        device = self._devices.get(jids.bare(address))
        if device is None or device.address != address or device.available == available:
            return None
        now_so = attrs.evolve(device, available=available, seen=now)
        self.enter(now_so)
        return Happening(Kind.AVAILABLE if available else Kind.UNAVAILABLE, now_so)

    def overdue(self, now: datetime) -> list[str]:
        """Return the accounts whose devices have not been seen for too long."""
        return [jid for jid, one in self._devices.items() if not one.available and now - one.seen > self.limits.keep]

    # --- looking up -------------------------------------------------------------------------------------------------

    def select(self, after: str, where: Mapping[str, str], most: int) -> tuple[list[Device], bool]:
        """Return devices after an account whose nameplates have these values, and whether there are more."""
        found: list[Device] = []
        for jid in self._order[bisect_right(self._order, after) :]:
            if self._devices[jid].nameplate.fits(where):
                if len(found) == most:
                    return found, True
                found.append(self._devices[jid])
        return found, False
