"""What happens at a VTN, brought to those whom it is about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Protocol
from weakref import WeakKeyDictionary

from ....openadr.model import EiEvent
from ....openadr.vtn import (
    Deregistered,
    Offered,
    OptCanceled,
    OptCreated,
    Opted,
    Registered,
    Sample,
    Telemetry,
    Ven,
    Vtn,
)


class Guest(Protocol):
    """Who wants to hear of a VEN, by its name."""

    ven: str

    def came(self, ven: Ven, samples: Sequence[Sample]) -> None:
        """It has reported this."""
        ...

    def offered(self) -> None:
        """It has said anew what it reports."""
        ...

    def answered(self, event: EiEvent) -> None:
        """It has answered an event."""
        ...

    def look(self) -> None:
        """It has registered, left, or said when it is available."""
        ...


class Desk:
    """Listens to a VTN once, for all. Get it by `Desk.of`."""

    _all: ClassVar[WeakKeyDictionary[Vtn, Desk]] = WeakKeyDictionary()

    def __init__(self, vtn: Vtn) -> None:
        self._guests: dict[str, list[Guest]] = {}
        vtn.listen(Telemetry, self._telemetry)
        vtn.listen(Offered, self._offered)
        vtn.listen(Opted, self._opted)
        for kind in (Registered, Deregistered, OptCreated, OptCanceled):
            vtn.listen(kind, self._look)

    @classmethod
    def of(cls, vtn: Vtn) -> Desk:
        """Return the desk of a VTN, made at the first call."""
        found = cls._all.get(vtn)
        if found is None:
            found = cls._all[vtn] = cls(vtn)
        return found

    def enter(self, guest: Guest) -> None:
        """Bring it what is about its VEN."""
        self._guests.setdefault(guest.ven, []).append(guest)

    def leave(self, guest: Guest) -> None:
        """Bring it nothing more."""
        if guest in self._guests.get(guest.ven, ()):
            self._guests[guest.ven].remove(guest)

    def _of(self, ven: Ven) -> tuple[Guest, ...]:
        return tuple(self._guests.get(ven.ven_name, ()))

    def _telemetry(self, happening: Telemetry) -> None:
        for guest in self._of(happening.ven):
            guest.came(happening.ven, happening.samples)

    def _offered(self, happening: Offered) -> None:
        for guest in self._of(happening.ven):
            guest.offered()

    def _opted(self, happening: Opted) -> None:
        for guest in self._of(happening.ven):
            guest.answered(happening.booked.event)

    def _look(self, happening: Registered | Deregistered | OptCreated | OptCanceled) -> None:
        for guest in self._of(happening.ven):
            guest.look()
