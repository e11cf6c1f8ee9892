"""A field to attack: a device, its client, and whoever means no good, on an XMPP server that can be turned."""

from __future__ import annotations

import asyncio
import base64
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from unittest import mock

import attrs
from janusgrid.common.clock import LockStepClock, RealClock
from janusgrid.common.errors import JanusGridError
from janusgrid.common.security.e2e import Suite
from janusgrid.common.xmpp.broker import Broker, accounts
from janusgrid.common.xmpp.servers import LocalServer
from janusgrid.common.xmpp.slix import SlixSession
from janusgrid.iec61850.acsi.services import GetDataValues, Notification, Operate, Origin, OriginCategory, SetRCBValues
from janusgrid.iec61850.acsi.types import Timestamp
from janusgrid.iec61850.engine import Command
from janusgrid.iec61850.mms import DIALECTS, encode_xer, pdu
from janusgrid.iec61850.model.nodes import Attribute, Model
from janusgrid.iec61850.scsm82.client import XmppAssociation
from janusgrid.iec61850.scsm82.context import around
from janusgrid.iec61850.scsm82.context import profile as profile_of
from janusgrid.iec61850.scsm82.endpoint import Endpoint
from janusgrid.iec61850.scsm82.protection import Security
from janusgrid.iec61850.server import Server

from tests.common.security.e2e.ends import identity
from tests.iec61850.plant import LD, plant, ref
from tests.iec61850.wires import START, until

DOMAIN = "plant.test"
SERVER, VICTIM = f"dg750@{DOMAIN}/IEC", f"ems@{DOMAIN}/IEC"
USERS = ("dg750", "ems", "mallory", "trudy", "еms")  # the last one begins with a Cyrillic letter
HZ, SETPOINT = ref("MMXU1.Hz.mag.f", "MX"), ref("DWGC1.WSpt")
BLOCK = ref("LLN0.urcbMeas01", "RP")
WHO = Origin(OriginCategory.AUTOMATIC_REMOTE, b"ems")
_TRANSFER = re.compile(r"<(EncrTransfer|ClearTransfer|HandshakeReq|HandshakeAcc|DtSecAbort)>([^<]*)</")


class Watch(RealClock):
    """The time of day, as one end sees it."""

    ahead = timedelta()

    def now(self) -> datetime:
        return super().now() + self.ahead


class Middle:
    """The embedded server, turned: it sees the stanzas of associations, and delivers what it likes in their place."""

    def __init__(self, broker: LocalServer) -> None:
        self._broker = broker
        self.seen: list[tuple[str, str]] = []
        """To whom, and the stanza, with the sender stamped."""
        self.rule: Callable[[str, str], Iterable[str]] = lambda to, stanza: [stanza]
        self._deliver = accounts.Session.deliver

    def deliver(self, session: accounts.Session, data: bytes, stanza: Any = None) -> None:
        if b"AssociationContext" not in data and b"type='result'" not in data and b'type="result"' not in data:
            self._deliver(session, data, stanza)
            return
        text = data.decode()
        self.seen.append((session.full, text))
        for each in self.rule(session.full, text):
            self._deliver(session, each.encode(), stanza if each == text else None)

    def inject(self, to: str, *stanzas: str) -> None:
        """Deliver something of its own."""
        assert isinstance(self._broker, Broker)
        for stanza in stanzas:
            self._deliver(self._broker._directory.sessions[to], stanza.encode())
        assert self._broker._run is not None
        self._broker._run.flush()

    def last(self, to: str = SERVER, having: str = "") -> str:
        """Return the last stanza of an association to this peer."""
        return next(text for who, text in reversed(self.seen) if who == to and having in text)

    def edit(self, to: str, change: Callable[[bytearray], Any], kind: str = "") -> None:
        """Change the octets of the next protected PDU to this peer."""

        def rule(who: str, stanza: str) -> Iterable[str]:
            if who != to or (kind and f"<{kind}>" not in stanza) or not _TRANSFER.search(stanza):
                return [stanza]
            self.rule = lambda _, other: [other]
            return [edited(stanza, change)]

        self.rule = rule

    def once(self, to: str, change: Callable[[str], Iterable[str]], having: str = "AssociationContext") -> None:
        """Deliver something else in the place of the next stanza of an association to this peer."""

        def rule(who: str, stanza: str) -> Iterable[str]:
            if who != to or having not in stanza:
                return [stanza]
            self.rule = lambda _, other: [other]
            return change(stanza)

        self.rule = rule

    def hold(self, to: str, *, many: bool = False) -> list[str]:
        """Return what will be the next stanza of an association to this peer, or all of them: it is not delivered."""
        held: list[str] = []

        def keep(stanza: str) -> Iterable[str]:
            held.append(stanza)
            return ()

        if many:
            self.rule = lambda who, stanza: keep(stanza) if who == to else [stanza]
        else:
            self.once(to, keep)
        return held

    def honest(self) -> None:
        self.rule = lambda to, stanza: [stanza]


def edited(stanza: str, change: Callable[[bytearray], Any]) -> str:
    """Return a stanza with the octets of its protected PDU changed."""
    found = _TRANSFER.search(stanza)
    assert found is not None
    octets = bytearray(base64.b64decode(found[2]))
    before = bytes(octets)
    change(octets)
    assert bytes(octets) != before, "nothing was changed"
    return stanza[: found.start(2)] + base64.b64encode(octets).decode() + stanza[found.end(2) :]


@attrs.define
class Field:
    """What there is, and what of it must not change."""

    broker: LocalServer
    middle: Middle
    server: Server
    serving: SlixSession
    victim: SlixSession
    suite: Suite | None
    stack: AsyncExitStack
    clocks: dict[str, Watch] = attrs.Factory(lambda: {SERVER: Watch(), VICTIM: Watch()})
    executed: list[Command] = attrs.Factory(list)
    heard: list[Notification] = attrs.Factory(list)
    ends: list[str] = attrs.Factory(list)
    association: XmppAssociation = None  # type: ignore[assignment]
    others: dict[str, SlixSession] = attrs.Factory(dict)
    before: Any = None
    counted: Counter[str] = attrs.Factory(Counter)
    commands: int = 0

    @property
    def id(self) -> str:
        """The identifier of the victim's association."""
        return self.association._key[1]

    def security(self, jid: str, by: str = "ours", **options: Any) -> Security | None:
        if self.suite is None:
            return None
        watch = self.clocks.setdefault(jid, Watch())
        options.setdefault("suites", (self.suite,))
        return Security(identity(jid, by=by), clock=watch, **options)

    async def session(self, jid: str) -> SlixSession:
        """Return a session of somebody who means no good."""
        found = self.others.get(jid)
        if found is None or not found.connected:
            found = self.others[jid] = await self.fresh(jid)
        return found

    async def fresh(self, jid: str) -> SlixSession:
        made = SlixSession(
            jid, password="secret", host=self.broker.host, port=self.broker.port, tls=self.broker.ca, allow=_friends
        )
        await made.open()
        self.stack.push_async_callback(made.close)
        return made

    async def associate(self, timeout: float = 5.0, session: SlixSession | None = None) -> XmppAssociation:
        session = session or self.victim
        return await XmppAssociation.open(session, SERVER, security=self.security(session.jid), timeout=timeout)

    def command(self) -> Operate:
        """Return a command that was not given before."""
        self.commands += 1
        now = Timestamp.of(datetime.now(UTC) + timedelta(milliseconds=self.commands))
        return Operate(SETPOINT, [float(self.commands % 800)], WHO, self.commands % 256, now)

    # --- what must not change -------------------------------------------------------------------------------------

    async def ready(self) -> None:
        """See that the victim has an association with a report enabled, and keep in mind what there is."""
        self.middle.honest()
        for watch in self.clocks.values():
            watch.ahead = timedelta()
        if self.association is None or self.association._ended:
            self.association = await self.associate()
            self.association.on_notification(self.heard.append)
            self.association.on_end(self.ends.append)
            await self.association.call(SetRCBValues(BLOCK, (("RptEna", True),)))
        self.middle.seen.clear()
        for kept in (self.executed, self.heard, self.ends):
            kept.clear()
        self.before = self.state()
        self.counted = self.counts()

    def state(self) -> Any:
        """Return all that the server has: values, who holds what, associations."""
        engine = self.server.engine
        return (
            [(str(attribute.name), repr(attribute.value)) for attribute in leaves_of(self.server.engine.model)],
            {str(name): (one.state, one.owner) for name, one in engine.control._known.items()},
            {str(name): (block.owner, block.enabled) for name, block in engine.reporting._blocks.items()},
        )

    def counts(self) -> Counter[str]:
        """Return what was refused so far, by all whom it may concern."""
        found: Counter[str] = Counter()
        for session in (self.serving, self.victim):
            found += session.refusals
            found += Endpoint.of(session).refused
        return found

    @property
    def noted(self) -> Counter[str]:
        """What was refused since all was well."""
        return Counter({str(code): count for code, count in (self.counts() - self.counted).items()})

    async def unharmed(self, *codes: str, executed: int = 0, heard: int = 0, alive: bool = True) -> None:
        """See that nothing has changed, that it was noted for these reasons, and that the victim goes on."""
        if codes:
            await until(lambda: all(self.noted[code] for code in codes))
        self.middle.honest()
        for watch in self.clocks.values():
            watch.ahead = timedelta()
        if alive:
            assert await self.association.call(GetDataValues((HZ,))) == (50.0,)
            assert not self.ends
        assert len(self.executed) == executed
        assert len(self.heard) == heard
        if not executed:
            assert self.state() == self.before
        assert set(self.noted) == set(codes), f"noted: {dict(self.noted)}"
        if alive:
            await self.association.call(self.command())
            assert len(self.executed) == executed + 1

    # --- what is sent ---------------------------------------------------------------------------------------------

    def context(self, message: pdu.MMSpdu, id: str = "") -> str:
        """Return an association context with a PDU without protection."""
        return around(profile_of("80-3"), id or self.id, encode_xer(message, DIALECTS["80-3"]))

    async def captured(self) -> str:
        """Return a command of the victim as the server between has it; it is not delivered, the client gives up."""
        held = self.middle.hold(SERVER)
        asking = asyncio.ensure_future(self.association.call(self.command()))
        await until(lambda: bool(held))
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        return held[0]


def _friends(peer: str) -> bool:
    return peer in (f"dg750@{DOMAIN}", f"ems@{DOMAIN}", f"trudy@{DOMAIN}")


def leaves_of(model: Model) -> Iterable[Attribute]:
    todo: list[Any] = [
        data for device in model.devices.values() for node in device.nodes.values()
        for data in node.objects.values()
    ]  # fmt: skip
    while todo:
        part = todo.pop()
        if isinstance(part, Attribute) and part.type is not None:
            yield part
        todo.extend(part.children.values())


F = TypeVar("F", bound=Field)


async def made(
    stack: AsyncExitStack,
    suite: Suite | None,
    kind: type[F],
    on: LocalServer | None = None,
) -> F:
    """Return a field, with end-to-end security of this kind or without, on the embedded server, which can be turned,
    or on another, which cannot."""
    broker = on or Broker(DOMAIN)
    for user in USERS:
        broker.add_user(user, "secret")
    await broker.start()
    stack.push_async_callback(broker.stop)
    middle = Middle(broker)
    stack.enter_context(
        mock.patch.object(
            accounts.Session, "deliver", lambda session, data, stanza=None: middle.deliver(session, data, stanza)
        )
    )
    server = Server(plant(), clock=LockStepClock(START))
    field = kind(broker, middle, server, None, None, suite, stack)  # type: ignore[arg-type]
    server.on_operate(str(SETPOINT))(field.executed.append)
    stack.push_async_callback(server.close)
    field.serving, field.victim = await field.fresh(SERVER), await field.fresh(VICTIM)
    server.start(field.serving, security=field.security(SERVER))
    return field


async def refused(asking: Awaitable[Any]) -> str:
    """Return the code with which something is refused, its message where there is none; "" if it is not."""
    try:
        await asking
    except JanusGridError as error:
        return error.code or error.message
    return ""


def reading() -> pdu.MMSpdu:
    variable = pdu.VariableDef(("name", ("domain-specific", pdu.DomainSpecific(LD, "MMXU1$MX$Hz$mag$f"))))
    return (
        "confirmed-RequestPDU",
        pdu.ConfirmedRequestPDU(1, ("read", pdu.ReadRequest(("listOfVariable", [variable])))),
    )


def commanding() -> pdu.MMSpdu:
    """Return an Operate as anybody can write it."""
    variable = pdu.VariableDef(("name", ("domain-specific", pdu.DomainSpecific(LD, "DWGC1$CO$WSpt$Oper"))))
    oper: Any = ("structure", [
        ("structure", [("floating-point", b"\x08\x43\x00\x00\x00")]),
        ("structure", [("integer", 3), ("octet-string", b"ems")]),
        ("unsigned", 1), ("utc-time", bytes(8)), ("boolean", False), ("bit-string", (0, 2)),
    ])  # fmt: skip
    write = pdu.WriteRequest(("listOfVariable", [variable]), [oper])
    return ("confirmed-RequestPDU", pdu.ConfirmedRequestPDU(2, ("write", write)))


def reporting() -> pdu.MMSpdu:
    """Return a report as anybody can write it."""
    results: Any = [
        ("success", ("visible-string", "plant/meas")), ("success", ("bit-string", (0, 10))),
        ("success", ("bit-string", (0, 1))),
    ]  # fmt: skip
    report = pdu.InformationReport(("variableListName", ("vmd-specific", "RPT")), results)
    return ("unconfirmed-PDU", pdu.UnconfirmedPDU(("informationReport", report)))


def rejecting() -> pdu.MMSpdu:
    return ("rejectPDU", pdu.RejectPDU(("pdu-error", 1), 1))


def iq(kind: str, to: str, payload: str, *, sender: str = "", id: str = "a1") -> str:
    stamp = f" from='{sender}'" if sender else ""
    return f"<iq type='{kind}' id='{id}'{stamp} to='{to}'>{payload}</iq>"


def message(to: str, payload: str, *, sender: str = "", kind: str = "chat") -> str:
    stamp = f" from='{sender}'" if sender else ""
    return f"<message type='{kind}' id='a1'{stamp} to='{to}'>{payload}</message>"
