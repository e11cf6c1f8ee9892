"""What a stream needs of the rest of the broker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from .accounts import Session
from .limits import Limits
from .management import Management
from .sasl import Decoys, Keys
from .scanner import Element
from .stanza import Stanza

if TYPE_CHECKING:
    from .stream import Stream


class Hub(Protocol):
    """Sessions, accounts and routing, as a stream sees them."""

    domain: str
    limits: Limits
    decoys: Decoys

    def keys(self, user: str) -> Keys | None:
        """Return the keys of an account, None if there is none."""
        ...

    def bind(self, stream: Stream, user: str, resource: str) -> tuple[Session, list[Stanza]]:
        """Return a new session, and what its predecessor never acknowledged; `resource` may be empty.

        Raises `BadJid` or `Refused`.
        """
        ...

    def redirect(self, left: list[Stanza]) -> None:
        """Find another way for what was never acknowledged."""
        ...

    def manage(self, session: Session, resumable: bool) -> Management:
        """Enable stream management."""
        ...

    def resume(self, stream: Stream, user: str, token: str, count: int) -> Session | None:
        """Return the session that goes on over `stream`; None if there is none. Raises `TooHigh`."""
        ...

    def acknowledged(self, session: Session, count: int) -> None:
        """The client has acknowledged `count` stanzas. Raises `TooHigh`."""
        ...

    def route(self, session: Session, element: Element, lang: str) -> None:
        """Take a stanza over. Raises `Refused` with a stream error condition."""
        ...

    def end(self, session: Session) -> None:
        """The session is over: its stream has come to an end."""
        ...

    def touch(self, stream: Stream) -> None:
        """There is something to do for the connection of this stream."""
        ...
