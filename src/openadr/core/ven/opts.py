"""EiOpt of the VEN."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import attrs

from ....common.errors import JanusGridError, LocalError, UnknownName
from ...model import (
    CanceledOpt,
    CancelOpt,
    CreatedOpt,
    CreateOpt,
    Duration,
    EiTarget,
    Message,
    OptReason,
    OptType,
    WsCalendarInterval,
    changed,
)
from .. import spelling
from ..answers import Code, Rejected
from ..event_inbox import EventInbox
from ..opt_scope import is_of_event, is_of_whole_ven
from ..shelf import Shelf
from ..stretches import Stretches
from .happenings import Declined
from .office import Handler, Office, Reply

MOST_OPTS = 256
"""Opts in force at once."""


@attrs.define(slots=True, eq=False)
class OwnOpt:
    """What we have said of our availability.

    Attributes:
        message: as it was said last.
        confirmed: what the VTN has confirmed; None before.
        withdrawn: whether we have asked to take it back.
        over: whether it means nothing any more; then `error` says why, if it was not us who withdrew it.
    """

    message: CreateOpt
    confirmed: CreateOpt | None = None
    withdrawn: bool = False
    over: bool = False
    error: JanusGridError | None = None

    @property
    def id(self) -> str:
        """The optID."""
        return self.message.opt_id

    @property
    def accepted(self) -> bool:
        """Whether the VTN has confirmed what was said last."""
        return self.confirmed is not None and self.confirmed == self.message

    def spelled(self) -> str:
        """Return the opt as it is kept."""
        return spelling.document(
            message=spelling.message(self.message),
            confirmed=None if self.confirmed is None else spelling.message(self.confirmed),
            withdrawn=self.withdrawn,
        )

    @classmethod
    def unspelled(cls, text: str) -> OwnOpt:
        """Return what `spelled` has returned the text of."""
        kept = spelling.values(text)
        confirmed = kept["confirmed"]
        return cls(
            spelling.message_of(CreateOpt, kept["message"]),
            None if confirmed is None else spelling.message_of(CreateOpt, confirmed),
            kept["withdrawn"],
        )


class Opts:
    """Says when we are available, and whether we take part in an event, apart from the answer to it.

    Args:
        say_again: called with the ID of an event that is to be answered as it stands.
    """

    def __init__(self, office: Office, inbox: EventInbox, say_again: Callable[[str], None]) -> None:
        self._office = office
        self._inbox = inbox
        self._say_again = say_again
        self.shelf = self._opts = Shelf("opt", OwnOpt.spelled, OwnOpt.unspelled)
        self.handlers: Mapping[type[Message], Handler] = {}
        self.replies: Mapping[type[Message], Reply] = {CreateOpt: self._created, CancelOpt: self._canceled}

    def schedule(
        self,
        opt: OptType,
        stretches: Iterable[tuple[datetime, timedelta]],
        now: datetime,
        *,
        reason: OptReason | str = OptReason.X_SCHEDULE,
        market: str | None = None,
        target: EiTarget | None = None,
        device_classes: Sequence[str] = (),
        opt_id: str | None = None,
    ) -> OwnOpt:
        """Say that we are, or are not, available at these times: pairs of start and length, zero for open-ended.

        Args:
            reason: why.
            market: the market context (programme) that this is about; None for all.
            target: what of us this is about; None for all of us.
            device_classes: the kinds of devices that this is about, as endDeviceAsset names them; none for all.
            opt_id: of an opt that this is to take the place of.

        Raises:
            LocalError: we are not registered, the times make no sense, or very many opts are in force.
        """
        times = tuple(WsCalendarInterval(dtstart=start, duration=Duration.of(lasts)) for start, lasts in stretches)
        try:
            Stretches.of(times)
        except Rejected as error:
            raise LocalError(error.message) from None
        made = self._made(opt, reason, target, device_classes, opt_id, now)
        return self._say(changed(made, vavailability=times, market_context=market), now)

    def event(
        self,
        event_id: str,
        opt: OptType,
        now: datetime,
        *,
        reason: OptReason | str | None = None,
        target: EiTarget | None = None,
        device_classes: Sequence[str] = (),
        opt_id: str | None = None,
    ) -> OwnOpt:
        """Say whether we take part in an event, whatever the answer to it was or will be (rule 206).

        It is about the present modification; one that comes later is asked about anew. The arguments are those of
        `schedule`; the reason is else that we participate, or do not.

        Raises:
            UnknownName: no such event.
            LocalError: as `schedule`, or the event is cancelled.
        """
        known = self._inbox.get(event_id)
        if known.cancelled:
            raise LocalError("the event is cancelled", where=event_id)
        usual = OptReason.PARTICIPATING if opt is OptType.OPT_IN else OptReason.NOT_PARTICIPATING
        made = self._made(opt, reason or usual, target, device_classes, opt_id, now)
        return self._say(changed(made, qualified_event_id=known.event.qualified_event_id), now)

    def cancel(self, opt_id: str) -> None:
        """Take an opt back; to do it twice changes nothing. Raise `UnknownName` if it is not known."""
        own = self._opts.get(opt_id)
        if own is None:
            raise UnknownName("there is no opt of that ID", where=opt_id)
        if not own.withdrawn:
            own.withdrawn = True
            self._opts.touch(opt_id)
            office = self._office
            self._send(CancelOpt(request_id=office.request_id(), opt_id=opt_id, ven_id=office.ven_id))

    def clear(self, error: JanusGridError | None = None) -> None:
        """Forget everything that was said under a registration that is no more (rule 406)."""
        for own in list(self._opts.values()):
            self._office.outbox.take_back(self._office.vtn, _key(own.id))
            self._over(own, error or LocalError("the registration has ended", where=own.id), again=False)

    def refused(self, asked: CreateOpt | CancelOpt, error: JanusGridError) -> None:
        """The VTN does not take what we said: what it took before still holds."""
        own = self._opts.get(asked.opt_id)
        if isinstance(asked, CancelOpt) and error.code == Code.INVALID_ID:
            self._gone(asked)  # it is not known there, which is what we want
            return
        if own is not None and isinstance(asked, CancelOpt):
            own.withdrawn, own.error = False, error
            self._opts.touch(own.id)
        elif own is not None and own.message == asked and not own.withdrawn:
            if own.confirmed is None:
                self._over(own, error)
            else:
                own.message, own.error = own.confirmed, error
                self._opts.touch(own.id)
                self._follow(asked)
                self._follow(own.message)
        self._office.happened.append(Declined(asked, error))

    def _made(
        self,
        opt: OptType,
        reason: OptReason | str,
        target: EiTarget | None,
        device_classes: Sequence[str],
        opt_id: str | None,
        now: datetime,
    ) -> CreateOpt:
        office = self._office
        if not office.registration_id:
            raise LocalError("an opt belongs to a registration, and there is none: wait for `joined`")
        return CreateOpt(
            opt_id=opt_id or office.new_id("OPT"),
            opt_type=opt,
            opt_reason=reason,
            ven_id=office.ven_id,
            created_date_time=now,
            request_id=office.request_id(),
            ei_target=target or EiTarget(ven_ids=(office.ven_id,)),
            device_class=EiTarget(end_device_assets=tuple(device_classes)) if device_classes else None,
        )

    def _say(self, message: CreateOpt, now: datetime) -> OwnOpt:
        own = self._opts.get(message.opt_id)
        if own is None:
            self._make_room(now)
            own = self._opts[message.opt_id] = OwnOpt(message)
            before = None
        else:
            before, own.message, own.withdrawn, own.error = own.message, message, False, None
            self._opts.touch(own.id)
        self._send(message)
        self._follow(before)
        self._follow(message)
        return own

    def _send(self, message: CreateOpt | CancelOpt) -> None:
        """Send a message; of what waits about one opt only the last is sent."""
        self._office.outbox.put(self._office.vtn, message, key=_key(message.opt_id))

    def _created(self, asked: CreateOpt, answer: Any, now: datetime) -> None:
        if not isinstance(answer, CreatedOpt):
            raise Rejected(Code.NOT_RECOGNIZED, "the VTN did not answer our opt")
        own = self._opts.get(asked.opt_id)
        if own is not None:
            own.confirmed = asked
            self._opts.touch(own.id)

    def _canceled(self, asked: CancelOpt, answer: Any, now: datetime) -> None:
        if not isinstance(answer, CanceledOpt):
            raise Rejected(Code.NOT_RECOGNIZED, "the VTN did not answer the end of our opt")
        self._gone(asked)

    def _gone(self, asked: CancelOpt) -> None:
        """The VTN does not know an opt any more."""
        own = self._opts.get(asked.opt_id)
        if own is None:
            return
        own.confirmed = None
        if own.withdrawn:
            self._over(own)
        else:  # it was said anew meanwhile
            self._opts.touch(own.id)

    def _over(self, own: OwnOpt, error: JanusGridError | None = None, *, again: bool = True) -> None:
        own.over, own.error = True, error
        self._opts.pop(own.id, None)
        self._follow(own.message, again=again)

    def _follow(self, message: CreateOpt | None, *, again: bool = True) -> None:
        """Let the event of an opt stand as the opts of the whole VEN now say, the last of them first.

        Where none is left, what was decided on the event counts `again`, and is said.
        """
        event = message.qualified_event_id if message is not None else None
        if event is None or event.event_id not in self._inbox:
            return
        modification = self._inbox.get(event.event_id).modification
        said = [own.message for own in self._opts.values() if is_of_event(own.message, event.event_id, modification)]
        whole = sorted(filter(is_of_whole_ven, said), key=lambda each: each.created_date_time)
        by = whole[-1].opt_type if whole else None
        if self._inbox.override(event.event_id, by) and by is None and again:
            self._say_again(event.event_id)

    def _make_room(self, now: datetime) -> None:
        """Forget what is over, where there is very much; raise `LocalError` if there is very much that is not."""
        if len(self._opts) < MOST_OPTS:
            return
        for own in [own for own in self._opts.values() if self._is_past(own.message, now)]:
            self._over(own)
        if len(self._opts) >= MOST_OPTS:
            raise LocalError(f"{MOST_OPTS} opts are in force: cancel some of them first")

    def _is_past(self, message: CreateOpt, now: datetime) -> bool:
        event = message.qualified_event_id
        if event is not None:
            known = self._inbox.get(event.event_id) if event.event_id in self._inbox else None
            return known is None or known.modification != event.modification_number
        return message.vavailability is None or Stretches.of(message.vavailability).are_over(now)


def _key(opt_id: str) -> str:
    return f"opt {opt_id}"
