"""The two errors of the codec, and how the path of a fault is found.

The codec keeps no path while it works. A fault is raised where it is met and gets its path on its way out: each level
that it passes puts its own step in front.
"""

from __future__ import annotations

from typing import TypeVar

from ...common.errors import LocalError, Malformed


class MmsDecodeError(Malformed):
    """What came in is not a PDU; `where` is the path of the fault, e.g. `rejectPDU.rejectReason`."""


class MmsEncodeError(LocalError):
    """A value that no PDU can carry; `where` is the path of the fault, e.g. `confirmed-RequestPDU.invokeID`."""


E = TypeVar("E", MmsDecodeError, MmsEncodeError)


def located(error: Exception, step: str, as_: type[E]) -> E:
    """Return the error as one of `as_`, with `step` in front of its path; `step` may be empty."""
    if not isinstance(error, as_):
        error = as_(_message(error))
    if step:
        inner = error.where or ""
        error.where = f"{step}{'.' if inner and inner[0] != '[' else ''}{inner}"
    return error


def _message(error: Exception) -> str:
    """Say what an exception of Python itself means for one who never saw the code."""
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, UnicodeError):
        return f"a character that does not fit: {error.reason}" if hasattr(error, "reason") else "not text"
    text = str(error)
    return f"{type(error).__name__}: {text[:200]}"
