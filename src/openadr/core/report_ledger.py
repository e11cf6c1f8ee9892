"""What a sink knows of a peer: which reports it offers, and which of them it was asked for."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import attrs

from ..model import Report, ReportRequest
from . import spelling

MOST_REQUESTS = 1_000
"""Report requests known per peer: one that is asked for once leaves no trace of having been answered."""

MOST_ENDED = 100
"""Requests that have ended per peer, of which a last report may still be under way."""


@attrs.define(slots=True, eq=False, kw_only=True)
class Ledger:
    """The reports of a peer.

    Attributes:
        ready: whether it has said what it can report.
        offers: by reportSpecifierID.
        requests: the reports it was asked for, by reportRequestID.
        ended: reportRequestIDs that were cancelled or are over, and which points they asked for.
        cancelling: reportRequestIDs to be cancelled by the answer to their next update; whether a last one follows.
        told: a digest of what of ours it was offered last, `told_at` when that was first; `taken` whether it answered.
    """

    ready: bool = False
    offers: dict[str, Report] = attrs.Factory(dict)
    requests: dict[str, ReportRequest] = attrs.Factory(dict)
    ended: dict[str, tuple[str, ...]] = attrs.Factory(dict)
    cancelling: dict[str, bool] = attrs.Factory(dict)
    told: str = ""
    told_at: datetime | None = None
    taken: bool = False

    def expect(self, requests: Iterable[ReportRequest]) -> None:
        """Let reports be answers to these requests; the oldest of very many are forgotten."""
        for request in requests:
            self.requests[request.report_request_id] = request
            self.ended.pop(request.report_request_id, None)
        for old in list(self.requests)[:-MOST_REQUESTS]:
            del self.requests[old]

    def end(self, request_ids: Iterable[str]) -> None:
        """Expect nothing more of these, but for what is under way."""
        for identity in request_ids:
            if identity in self.requests:
                self.ended[identity] = self.wanted(identity)
                del self.requests[identity]
            self.cancelling.pop(identity, None)
        for old in list(self.ended)[:-MOST_ENDED]:
            del self.ended[old]

    def wanted(self, request_id: str) -> tuple[str, ...]:
        """Return the rIDs that a report was asked for."""
        request = self.requests.get(request_id)
        if request is None:
            return self.ended.get(request_id, ())
        return tuple(dict.fromkeys(each.r_id for each in request.report_specifier.specifier_payloads))

    def knows(self, request_id: str) -> bool:
        """Whether a report may be an answer to this (rule 304)."""
        return request_id in self.requests or request_id in self.ended

    def carry_over(self, before: Ledger) -> None:
        """Take over what was known under the same registration."""
        for field in attrs.fields(Ledger):
            setattr(self, field.name, getattr(before, field.name))

    def forget(self) -> None:
        """A new registration makes both sides forget their reports (rule 406)."""
        self.carry_over(Ledger())

    def parts(self) -> dict[str, Any]:
        """Return it in parts that can be kept."""
        return {
            "ready": self.ready,
            "offers": spelling.offers(self.offers.values()),
            "requests": spelling.requests(self.requests.values()),
            "ended": self.ended,
            "cancelling": self.cancelling,
            "told": self.told,
            "told_at": spelling.time(self.told_at),
            "taken": self.taken,
        }

    @staticmethod
    def of_parts(kept: dict[str, Any]) -> dict[str, Any]:
        """Return what `parts` had, from what was kept of it."""
        return {
            **kept,
            "offers": {offer.report_specifier_id: offer for offer in spelling.offers_of(kept["offers"])},
            "requests": {asked.report_request_id: asked for asked in spelling.requests_of(kept["requests"])},
            "ended": {name: tuple(r_ids) for name, r_ids in kept["ended"].items()},
            "told_at": spelling.time_of(kept["told_at"]),
        }

    def spelled(self) -> str:
        """Return it as it is kept."""
        return spelling.document(**self.parts())

    @classmethod
    def unspelled(cls, text: str) -> Ledger:
        """Return what `spelled` has returned the text of."""
        return cls(**cls.of_parts(spelling.values(text)))
