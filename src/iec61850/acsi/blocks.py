"""Requests for setting groups (IEC 61850-7-2 clause 16) and for the control blocks of GOOSE and sampled values
(clauses 18 and 19); what all control blocks but those of reports have in common."""

from __future__ import annotations

import attrs

from .errors import ServiceError
from .logs import GetLCBValues, SetLCBValues
from .references import FC, BadReference, Reference
from .services import Request
from .types import DataValue

# --- setting groups --------------------------------------------------------------------------------------------------


@attrs.frozen(slots=True)
class GetSGCBValues(Request[dict[str, DataValue]]):
    """All attributes of the setting group control block of a logical device (clause 16.3.7)."""

    device: str


@attrs.frozen(slots=True)
class SelectActiveSG(Request[None]):
    """Let the values of a group be those that the device works with (clause 16.3.2)."""

    device: str
    group: int


@attrs.frozen(slots=True)
class SelectEditSG(Request[None]):
    """Reserve the edit buffer and fill it with the values of a group; group 0 gives it back (clause 16.3.3)."""

    device: str
    group: int


@attrs.frozen(slots=True)
class ConfirmEditSGValues(Request[None]):
    """Make the edit buffer the values of the group that was selected for editing (clause 16.3.5)."""

    device: str


def _of_edit_buffer(request: object, attribute: object, value: tuple[tuple[Reference, DataValue], ...]) -> None:
    for reference, _ in value:
        if reference.fc is not FC.SE:
            raise BadReference("values of the edit buffer stand under SE", where=str(reference))


def _of_setting_groups(request: object, attribute: object, value: tuple[Reference, ...]) -> None:
    for reference in value:
        if reference.fc not in (FC.SE, FC.SG):
            raise BadReference("values of setting groups stand under SG or SE", where=str(reference))


@attrs.frozen(slots=True)
class SetEditSGValue(Request[tuple[ServiceError, ...]]):
    """Write into the edit buffer, each reference under SE; answers one service error each (clause 16.3.4)."""

    data: tuple[tuple[Reference, DataValue], ...] = attrs.field(validator=_of_edit_buffer)


@attrs.frozen(slots=True)
class GetEditSGValue(Request[tuple["DataValue | ServiceError", ...]]):
    """Values of the edit buffer (references under SE), or of the active group (under SG; clause 16.3.6)."""

    data: tuple[Reference, ...] = attrs.field(validator=_of_setting_groups)


# --- GOOSE and sampled values ----------------------------------------------------------------------------------------


@attrs.frozen(slots=True)
class GetGoCBValues(Request[dict[str, DataValue]]):
    """All attributes of a GOOSE control block, `LD/LLN0.name` (clause 18.2.2.5)."""

    block: Reference


@attrs.frozen(slots=True)
class SetGoCBValues(Request[None]):
    """Set attributes of a GOOSE control block in this order; the first refusal ends it (clause 18.2.2.6)."""

    block: Reference
    values: tuple[tuple[str, DataValue], ...]


@attrs.frozen(slots=True)
class GetMSVCBValues(Request[dict[str, DataValue]]):
    """All attributes of a multicast sampled value control block (clause 19.2.2.3)."""

    block: Reference


@attrs.frozen(slots=True)
class SetMSVCBValues(Request[None]):
    """Set attributes of a multicast sampled value control block, in this order (clause 19.2.2.4)."""

    block: Reference
    values: tuple[tuple[str, DataValue], ...]


@attrs.frozen(slots=True)
class GetUSVCBValues(Request[dict[str, DataValue]]):
    """All attributes of a unicast sampled value control block (clause 19.3.2.3)."""

    block: Reference


@attrs.frozen(slots=True)
class SetUSVCBValues(Request[None]):
    """Set attributes of a unicast sampled value control block, in this order (clause 19.3.2.4)."""

    block: Reference
    values: tuple[tuple[str, DataValue], ...]


GetBlock = GetGoCBValues | GetMSVCBValues | GetUSVCBValues
SetBlock = SetGoCBValues | SetMSVCBValues | SetUSVCBValues
BLOCK_FC: dict[type[Request[dict[str, DataValue]]] | type[Request[None]], FC] = {
    GetGoCBValues: FC.GO,
    SetGoCBValues: FC.GO,
    GetMSVCBValues: FC.MS,
    SetMSVCBValues: FC.MS,
    GetUSVCBValues: FC.US,
    SetUSVCBValues: FC.US,
    GetLCBValues: FC.LG,
    SetLCBValues: FC.LG,
}
"""The constraint under which the block of a request is found."""
