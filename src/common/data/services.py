"""What the common services are called, and how an access says which of them it offers."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import NoReturn

from ..errors import Refused


class CommonService(Enum):
    """A service of `DataAccess`, or a part of one that not every protocol has."""

    DIRECTORY = "directory"
    READ = "read"
    WRITE = "write"
    SELECT = "select"
    OPERATE = "operate"
    OPERATE_LATER = "operate at a time"
    OPERATE_TEST = "operate for test"
    ABORT = "abort"
    WATCH = "watch"
    SCHEDULE = "schedule"
    HISTORY = "history"
    AVAILABLE = "available"


Services = Mapping[CommonService, str]
"""What an access offers: each service with what of its protocol it is done by. What is not in it is `NotOffered`."""


class NotOffered(Refused):
    """The protocol beneath, or this side of it, has no such service; `code` is `not-offered`. Nothing was sent."""

    def __init__(self, message: str, *, where: str | None = None, code: str | None = "not-offered") -> None:
        super().__init__(message, where=where, code=code)


def table(accesses: Mapping[str, Services]) -> str:
    """Return what each of these offers, as a Markdown table: a row for each service, a column for each access."""
    rows = ["| service | " + " | ".join(accesses) + " |", "|---" * (len(accesses) + 1) + "|"]
    for service in CommonService:
        cells = (services.get(service, "—") for services in accesses.values())
        rows.append(f"| {service.value} | " + " | ".join(cells) + " |")
    return "\n".join(rows)


def refuse(service: CommonService, name: str, why: str) -> NoReturn:
    """Raise `NotOffered` for a service at a point, with the reason of the protocol."""
    raise NotOffered(f"no {service.value}: {why}", where=name)
