"""Who may log in, who is logged in: accounts and the sessions that are bound to their resources."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import attrs

from .jid import Jid
from .management import Management
from .roster import Roster
from .sasl import Keys
from .stanza import Stanza


class Outlet(Protocol):
    """Where the bytes for a client go."""

    def write(self, data: bytes) -> None:
        """Send `data` after all that was written before."""
        ...

    def fail(self, condition: str, text: str = "") -> None:
        """End the stream with this stream error."""
        ...


class Keeper(Protocol):
    """What watches over the stanzas that are not acknowledged."""

    def kept(self, session: Session) -> None:
        """One more stanza waits for acknowledgement by the client of `session`."""
        ...


@attrs.define(slots=True, eq=False)
class Session:
    """A resource that is bound. With stream management it outlives its connection for a while.

    Attributes:
        jid: the full JID.
        stream: the connection; None while there is none.
        presence: the last presence that was broadcast; None if the session is not available.
        priority: that of `presence`.
        directed: the addresses that were sent presence without being subscribed to it.
        interested: True once the client has asked for its roster: it is told of changes.
        management: stream management; None if the client has not enabled it.
    """

    jid: Jid
    account: Account = attrs.field(repr=False)
    stream: Outlet | None = attrs.field(repr=False)
    keeper: Keeper = attrs.field(repr=False)
    full: str = ""
    presence: Stanza | None = None
    priority: int = 0
    directed: set[str] = attrs.field(factory=set)
    interested: bool = False
    management: Management | None = None

    def __attrs_post_init__(self) -> None:
        self.full = self.jid.full

    def deliver(self, data: bytes, stanza: Stanza | None = None) -> None:
        """Send a stanza to the client, or keep it until the client is back; `stanza` is where `data` came from."""
        if self.stream is not None:
            self.stream.write(data)
        if self.management is not None:
            self.management.hold(data, stanza)
            self.keeper.kept(self)


@attrs.define(slots=True, eq=False)
class Account:
    """One user of the domain.

    Attributes:
        user: the local part of the JID.
        bare: the bare JID.
        sessions: its sessions by resource.
    """

    user: str
    bare: str
    keys: Keys
    roster: Roster
    sessions: dict[str, Session] = attrs.field(factory=dict, repr=False)

    def available(self) -> list[Session]:
        """Return the sessions that have sent presence."""
        return [session for session in self.sessions.values() if session.presence is not None]

    def interested(self) -> list[Session]:
        """Return the sessions that want to know of changes of the roster."""
        return [session for session in self.sessions.values() if session.interested]


class Directory:
    """The accounts of one domain and all their sessions.

    Attributes:
        changed: set when a roster has changed; whoever stores rosters clears it.
    """

    def __init__(self, domain: str, roster_items: int = 2_000) -> None:
        self.domain = domain
        self.sessions: dict[str, Session] = {}
        self.changed = False
        self._roster_items = roster_items
        self._accounts: dict[str, Account] = {}

    def __iter__(self) -> Iterator[Account]:
        return iter(self._accounts.values())

    def add(self, user: str, keys: Keys) -> Account:
        """Add the account `user` (prepared), or give the one that exists new keys."""
        bare = f"{user}@{self.domain}"
        account = self._accounts.get(bare)
        if account is None:
            account = self._accounts[bare] = Account(user, bare, keys, Roster(self._roster_items))
        account.keys = keys
        return account

    def get(self, bare: str) -> Account | None:
        """Return the account with this bare JID, None if there is none."""
        return self._accounts.get(bare)

    def keys(self, user: str) -> Keys | None:
        """Return the keys of the account `user`, None if there is none."""
        account = self._accounts.get(f"{user}@{self.domain}")
        return account.keys if account else None

    def enter(self, session: Session) -> None:
        """A session begins."""
        session.account.sessions[session.jid.resource] = session
        self.sessions[session.full] = session

    def leave(self, session: Session) -> None:
        """A session is over, unless another one has its place already."""
        if self.sessions.get(session.full) is session:
            del self.sessions[session.full]
            del session.account.sessions[session.jid.resource]

    def clear(self) -> None:
        """All sessions are over at once, without anybody being told."""
        self.sessions.clear()
        for account in self:
            account.sessions.clear()
