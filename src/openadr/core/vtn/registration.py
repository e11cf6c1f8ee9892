"""EiRegisterParty of the VTN."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from ....common.errors import LocalError
from ...model import (
    CanceledPartyRegistration,
    CancelPartyRegistration,
    CreatedPartyRegistration,
    CreatePartyRegistration,
    Duration,
    Message,
    QueryRegistration,
    RequestReregistration,
)
from ..answers import ok
from ..ven_book import Ven
from .happenings import Deregistered, Registered
from .office import Handler, Office


class Registration:
    """Who may register, does; who is registered may be asked to do so anew, or be sent away.

    Args:
        begun: called with a VEN that has registered.
        over: called with a VEN whose registrationID means nothing any more.
    """

    def __init__(self, office: Office, begun: Callable[[Ven], None], over: Callable[[Ven], None]) -> None:
        self._office = office
        self._begun = begun
        self._over = over
        self.handlers: Mapping[type[Message], Handler] = {
            QueryRegistration: self._query,
            CreatePartyRegistration: self._create,
            CancelPartyRegistration: self._cancel,
        }

    def end_strangers(self) -> None:
        """End the registrations of those who may not register any more: nothing is sent to them, nothing taken."""
        for ven in self._office.vens.strangers():
            self._end(ven)

    def request_again(self, ven: Ven) -> None:
        """Ask a VEN to register anew."""
        self._office.send(ven, RequestReregistration(ven_id=ven.ven_id), key="reregistration")

    def expel(self, ven: Ven) -> None:
        """End a VEN's registration from our side; it is over when the VEN has confirmed it."""
        message = CancelPartyRegistration(
            request_id=self._office.new_id("R"), registration_id=ven.registration_id, ven_id=ven.ven_id
        )
        self._office.outbox.drop(ven.ven_id)
        self._office.send(ven, message)

    def expelled(self, ven: Ven) -> None:
        """The VEN has confirmed that its registration has ended, or does not know it any more."""
        self._end(ven)

    def _query(self, identity: str, message: QueryRegistration, now: datetime) -> Message:
        """Say what this VTN is; who is registered is told its IDs (so the schema's documentation has it)."""
        return self._created(message, self._office.vens.asking(identity))

    def _create(self, identity: str, message: CreatePartyRegistration, now: datetime) -> Message:
        office = self._office
        ven, before = office.vens.register(identity, message, office.deployment)
        if before is not None and before.registration_id != ven.registration_id:
            office.outbox.drop(ven.ven_id)  # a new registration: nothing of the old one is owed any more
            self._over(before)
        elif before is not None and (before.transport, before.address) != (ven.transport, ven.address):
            office.outbox.kick(ven.ven_id)  # it has moved: what waits for it goes there
        self._begun(ven)
        office.happened.append(Registered(ven))
        return self._created(message, ven)

    def _created(self, message: Message, ven: Ven | None) -> Message:
        deployment = self._office.deployment
        polls = ven is not None and ven.address is None
        return CreatedPartyRegistration(
            ei_response=ok(message),
            registration_id=ven.registration_id if ven else None,
            ven_id=ven.ven_id if ven else None,
            vtn_id=deployment.vtn_id,
            profiles=deployment.profiles,
            requested_oadr_poll_freq=Duration.of(deployment.poll_every) if polls else None,
        )

    def _cancel(self, identity: str, message: CancelPartyRegistration, now: datetime) -> Message:
        ven = self._office.vens.holder(identity, message.registration_id, message.ven_id)
        self._end(ven)
        return CanceledPartyRegistration(
            ei_response=ok(message), registration_id=ven.registration_id, ven_id=ven.ven_id
        )

    def _end(self, ven: Ven) -> None:
        self._office.vens.remove(ven)
        self._office.outbox.drop(ven.ven_id)
        self._over(ven)
        self._office.happened.append(Deregistered(ven))


def addressed(ven: Ven) -> None:
    """Raise `LocalError` for a VEN that registered for reports only: it takes no events."""
    if ven.report_only:
        raise LocalError("it has registered for reports only and takes no events", where=ven.ven_name)
