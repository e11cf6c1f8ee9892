"""Control blocks of logs, GOOSE and sampled values, as a client sees them (IEC 61850-7-2 clauses 17.3 to 19)."""

from __future__ import annotations

from ..acsi.blocks import (
    GetGoCBValues,
    GetMSVCBValues,
    GetUSVCBValues,
    SetGoCBValues,
    SetMSVCBValues,
    SetUSVCBValues,
)
from ..acsi.logs import GetLCBValues, SetLCBValues
from ..acsi.ports import ClientAssociation
from ..acsi.references import FC, Reference
from ..acsi.types import DataValue

_REQUESTS = {
    FC.LG: (GetLCBValues, SetLCBValues, "LogEna"),
    FC.GO: (GetGoCBValues, SetGoCBValues, "GoEna"),
    FC.MS: (GetMSVCBValues, SetMSVCBValues, "SvEna"),
    FC.US: (GetUSVCBValues, SetUSVCBValues, "SvEna"),
}


class Publisher:
    """One control block. Get it by `Ied.log_control`, `Ied.goose_control` or `Ied.sampled_values_control`."""

    def __init__(self, association: ClientAssociation, reference: Reference, fc: FC) -> None:
        self.reference = reference
        self._association = association
        self._get, self._set, self._enable = _REQUESTS[fc]

    async def values(self) -> dict[str, DataValue]:
        """Return all attributes by name."""
        return await self._association.call(self._get(self.reference))

    async def set(self, **values: DataValue) -> None:
        """Set attributes in this order; raise the first refusal, nothing after it is set."""
        await self._association.call(self._set(self.reference, tuple(values.items())))

    async def enable(self) -> None:
        """Let the server publish, or write into the log (GoEna, SvEna, LogEna)."""
        await self.set(**{self._enable: True})

    async def disable(self) -> None:
        """Let it do so no more."""
        await self.set(**{self._enable: False})
