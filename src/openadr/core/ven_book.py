"""EiRegisterParty of the VTN: who may register, who has, and as what."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator

import attrs

from ...common import ids
from ...common.errors import UnknownName
from ..model import (
    CreatePartyRegistration,
    Message,
    ProfileName,
    Report,
    ReportRequest,
    TransportName,
)
from .answers import Code, Rejected, request_id

REMEMBERED = 64
"""Answers kept per VEN, so that a request sent again after a lost answer is not applied twice."""

MOST_REQUESTS = 1_000
"""Report requests known per VEN: one that is asked for once leaves no trace of having been answered."""


@attrs.frozen(slots=True)
class Party:
    """A VEN that may register: its name and the identity that the transport must have proved (a bare JID)."""

    ven_name: str
    identity: str
    ven_id: str | None = None
    """Where the venID was agreed beforehand; else one is made, and kept for later registrations."""


@attrs.define(slots=True, eq=False)
class Ven:
    """A registered VEN.

    Attributes:
        address: its transport address.
        ready: whether it has said what it can report.
        offers: by reportSpecifierID.
        requests: the reports it was asked for, by reportRequestID.
    """

    ven_id: str
    registration_id: str
    ven_name: str
    identity: str
    address: str
    ready: bool = False
    offers: dict[str, Report] = attrs.Factory(dict)
    requests: dict[str, ReportRequest] = attrs.Factory(dict)
    _answers: OrderedDict[tuple[str, int], Message] = attrs.Factory(OrderedDict)

    def is_called(self, name_or_id: str) -> bool:
        """Whether this is its venID or its name."""
        return name_or_id in (self.ven_id, self.ven_name)

    def expect(self, requests: Iterable[ReportRequest]) -> None:
        """Let reports be answers to these requests; the oldest of very many are forgotten."""
        self.requests.update({request.report_request_id: request for request in requests})
        for old in list(self.requests)[:-MOST_REQUESTS]:
            del self.requests[old]

    def answered(self, message: Message) -> Message | None:
        """Return the answer to the very same message, if it was answered lately; a requestID alone proves nothing."""
        return self._answers.get((request_id(message), hash(message)))

    def remember(self, message: Message, answer: Message) -> Message:
        """Keep an answer and return it."""
        self._answers[request_id(message), hash(message)] = answer
        if len(self._answers) > REMEMBERED:
            self._answers.popitem(last=False)
        return answer


class VenBook:
    """The VENs of a VTN.

    Args:
        parties: the VENs that may register.
        owns: whether an identity may give this transport address as its own.
    """

    def __init__(
        self,
        parties: Iterable[Party],
        owns: Callable[[str, str], bool] = lambda identity, address: True,
        new_id: Callable[[str], str] = ids.new,
    ) -> None:
        self._parties = {party.ven_name: party for party in parties}
        self._ven_ids = {party.ven_name: party.ven_id for party in self._parties.values() if party.ven_id}
        self._vens: dict[str, Ven] = {}
        self._owns = owns
        self._new_id = new_id

    def find(self, name_or_id: str) -> Ven:
        """Return a registered VEN by its venID or name; raise `UnknownName`."""
        for ven in self._vens.values():
            if ven.is_called(name_or_id):
                return ven
        raise UnknownName("no such VEN is registered", where=name_or_id)

    def get(self, ven_id: str) -> Ven | None:
        """Return a registered VEN by its venID."""
        return self._vens.get(ven_id)

    def sender(self, identity: str, ven_id: str | None) -> Ven:
        """Return the VEN that sends; raise `Rejected` (463) if its venID does not belong to the identity (rule 21)."""
        found = self._vens.get(ven_id) if ven_id else self._by_identity(identity)
        if found is None or found.identity.lower() != identity.lower():
            raise Rejected(Code.NOT_REGISTERED, f"{identity} is not registered as {ven_id or 'any VEN'}", rule=21)
        return found

    def register(self, identity: str, message: CreatePartyRegistration) -> tuple[Ven, Ven | None]:
        """Register a VEN; return it, and what it was registered as before.

        A registration that goes on (its registrationID is right) keeps its IDs and its reports; a new one makes both
        sides forget them (rule 406).
        """
        party = self._party(identity, message.ven_name)
        if party is None or party.identity.lower() != identity.lower():
            raise Rejected(Code.NOT_REGISTERED, f"{identity} may not register as {message.ven_name!r:.80}")
        if message.profile_name is not ProfileName.PROFILE_2_0B or message.xml_signature:
            raise Rejected(Code.DEPLOYMENT_ERROR, "what is spoken here is profile 2.0b, without XML signatures")
        if message.transport_name is not TransportName.XMPP or not message.transport_address:
            raise Rejected(Code.INVALID_DATA, "an XMPP VEN gives its full JID as transport address")
        if not self._owns(identity, message.transport_address):
            raise Rejected(Code.NOT_REGISTERED, f"{message.transport_address:.80} is not an address of {identity}")
        before = next((ven for ven in self._vens.values() if ven.ven_name == party.ven_name), None)
        known_id = self._ven_ids.get(party.ven_name)
        if message.ven_id and message.ven_id != known_id:
            raise Rejected(Code.INVALID_ID, f"venID {message.ven_id:.80} is not that of {party.ven_name}")
        if message.registration_id and (before is None or message.registration_id != before.registration_id):
            raise Rejected(Code.INVALID_ID, f"no registration {message.registration_id:.80} is known")
        if before is not None and message.registration_id:
            ven = attrs.evolve(before, identity=identity, address=message.transport_address)
        else:
            ven = Ven(
                ven_id=known_id or self._new_id("VEN"),
                registration_id=self._new_id("REG"),
                ven_name=party.ven_name,
                identity=identity,
                address=message.transport_address,
            )
        self._ven_ids[ven.ven_name] = ven.ven_id
        self._vens[ven.ven_id] = ven
        return ven, before

    def cancel(self, identity: str, registration_id: str) -> Ven:
        """End a registration and return what it was; raise `Rejected` (452) if there is none of this identity."""
        ven = next((ven for ven in self._vens.values() if ven.registration_id == registration_id), None)
        if ven is None or ven.identity.lower() != identity.lower():
            raise Rejected(Code.INVALID_ID, f"no registration {registration_id:.80} is known")
        return self._vens.pop(ven.ven_id)

    def __iter__(self) -> Iterator[Ven]:
        return iter(self._vens.values())

    def _party(self, identity: str, ven_name: str | None) -> Party | None:
        """Return the party of that name; the name may be missing where the identity says enough."""
        if ven_name:
            return self._parties.get(ven_name)
        found = [party for party in self._parties.values() if party.identity.lower() == identity.lower()]
        return found[0] if len(found) == 1 else None

    def _by_identity(self, identity: str) -> Ven | None:
        return next((ven for ven in self._vens.values() if ven.identity.lower() == identity.lower()), None)
