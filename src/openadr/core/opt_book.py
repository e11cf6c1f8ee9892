"""EiOpt of the VTN: what each VEN has said of its availability, and what follows from it at a time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import attrs

from ..model import CreateOpt, OptType, QualifiedEventId
from . import spelling
from .answers import Code, Rejected
from .opt_scope import WHOLE, Scope, is_of_event
from .shelf import Shelf
from .stretches import Stretches

MOST_OPTS = 256
"""Opts known of one VEN."""


@attrs.frozen(slots=True)
class Availability:
    """What a VEN's opt schedules say of a time.

    Attributes:
        opt: whether it is available; None where no schedule says anything.
        schedule: the schedule that says so: of several the one that came last.
        until: until when nothing changes, as far as schedules are known; None for good.
    """

    opt: OptType | None = None
    schedule: CreateOpt | None = None
    until: datetime | None = None


@attrs.frozen(slots=True, eq=False)
class _Kept:
    """An opt; those with a higher number came later. Without `stretches` it is that of an event."""

    number: int
    opt: CreateOpt
    stretches: Stretches | None

    def spelled(self) -> str:
        return spelling.document(number=self.number, opt=spelling.message(self.opt))

    @classmethod
    def unspelled(cls, text: str) -> _Kept:
        kept = spelling.values(text)
        return cls.of(int(kept["number"]), spelling.message_of(CreateOpt, kept["opt"]))

    @classmethod
    def of(cls, number: int, opt: CreateOpt) -> _Kept:
        return cls(number, opt, None if opt.vavailability is None else Stretches.of(opt.vavailability))


class OptBook:
    """The opts of the VENs of a VTN, until they are withdrawn or the registration that they belong to has ended."""

    def __init__(self) -> None:
        self.shelf = Shelf("opt", _Kept.spelled, _Kept.unspelled)
        self._by_ven: dict[str, dict[str, _Kept]] = {}
        self._number = 0

    def restore(self) -> None:
        """Put what was kept in order."""
        self._by_ven.clear()
        for kept in sorted(self.shelf.values(), key=lambda each: each.number):
            self._by_ven.setdefault(kept.opt.ven_id, {})[kept.opt.opt_id] = kept
            self._number = max(self._number, kept.number)

    def of(self, ven_id: str) -> tuple[CreateOpt, ...]:
        """Return what a VEN has said, in the order in which it came."""
        return tuple(kept.opt for kept in self._by_ven.get(ven_id, {}).values())

    def put(self, opt: CreateOpt, over: Callable[[CreateOpt], bool], now: datetime) -> CreateOpt | None:
        """Take an opt, in the place of one with the same optID; return that one.

        Args:
            over: whether the opt of an event means nothing any more.

        Raises:
            Rejected: (454) its times make no sense; (451) the VEN has said very much that is not over.
        """
        made = _Kept.of(self._number + 1, opt)
        known = self._by_ven.setdefault(opt.ven_id, {})
        if opt.opt_id not in known and len(known) >= MOST_OPTS:
            for each in list(known.values()):
                if over(each.opt) if each.stretches is None else each.stretches.are_over(now):
                    self.take(opt.ven_id, each.opt.opt_id)
            if len(known) >= MOST_OPTS:
                raise Rejected(Code.NOT_ALLOWED, f"{len(known)} opts are in force: cancel some of them first")
        before = self.take(opt.ven_id, opt.opt_id)
        self._number = made.number
        known[opt.opt_id] = self.shelf[str(made.number)] = made
        return before

    def take(self, ven_id: str, opt_id: str) -> CreateOpt | None:
        """Forget an opt and return it; None if it is not known."""
        kept = self._by_ven.get(ven_id, {}).pop(opt_id, None)
        if kept is None:
            return None
        del self.shelf[str(kept.number)]
        return kept.opt

    def forget(self, ven_id: str) -> tuple[CreateOpt, ...]:
        """Forget everything that a VEN has said and return it (rule 406)."""
        found = self.of(ven_id)
        for opt in found:
            self.take(ven_id, opt.opt_id)
        self._by_ven.pop(ven_id, None)
        return found

    def of_event(self, ven_id: str, event: QualifiedEventId) -> tuple[CreateOpt, ...]:
        """Return what a VEN has said of this modification of an event, the latest first."""
        id, modification = event.event_id, event.modification_number
        return tuple(opt for opt in reversed(self.of(ven_id)) if is_of_event(opt, id, modification))

    def availability(self, ven_id: str, when: datetime, scope: Scope = WHOLE) -> Availability:
        """Return what the schedules of a VEN say of a time."""
        said, until = None, None
        for kept in self._by_ven.get(ven_id, {}).values():
            if kept.stretches is None or not scope.is_within(kept.opt):
                continue
            if kept.stretches.cover(when):
                said = kept.opt
            changes = kept.stretches.changes(when)
            until = min((time for time in (until, changes) if time is not None), default=None)
        return Availability(said.opt_type if said else None, said, until)
