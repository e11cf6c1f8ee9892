"""What every transport does with a document that comes in: opened, led to the role, answered."""

from __future__ import annotations

import logging
from collections.abc import Callable
from xml.etree.ElementTree import Element as StdElement

from ...common.errors import LocalError, Malformed, NotReachable
from ..core.answers import Code, Rejected, negative, rejection, request_id
from ..model import Message, Response
from ..signing import Unproved
from .transport import NotNow, Station

log = logging.getLogger(__name__)


async def answer(
    station: Station,
    identity: str,
    data: bytes | StdElement,
    *,
    sender: str,
    misplaced: Callable[[Message], str | None] = lambda message: None,
) -> str | None:
    """Return the answer to a document as text, None for an empty one.

    Args:
        identity: what the transport has proved the sender to be; `sender` is what to call it in logs.
        misplaced: why a message does not belong where it came in; None if it does.

    Raises:
        NotNow: to be sent again later.
    """
    envelopes, request = station.envelopes, ""
    try:
        opened = envelopes.open(identity, data)
        message = opened.message
        request = request_id(message)
        reason = misplaced(message)
        if reason is None:
            reply = await station.receive(identity, message, opened.spend)
        else:
            await station.believe(opened)
            reply = rejection(message, Rejected(Code.NOT_RECOGNIZED, reason))
    except Malformed as error:
        log.warning("event=openadr.invalid from=%s: %s", sender, error)
        return envelopes.close(Response(ei_response=negative(Rejected(Code.INVALID_DATA, str(error)))), identity)
    except Unproved as error:
        log.warning("event=%s from=%s: %s", error.event, sender, error)
        refusal = Response(ei_response=negative(error, request or error.request))
        return envelopes.close(refusal, identity, signed=True)
    if isinstance(message, Response) and isinstance(reply, Response) and reply.ei_response.ok:
        reply = None  # what says that all is well is answered by nothing: over HTTP by status 200 alone
    try:
        return None if reply is None else envelopes.close(reply, identity, signed=opened.signed)
    except LocalError:
        log.exception("the answer to %s of %s cannot be sent", type(message).__name__, sender)
        fault = rejection(message, Rejected(Code.DEPLOYMENT_ERROR, "the answer cannot be sent"))
        return envelopes.close(fault, identity, signed=opened.signed)


async def answered(station: Station, identity: str, data: bytes | StdElement, where: str) -> Message:
    """Return the message in the answer to one of ours.

    Raises:
        Malformed: it is none, or is not proved.
        NotReachable: that it was there cannot be stored, so that it does not count.
    """
    try:
        opened = station.envelopes.open(identity, data)
        await station.believe(opened)
        return opened.message
    except NotNow as error:
        raise NotReachable(error.message, where=where) from None
    except Unproved as error:
        log.warning("event=%s from=%s: %s", error.event, where, error)
        raise Malformed(f"the answer is not believed: {error.message}", where=where) from None
