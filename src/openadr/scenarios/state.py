"""What a tester knows in the course of a scenario."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import attrs

from ...common import ids
from ...common.clock import Clock
from ..codec import write
from ..core.answers import request_id
from ..model import CancelOpt, CreatedEvent, DistributeEvent, EiEvent, Event, Message, ReportDescription, UpdateReport
from .ways import Way


@attrs.define(slots=True, eq=False)
class State:
    """IDs, events and reports of the scenario that is played.

    Attributes:
        ven_name, ven_id, registration_id, vtn_id: of the registration, as far as it is known.
        ven_address: where a VEN under test is reached; None if it comes for its messages.
        ven_identity: what the transport proves that VEN to be.
        report_only: whether the VEN has registered for reports only.
        events: what a VEN under test was sent last, by eventID.
        offers: the points of the reports that the subject offers, by reportSpecifierID, and their names.
        own: IDs that this scenario has made: what comes of others is of an earlier one.
        seen: events and their modifications that a VTN under test has sent; `requests` the requestIDs of what came.
        began: when the scenario began.
        period: of the report that was asked for last.
        notes: what a step has to tell a later one.
        seal: returns a message as the tester sends it, signed if it signs.
    """

    way: Way
    clock: Clock
    ven_name: str = ""
    ven_id: str = ""
    registration_id: str = ""
    vtn_id: str = ""
    ven_address: str | None = None
    ven_identity: str = ""
    signs: bool = False
    registered: bool = False
    events: dict[str, Event] = attrs.Factory(dict)
    offers: dict[str, tuple[str, tuple[ReportDescription, ...]]] = attrs.Factory(dict)
    running: dict[str, None] = attrs.Factory(dict)
    own: set[str] = attrs.Factory(set)
    seen: set[tuple[str, int]] = attrs.Factory(set)
    requests: set[str] = attrs.Factory(set)
    report_only: bool = False
    began: datetime = attrs.Factory(lambda state: state.now(), takes_self=True)
    period: timedelta = timedelta(seconds=10)
    notes: dict[str, Any] = attrs.Factory(dict)
    seal: Callable[[Message], str] = write

    def begin(self) -> None:
        """Another scenario begins."""
        self.began = self.now()
        self.own.clear()
        self.notes.clear()
        self.requests.clear()

    def now(self) -> datetime:
        """The present, in whole seconds."""
        return self.clock.now().replace(microsecond=0)

    def new(self, prefix: str) -> str:
        """Return a new ID, which is this scenario's."""
        made = ids.new(prefix)
        self.own.add(made)
        return made

    def soon(self, hours: float = 72) -> datetime:
        """Return a time to come, far enough away for whatever clock."""
        return self.now() + timedelta(hours=hours)

    def offer(self, name: str) -> tuple[str, tuple[ReportDescription, ...]] | None:
        """Return the reportSpecifierID and the points of a report of this name that the subject offers."""
        for specifier_id, (said, points) in self.offers.items():
            if said.removeprefix("METADATA_") == name:
                return specifier_id, points
        return None

    def is_news(self, message: Message) -> bool:
        """Return whether a message can be of this scenario; one that repeats what was before is not."""
        if request_id(message) and request_id(message) in self.requests:
            return False
        if isinstance(message, CreatedEvent):
            named = {response.qualified_event_id.event_id for response in message.event_responses or ()}
            return not named or not named.isdisjoint(self.own)
        if isinstance(message, CancelOpt):
            return bool(message.opt_id == self.notes.get("opt"))
        if isinstance(message, UpdateReport):
            return not {report.report_request_id for report in message.reports}.isdisjoint(self.own)
        if isinstance(message, DistributeEvent):
            return any(key not in self.seen for key in _keys(message))
        return True

    def took(self, message: Message) -> None:
        """Remember what a message has told."""
        self.requests.add(request_id(message))
        if isinstance(message, DistributeEvent):
            self.seen.update(_keys(message))


Make = Callable[[State], Any]
"""Makes something of what is known."""


def event_of(message: DistributeEvent, event_id: str) -> EiEvent | None:
    """Return the event of this ID in a message."""
    return next((e.ei_event for e in message.events if e.ei_event.event_descriptor.event_id == event_id), None)


def _keys(message: DistributeEvent) -> set[tuple[str, int]]:
    found = (event.ei_event.event_descriptor for event in message.events)
    return {(each.event_id, each.modification_number) for each in found}
