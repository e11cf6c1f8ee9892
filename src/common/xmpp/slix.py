"""The session port on slixmpp, hardened: `SlixSession`.

    async with SlixSession("ems@grid.example/IEC", password=..., tls="ca.pem", host="127.0.0.1") as session:
        session.handle("{urn:example}read", answer_it)
        answer = await session.request("der@grid.example/IEC", '<read xmlns="urn:example"/>', kind="get")

What each room does: `stream` one connection, `link` the life of a session over many, `guard` limits, `sasl` logging
in, `acks` stream management, `requests` questions and answers, `lane` handlers, `presence` who is there, `disco` what
we offer.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal
from xml.etree.ElementTree import Element

from ..errors import LocalError, Malformed, NotReachable, TimedOut
from ..openable import Openable
from . import disco, sasl, stanza, tls
from . import jid as jids
from .guard import Limits, Refusals
from .lane import Lane
from .link import Change, Link, Patience, Statistics
from .presence import ROSTER, Allow, Peers, nobody
from .requests import Requests
from .session import (
    DiscoInfo,
    DiscoItem,
    Handler,
    Identity,
    Incoming,
    IqKind,
    LinkListener,
    MessageKind,
    PresenceListener,
    StanzaKind,
    StanzaRefused,
)
from .stream import Account

_log = logging.getLogger(__name__)
# What a server answers for an account that is not there; from the entity itself they would be odd answers to a ping.
_ABSENT = {
    "gone",
    "item-not-found",
    "recipient-unavailable",
    "remote-server-not-found",
    "remote-server-timeout",
    "service-unavailable",
}


class SlixSession(Openable):
    """One XMPP session; implements `session.Session`. Make it inside the running event loop.

    Args:
        jid: `user@domain` with the resource wanted, `user@domain/resource`.
        password: for SCRAM; may be left out if a client certificate is used.
        certificate: our certificate and key, PEM files: then the server may take the JID from it (SASL EXTERNAL).
        host, port: where the server is; without `host`, DNS is asked for the domain of the JID.
        tls: a PEM file of authorities, or a context to share between sessions (`tls.client_context`); None trusts
            the authorities of the system.
        revoked: revocation lists (PEM) of the authorities in `tls`: the server's certificate must not be on them.
        direct_tls: begin with TLS (XEP-0368, port 5223) instead of STARTTLS. Plain text is never spoken.
        minimum: the weakest SASL mechanism that is still used, of `sasl.MECHANISMS`.
        max_outstanding: requests that may wait for answers at once; more of them wait for their turn.
        resume: let the session survive short breaks (XEP-0198).
        allow: given a bare JID, may this peer subscribe to our presence? Default: those we subscribed to or announced
            ourselves to.
        limits, patience: bounds of stanzas; times to wait and back-off.
        identity: what service discovery says we are.
    """

    def __init__(
        self,
        jid: str,
        *,
        password: str | None = None,
        certificate: tuple[Path | str, Path | str] | None = None,
        host: str | None = None,
        port: int | None = None,
        tls: ssl.SSLContext | Path | str | None = None,
        revoked: Path | str | None = None,
        direct_tls: bool = False,
        minimum: str = "SCRAM-SHA-256",
        max_outstanding: int = 64,
        resume: bool = True,
        allow: Allow = nobody,
        limits: Limits | None = None,
        patience: Patience | None = None,
        identity: Identity | None = None,
    ) -> None:
        own = jids.normal(jid)
        if not jids.local(own):
            raise LocalError(f"{jid!r} names no account; a session needs name@domain[/resource]")
        if minimum not in sasl.MECHANISMS:
            raise LocalError(f"{minimum!r} is no SASL mechanism known here: {', '.join(sasl.MECHANISMS)}")
        account = Account(
            own,
            sasl.Credentials(jids.local(own), password, external=certificate is not None or password is None),
            _context(tls, certificate, revoked),
            host,
            port or (5223 if direct_tls else 5222),
            direct_tls,
            minimum,
        )
        limits = limits or Limits()
        self._limits = limits
        self._refusals = Refusals(own)
        self._requests = Requests(max_outstanding)
        self._lane = Lane(self._answer, limits, self._refusals)
        self._peers = Peers(own, allow, self._refusals)
        self._peers.listen(self._seen)
        self._discovery = disco.Discovery(identity or Identity())
        self._listeners: list[LinkListener] = []
        self._told = ""
        self._link = Link(
            account,
            limits,
            patience or Patience(),
            receive=self._receive,
            welcome=self._enter,
            changed=self._changed,
            resume=resume,
        )
        self._lane.own(f"{{{disco.INFO}}}query", "get", self._discovery.info)
        self._lane.own(f"{{{disco.ITEMS}}}query", "get", self._discovery.items)
        self._lane.own(f"{{{disco.PING}}}ping", "get", lambda _: "")
        self._lane.own(f"{{{ROSTER}}}query", "set", self._roster_push)

    # The session itself

    @property
    def jid(self) -> str:
        """The full JID as bound by the server; before `open`, the one asked for."""
        return self._link.jid

    @property
    def connected(self) -> bool:
        """True while stanzas can be sent."""
        return self._link.connected

    @property
    def max_octets(self) -> int:
        """The largest stanza that may be sent: our own limit, or a lower one that the server has named (XEP-0478)."""
        return self._link.max_octets

    @property
    def refusals(self) -> Counter[str]:
        """How much was refused, by event code."""
        return self._refusals.counts

    @property
    def statistics(self) -> Statistics:
        """Sessions, resumptions and attempts to connect so far."""
        return self._link.statistics

    @property
    def outstanding(self) -> int:
        """How many requests wait for an answer."""
        return len(self._requests)

    async def open(self) -> None:
        """Return when the session is up and our presence is known.

        Raises:
            NotReachable: nobody answers at host and port; or `code` is `tls`, and the message says what is wrong with
                the server's certificate, or that it offers no TLS.
            Refused: the server does not let us in (`not-authorized`), or only in ways that are too weak
                (`no-mechanism`).
        """
        await self._link.open()

    async def close(self) -> None:
        """Leave. Pending requests fail with `NotReachable`; handlers that still run are cancelled."""
        if self._link.connected:
            for text in self._peers.exit():
                self._link.send(text, "presence")
        await self._link.close()
        await self._lane.close()

    def on_link(self, listener: LinkListener) -> Callable[[], None]:
        """Call `listener` at each change of the link; return what removes it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    # Stanzas

    async def request(
        self, to: str, payload: str | Callable[[], str], *, kind: IqKind = "set", timeout: float = 10.0
    ) -> Element | None:
        """Send an iq and return the payload of its result, None if the result is empty."""
        peer = jids.normal(to) if to else ""
        try:
            async with asyncio.timeout(timeout) as limit, self._requests.slots:
                id, answer = self._requests.open(peer)
                try:
                    text = payload if isinstance(payload, str) else payload()
                    await self._send(stanza.iq(kind, id, peer, text), "request")
                    result = await answer
                except asyncio.CancelledError:
                    if not limit.expired():
                        self._requests.give_up(id)
                    raise
                finally:
                    self._requests.close(id)
        except TimeoutError:
            raise TimedOut(f"{peer or 'the server'} did not answer within {timeout:g} s") from None
        if len(result) > 1:
            raise Malformed(f"the result of {peer} has {len(result)} payloads where one is allowed")
        return result[0] if len(result) else None

    async def push(self, to: str, payload: str, *, kind: MessageKind = "normal") -> None:
        """Send a message; while the session is down it waits in a bounded queue, in order."""
        await self._send(stanza.message(kind, self._requests.next_id(), jids.normal(to), payload), "message")

    def handle(self, name: str, handler: Handler, *, kinds: Iterable[StanzaKind] = ("get", "set")) -> None:
        """Route payloads called `name`, in stanzas of these kinds, to `handler`."""
        self._lane.handle(name, handler, kinds)

    def unhandle(self, name: str) -> None:
        """Stop routing payloads called `name`."""
        self._lane.unhandle(name)

    # Presence

    def on_presence(self, listener: PresenceListener) -> Callable[[], None]:
        """Call `listener` at each change of presence of a peer that we know; return what removes it."""
        return self._peers.listen(listener)

    def available(self, jid: str) -> bool:
        """Return whether this full JID is available; for a bare JID, whether any of its resources is."""
        return self._peers.available(jids.normal(jid))

    def contacts(self) -> tuple[str, ...]:
        """Return the bare JIDs that our account follows; listeners hear of all of them from now on."""
        return self._peers.contacts()

    def present(self) -> tuple[str, ...]:
        """Return the full JIDs that are available, in order; none of our own account."""
        return self._peers.present()

    async def subscribe(self, jid: str) -> None:
        """Ask for a mutual subscription with this bare JID, now and at the start of each session until it is there."""
        self._presence(self._peers.want(jids.normal(jid)))

    def expect(self, jid: str) -> None:
        """Let this bare JID see our presence, and ask to see its own, once it asks for ours."""
        self._peers.expect(jids.normal(jid))

    async def announce_presence(self, jid: str) -> None:
        """Show our presence to this JID directly, where there is no roster, now and at the start of each session."""
        self._presence((self._peers.announce(jids.normal(jid)),))

    # Service discovery

    def announce(self, *features: str) -> None:
        """Add features to our own disco#info."""
        self._discovery.announce(features)

    def offer(self, node: str, items: Iterable[DiscoItem]) -> None:
        """Answer disco#items for `node` with these items."""
        self._discovery.offer(node, items)

    async def info(self, jid: str, *, timeout: float = 10.0) -> DiscoInfo:
        """Return the identities and features that `jid` lists in disco#info."""
        return disco.read_info(await self.request(jid, disco.ask(disco.INFO), kind="get", timeout=timeout))

    async def features(self, jid: str, *, timeout: float = 10.0) -> frozenset[str]:
        """Return the features that `jid` lists in disco#info."""
        return disco.read_features(await self.request(jid, disco.ask(disco.INFO), kind="get", timeout=timeout))

    async def items(self, jid: str, node: str = "", *, timeout: float = 10.0) -> tuple[DiscoItem, ...]:
        """Return the items that `jid` lists in disco#items for `node`."""
        return disco.read_items(await self.request(jid, disco.ask(disco.ITEMS, node), kind="get", timeout=timeout))

    async def ping(self, jid: str, *, timeout: float = 5.0) -> bool:
        """Return whether `jid` answered a ping; an error that its server gives on behalf of an absentee does not count.

        An entity without ping support may answer `service-unavailable`, which is taken for absence.
        """
        try:
            await self.request(jid, f'<ping xmlns="{disco.PING}"/>', kind="get", timeout=timeout)
        except StanzaRefused as refused:
            return refused.code not in _ABSENT
        except (TimedOut, NotReachable):
            return False
        return True

    # Underneath

    async def _send(self, text: str, what: Literal["request", "message"]) -> None:
        most = self._link.max_octets
        if len(text) > most or (not text.isascii() and len(text.encode()) > most):
            raise LocalError(f"a stanza of {len(text)} characters; {most} octets are allowed, send less at once")
        await self._link.drained()
        self._link.send(text, what)

    def _answer(self, text: str) -> None:
        try:
            self._link.send(text, "answer")
        except NotReachable:
            self._refusals.note("answer-undeliverable", "")

    def _presence(self, stanzas: Iterable[str]) -> None:
        if self._link.connected:  # if it is not, the next session begins with it
            for text in stanzas:
                self._link.send(text, "presence")

    def _receive(self, xml: Element, fault: str | None) -> None:
        """Take what came in. Nothing that a stanza holds may raise out of here."""
        name, kind = xml.tag.rpartition("}")[2], xml.get("type", "")
        sender = xml.get("from") or jids.bare(self.jid)
        try:
            if fault is not None:
                self._refusals.note(fault, sender)
                if name == "iq" and kind in ("get", "set"):
                    self._lane.refuse(xml.get("id", ""), sender, StanzaRefused("policy-violation", kind="modify"))
            elif name == "iq" and kind in ("get", "set"):
                self._lane.request(xml, sender)
            elif name == "iq" and kind in ("result", "error"):
                if not self._requests.answer(xml, self.jid):
                    self._refusals.note("unasked-result", sender)
            elif name == "message":
                self._lane.message(xml, sender)
            elif name == "presence":
                self._presence(self._peers.receive(xml, self.jid))
        except Exception:
            self._refusals.failed("stanza-failed", sender)

    def _seen(self, jid: str, available: bool) -> None:
        if not available:  # what it answered before it left has come before this
            self._requests.fail(NotReachable("it left; whether it acted on the request is not known", where=jid), jid)

    def _roster_push(self, incoming: Incoming) -> str:
        if incoming.sender not in (jids.bare(self.jid), jids.domain(self.jid)):
            self._refusals.note("forged-roster-push", incoming.sender)
            raise StanzaRefused("service-unavailable")
        self._peers.update_roster(incoming.payload)
        return ""

    async def _enter(self) -> None:
        """Begin a new session: learn the roster, then let ourselves be seen."""
        try:
            self._peers.take_roster(await self.request("", f'<query xmlns="{ROSTER}"/>', kind="get"))
        except (StanzaRefused, TimedOut):
            self._peers.take_roster(None)  # a server may keep no rosters
        self._presence(self._peers.entrance())
        self._tell("up")

    def _changed(self, change: Change) -> None:
        if change == "lost":
            self._requests.fail(NotReachable("the session is lost; whether the peer acted on the request is not known"))
            self._peers.gone()
        self._tell(change)

    def _tell(self, change: str) -> None:
        if change == "down" and self._told not in ("up", "resumed"):
            return  # it went down again before a new session was up
        self._told = change
        for listener in tuple(self._listeners):
            try:
                listener(change)
            except Exception:
                self._refusals.failed("link-listener-failed", "")


def _context(
    given: ssl.SSLContext | Path | str | None,
    certificate: tuple[Path | str, Path | str] | None,
    revoked: Path | str | None,
) -> ssl.SSLContext:
    if not isinstance(given, ssl.SSLContext):
        return tls.renewed_client_context(given, certificate, revoked=revoked)
    if certificate is not None or revoked is not None:
        raise LocalError(
            "give certificate and revocation lists to the TLS context that you share (tls.client_context), not to both"
        )
    return tls.checked(given)
