"""What clients want to switch on or over, and the application may refuse: setting groups, GOOSE, sampled values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn

import attrs

from ..acsi.errors import ServiceError, ServiceRefused
from ..acsi.references import Reference
from ..acsi.types import DataValue


@attrs.frozen(slots=True)
class Decision:
    """A client wants something of a control block, and the application decides.

    Attributes:
        reference: the control block, `LD/LLN0.name`; that of setting groups is called `SGCB`.
        peer: the address of the client.
    """

    reference: Reference
    peer: str

    def refuse(self, error: ServiceError = ServiceError.ACCESS_NOT_ALLOWED_IN_CURRENT_STATE, why: str = "") -> NoReturn:
        """Say no: raises the `ServiceRefused` that the client will get."""
        raise ServiceRefused(error, why, where=str(self.reference))


@attrs.frozen(slots=True)
class Activation(Decision):
    """Another setting group is to become active.

    Attributes:
        group: which one.
        former: the one that is active now.
        values: of that group, by `LN.DO.DA`.
    """

    group: int
    former: int
    values: Mapping[str, DataValue]


@attrs.frozen(slots=True)
class Confirmation(Decision):
    """The edit buffer is to become the values of a setting group.

    Attributes:
        group: which one; if it is the active one, the device works with the values from here on.
        active: True if it is the active one.
        values: all of the edit buffer, by `LN.DO.DA`.
    """

    group: int
    active: bool
    values: Mapping[str, DataValue]


@attrs.frozen(slots=True)
class Publication(Decision):
    """A GOOSE or sampled value control block is to be enabled or disabled.

    Attributes:
        enable: what is wanted.
        values: all attributes of the block as they are.
    """

    enable: bool
    values: Mapping[str, DataValue]
