"""What one client may do, and that it is written down what it may not."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import attrs

from ...common.errors import LocalError
from ...common.security.audit import Trail
from ..acsi.errors import AddCause, ServiceError, ServiceRefused
from ..acsi.references import FC, Reference
from ..acsi.services import Request
from .asked import ASKED, ServiceKind
from .table import Access, Rights

DENIED = "access-denied"
"""The event code in the audit log."""


@attrs.frozen(slots=True, eq=False)
class Permit:
    """What one client may do.

    Attributes:
        access: by service and constraint.
        peer: who it is.
        roles: which it has, by number; None where it has proved nothing.
        trail: where it is written what it wanted and may not.
    """

    access: Access
    peer: str
    roles: frozenset[int] | None
    trail: Trail

    def allows(self, service: ServiceKind, where: object = None, fc: FC | None = None) -> bool:
        """Return whether it may; write it into the audit log if not."""
        if self.access.allows(service, fc):
            return True
        self.note(service, where, fc)
        return False

    def need(self, service: ServiceKind, where: object = None, fc: FC | None = None) -> None:
        """Raise `ServiceRefused` (access-violation) if it may not, and write that into the audit log."""
        if not self.access.allows(service, fc):
            self.note(service, where, fc)
            raise refusal(where, fc)

    def need_for(self, request: Request[Any]) -> None:
        """The same for a whole request; nothing where it asks for many things, each of which is answered.

        A request that nobody has thought of is refused.
        """
        kind = type(request)
        if kind not in ASKED:
            self.trail.note(DENIED, self.peer, service=kind.__name__, roles=self.roles)
            raise refusal(None, None)
        asked = ASKED[kind]
        if asked is not None:
            service, where, fc = asked(request)
            if not self.access.allows(service, fc):
                self.note(service, where, fc, kind.__name__)
                raise refusal(where, fc)

    def absent(self, reference: object = None) -> ServiceError:
        """Return what it is told of something that is not there: that, or that it may not ask, if it may not look."""
        if self.access.allows(ServiceKind.GET_DIRECTORY):
            return ServiceError.INSTANCE_NOT_AVAILABLE
        self.note(ServiceKind.GET_DIRECTORY, reference, None)
        return ServiceError.ACCESS_VIOLATION

    def note(self, service: ServiceKind, where: object, fc: FC | None, name: str = "") -> None:
        """Write into the audit log that it may not."""
        if isinstance(where, Reference):
            where = where.with_fc(where.fc or fc)
        about = "" if where is None else where
        self.trail.note(DENIED, self.peer, service=name or service.value, object=about, roles=self.roles)


def refusal(where: object, fc: FC | None) -> ServiceRefused:
    """Return how a client is told that it may not: as a control service has it, where it commands."""
    cause = AddCause.NO_ACCESS_AUTHORITY if fc is FC.CO else None
    why = "the roles of the client do not allow it"
    place = None if where is None else str(where)
    return ServiceRefused(ServiceError.ACCESS_VIOLATION, why, where=place, add_cause=cause)


class Doorkeeper:
    """Gives each client of a server its permit.

    Args:
        rights: the table.
        owner: the server, by its name in the audit log.
        anonymous: the roles of clients that have proved none.

    Raises:
        LocalError: for a role that the table does not know.
    """

    def __init__(self, rights: Rights, owner: str, anonymous: Iterable[int] = ()) -> None:
        self.rights = rights
        self.anonymous = frozenset(anonymous)
        self.trail = Trail(owner)
        unknown = self.anonymous - {entry.number for entry in rights.entries.roles.values()}
        if unknown:
            raise LocalError(f"the table of rights has no role {min(unknown)}")

    def permit(self, peer: str, roles: frozenset[int] | None) -> Permit:
        """Return what a client with these roles may do; None: it has proved nothing."""
        return Permit(self.rights.access(roles or self.anonymous), peer, roles, self.trail)
