"""One association led through: every PDU of the near client to the far server, and what comes back, back.

Both wires carry the same MMS, so that a PDU is decoded on one side and encoded on the other, and nothing in between has
to know the services. Three things are added: what is too large for one wire is asked for in parts, what never changes
is answered from memory, and when the far server is gone the near client keeps its association (see `Relay.lost`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Any, Generic

import attrs

from ...common.errors import JanusGridError, Malformed, NotReachable, TimedOut
from ..engine import Steps
from ..engine.steps import Wait
from ..mapping.answer import Exchange
from ..mapping.controls import LAST_APPL_ERROR
from ..mapping.errors import TooLarge
from ..mapping.files import block_size
from ..mapping.initiate import Limits
from ..mapping.server import Answer, reject
from ..mapping.wire import P, Parameters, Wire
from ..mms import MmsEncodeError, pdu
from .far import Far, FarAssociation
from .parts import Blocks, read_in_parts, shortened
from .reports import Segments
from .stale import Values
from .standing import Standing

log = logging.getLogger(__name__)

_SETTLE = 0.05
_UNAVAILABLE = int(pdu.DataAccessError.TEMPORARILY_UNAVAILABLE)
_HIGHEST = 0x7FFF_FF00
_REJECT = pdu.ConfirmedRequestReject
_SIZE = pdu.ServiceError(("service", int(pdu.ServiceProblem.PDU_SIZE)))
_NOT_NOW = pdu.ServiceError(("service", int(pdu.ServiceProblem.OBJECT_STATE_CONFLICT)))


class Relay(Generic[P]):
    """One near association and the far one that belongs to it (see `mapping.service.Dialogue`, `answer.Taker`)."""

    def __init__(
        self,
        far: Far,
        association: FarAssociation,
        limits: Limits,
        wire: Wire[P],
        parameters: Parameters,
        exchange: Exchange,
        push: Callable[[pdu.MMSpdu], None],
        abort: Callable[[str], None],
    ) -> None:
        self._far = far
        self._association: FarAssociation | None = association
        self._limits = limits
        self._wire = wire
        self._parameters = parameters
        self._near = exchange
        self._push = push
        self._abort = abort
        self._numbers = count(1)
        self._outstanding = 0
        self._writing = 0
        self._obtaining = 0
        self._given = Blocks(lambda: block_size(wire, parameters.pdu_size))
        self._fetched = Blocks(lambda: far.block(association.parameters.pdu_size))
        self._causes: list[pdu.MMSpdu] = []
        self._segments = Segments()
        self._values = Values()
        self._standing = Standing()
        self._task: asyncio.Task[None] | None = None
        self._over = False
        self._take_over(association)

    @property
    def connected(self) -> bool:
        """Whether the far server is there, as far as is known."""
        return self._association is not None

    # --- for the binding at the near side ---------------------------------------------------------------------------

    def receive(self, message: pdu.MMSpdu, now: Any) -> Steps[Answer[P]]:
        """Lead a PDU to the far server, and return what it answers."""
        outcome = yield Wait(lambda: self._receive(message), self._far.name)
        return outcome.result  # type: ignore[no-any-return]

    def notify(self, notification: pdu.MMSpdu) -> list[P]:
        """Return what the far server sends of itself as it goes to the near client."""
        payload = self._wire.encode(notification)
        if not self._segments.busy and self._wire.size(payload) <= self._parameters.pdu_size:
            return [payload]
        parts = self._segments.divide(notification, self._fits)
        if not parts:
            log.warning("%s: what it sends of itself is too large here; dropped", self._far.name)
        return [self._wire.encode(part) for part in parts]

    def _fits(self, message: pdu.MMSpdu) -> bool:
        return self._wire.size(self._wire.encode(message)) <= self._parameters.pdu_size

    async def end(self) -> None:
        """The near association has ended: so does the far one."""
        self._over = True
        if self._task is not None:
            self._task.cancel()
        association, self._association = self._association, None
        if association is not None:
            association.taker = None
            await association.release()

    # --- requests ---------------------------------------------------------------------------------------------------

    async def _receive(self, message: pdu.MMSpdu) -> Answer[P]:
        match message:
            case ("confirmed-RequestPDU", request):
                answer = await self._confirmed(request)
            case ("conclude-RequestPDU", _):
                return Answer(self._wire.encode(("conclude-ResponsePDU", None)), concluded=True)
            case ("cancel-RequestPDU", invoke_id):
                error = pdu.ServiceError(("cancel", int(pdu.CancelError.CANCEL_NOT_POSSIBLE)))
                answer = ("cancel-ErrorPDU", pdu.CancelErrorPDU(invoke_id, error))
            case _:
                answer = reject(None, ("pdu-error", int(pdu.PduError.UNKNOWN_PDU_TYPE)))
        before = [payload for cause in self._take_causes() for payload in self.notify(cause)]
        return Answer(self._encoded(answer), before, rejected=answer[0] == "rejectPDU")

    async def _confirmed(self, request: pdu.ConfirmedRequestPDU) -> pdu.MMSpdu:
        if self._outstanding >= self._parameters.calling:
            return reject(request.invoke_id, ("confirmed-requestPDU", int(_REJECT.MAX_SERV_OUTSTANDING_EXCEEDED)))
        controls = request.service[0] in ("write", "read")  # Select reads
        self._outstanding += 1
        self._writing += controls
        try:
            return _numbered(await self._answer(request.service), request.invoke_id)
        finally:
            self._outstanding -= 1
            self._writing -= controls

    async def _answer(self, service: pdu.ConfirmedServiceRequest) -> pdu.MMSpdu:
        """Return what answers a service, with any number."""
        known = self._far.known(service)
        if known is not None:
            return _response(known)
        if service[0] == "obtainFile" and self._obtaining >= self._parameters.called:
            return _error(_NOT_NOW)  # the client may not be asked for what it sets
        self._obtaining += service[0] == "obtainFile"
        try:
            answer = await self._given.ask(service, self._ask)
            if service[0] == "read" and is_too_large(answer):
                answer = await read_in_parts(service[1], self._ask)
        except TooLarge:
            return _error(_SIZE)
        except (NotReachable, TimedOut) as error:
            log.info("%s: %s", self._far.name, error)
            return self._without(service)
        except JanusGridError as error:
            log.warning("%s: its answer cannot be read: %s", self._far.name, error)
            return self._without(service)
        finally:
            self._obtaining -= service[0] == "obtainFile"
        if service[0] == "write" and _is_refused_command(service[1], answer) and not self._causes:
            await asyncio.sleep(_SETTLE)  # why comes before the answer, but may take another way to us
        if answer[0] == "confirmed-ResponsePDU":
            self._done(service, answer[1].service)
        return answer

    async def _ask(self, service: pdu.ConfirmedServiceRequest) -> pdu.MMSpdu:
        association = self._association
        if association is None:
            raise NotReachable("it is gone")
        return await self._exchange(association, service)

    async def _exchange(self, association: FarAssociation, service: pdu.ConfirmedServiceRequest) -> pdu.MMSpdu:
        number = next(self._numbers) % _HIGHEST
        answer = await association.exchange(("confirmed-RequestPDU", pdu.ConfirmedRequestPDU(number, service)))
        match answer:
            case ("confirmed-ResponsePDU", response) if response.service[0] == service[0]:
                return answer
            case ("confirmed-ErrorPDU" | "rejectPDU", _):
                return answer
        raise Malformed(f"{answer[0]} came in answer to {service[0]}", where=self._far.name)

    def _done(self, service: pdu.ConfirmedServiceRequest, response: pdu.ConfirmedServiceResponse) -> None:
        self._far.learn(service, response)
        self._standing.done(service, response)
        match service, response:
            case ("read", asked), ("read", read):
                self._values.keep(asked.variable_access_specification, read.list_of_access_result)

    def _encoded(self, answer: pdu.MMSpdu) -> P:
        """Return an answer as it fits into a PDU of the near side."""
        while True:
            try:
                payload = self._wire.encode(answer)
            except MmsEncodeError as error:
                log.error("%s: an answer cannot be sent: %s", self._far.name, error)
                return self._wire.encode(_numbered(_error(_NOT_NOW), _number_of(answer)))
            if self._wire.size(payload) <= self._parameters.pdu_size:
                return payload
            answer = shortened(answer) or _numbered(_error(_SIZE), _number_of(answer))

    # --- what comes unasked (see `Taker`) ---------------------------------------------------------------------------

    @property
    def offering(self) -> bool:
        """True while the far server may fetch a file from the near client."""
        return self._obtaining > 0

    def unasked(self, message: pdu.MMSpdu) -> None:
        """Hand on a report or a termination; why a command is refused goes before the answer to it."""
        if self._writing and _is_cause(message):
            self._causes.append(message)
            return
        self._standing.heard(message)
        self._push(message)

    def _take_causes(self) -> list[pdu.MMSpdu]:
        found, self._causes = self._causes, []
        return found

    async def serve(self, request: pdu.ConfirmedRequestPDU) -> pdu.MMSpdu:
        """Ask the near client for what the far server fetches."""
        try:
            answer = await self._fetched.ask(request.service, self._ask_near)
        except JanusGridError as error:
            log.info("%s: a file is not there to be fetched: %s", self._far.name, error)
            answer = _error(pdu.ServiceError(("file", int(pdu.FileError.OTHER))))
        return _numbered(answer, request.invoke_id)

    async def _ask_near(self, service: pdu.ConfirmedServiceRequest) -> pdu.MMSpdu:
        number = next(self._numbers) % _HIGHEST
        return await self._near(("confirmed-RequestPDU", pdu.ConfirmedRequestPDU(number, service)))

    # --- the far server is gone, and comes back ---------------------------------------------------------------------

    def _take_over(self, association: FarAssociation) -> None:
        self._association = association
        association.taker = self
        association.on_end(lambda why: self.lost(association, why))
        if association.ended is not None:  # before anybody could listen
            asyncio.get_running_loop().call_soon(self.lost, association, association.ended)

    def lost(self, association: FarAssociation, why: str) -> None:
        """The far server is gone: see that it is reached again, and meanwhile answer what can be answered."""
        if self._over or self._association is not association:
            return
        log.warning("%s: %s", self._far.name, why)
        self._association = None
        if not self._far.keep:
            self._abort(why)
            return
        for report in self._standing.old():
            self._push(report)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._return())

    async def _return(self) -> None:
        while self._association is None:
            association = await self._far.again(self._limits)
            association.taker = self
            try:
                await self._standing.restore(partial(self._exchange, association))
            except JanusGridError as error:
                log.info("%s: lost again: %s", self._far.name, error)
                await association.abort()
                continue
            except BaseException:
                await association.abort()
                raise
            if association.ended is None:
                log.info("%s: it is there again", self._far.name)
                self._take_over(association)

    def _without(self, service: pdu.ConfirmedServiceRequest) -> pdu.MMSpdu:
        """Return what a client gets that asks for something while the far server is gone."""
        match service:
            case ("read", asked):
                results = self._values.answer(asked.variable_access_specification)
                if results is not None:
                    return _response(("read", pdu.ReadResponse(results)))
            case ("write", asked):
                refused: list[pdu.WriteResult] = [("failure", _UNAVAILABLE) for _ in asked.list_of_data]
                return _response(("write", refused))
            case ("status", _):
                logical, physical = pdu.VmdLogicalStatus, pdu.VmdPhysicalStatus
                state = pdu.StatusResponse(int(logical.NO_STATE_CHANGES_ALLOWED), int(physical.INOPERABLE))
                return _response(("status", state))
        return _error(_NOT_NOW)


def is_too_large(answer: pdu.MMSpdu) -> bool:
    """Return whether a service was refused because its answer would be too large."""
    match answer:
        case ("confirmed-ErrorPDU", error):
            return error.service_error.error_class == _SIZE.error_class
    return False


def _is_refused_command(request: Any, answer: pdu.MMSpdu) -> bool:
    """Return whether a write would have been a command, and was refused."""
    match request.variable_access_specification, answer:
        case ("listOfVariable", [definition]), ("confirmed-ResponsePDU", response):
            match definition.variable_specification:
                case ("name", ("domain-specific", name)):
                    return "$CO$" in name.item_id and response.service[1] != [("success", None)]
    return False


def _is_cause(message: pdu.MMSpdu) -> bool:
    """Return whether this is a LastApplError by itself; with the Oper it is about it is a termination."""
    match message:
        case ("unconfirmed-PDU", unconfirmed):
            match unconfirmed.service:
                case ("informationReport", report):
                    match report.variable_access_specification:
                        case ("listOfVariable", [definition]):
                            return definition.variable_specification == (
                                "name",
                                ("vmd-specific", LAST_APPL_ERROR),
                            )
    return False


def _response(service: pdu.ConfirmedServiceResponse) -> pdu.MMSpdu:
    return ("confirmed-ResponsePDU", pdu.ConfirmedResponsePDU(0, service))


def _error(error: pdu.ServiceError) -> pdu.MMSpdu:
    return ("confirmed-ErrorPDU", pdu.ConfirmedErrorPDU(0, error))


def _numbered(answer: pdu.MMSpdu, invoke_id: int) -> pdu.MMSpdu:
    """Return an answer with the number of the request that it is for here."""
    match answer:
        case ("confirmed-ResponsePDU" | "confirmed-ErrorPDU" as kind, found):
            return (kind, attrs.evolve(found, invoke_id=invoke_id))  # type: ignore[return-value]
        case ("rejectPDU", found):
            return ("rejectPDU", attrs.evolve(found, original_invoke_id=invoke_id))
    return answer


def _number_of(answer: pdu.MMSpdu) -> int:
    match answer:
        case ("confirmed-ResponsePDU" | "confirmed-ErrorPDU", found):
            return found.invoke_id
    return 0
