"""The server side of the mapping: MMS PDUs in, ACSI services on an engine, PDUs out (8-1 clauses 7 to 23)."""

from __future__ import annotations

import logging
from bisect import bisect_right
from collections.abc import Callable
from datetime import datetime
from typing import Any, Generic

import attrs

from ...common.errors import JanusGridError
from ..acsi.errors import AddCause, ServiceError, ServiceRefused
from ..acsi.references import FC, Reference
from ..acsi.services import Notification, Report, Select, Termination
from ..engine import Association, Steps
from ..engine.tree import Node
from ..mms import MmsEncodeError, pdu
from ..rights import ServiceKind
from .answer import Exchange
from .catalogue import Catalogue, NoRoom, Room, Variable, unknown_name
from .controls import LastApplError, command_identity, encode_last_appl_error, encode_termination
from .errors import confirmed_error, data_access_error
from .files import FileServer
from .lists import Lists
from .logs import LogServer
from .names import full_text, item
from .permits import absent, need
from .reports import encode_report
from .values import decode
from .wire import P, Parameters, Wire

log = logging.getLogger(__name__)

_CLASS, _REJECT = pdu.BasicObjectClass, pdu.ConfirmedRequestReject


@attrs.frozen(slots=True)
class Identity:
    """What the server answers to identify."""

    vendor: str = "JanusGrid"
    model: str = "IEC 61850 server"
    revision: str = "0"


@attrs.define(slots=True)
class Answer(Generic[P]):
    """What is to be sent for one PDU received.

    Attributes:
        answer: the PDU that answers it.
        before: what goes unasked before the answer.
        concluded: True if the association has come to its end with it.
        rejected: True if the answer is a reject, which a binding may have to send by itself.
    """

    answer: P
    before: list[P] = attrs.Factory(list)
    concluded: bool = False
    rejected: bool = False


class Rejected(JanusGridError):
    """A request that breaks a rule of MMS, and is answered by a reject."""

    def __init__(self, reason: pdu.ConfirmedRequestReject, message: str) -> None:
        super().__init__(message, code=reason.name.lower().replace("_", "-"))
        self.reason = reason


def reject(invoke_id: int | None = None, reason: pdu.RejectReason | None = None) -> pdu.MMSpdu:
    """Return the reject for what could not be read as a PDU, or for a request that breaks a rule."""
    return ("rejectPDU", pdu.RejectPDU(reason or ("pdu-error", int(pdu.PduError.INVALID_PDU)), invoke_id))


class MmsServer(Generic[P]):
    """One association at the server, after it was opened.

    `exchange` sends a request to the client and returns its answer; without it no client can set a file.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        association: Association,
        wire: Wire[P],
        parameters: Parameters,
        identity: Identity | None = None,
        exchange: Exchange | None = None,
    ) -> None:
        self._catalogue = catalogue
        self._engine = catalogue.engine
        self._association = association
        self._wire = wire
        self._parameters = parameters
        self._identity = identity or Identity()
        self._outstanding = 0
        self._lists = Lists(catalogue, association)
        self._services: dict[str, Callable[[Any], pdu.ConfirmedServiceResponse]] = {
            "status": self._status,
            "identify": self._identify,
            "getNameList": self._names,
            "read": self._read,
            "getVariableAccessAttributes": self._attributes,
            "getNamedVariableListAttributes": self._lists.attributes,
        }
        self._files = FileServer(self._engine.files, association, wire, parameters, exchange)
        self._services |= self._files.services()
        self._logs = LogServer(self._engine, wire, parameters)

    # --- what comes in ----------------------------------------------------------------------------------------------

    def receive(self, message: pdu.MMSpdu, now: datetime) -> Steps[Answer[P]]:
        """Perform what a PDU asks for and return the answer; never raises for anything that a client can send."""
        match message:
            case ("confirmed-RequestPDU", request):
                return (yield from self._confirmed(request, now))
            case ("conclude-RequestPDU", _):
                return Answer(self._wire.encode(("conclude-ResponsePDU", None)), concluded=True)
            case ("cancel-RequestPDU", invoke_id):
                error = pdu.ServiceError(("cancel", int(pdu.CancelError.CANCEL_NOT_POSSIBLE)))
                return Answer(self._wire.encode(("cancel-ErrorPDU", pdu.CancelErrorPDU(invoke_id, error))))
            case _:
                unknown = reject(None, ("pdu-error", int(pdu.PduError.UNKNOWN_PDU_TYPE)))
                return Answer(self._wire.encode(unknown), rejected=True)

    def _confirmed(self, request: pdu.ConfirmedRequestPDU, now: datetime) -> Steps[Answer[P]]:
        before: list[P] = []
        answer: pdu.MMSpdu
        self._outstanding += 1
        try:
            if self._outstanding > self._parameters.calling:
                raise Rejected(_REJECT.MAX_SERV_OUTSTANDING_EXCEEDED, "too many requests at once")
            response = yield from self._serve(request.service, before, now)
            answer = ("confirmed-ResponsePDU", pdu.ConfirmedResponsePDU(request.invoke_id, response))
        except ServiceRefused as refused:
            error = confirmed_error(refused, request.service[0])
            answer = ("confirmed-ErrorPDU", pdu.ConfirmedErrorPDU(request.invoke_id, error))
        except Rejected as rejected:
            answer = reject(request.invoke_id, ("confirmed-requestPDU", int(rejected.reason)))
        except NoRoom:
            answer = _too_large(request.invoke_id)
        finally:
            self._outstanding -= 1
        try:
            payload = self._wire.encode(answer)
        except MmsEncodeError as error:  # a value that the application put into the model has no form in MMS
            log.error("%s: an answer cannot be sent: %s", self._association.peer, error)
            payload = self._wire.encode(("confirmed-ErrorPDU", _other_error(request.invoke_id)))
        if self._wire.size(payload) > self._parameters.pdu_size:
            payload = self._wire.encode(_too_large(request.invoke_id))
        return Answer(payload, before, rejected=answer[0] == "rejectPDU")

    def _serve(
        self, service: pdu.ConfirmedServiceRequest, before: list[P], now: datetime
    ) -> Steps[pdu.ConfirmedServiceResponse]:
        kind, argument = service
        simple = self._services.get(kind)
        if self._association.permit is not None and not need(self._association.permit, kind, argument):
            raise Rejected(_REJECT.UNRECOGNIZED_SERVICE, f"{kind} is not served here")
        if simple is not None:
            if kind == "read" and (selected := self._selected(argument)) is not None:
                return (yield from self._select(selected, before, now))
            return simple(argument)
        if kind == "write":
            return (yield from self._write(argument, before, now))  # type: ignore[arg-type]
        if kind == "readJournal" and self._engine.logs.served:
            return (yield from self._logs.read(argument))  # type: ignore[arg-type]
        if kind == "defineNamedVariableList":
            return self._lists.define(argument, now)  # type: ignore[arg-type]
        if kind == "deleteNamedVariableList":
            return self._lists.delete(argument, now)  # type: ignore[arg-type]
        if kind == "obtainFile" and self._engine.files.writable:
            return (yield from self._files.obtain(argument))  # type: ignore[arg-type]
        raise Rejected(_REJECT.UNRECOGNIZED_SERVICE, f"{kind} is not served here")

    # --- the server itself ------------------------------------------------------------------------------------------

    def _status(self, extended: bool) -> pdu.ConfirmedServiceResponse:
        logical, physical = pdu.VmdLogicalStatus, pdu.VmdPhysicalStatus
        return ("status", pdu.StatusResponse(int(logical.STATE_CHANGES_ALLOWED), int(physical.OPERATIONAL)))

    def _identify(self, nothing: None) -> pdu.ConfirmedServiceResponse:
        identity = self._identity
        return ("identify", pdu.IdentifyResponse(identity.vendor, identity.model, identity.revision))

    # --- names and types --------------------------------------------------------------------------------------------

    def _names(self, request: pdu.GetNameListRequest) -> pdu.ConfirmedServiceResponse:
        _, class_ = request.object_class
        found: list[str] | None
        match request.object_scope:
            case ("vmdSpecific", _) if class_ == _CLASS.NAMED_VARIABLE_LIST:
                found = self._lists.server_names()
            case ("vmdSpecific", _):
                found = self._catalogue.domains() if class_ == _CLASS.DOMAIN else []
            case ("aaSpecific", _) if class_ == _CLASS.NAMED_VARIABLE_LIST:
                found = self._lists.own_names()
            case ("domainSpecific", domain) if class_ == _CLASS.NAMED_VARIABLE_LIST:
                found = self._catalogue.list_names(domain)
            case ("domainSpecific", domain) if class_ == _CLASS.JOURNAL:
                found = self._catalogue.log_names(domain)
            case ("domainSpecific", domain) if class_ == _CLASS.NAMED_VARIABLE:
                found = self._catalogue.variable_names(domain)
            case ("domainSpecific", domain) if class_ == _CLASS.DOMAIN:
                raise ServiceRefused(ServiceError.CLASS_NOT_SUPPORTED, "there are no domains within a domain")
            case ("domainSpecific", domain):
                found = None if self._catalogue.variable_names(domain) is None else []
            case _:
                found = []
        if found is None:
            raise unknown_name(("vmd-specific", str(request.object_scope[1])))
        start = bisect_right(found, request.continue_after) if request.continue_after is not None else 0
        page = self._page(found, start)
        return ("getNameList", pdu.GetNameListResponse(page, start + len(page) < len(found)))

    def _page(self, found: list[str], start: int) -> list[str]:
        """Return as many names from `start` on as fit into one PDU, but at least one."""
        room, overhead, end = self._parameters.pdu_size - 400, self._wire.name_overhead, start
        while end < len(found) and (room := room - overhead - len(found[end])) > 0:
            end += 1
        return found[start : max(end, start + 1)]

    def _variable(self, name: pdu.ObjectName) -> Variable | None:
        match name:
            case ("domain-specific", found):
                return self._catalogue.variable(found.domain_id, found.item_id)
            case _:
                return None

    def _attributes(self, request: pdu.GetVariableAccessAttributesRequest) -> pdu.ConfirmedServiceResponse:
        variable = self._variable(request[1])
        if variable is None:
            raise unknown_name(request[1])
        description = self._catalogue.type(variable.node)
        return ("getVariableAccessAttributes", pdu.GetVariableAccessAttributesResponse(False, description))

    # --- reading ----------------------------------------------------------------------------------------------------

    def _read(self, request: pdu.ReadRequest) -> pdu.ConfirmedServiceResponse:
        access = request.variable_access_specification
        room = Room.of(self._parameters.pdu_size)
        match access:
            case ("listOfVariable", variables):
                results = [self._read_one(variable, room) for variable in variables]
            case ("variableListName", name):
                members = list(self._engine.data_sets.readable(self._lists.find(name), self._association))
                room.take(
                    sum(self._catalogue.weight(node) for node, error in members if node is not None and error is None)
                )
                results = [self._member(node, error) for node, error in members]
        return ("read", pdu.ReadResponse(results, access if request.specification_with_result else None))

    def _member(self, node: Node | None, error: ServiceError | None) -> pdu.AccessResult:
        if error is not None:
            return ("failure", data_access_error(error))
        if node is None:
            return ("failure", int(pdu.DataAccessError.OBJECT_NON_EXISTENT))
        return ("success", self._catalogue.render(node)())

    def _read_one(self, definition: pdu.VariableDef, room: Room) -> pdu.AccessResult:
        variable, permit = self._catalogue.named(definition), self._association.permit
        if variable is None:
            return ("failure", self._absent(ServiceKind.GET_DATA_VALUES, definition))
        reference = variable.reference
        if permit is not None and not permit.allows(ServiceKind.GET_DATA_VALUES, reference, reference.fc):
            return ("failure", int(pdu.DataAccessError.OBJECT_ACCESS_DENIED))
        if reference.fc is FC.SE:
            try:
                self._engine.data.guard(reference)
            except ServiceRefused as refused:
                return ("failure", data_access_error(refused.error))
        if definition.alternate_access is None:
            room.take(variable.weight)
            return ("success", variable.render())
        part = self._catalogue.part(variable.node, definition.alternate_access, room)
        return ("failure", int(pdu.DataAccessError.OBJECT_NON_EXISTENT)) if part is None else ("success", part)

    def _absent(self, kind: ServiceKind, definition: pdu.VariableDef) -> int:
        """Return the error of a name that does not exist, as the client may be told."""
        permit = self._association.permit
        return data_access_error(
            ServiceError.INSTANCE_NOT_AVAILABLE if permit is None else absent(permit, kind, definition)
        )

    def _told_of_commands(self) -> bool:
        """Return whether the client may know what can be commanded: why a command is refused would tell it."""
        permit = self._association.permit
        return permit is None or (
            permit.access.allows(ServiceKind.GET_DIRECTORY) or permit.access.allows(ServiceKind.SET_DATA_VALUES, FC.CO)
        )

    def _selected(self, request: Any) -> Variable | None:
        """Return the SBO that a request reads, None for another one; a select is read by itself."""
        match request.variable_access_specification:
            case ("listOfVariable", [definition]):
                pass
            case _:
                return None
        match definition.variable_specification:
            case ("name", ("domain-specific", name)) if name.item_id.endswith("$SBO"):
                found = self._catalogue.variable(name.domain_id, name.item_id)
                known = found is not None and found.reference.fc is FC.CO and self._told_of_commands()
                return found if known else None
            case _:
                return None

    def _select(self, variable: Variable, before: list[P], now: datetime) -> Steps[pdu.ConfirmedServiceResponse]:
        """Perform Select: who may have the object gets its name, who may not an empty text."""
        where = variable.reference
        control = Reference(where.device, where.node, where.path[:-1], FC.CO)
        try:
            yield from self._engine.call(self._association, Select(control), now)
            text = full_text(control)
        except ServiceRefused as refused:
            before.append(self._wire.encode(_last_appl_error(variable, ("visible-string", ""), refused)))
            text = ""
        return ("read", pdu.ReadResponse([("success", ("visible-string", text))], None))

    # --- writing ----------------------------------------------------------------------------------------------------

    def _write(self, request: pdu.WriteRequest, before: list[P], now: datetime) -> Steps[pdu.ConfirmedServiceResponse]:
        match request.variable_access_specification:
            case ("listOfVariable", definitions):
                pass
            case ("variableListName", name):
                return ("write", (yield from self._lists.write(name, request.list_of_data, now)))
        if len(definitions) != len(request.list_of_data):
            raise Rejected(_REJECT.INVALID_ARGUMENT, "as many values as variables are needed")
        results: list[pdu.WriteResult] = []
        for definition, data in zip(definitions, request.list_of_data, strict=True):
            results.append((yield from self._write_one(definition, data, before, now)))
        return ("write", results)

    def _write_one(
        self, definition: pdu.VariableDef, data: pdu.Data, before: list[P], now: datetime
    ) -> Steps[pdu.WriteResult]:
        variable, permit = self._catalogue.named(definition), self._association.permit
        if variable is None:
            return ("failure", self._absent(ServiceKind.SET_DATA_VALUES, definition))
        reference = variable.reference
        try:
            if permit is not None:  # before a value of another type is told to be one
                permit.need(ServiceKind.SET_DATA_VALUES, reference, reference.fc)
            if definition.alternate_access is not None:
                reference, value = self._catalogue.part_value(definition, data)
            else:
                value = variable.value(data)
            yield from self._engine.data.write(self._association, reference, value, now)
        except ServiceRefused as refused:
            if variable.reference.fc is FC.CO and variable.reference.path and self._told_of_commands():
                before.append(self._wire.encode(_last_appl_error(variable, data, refused)))
            return ("failure", data_access_error(refused.error))
        return ("success", None)

    # --- what goes out unasked --------------------------------------------------------------------------------------

    def notify(self, notification: Notification) -> list[P]:
        """Return the PDUs for a report or a command termination; a report too large for one goes in segments."""
        if isinstance(notification, Termination):
            return [self._wire.encode(self._termination(notification))]
        payload = self._wire.encode(encode_report(notification))
        if self._wire.size(payload) <= self._parameters.pdu_size:
            return [payload]
        return self._segments(notification)

    def _termination(self, termination: Termination) -> pdu.MMSpdu:
        where = termination.control.with_fc(FC.CO).child("Oper")
        oper = self._catalogue.variable(where.device, item(where))
        assert oper is not None  # it was commanded
        return encode_termination(termination, oper.description)

    def _segments(self, report: Report) -> list[P]:
        payloads: list[P] = []
        left = [report.entries]
        while left:
            entries = left.pop()
            segment = attrs.evolve(report, entries=entries, sub_sequence=len(payloads), more_follows=bool(left))
            payload = self._wire.encode(encode_report(segment))
            if self._wire.size(payload) <= self._parameters.pdu_size:
                payloads.append(payload)
            elif len(entries) > 1:
                half = len(entries) // 2
                left += [entries[half:], entries[:half]]
            elif entries[0].value is not None:
                # One value alone is too large for the client: it learns that there was one it cannot get.
                left.append([attrs.evolve(entries[0], value=None)])
        return payloads


def _too_large(invoke_id: int) -> pdu.MMSpdu:
    """Return the error of an answer that is larger than PDUs may be; a client asks for less then."""
    size = pdu.ServiceError(("service", int(pdu.ServiceProblem.PDU_SIZE)))
    return ("confirmed-ErrorPDU", pdu.ConfirmedErrorPDU(invoke_id, size))


def _other_error(invoke_id: int) -> pdu.ConfirmedErrorPDU:
    return pdu.ConfirmedErrorPDU(invoke_id, pdu.ServiceError(("others", 1)))


def _last_appl_error(variable: Variable, data: pdu.Data, refused: ServiceRefused) -> pdu.MMSpdu:
    """Return the LastApplError for a command that was refused."""
    reference = variable.reference
    try:
        who, number = command_identity(decode(data), variable.description)
    except JanusGridError:
        who, number = command_identity(None, variable.description)
    control, part = Reference(reference.device, reference.node, reference.path[:-1]), reference.path[-1]
    otherwise = AddCause.INCONSISTENT_PARAMETERS if refused.error is ServiceError.TYPE_CONFLICT else AddCause.UNKNOWN
    cause = otherwise if refused.add_cause is None else refused.add_cause
    return encode_last_appl_error(LastApplError(control, 0, who, number, cause, part))
