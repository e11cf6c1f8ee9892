"""Listens at the ports where services pass, in a test run: what a client asks and a server answers is seen as it is.

`listening` puts itself between the callers and these methods, and hands what it sees to a `Witness`:

- client: `call` and the notifications of `LocalAssociation` and, for all wires, of `MmsClient`; opening and ending;
- server: `Engine.call` where there is no wire, else `MmsServer.receive` with the answer as it was encoded; opening,
  ending and notifications at the `Host`.

Nobody names a service anywhere: what was asked tells it (`classify`). What is watched never feels it: an exchange that
cannot be told is one of the witness's `faults`, which the test that made it fails of.
"""

from __future__ import annotations

import functools
import inspect
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock
from xml.etree import ElementTree

import attrs
from janusgrid.common.errors import Refused
from janusgrid.common.sntp import client as sntp
from janusgrid.iec61850.acsi.errors import ServiceRefused
from janusgrid.iec61850.acsi.services import CommandTermination, Notification, TimeActivatedOperateTermination
from janusgrid.iec61850.conformance.services import CLIENT, SERVER
from janusgrid.iec61850.conformance.sides import TIME
from janusgrid.iec61850.engine import Association, Engine
from janusgrid.iec61850.mapping.client import MmsClient
from janusgrid.iec61850.mapping.server import MmsServer
from janusgrid.iec61850.mms import decode_ber, decode_xer, pdu
from janusgrid.iec61850.scsm81.client import TcpAssociation
from janusgrid.iec61850.scsm82.client import XmppAssociation
from janusgrid.iec61850.server.host import Host
from janusgrid.iec61850.server.local import LocalAssociation

from tests.iec61850.proof import classify
from tests.iec61850.wires import MemoryAssociation

Observed = tuple[str, str, str, bool]
"""Service, role, wire, whether the answer was positive."""
_CLIENTS = (LocalAssociation, MemoryAssociation, TcpAssociation, XmppAssociation)
_GONE = ("the peer is gone", "the peer does not answer", "the XMPP session was lost")
"""How an association over XMPP is aborted: 8-2 has no PDU for it."""


@attrs.define(slots=True)
class Witness:
    """What was seen since it was last `begun`.

    Attributes:
        broker: the XMPP server that is used now; empty for none.
        peer: the other implementation that is on the other side of a TCP connection now; empty for our own.
        awake: False for looking at nothing at all.
        faults: the tracebacks of what could not be told.
    """

    broker: str = ""
    peer: str = ""
    awake: bool = True
    seen: set[Observed] = attrs.Factory(set)
    faults: list[str] = attrs.Factory(list)
    _wires: dict[int, tuple[Association, str]] = attrs.Factory(dict)

    def begin(self, broker: str = "", peer: str = "", *, awake: bool = True) -> None:
        """Forget all, and look anew."""
        self.broker, self.peer, self.awake = broker, peer, awake
        self.seen.clear()
        self.faults.clear()
        self._wires.clear()

    def note(self, role: str, wire: str | None, service: str | None, positive: bool) -> None:
        """Take down one service performed."""
        if service is not None and wire is not None:
            self.seen.add((service, role, wire, positive))

    def tell(self, role: str, wire: str | None, told: Callable[[], Iterable[tuple[str, bool]]]) -> None:
        """Take down what an exchange shows."""
        if wire is None:
            return
        try:
            for service, positive in told():
                self.note(role, wire, service, positive)
        except Exception:
            self.faults.append(traceback.format_exc())

    # --- which wire -------------------------------------------------------------------------------------------------

    def wire(self, side: object) -> str | None:
        """Return the wire of a client's or server's side of an association; None for one that is none of ours."""
        if not self.awake:
            return None
        if isinstance(side, LocalAssociation):
            return "local"
        if isinstance(side, MemoryAssociation):
            wire: Any = getattr(side, "wire", None)  # it has none yet where the association is refused first
            return None if wire is None else wire.key
        room = type(side).__module__.rpartition("janusgrid.iec61850.")[2].partition(".")[0]
        if room == "scsm81":
            return f"tcp {self.peer}".rstrip()
        if room == "scsm82" and self.broker:
            return f"{self.broker} {side._profile.dialect.name}"  # type: ignore[attr-defined]
        return None

    def attach(self, association: Association, wire: str | None) -> None:
        """Keep in mind on which wire a server has an association."""
        if wire is not None:
            self._wires[id(association)] = association, wire

    def of(self, association: Association) -> str | None:
        """Return the wire on which a server has an association."""
        return self._wires.get(id(association), (None, None))[1]


@contextmanager
def listening(witness: Witness) -> Iterator[None]:
    """Let a witness see all services while this lasts."""
    with ExitStack() as stack:
        for place, name, wrap in (*_client(witness), *_server(witness)):
            stack.enter_context(mock.patch.object(place, name, wrap(inspect.getattr_static(place, name))))
        yield


Wrap = Callable[[Any], Any]


# --- the client -------------------------------------------------------------------------------------------------------


def _client(witness: Witness) -> Iterator[tuple[Any, str, Wrap]]:
    def call(side_of: Callable[[Any], object]) -> Wrap:
        def wrap(method: Any) -> Any:
            @functools.wraps(method)
            async def called(self: Any, request: Any) -> Any:
                wire, service = witness.wire(side_of(self)), classify.asked(request)
                try:
                    answer = await method(self, request)
                except ServiceRefused:
                    witness.note(CLIENT, wire, service, False)
                    raise
                if service:
                    witness.tell(CLIENT, wire, lambda: classify.answered(service, answer))
                return answer

            return called

        return wrap

    def notified(method: Any) -> Any:
        @functools.wraps(method)
        def take(self: Any, notification: Notification) -> None:
            witness.note(CLIENT, "local", *_notification(notification))
            method(self, notification)

        return take

    def unasked(method: Any) -> Any:
        @functools.wraps(method)
        def take(self: Any, message: pdu.MMSpdu) -> Notification | None:
            found: Notification | None = method(self, message)
            if found is not None:
                witness.note(CLIENT, witness.wire(_asking(self)), *_notification(found))
            return found

        return take

    def exchanged(function: Any) -> Any:
        @functools.wraps(function)
        async def exchange(*args: Any) -> Any:
            sample = await function(*args)
            witness.note(CLIENT, "sntp", TIME, True)
            return sample

        return exchange

    yield sntp, "exchange", exchanged
    yield LocalAssociation, "call", call(lambda association: association)
    yield LocalAssociation, "_notify", notified
    yield MmsClient, "call", call(_asking)
    yield MmsClient, "unasked", unasked
    for association in _CLIENTS:
        yield association, "__init__", _opened(witness)
    for association in (TcpAssociation, XmppAssociation):
        yield association, "open", _asked_to_open(witness, "tcp" if association is TcpAssociation else "xmpp")


def _asking(client: Any) -> object:
    """Return the association that a client of MMS asks through."""
    return getattr(client._exchange, "__self__", None)


def _opened(witness: Witness) -> Wrap:
    """Watch associations that begin with their object, and for all how they end."""

    def wrap(method: Any) -> Any:
        @functools.wraps(method)
        def begin(self: Any, *args: Any, **more: Any) -> None:
            try:
                method(self, *args, **more)
            except Refused:
                witness.note(CLIENT, witness.wire(self), "Associate", False)
                raise
            wire = witness.wire(self)
            if isinstance(self, LocalAssociation | MemoryAssociation):
                witness.note(CLIENT, wire, "Associate", True)
            services = {"released": "Release", "aborted": "Abort"}
            self.on_end(lambda why: witness.note(CLIENT, wire, services.get(why), True))

        return begin

    return wrap


def _asked_to_open(witness: Witness, kind: str) -> Wrap:
    def wrap(method: Any) -> Any:
        inner = method.__func__

        @functools.wraps(inner)
        async def open(cls: type[Any], *args: Any, **more: Any) -> Any:
            try:
                association = await inner(cls, *args, **more)
            except Refused:
                xmpp = f"{witness.broker} {more.get('dialect', '80-3')}" if witness.broker else None
                wire = f"tcp {witness.peer}".rstrip() if kind == "tcp" else xmpp
                witness.note(CLIENT, wire, "Associate", False)
                raise
            witness.note(CLIENT, witness.wire(association), "Associate", True)
            return association

        return classmethod(open)

    return wrap


# --- the server -------------------------------------------------------------------------------------------------------


def _server(witness: Witness) -> Iterator[tuple[type, str, Wrap]]:
    yield Engine, "call", lambda method: _engine_called(witness, method)
    yield MmsServer, "receive", lambda method: _received(witness, method)
    yield Host, "associate", lambda method: _associated(witness, method)
    yield Host, "end", lambda method: _ended(witness, method)


def _engine_called(witness: Witness, method: Any) -> Any:
    @functools.wraps(method)
    def call(self: Engine, client: Association, request: Any, now: Any) -> Any:
        wire, service = witness.of(client), classify.asked(request)
        if wire != "local" or service is None:
            return (yield from method(self, client, request, now))
        try:
            answer = yield from method(self, client, request, now)
        except ServiceRefused:
            witness.note(SERVER, wire, service, False)
            raise
        witness.tell(SERVER, wire, lambda: classify.answered(service, answer))
        return answer

    return call


def _received(witness: Witness, method: Any) -> Any:
    @functools.wraps(method)
    def receive(self: Any, message: pdu.MMSpdu, now: Any) -> Any:
        answer = yield from method(self, message, now)
        wire = witness.of(self._association)
        if message[0] == "confirmed-RequestPDU":
            witness.tell(SERVER, wire, lambda: classify.served(message[1], _decoded(answer.answer, self._wire)))
        return answer

    return receive


def _decoded(payload: str | bytes, wire: Any) -> pdu.MMSpdu:
    if isinstance(payload, bytes):
        return decode_ber(payload)
    return decode_xer(ElementTree.fromstring(payload), wire.dialect)


def _associated(witness: Witness, method: Any) -> Any:
    @functools.wraps(method)
    def associate(self: Host, peer: str, sink: Any, *args: Any, **more: Any) -> Association:
        wire = witness.wire(getattr(sink, "__self__", None))

        def heard(notification: Notification) -> None:
            witness.note(SERVER, wire, *_notification(notification))
            sink(notification)

        try:
            association: Association = method(self, peer, heard, *args, **more)
        except ServiceRefused:
            witness.note(SERVER, wire, "Associate", False)
            raise
        witness.note(SERVER, wire, "Associate", True)
        witness.attach(association, wire)
        return association

    return associate


def _ended(witness: Witness, method: Any) -> Any:
    @functools.wraps(method)
    def end(self: Host, association: Association, why: str) -> None:
        wire = witness.of(association)
        if not association.ended:
            if why in ("released", "concluded"):
                witness.note(SERVER, wire, "Release", True)
            elif why.startswith(("aborted", *_GONE)):
                witness.note(SERVER, wire, "Abort", True)
        method(self, association, why)

    return end


def _notification(notification: Notification) -> tuple[str, bool]:
    """Return the service of a notification, and whether it is a positive one."""
    if isinstance(notification, CommandTermination):
        return "CommandTermination", notification.add_cause is None
    if isinstance(notification, TimeActivatedOperateTermination):
        return "TimeActivatedOperate", notification.add_cause is None
    return "Report", True
