"""The errors of the layers below MMS."""

from __future__ import annotations

from typing import Literal

from ...common.errors import Malformed, NotReachable, Refused

Layer = Literal["transport", "session", "presentation", "acse", "mms"]


class LayerFault(Malformed):
    """What came in breaks the rules of one layer; the association is aborted in that layer's way."""

    def __init__(self, layer: Layer, message: str) -> None:
        super().__init__(f"{layer}: {message}")
        self.layer = layer


class AssociationRefused(Refused):
    """The peer refuses to open an association.

    Attributes:
        layer: which of its layers says no.
        code: that layer's reason in words: `transport-address-unknown`, `authentication-failure`.
        user_data: what the refusal carried for MMS (an initiate-Error), if it did.
        temporary: True if it is worth trying again later.
    """

    def __init__(
        self, layer: Layer, reason: str, message: str, *, user_data: bytes | None = None, temporary: bool = False
    ) -> None:
        super().__init__(message, code=reason)
        self.layer = layer
        self.user_data = user_data
        self.temporary = temporary


class Aborted(NotReachable):
    """The association has ended by an abort; `code` says whose: `peer-user`, `peer-provider`, `lost`."""
