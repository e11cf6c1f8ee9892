"""What VENs have said of the events of a VTN, each answer kept by itself: one more costs what one costs, however many
there are."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from types import MappingProxyType

import attrs

from ..model import EventResponse
from . import spelling
from .shelf import Shelf

_NOTHING: Mapping[str, Said] = MappingProxyType({})


@attrs.frozen(slots=True)
class Said:
    """What a VEN has said of an event.

    Attributes:
        answer: its last answer.
        override: what it has said by EiOpt, which goes before its answers (rule 206).
    """

    event_id: str
    ven_id: str
    answer: EventResponse | None = None
    override: EventResponse | None = None

    @property
    def key(self) -> str:
        """Under which it is kept: IDs may have any length, and any sign."""
        return hashlib.sha256(f"{len(self.event_id)} {self.event_id}{self.ven_id}".encode()).hexdigest()[:40]

    def spelled(self) -> str:
        """Return it as it is kept."""
        return spelling.document(
            event=self.event_id, ven=self.ven_id, answer=_spelled(self.answer), override=_spelled(self.override)
        )

    @classmethod
    def unspelled(cls, text: str) -> Said:
        """Return what `spelled` has returned the text of."""
        kept = spelling.values(text)
        return cls(kept["event"], kept["ven"], _unspelled(kept["answer"]), _unspelled(kept["override"]))


class EventAnswers(Shelf[Said]):
    """What VENs have said of events, by `Said.key`; and `of` each event."""

    def __init__(self) -> None:
        super().__init__("event answer", Said.spelled, Said.unspelled)
        self._of: dict[str, dict[str, Said]] = {}

    def of(self, event_id: str) -> Mapping[str, Said]:
        """Return what was said of an event, by venID."""
        return self._of.get(event_id, _NOTHING)

    def get_of(self, event_id: str, ven_id: str) -> Said:
        """Return what a VEN has said of an event: nothing yet, as the case may be."""
        return self.of(event_id).get(ven_id) or Said(event_id, ven_id)

    def put(self, said: Said) -> None:
        """Keep what a VEN has said of an event; what says nothing is kept no more."""
        if said.answer is not None or said.override is not None:
            self[said.key] = said
        else:
            self.pop(said.key, None)

    def forget(self, event_id: str) -> None:
        """Forget all that was said of an event."""
        for said in list(self.of(event_id).values()):
            del self[said.key]

    def __setitem__(self, key: str, thing: Said) -> None:
        super().__setitem__(key, thing)
        self._of.setdefault(thing.event_id, {})[thing.ven_id] = thing

    def __delitem__(self, key: str) -> None:
        gone = self[key]
        super().__delitem__(key)
        self._drop(gone)

    def fill(self, key: str, text: str | None) -> None:
        """Take what was kept, or what another process has kept."""
        gone = self.get(key)
        super().fill(key, text)
        if gone is not None:
            self._drop(gone)
        if (said := self.get(key)) is not None:
            self._of.setdefault(said.event_id, {})[said.ven_id] = said

    def _drop(self, gone: Said) -> None:
        of_event = self._of[gone.event_id]
        del of_event[gone.ven_id]
        if not of_event:
            del self._of[gone.event_id]


def _spelled(response: EventResponse | None) -> str | None:
    return None if response is None else spelling.responses((response,))


def _unspelled(text: str | None) -> EventResponse | None:
    return None if text is None else spelling.responses_of(text)[0]
