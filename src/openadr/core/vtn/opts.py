"""EiOpt of the VTN."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from ...model import (
    CanceledOpt,
    CancelOpt,
    CreatedOpt,
    CreateOpt,
    EventResponse,
    Message,
    OptType,
    changed,
)
from ..answers import Code, Rejected, ok
from ..event_book import BookedEvent, EventBook
from ..opt_book import OptBook
from ..opt_scope import Scope, is_of_whole_ven
from ..spelling import KNOWN_TIME
from ..ven_book import Ven
from .happenings import OptCanceled, OptCreated, Opted
from .office import Handler, Office


class Opts:
    """Takes what VENs say of their availability, for stretches of time and of single events.

    Args:
        ask: called with a VEN that owes an answer again, because it has withdrawn what it had said.
    """

    def __init__(self, office: Office, events: EventBook, ask: Callable[[Ven], None]) -> None:
        self._office = office
        self._events = events
        self._ask = ask
        self.book = OptBook()
        self.handlers: Mapping[type[Message], Handler] = {CreateOpt: self._create, CancelOpt: self._cancel}

    def forget(self, ven: Ven) -> None:
        """Forget what a VEN has said under a registration that is no more (rule 406)."""
        for opt in self.book.forget(ven.ven_id):
            self._follow(ven, opt)

    def opt(self, booked: BookedEvent, ven_id: str, scope: Scope) -> OptType | None:
        """Return whether this part of a VEN takes part in an event; what it says of itself goes before the rest."""
        said = self.book.of_event(ven_id, booked.event.qualified_event_id)
        market = booked.event.event_descriptor.market_context
        asked = Scope(market, scope.resource, scope.device_class)
        return next((opt.opt_type for opt in said if asked.is_within(opt)), booked.opt(ven_id))

    def _create(self, identity: str, message: CreateOpt, now: datetime) -> Message:
        """Take an opt. One with an optID that is known takes the place of what was said under it."""
        ven = self._office.vens.sender(identity, message.ven_id)
        if (before := self._office.vens.answered.get(ven, message)) is not None:
            return before
        self._check(ven, message, now)
        opt = changed(message, ven_id=ven.ven_id)
        replaced = self.book.put(opt, lambda each: self._is_over(ven, each, now), now)
        if replaced is None or _essence(replaced) != _essence(opt):
            self._office.happened.append(OptCreated(ven, opt, replaced))
            for each in (replaced, opt):
                self._tell(ven, each)
        answer = CreatedOpt(ei_response=ok(message), opt_id=message.opt_id)
        return self._office.vens.answered.remember(ven, message, answer)

    def _cancel(self, identity: str, message: CancelOpt, now: datetime) -> Message:
        ven = self._office.vens.sender(identity, message.ven_id)
        if (before := self._office.vens.answered.get(ven, message)) is not None:
            return before
        opt = self.book.take(ven.ven_id, message.opt_id)
        if opt is None:
            raise Rejected(Code.INVALID_ID, f"no opt {message.opt_id:.80} is known")
        self._office.happened.append(OptCanceled(ven, opt))
        self._tell(ven, opt)
        answer = CanceledOpt(ei_response=ok(message), opt_id=message.opt_id)
        return self._office.vens.answered.remember(ven, message, answer)

    def _check(self, ven: Ven, opt: CreateOpt, now: datetime) -> None:
        """Raise `Rejected` for what makes no sense; the times are checked as they are put into the book."""
        if not opt.opt_id:
            raise Rejected(Code.INVALID_ID, "an opt has an optID")
        if (opt.vavailability is None) == (opt.qualified_event_id is None):
            raise Rejected(Code.INVALID_DATA, "an opt is either of one event or for stretches of time")
        if opt.ei_target.ven_ids and ven.ven_id not in opt.ei_target.ven_ids:
            named = ", ".join(opt.ei_target.ven_ids)
            raise Rejected(Code.TARGET_MISMATCH, f"it is about {named:.80}, not about {ven.ven_id}")
        if opt.qualified_event_id is not None:
            booked = self._events.open_to(ven.ven_id, opt.qualified_event_id, now)
            market = booked.event.event_descriptor.market_context
            if opt.market_context not in (None, market):
                raise Rejected(Code.INVALID_DATA, f"the event is of {market}, not of {opt.market_context:.80}")

    def _is_over(self, ven: Ven, opt: CreateOpt, now: datetime) -> bool:
        try:
            return opt.qualified_event_id is None or not self._events.open_to(ven.ven_id, opt.qualified_event_id, now)
        except Rejected:
            return True

    def _tell(self, ven: Ven, opt: CreateOpt | None) -> None:
        """Tell what an opt, said or withdrawn, has changed about its event."""
        followed = self._follow(ven, opt) if opt is not None else None
        if followed is not None:
            booked, by = followed
            answer = booked.answer(ven.ven_id)
            if answer is not None:
                self._office.happened.append(Opted(ven, booked, answer, by))
            elif booked.owes(ven.ven_id):
                self._ask(ven)

    def _follow(self, ven: Ven, opt: CreateOpt) -> tuple[BookedEvent, CreateOpt | None] | None:
        """Let the event of an opt say what now counts; return it, with the opt that does, if that has changed."""
        event = opt.qualified_event_id
        booked = self._events.find(event.event_id) if event is not None else None
        if booked is None:
            return None
        said = self.book.of_event(ven.ven_id, booked.event.qualified_event_id)
        by = next((each for each in said if is_of_whole_ven(each)), None)
        return (booked, by) if self._events.override(booked, ven.ven_id, _response(by)) else None


def _response(opt: CreateOpt | None) -> EventResponse | None:
    """Return an opt of an event as the answer to it."""
    if opt is None or opt.qualified_event_id is None:
        return None
    return EventResponse(request_id=opt.request_id, qualified_event_id=opt.qualified_event_id, opt_type=opt.opt_type)


def _essence(opt: CreateOpt) -> CreateOpt:
    """Return an opt without what differs each time that it is sent."""
    return changed(opt, request_id="", created_date_time=KNOWN_TIME)
