"""The roles of IEC 62351-8, by number and by name. Their numbers are second-hand, as all of `roles`."""

from __future__ import annotations

import re
from enum import IntEnum

from ..errors import ConfigError

LEAST = -32768
"""The lowest number that a role can have."""


class Role(IntEnum):
    """The roles that the standard defines. Numbers below 0 are private, others are reserved."""

    VIEWER = 0
    OPERATOR = 1
    ENGINEER = 2
    INSTALLER = 3
    SECADM = 4
    SECAUD = 5
    RBACMNT = 6


def role_name(number: int) -> str:
    """Return the name of a role that the standard defines, in small letters; of another its number."""
    return Role(number).name.lower() if 0 <= number < len(Role) else str(number)


def role_number(text: str) -> int:
    """Return the number of a role given by its name, or by the number of a private one; raise `ConfigError`."""
    if text.upper() in Role.__members__:
        return Role[text.upper()]
    if re.fullmatch(r"-[1-9][0-9]{0,4}", text) and int(text) >= LEAST:
        return int(text)
    names = ", ".join(role.name.lower() for role in Role)
    raise ConfigError(f"{text!r} is no role: give one of {names}, or the number of a private one, -1 to {LEAST}")
