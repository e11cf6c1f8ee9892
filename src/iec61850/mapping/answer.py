"""What answers a confirmed request, for whichever side asks: the client, or a server that fetches a file from it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from ...common.errors import Malformed
from ..acsi.errors import ServiceError, ServiceRefused
from ..mms import pdu
from .errors import refusal

Exchange = Callable[[pdu.MMSpdu], Awaitable[pdu.MMSpdu]]
"""Sends a confirmed request and returns the PDU that answers it; raises `TooLarge` before anything is sent."""

UNRECOGNIZED: pdu.RejectReason = ("confirmed-requestPDU", int(pdu.ConfirmedRequestReject.UNRECOGNIZED_SERVICE))
"""Why a request for a service is rejected that a side does not have."""


class Taker(Protocol):
    """What takes, PDU by PDU, all that a server sends of itself, in place of a client of services (`MmsClient`)."""

    @property
    def offering(self) -> bool:
        """True while the server may fetch a file: it is at work as long as it asks for it."""
        ...

    def unasked(self, message: pdu.MMSpdu) -> None:
        """Take what needs no answer; it raises nothing."""
        ...

    async def serve(self, request: pdu.ConfirmedRequestPDU) -> pdu.MMSpdu:
        """Return the PDU that answers what the server asks; it raises nothing."""
        ...


def result(answer: pdu.MMSpdu, kind: str, invoke_id: int, where: str, peer: str) -> Any:
    """Return what the service `kind` answers; raise what it refuses, and `Malformed` for any other answer."""
    match answer:
        case ("confirmed-ResponsePDU", response) if response.invoke_id == invoke_id:
            answered, value = response.service
            if answered == kind:
                return value
            raise Malformed(f"{answered} came in answer to {kind}", where=peer)
        case ("confirmed-ErrorPDU", error) if error.invoke_id == invoke_id:
            raise refusal(error.service_error, where)
        case ("rejectPDU", rejected):
            raise _rejection(kind, rejected, where)
        case (other, _):
            raise Malformed(f"{other} came in answer to {kind} {invoke_id}", where=peer)


def _rejection(kind: str, rejected: pdu.RejectPDU, where: str) -> ServiceRefused:
    pdu_kind, code = rejected.reject_reason
    if pdu_kind == "confirmed-requestPDU" and code == pdu.ConfirmedRequestReject.UNRECOGNIZED_SERVICE:
        return ServiceRefused(ServiceError.CLASS_NOT_SUPPORTED, f"the other side does not have {kind}", where=where)
    return ServiceRefused(
        ServiceError.FAILED_DUE_TO_COMMUNICATIONS_CONSTRAINT,
        f"the other side rejects {kind}: {pdu_kind} {code}",
        where=where,
    )
