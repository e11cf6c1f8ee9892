"""EiRegisterParty of the VTN: who may register, who has, and as what."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

import attrs

from ...common import ids
from ...common.errors import LocalError, UnknownName
from ..codec import read, write
from ..model import (
    CreatePartyRegistration,
    EiEvent,
    EiTarget,
    Message,
    ProfileName,
    TransportName,
)
from ..rules.decisions import rule_22
from . import spelling
from .answers import Code, Deployment, Rejected
from .identity import ANYBODY, NOBODY, is_one_of, normal
from .report_ledger import Ledger
from .shelf import Shelf

REMEMBERED = 64
"""Answers kept per VEN, so that a request sent again after a lost answer is not applied twice."""

REMEMBERED_TEXT = 256 << 10
"""Characters that the answers kept per VEN have together; the last one is kept also if it has more."""


def _several(identity: str | Iterable[str]) -> tuple[str, ...]:
    return (identity,) if isinstance(identity, str) else tuple(identity)


def _set(names: str | Iterable[str]) -> frozenset[str]:
    return frozenset((names,) if isinstance(names, str) else names)


@attrs.frozen(slots=True)
class Party:
    """A VEN that may register.

    Attributes:
        ven_name: its name.
        identity: what the transport must have proved: its bare JID, the fingerprint of its certificate; several while
            a certificate is being replaced; `ANYBODY` in a laboratory.
        ven_id: where the venID was agreed beforehand; else one is made, and kept for later registrations.
        targets: by what else events mean it: its resources, groups, parties, nodes …
        markets: the market contexts that it takes part in; none given is all.

    Raises `LocalError` without a name or an identity.
    """

    ven_name: str
    identity: tuple[str, ...] = attrs.field(converter=_several)
    ven_id: str | None = None
    targets: EiTarget = EiTarget()
    markets: frozenset[str] = attrs.field(default=frozenset(), converter=_set)

    def __attrs_post_init__(self) -> None:
        if not self.ven_name or not self.identity or not all(self.identity):
            said = "a party has a name, and an identity: a bare JID, a fingerprint, or '*' in a laboratory"
            raise LocalError(said, where=self.ven_name or None)

    def is_meant(self, ven_id: str, event: EiEvent) -> bool:
        """Return whether an event is for this party, which has this venID: by market context and target (rule 22)."""
        in_market = not self.markets or event.event_descriptor.market_context in self.markets
        return in_market and rule_22(event.ei_target, ven_id, self.targets, strict=True) is None


@attrs.define(slots=True, eq=False)
class Ven(Ledger):
    """A registered VEN, and the reports that it offers and was asked for (see `Ledger`).

    Attributes:
        identity: what the transport had proved when it registered.
        transport: how messages travel.
        address: where it is reached; None if it comes for its messages itself.
        report_only: it takes no events.
        signs: it signs its messages and wants ours signed.
    """

    ven_id: str
    registration_id: str
    ven_name: str
    identity: str
    transport: TransportName
    address: str | None
    report_only: bool = False
    signs: bool = False

    def spelled(self) -> str:
        """Return the VEN as it is kept."""
        return spelling.document(
            ven_id=self.ven_id,
            registration_id=self.registration_id,
            ven_name=self.ven_name,
            identity=self.identity,
            transport=self.transport,
            address=self.address,
            report_only=self.report_only,
            signs=self.signs,
            **self.parts(),
        )

    @classmethod
    def unspelled(cls, text: str) -> Ven:
        """Return what `spelled` has returned the text of."""
        kept = spelling.values(text)
        kept["transport"] = TransportName(kept["transport"])
        return cls(**cls.of_parts(kept))

    def is_called(self, name_or_id: str) -> bool:
        """Whether this is its venID or its name."""
        return name_or_id in (self.ven_id, self.ven_name)


class Answered:
    """The answers to what each peer has sent lately: what comes again after a lost answer is not applied twice.

    The very same message counts: a requestID alone proves nothing. Answers are kept as text: hardly any is asked for.
    """

    def __init__(self) -> None:
        self.shelf = Shelf[str]("answered", str, _readable)
        self._keys: dict[str, deque[str]] = {}

    def get(self, peer: Ven | str, message: Message) -> Message | None:
        """Return the answer that a message of a peer was given before."""
        found = self.shelf.get(_key(_named(peer), message))
        return None if found is None else read(found)

    def remember(self, peer: Ven | str, message: Message, answer: Message) -> Message:
        """Keep an answer and return it."""
        key = _key(_named(peer), message)
        self.shelf[key] = text = spelling.message(answer)
        keys = self._keys.setdefault(_named(peer), deque())
        if key in keys:
            keys.remove(key)
        room = REMEMBERED_TEXT - sum(len(self.shelf.get(each, "")) for each in keys) - len(text)
        while keys and (room < 0 or len(keys) >= REMEMBERED):
            room += len(self.shelf.pop(keys.popleft(), ""))
        keys.append(key)
        return answer

    def forget(self, peer: Ven | str) -> None:
        """Forget a peer that is gone."""
        for key in self._keys.pop(_named(peer), ()):
            self.shelf.pop(key, None)

    def restore(self) -> None:
        """Put what was kept in order."""
        for key in self.shelf:
            self._keys.setdefault(key.rpartition("/")[0], deque()).append(key)

    def renewed(self, changed: Iterable[str]) -> None:
        """Put in order what another process has remembered or forgotten."""
        for key in changed:
            keys = self._keys.setdefault(key.rpartition("/")[0], deque())
            if key not in self.shelf and key in keys:
                keys.remove(key)
            elif key in self.shelf and key not in keys:
                keys.append(key)


class VenBook:
    """The VENs of a VTN.

    Args:
        parties: the VENs that may register.
        owns: whether, on a transport, an identity may give this address as its own.
    """

    def __init__(
        self,
        parties: Iterable[Party],
        owns: Callable[[TransportName, str, str], bool] = lambda transport, identity, address: True,
        new_id: Callable[[str], str] = ids.new,
    ) -> None:
        self._parties: dict[str, Party] = {}
        self._by_proof: dict[str, dict[str, Party]] = {}
        self._identities: set[tuple[str, ...]] = set()
        self.ids = self._ven_ids = Shelf[str]("ven id", str, str)
        self.answered = Answered()
        self.shelf = self._vens = Shelf("ven", Ven.spelled, Ven.unspelled)
        self._owns = owns
        self._new_id = new_id
        for party in parties:
            if party.ven_name in self._parties:
                raise LocalError("two parties have that name", where=party.ven_name)
            self.admit(party)

    @property
    def parties(self) -> tuple[Party, ...]:
        """The VENs that may register."""
        return tuple(self._parties.values())

    def admit(self, party: Party) -> None:
        """Let a party register; it takes the place of one of that name."""
        self.dismiss(party.ven_name)
        if party.ven_id and self._ven_ids.get(party.ven_name) != party.ven_id:
            self._ven_ids[party.ven_name] = party.ven_id
        self._parties[party.ven_name] = party
        for identity in party.identity:
            self._by_proof.setdefault(normal(identity), {})[party.ven_name] = party
        if len(party.identity) > 1 or ANYBODY in party.identity:
            self._identities.add(party.identity)

    def dismiss(self, ven_name: str) -> bool:
        """Let a party register no more; return whether there was one of that name."""
        party = self._parties.pop(ven_name, None)
        if party is None:
            return False
        for identity in party.identity:
            self._by_proof[normal(identity)].pop(ven_name, None)
        if all(other.identity != party.identity for other in self._parties.values()):
            self._identities.discard(party.identity)
        return True

    def touch(self, ven: Ven) -> None:
        """Note that something about a VEN has changed."""
        if self._vens.get(ven.ven_id) is ven:
            self._vens.touch(ven.ven_id)

    def find(self, name_or_id: str) -> Ven:
        """Return a registered VEN by its venID or name; raise `UnknownName`."""
        ven = self._vens.get(name_or_id) or self._named(name_or_id)
        if ven is None:
            raise UnknownName("no such VEN is registered", where=name_or_id)
        return ven

    def get(self, ven_id: str) -> Ven | None:
        """Return a registered VEN by its venID."""
        return self._vens.get(ven_id)

    def meant(self, event: EiEvent) -> list[Ven]:
        """Return the registered VENs that an event is for by its market context and target."""
        parties = ((self._parties.get(ven.ven_name), ven) for ven in self._vens.values() if not ven.report_only)
        return [ven for party, ven in parties if party is not None and party.is_meant(ven.ven_id, event)]

    def strangers(self) -> list[Ven]:
        """Return the registered VENs that could not register as they are any more: the parties have changed since."""
        return [ven for ven in self._vens.values() if not self._holds(ven)]

    def _holds(self, ven: Ven) -> bool:
        """Return whether a registration would be granted as it is: its party, its venID, where it is reached."""
        party = self._parties.get(ven.ven_name)
        if party is None or self._ven_ids.get(ven.ven_name) != ven.ven_id:
            return False
        return ven.address is None or any(
            self._owns(ven.transport, ven.identity if identity == ANYBODY else identity, ven.address)
            for identity in party.identity
        )

    def proof(self, ven: Ven) -> str:
        """Return what a VEN is to prove where it is reached: what it has proved last, if that is still agreed."""
        party = self._parties.get(ven.ven_name)
        return ven.identity if party is None or is_one_of(ven.identity, party.identity) else party.identity[0]

    def means_somebody(self, event: EiEvent) -> bool:
        """Return whether an event is for any party, registered or not."""
        return any(party.is_meant(self._ven_ids.get(name, ""), event) for name, party in self._parties.items())

    def asking(self, identity: str) -> Ven | None:
        """Return the registered VEN that this identity alone proves the asker to be; None where it does not."""
        found = self._by_identity(identity)
        return None if found is None or ANYBODY in self._parties[found.ven_name].identity else found

    def sender(self, identity: str, ven_id: str | None) -> Ven:
        """Return the VEN that sends; raise `Rejected` (463) if its venID does not belong to the identity (rule 21)."""
        found = self._vens.get(ven_id) if ven_id else self._by_identity(identity)
        if found is None or not self._is(identity, found.ven_name):
            raise Rejected(
                Code.NOT_REGISTERED, f"{_said(identity)} is not registered as {ven_id or 'any VEN'}", rule=21
            )
        if normal(identity) != normal(found.identity) and ANYBODY not in self._parties[found.ven_name].identity:
            found.identity = identity  # its certificate was replaced: it shows the new one where it is reached, too
            self.touch(found)
        return found

    def agreed(self, identity: str, ven_id: str | None) -> bool:
        """Return whether a VEN has registered to sign: the one of that venID, else any of this identity."""
        if ven_id and (ven := self._vens.get(ven_id)) is not None:
            return ven.signs
        return any(ven.signs for ven in self._of(identity))

    def same_party(self, identity: str, names: Iterable[str]) -> bool:
        """Return whether an identity, and any of the names that something else has proved, are of one party."""
        return any(
            is_one_of(name, (identity,))
            or any(is_one_of(identity, party) and is_one_of(name, party) for party in self._identities)
            for name in names
        )

    def register(
        self, identity: str, message: CreatePartyRegistration, deployment: Deployment
    ) -> tuple[Ven, Ven | None]:
        """Register a VEN; return it, and what it was registered as before.

        A registration that goes on (its registrationID is right) keeps its IDs and its reports; a new one makes both
        sides forget them (rule 406).
        """
        party = self._party(identity, message.ven_name)
        if party is None or not is_one_of(identity, party.identity):
            raise Rejected(Code.NOT_REGISTERED, f"{_said(identity)} may not register as {message.ven_name!r:.80}")
        address = self._address(identity, message, deployment)
        before = self._named(party.ven_name)
        known_id = self._ven_ids.get(party.ven_name)
        if message.ven_id and message.ven_id != known_id:
            raise Rejected(Code.INVALID_ID, f"venID {message.ven_id:.80} is not that of {party.ven_name}")
        if message.registration_id and (before is None or message.registration_id != before.registration_id):
            raise Rejected(Code.INVALID_ID, f"no registration {message.registration_id:.80} is known")
        goes_on = before is not None and message.registration_id
        ven = Ven(
            ven_id=known_id or self._new_id("VEN"),
            registration_id=before.registration_id if before and goes_on else self._new_id("REG"),
            ven_name=party.ven_name,
            identity=identity,
            transport=message.transport_name,
            address=address,
            report_only=message.report_only,
            signs=message.xml_signature,
        )
        if before and goes_on:
            ven.carry_over(before)
        self._ven_ids[ven.ven_name] = ven.ven_id
        self._vens[ven.ven_id] = ven
        return ven, before

    def _address(self, identity: str, message: CreatePartyRegistration, deployment: Deployment) -> str | None:
        """Return where a VEN wants to be reached; raise `Rejected` for what this VTN cannot do."""
        if message.profile_name is not ProfileName.PROFILE_2_0B:
            raise Rejected(Code.DEPLOYMENT_ERROR, f"profile {message.profile_name} is not spoken here: only 2.0b is")
        if message.transport_name not in deployment.transports:
            raise Rejected(Code.DEPLOYMENT_ERROR, f"{message.transport_name} is not spoken here")
        if message.xml_signature and not deployment.signatures:
            raise Rejected(Code.DEPLOYMENT_ERROR, "XML signatures are not made here")
        if message.transport_name is TransportName.SIMPLE_HTTP and message.http_pull_model is not False:
            return None
        if not message.transport_address:
            kind = "its full JID" if message.transport_name is TransportName.XMPP else "the URL of its server"
            raise Rejected(Code.INVALID_DATA, f"a VEN that is to be reached gives {kind} as transport address")
        if not self._owns(message.transport_name, identity, message.transport_address):
            raise Rejected(
                Code.NOT_REGISTERED, f"{message.transport_address:.80} is not an address of {_said(identity)}"
            )
        return message.transport_address

    def holder(self, identity: str, registration_id: str, ven_id: str | None = None) -> Ven:
        """Return who holds a registration.

        Raises `Rejected`: 463 if the venID is that of another (rule 21), 452 if this identity holds none of that ID.
        """
        claimed = self._vens.get(ven_id or "")
        if claimed is not None:
            self.sender(identity, claimed.ven_id)
        ven = next((ven for ven in self._of(identity) if ven.registration_id == registration_id), None)
        if ven is None:
            raise Rejected(Code.INVALID_ID, f"no registration {registration_id:.80} is known")
        if ven_id not in (None, "", ven.ven_id):
            raise Rejected(Code.INVALID_ID, f"registration {registration_id:.80} is not that of {ven_id:.80}", rule=21)
        return ven

    def remove(self, ven: Ven) -> None:
        """End a registration; the venID stays the VEN's."""
        self._vens.pop(ven.ven_id, None)
        self.answered.forget(ven)

    def __iter__(self) -> Iterator[Ven]:
        return iter(self._vens.values())

    def _party(self, identity: str, ven_name: str | None) -> Party | None:
        """Return the party of that name; the name may be missing where the identity says enough."""
        if ven_name:
            return self._parties.get(ven_name)
        found = self._may_be(identity)
        return next(iter(found.values())) if len(found) == 1 else None

    def _may_be(self, identity: str) -> dict[str, Party]:
        """Return the parties that an identity may be."""
        anybody = self._by_proof.get(ANYBODY, {})
        return {**anybody, **self._by_proof.get(normal(identity), {})} if identity != NOBODY else anybody

    def _named(self, ven_name: str) -> Ven | None:
        """Return a registered VEN by its name."""
        ven = self._vens.get(self._ven_ids.get(ven_name, ""))
        return ven if ven is not None and ven.ven_name == ven_name else None

    def _of(self, identity: str) -> Iterator[Ven]:
        """Yield the registered VENs that an identity may be."""
        for name in self._may_be(identity):
            if (ven := self._named(name)) is not None:
                yield ven

    def _is(self, identity: str, ven_name: str) -> bool:
        party = self._parties.get(ven_name)
        return party is not None and is_one_of(identity, party.identity)

    def _by_identity(self, identity: str) -> Ven | None:
        found = list(islice(self._of(identity), 2))
        return found[0] if len(found) == 1 else None


def _named(peer: Ven | str) -> str:
    return peer if isinstance(peer, str) else peer.ven_id


def _key(peer: str, message: Message) -> str:
    """Return what tells a message from every other, also to another run of the program."""
    return f"{peer}/{hashlib.sha256(write(message, check=False).encode()).hexdigest()[:32]}"


def _readable(text: str) -> str:
    """Return an answer that was kept, as text; raise `Malformed` if it is none."""
    read(text)
    return text


def _said(identity: str) -> str:
    return identity or "who proves nothing"
