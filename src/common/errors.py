"""The errors of the whole house: one root, and one question answered by the class: whose mistake is it?

`LocalError` is the caller's mistake (a typo in a file, a wrong type, a name that does not exist here); `RemoteError`
is the peer's or the network's. Errors of other libraries never leave the room that uses them: they are turned into
one of these at that room's door.
"""

from __future__ import annotations

from collections.abc import Iterable


class JanusGridError(Exception):
    """Root of every error raised by this package.

    Attributes:
        message: what is wrong and what to do about it, one sentence.
        where: the place of the fault: `file:line`, an element path, an object reference; None where there is none.
        code: the protocol's own code, as it stands on the wire (an OpenADR response code, an ACSI service error, a
            stanza error condition); None where the protocol has none.
    """

    def __init__(self, message: str, *, where: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.code = code

    def __str__(self) -> str:
        text = f"{self.where}: {self.message}" if self.where else self.message
        return f"{text} [{self.code}]" if self.code else text


class LocalError(JanusGridError):
    """The caller's mistake: bad argument, bad file, wrong use of the API."""


class ConfigError(LocalError):
    """A configuration or table file is wrong; `where` is `file:line[:column]`.

    Attributes:
        faults: every fault, where one error tells of several; otherwise the error itself.
    """

    def __init__(
        self, message: str, *, where: str | None = None, code: str | None = None, faults: Iterable[ConfigError] = ()
    ) -> None:
        super().__init__(message, where=where, code=code)
        self.faults: tuple[ConfigError, ...] = tuple(faults) or (self,)


class UnknownName(LocalError):
    """A name (point, object reference, device) that does not exist here."""


class TypeConflict(LocalError):
    """A value that does not fit the type of what it is written to."""


class RemoteError(JanusGridError):
    """The peer's mistake, its refusal, or the network's failure."""


class NotReachable(RemoteError):
    """No connection, or the peer is not there: worth trying again later."""


class TimedOut(RemoteError):
    """No answer in time. Whether the peer acted on the request is not known."""


class Malformed(RemoteError):
    """What came in does not follow the protocol: not well-formed, against the schema, too deep, too large."""


class Refused(RemoteError):
    """The peer understood and said no; `code` is its reason."""
