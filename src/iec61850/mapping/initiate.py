"""Opening an association: what is proposed, what is settled, and what is refused (MMS initiate, 8-1 clause 8)."""

from __future__ import annotations

import attrs

from ...common.errors import LocalError, Malformed, Refused
from ..acsi.types import BitString
from ..mms import pdu
from .wire import Parameters

_CBB = pdu.ParameterSupportOptions
_S = pdu.ServiceSupportOptions

CBB = frozenset({_CBB.STR1, _CBB.STR2, _CBB.VNAM, _CBB.VALT, _CBB.VLIS})
"""Parameter conformance building blocks of both our sides: structures, named variables, lists, parts of arrays."""
NEEDED_CBB = frozenset({_CBB.STR1, _CBB.VNAM})

SERVER_SERVICES = frozenset({
    _S.STATUS, _S.GET_NAME_LIST, _S.IDENTIFY, _S.READ, _S.WRITE, _S.GET_VARIABLE_ACCESS_ATTRIBUTES,
    _S.GET_NAMED_VARIABLE_LIST_ATTRIBUTES, _S.DEFINE_NAMED_VARIABLE_LIST, _S.DELETE_NAMED_VARIABLE_LIST,
    _S.INFORMATION_REPORT, _S.CONCLUDE, _S.CANCEL,
})  # fmt: skip
"""What our server announces: just what `MmsServer` answers; a cancel always with an error, as it comes too late."""
FILE_SERVICES = frozenset({_S.FILE_OPEN, _S.FILE_READ, _S.FILE_CLOSE, _S.FILE_DIRECTORY})
"""What our server announces beside these where it has files."""
FILE_CHANGES = frozenset({_S.OBTAIN_FILE, _S.FILE_DELETE, _S.FILE_RENAME})
"""What it announces beside these where clients may change the files."""
LOG_SERVICES = frozenset({_S.READ_JOURNAL})
"""What it announces beside these where it has logs."""
_SERVERS_ONLY = frozenset({_S.STATUS, _S.IDENTIFY, _S.CANCEL})
CLIENT_SERVICES = (SERVER_SERVICES - _SERVERS_ONLY) | FILE_SERVICES | FILE_CHANGES | LOG_SERVICES

MIN_PDU_SIZE = 512
MIN_NESTING = 5


@attrs.frozen(slots=True)
class Limits:
    """What one side is ready to take.

    Attributes:
        pdu_size: octets of the largest PDU (8-2 recommends 8192 at least, second-hand).
        outstanding: requests at the same time.
        nesting: levels of nested data.
    """

    pdu_size: int = 65_000
    outstanding: int = 10
    nesting: int = 10


def within(limits: Limits, pdu_size: int) -> Limits:
    """Return the limits with PDUs of this size at most, which is what the wire lets through; raise `LocalError`."""
    if pdu_size < MIN_PDU_SIZE:
        raise LocalError(f"PDUs of {pdu_size} octets are all that goes through; {MIN_PDU_SIZE} are needed")
    return limits if limits.pdu_size <= pdu_size else attrs.evolve(limits, pdu_size=pdu_size)


class InitiateRefused(Refused):
    """An association was refused while it was being opened; `error` is the MMS error, `code` its class and number."""

    def __init__(self, problem: pdu.InitiateError, message: str) -> None:
        super().__init__(message, code=problem.name.lower().replace("_", "-"))
        self.error = pdu.ServiceError(("initiate", int(problem)))


def bits(numbers: frozenset[pdu.ParameterSupportOptions] | frozenset[pdu.ServiceSupportOptions], size: int) -> pdu.Bits:
    """Return a bit string in which just these bits are set."""
    return sum(1 << size - 1 - number for number in numbers), size


def numbers(value: pdu.Bits) -> frozenset[int]:
    """Return the numbers of the bits that are set."""
    return frozenset(BitString(*value).bits)


def request(limits: Limits) -> pdu.MMSpdu:
    """Return what a client proposes."""
    detail = pdu.InitRequestDetail(1, bits(CBB, 11), bits(CLIENT_SERVICES, 85))
    return (
        "initiate-RequestPDU",
        pdu.InitiateRequestPDU(limits.outstanding, limits.outstanding, detail, limits.pdu_size, limits.nesting),
    )


def accept(
    proposed: pdu.InitiateRequestPDU, limits: Limits, services: frozenset[pdu.ServiceSupportOptions] = SERVER_SERVICES
) -> tuple[Parameters, pdu.MMSpdu]:
    """Return what a server with these services settles on, and its answer; raise `InitiateRefused`."""
    problem = pdu.InitiateError
    detail = proposed.init_request_detail
    if detail.proposed_version_number < 1:
        raise InitiateRefused(problem.VERSION_INCOMPATIBLE, f"version {detail.proposed_version_number} is not known")
    blocks = numbers(detail.proposed_parameter_cbb) & CBB
    if not blocks >= NEEDED_CBB:
        raise InitiateRefused(problem.PARAMETER_CBB_INSUFFICIENT, "structures and named variables are needed")
    size = limits.pdu_size if proposed.local_detail_calling is None else proposed.local_detail_calling
    if size < MIN_PDU_SIZE:
        raise InitiateRefused(problem.MAX_SEGMENT_INSUFFICIENT, f"PDUs of {size} octets hold nothing")
    nesting = proposed.proposed_data_structure_nesting_level
    if nesting is not None and nesting < MIN_NESTING:
        raise InitiateRefused(problem.NESTING_LEVEL_INSUFFICIENT, f"a logical node nests deeper than {nesting} levels")
    calling = proposed.proposed_max_serv_outstanding_calling
    if calling < 1:
        raise InitiateRefused(problem.MAX_SERVICES_OUTSTANDING_CALLING_INSUFFICIENT, "no request may be outstanding")
    settled = Parameters(
        min(size, limits.pdu_size),
        min(calling, limits.outstanding),
        max(0, min(proposed.proposed_max_serv_outstanding_called, limits.outstanding)),
        min(nesting or limits.nesting, limits.nesting),
        services,
    )
    answer = pdu.InitResponseDetail(
        1,
        bits(frozenset(_CBB(number) for number in blocks), 11),
        bits(services, 85),
    )
    return settled, (
        "initiate-ResponsePDU",
        pdu.InitiateResponsePDU(settled.calling, settled.called, answer, settled.pdu_size, settled.nesting),
    )


def settled(answer: pdu.MMSpdu, limits: Limits) -> Parameters:
    """Return what a server's answer settles; raise `InitiateRefused`, or `Malformed` if it settles more than asked."""
    match answer:
        case ("initiate-ResponsePDU", response):
            pass
        case ("initiate-ErrorPDU", error):
            kind, code = error.error_class
            if kind == "initiate" and code in tuple(pdu.InitiateError):
                raise InitiateRefused(pdu.InitiateError(code), "the server refuses the association")
            raise InitiateRefused(pdu.InitiateError.OTHER, f"the server refuses the association: {kind} {code}")
        case (other, _):
            raise Malformed(f"{other} came in answer to initiate-RequestPDU")
    size = limits.pdu_size if response.local_detail_called is None else response.local_detail_called
    if not 0 < size <= limits.pdu_size or response.init_response_detail.negotiated_version_number != 1:
        raise Malformed(f"the server settles on PDUs of {size} octets, where {limits.pdu_size} were proposed")
    return Parameters(
        size,
        max(1, min(response.negotiated_max_serv_outstanding_calling, limits.outstanding)),
        response.negotiated_max_serv_outstanding_called,
        response.negotiated_data_structure_nesting_level or limits.nesting,
        numbers(response.init_response_detail.services_supported_called),
    )
