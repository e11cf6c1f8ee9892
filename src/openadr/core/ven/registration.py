"""EiRegisterParty of the VEN."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import attrs

from ....common.errors import JanusGridError
from ...model import (
    CanceledPartyRegistration,
    CancelPartyRegistration,
    CreatedPartyRegistration,
    CreatePartyRegistration,
    EiResponse,
    Message,
    QueryRegistration,
    RequestReregistration,
    Response,
    TransportName,
)
from .. import spelling
from ..answers import Code, Rejected, ok
from ..outbox import Retry
from ..shelf import Shelf
from .happenings import Declined, Left
from .office import Handler, Office, Reply
from .polling import Polling
from .states import REGISTRATION

WHEN_REFUSED = Retry(first=timedelta(minutes=1), longest=timedelta(hours=1))
"""When a VEN that the VTN refuses to register tries again: it may be agreed with the VTN at any time."""

SOONEST = timedelta(seconds=15)
"""The shortest pause before that; a quarter of the longest that it may be, if that is shorter."""

_OURS = "ours"


@attrs.frozen(slots=True)
class Standing:
    """A registration as it is kept."""

    ven_id: str
    registration_id: str
    vtn_id: str
    poll_every: float

    def spelled(self) -> str:
        """Return it as text."""
        return spelling.document(**attrs.asdict(self))

    @classmethod
    def unspelled(cls, text: str) -> Standing:
        """Return what `spelled` has returned the text of."""
        return cls(**spelling.values(text))


class Registration:
    """Registers, renews and ends the registration.

    Args:
        begun: called when the VTN has accepted us, with whether it did so under the registrationID that we had.
        ended: called when the registration is over.
        refused: how long we wait, at most, before we try again where the VTN refuses us; from `SOONEST` on it is left
            to chance, so that those whom a VTN has refused together do not come back together. None: we give up.
        pick: returns a number from 0 to 1, that chance.

    Attributes:
        again: when we try again by ourselves; None if we do not.
    """

    def __init__(
        self,
        office: Office,
        polling: Polling,
        begun: Callable[[bool, datetime], None],
        ended: Callable[[], None],
        refused: Retry | None,
        pick: Callable[[], float],
    ) -> None:
        self._office = office
        self._polling = polling
        self._begun = begun
        self._ended = ended
        self._retry = refused
        self._pick = pick
        self.again: datetime | None = None
        self._refusals = 0
        self._last: tuple[type[JanusGridError], str | None] | None = None
        """How often we were refused since somebody has asked us to register, and of what kind the last refusal was."""
        self.shelf = Shelf("registration", Standing.spelled, Standing.unspelled)
        self.handlers: Mapping[type[Message], Handler] = {
            CancelPartyRegistration: self._cancel,
            RequestReregistration: self._request_again,
        }
        self.replies: Mapping[type[Message], Reply] = {
            QueryRegistration: self._queried,
            CreatePartyRegistration: self._created,
            CancelPartyRegistration: lambda asked, answer, now: self.end(),
        }

    def restore(self) -> bool:
        """Go on with the registration that was kept; return whether there is one."""
        found, office = self.shelf.get(_OURS), self._office
        if found is None:
            return False
        office.ven_id, office.registration_id, office.vtn_id = found.ven_id, found.registration_id, found.vtn_id
        self._polling.every = timedelta(seconds=found.poll_every)
        office.state = "registered"
        return True

    def start(self) -> bool:
        """Begin to register; return False if that was begun already."""
        if self._office.state != REGISTRATION.initial:
            return False
        self.forgive()
        self._begin()
        return True

    def tick(self, now: datetime) -> None:
        """Try again, if it is time to."""
        if self.again is not None and self.again <= now:
            self._begin()

    def _begin(self) -> None:
        self.again = None
        self._office.step("start")
        self._office.send(QueryRegistration(request_id=self._office.request_id()))

    def refused(self, message: Message, error: JanusGridError, now: datetime) -> None:
        """We are not registered: say so, and try again later and later, unless we were told to give up."""
        self._over()
        if self._retry is not None:
            longest = min(self._retry.first * 2 ** min(self._refusals, 32), self._retry.longest)
            shortest = min(SOONEST, longest / 4)
            self.again = now + shortest + (longest - shortest) * self._pick()
        kind = (type(error), error.code)
        told = Declined(message, error, self.again) if kind == self._last else Left(error, self.again)
        self._office.happened.append(told)
        self._refusals, self._last = self._refusals + 1, kind

    def forgive(self) -> None:
        """What was refused before does not matter any more: we are registered, or somebody asks us to register."""
        self._refusals, self._last = 0, None

    @property
    def leaving(self) -> bool:
        """Whether the VTN is told that the registration ends, and has not confirmed it."""
        waiting = self._office.outbox.waiting(self._office.vtn)
        return any(isinstance(letter.content, CancelPartyRegistration) for letter in waiting)

    def renew(self) -> None:
        """Register again under the same registrationID."""
        self._office.step("re-registration asked")
        self._register()

    def leave(self) -> None:
        """Tell the VTN that the registration ends; one that is only in the making is given up."""
        office = self._office
        if office.registration_id:
            message = CancelPartyRegistration(
                request_id=office.request_id(), registration_id=office.registration_id, ven_id=office.ven_id
            )
            office.send(message)
        elif office.state != REGISTRATION.initial:
            self.end()
        self.again = None

    def end(self, error: JanusGridError | None = None) -> None:
        """The registration is over: forget what belongs to it."""
        self._over()
        self._office.happened.append(Left(error))

    def _over(self) -> None:
        self._office.outbox.drop(self._office.vtn)
        self._ended()
        self._office.ven_id = self._office.registration_id = ""
        self._polling.end()
        self._keep()
        self._office.step("ended")

    def _queried(self, asked: Message, answer: Any, now: datetime) -> None:
        if not isinstance(answer, CreatedPartyRegistration):
            raise Rejected(Code.NOT_RECOGNIZED, "the VTN did not answer the query for registration")
        names = {transport for profile in answer.profiles for transport in profile.transports}
        if self._office.transport not in names:
            raise Rejected(Code.DEPLOYMENT_ERROR, f"the VTN does not offer {self._office.transport}")
        self._office.step("profiles received")
        self._register()

    def _register(self) -> None:
        office = self._office
        message = CreatePartyRegistration(
            request_id=office.request_id(),
            registration_id=office.registration_id or None,
            ven_id=office.ven_id or None,
            transport_name=office.transport,
            transport_address=office.address,
            report_only=office.report_only,
            xml_signature=office.signs,
            ven_name=office.ven_name,
            http_pull_model=office.polls if office.transport is TransportName.SIMPLE_HTTP else None,
        )
        office.send(message)

    def _created(self, asked: Message, answer: Any, now: datetime) -> None:
        if not isinstance(answer, CreatedPartyRegistration) or not (answer.ven_id and answer.registration_id):
            raise Rejected(Code.INVALID_DATA, "the VTN registered us without venID and registrationID")
        office = self._office
        renewed = answer.registration_id == office.registration_id
        office.ven_id, office.registration_id, office.vtn_id = answer.ven_id, answer.registration_id, answer.vtn_id
        self._polling.begin(answer.requested_oadr_poll_freq, now)
        self._keep()
        self._begun(renewed, now)

    def _keep(self) -> None:
        """Keep how we are registered."""
        office = self._office
        if office.registration_id:
            seconds = self._polling.every.total_seconds()
            self.shelf[_OURS] = Standing(office.ven_id, office.registration_id, office.vtn_id, seconds)
        else:
            self.shelf.pop(_OURS, None)

    def _request_again(self, message: RequestReregistration, now: datetime) -> Message:
        answer = Response(ei_response=EiResponse(), ven_id=self._office.ven_id)
        if self._office.polls:
            self._office.send(answer)  # it came in answer to a poll, and says nothing of what follows: we do
        if self._office.registered:  # else we are at it
            self.renew()
        return answer

    def _cancel(self, message: CancelPartyRegistration, now: datetime) -> Message:
        office = self._office
        if message.registration_id != office.registration_id:
            raise Rejected(Code.INVALID_ID, f"no registration {message.registration_id} is known")
        answer = CanceledPartyRegistration(
            ei_response=ok(message), registration_id=office.registration_id, ven_id=office.ven_id
        )
        self.end()
        return answer
