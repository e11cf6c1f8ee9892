"""What messages other than events have to be: the rules of `openadr.rules`, as the roles hold to them."""

from __future__ import annotations

from collections.abc import Iterable

from ...common.errors import LocalError
from ..model import Message
from ..rules import Finding
from ..rules.rule import findings
from .answers import Rejected


def check(message: Message) -> None:
    """Raise `Rejected` for a message that could be misread; what does no harm passes."""
    for finding in findings(message, harmful=True):
        raise Rejected.of(finding)


def refuse(found: Iterable[Finding], where: str | None = None) -> None:
    """Raise `LocalError`, with every rule that what the caller wants to send would break."""
    if errors := [str(finding) for finding in found if finding.is_error]:
        raise LocalError("; ".join(dict.fromkeys(errors)), where=where)
