"""One life of a VTN or a VEN: a real process with a real network and a real database, killed at a chosen moment.

What its application was told, and what was acknowledged to it, it writes to a diary: a file that outlives it.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import time
import traceback
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
from janusgrid.common.clock import ScaledClock
from janusgrid.common.security import Credentials
from janusgrid.common.store.records import Records
from janusgrid.common.xmpp.slix import SlixSession
from janusgrid.openadr.binding.envelopes import Spend
from janusgrid.openadr.binding.http import HttpTransport
from janusgrid.openadr.binding.role import Role
from janusgrid.openadr.binding.services import service
from janusgrid.openadr.binding.xmpp import XmppTransport
from janusgrid.openadr.core import spelling
from janusgrid.openadr.core.identity import ANYBODY
from janusgrid.openadr.events import kilowatts, load_dispatch
from janusgrid.openadr.model import CreatedEvent, Message, OptType, Poll
from janusgrid.openadr.signing import Signing
from janusgrid.openadr.ven import Change, DataPoint, EventChange, Offer, Reading, Ven
from janusgrid.openadr.vtn import OptCanceled, OptCreated, Opted, Party, Telemetry, TelemetryPlan, Vtn

SPEED = 60.0
T0 = datetime(2026, 3, 25, 8, 0, tzinfo=UTC)
OFFER = Offer("usage", "TELEMETRY_USAGE", (DataPoint("pcc.p", kilowatts()),))
STEP = timedelta(seconds=10)


@attrs.frozen
class Plan:
    """What a life is to be.

    Attributes:
        way: `pull`, `push`, `xmpp`, or `signed`, which is pull with signed messages.
        ports: of HTTP, that of the VTN and that of the VEN.
        origin: what the machine's clock showed at T0.
        server: of XMPP: its domain, host, port and authority.
        end: at which moment it is killed: the first of a name, or counted from its start; "" for never. Then, when the
            file `enough` is there, it makes nothing new and brings everything to its end, and ends when the file `end`
            is there.
    """

    way: str
    folder: Path
    ports: tuple[int, int]
    origin: float
    server: tuple[str, str, int, Path | None] | None = None
    end: int | str = ""

    @property
    def enough(self) -> bool:
        """Nothing new is to be made any more."""
        return not self.end and (self.folder / "enough").exists()

    def clock(self) -> ScaledClock:
        return ScaledClock(SPEED, T0 + timedelta(seconds=(time.monotonic() - self.origin) * SPEED))

    def signing(self, role: str) -> Signing | None:
        """An hour of ours is a minute in this world."""
        if self.way != "signed":
            return None
        files = (self.folder / f"{role}.pem", self.folder / f"{role}.key", self.folder / "authority.pem")
        signers = () if role == "vtn" else ((self.folder / "vtn.print").read_text(),)
        return Signing(
            credentials=Credentials(*files), signers=signers, past=timedelta(hours=4), future=timedelta(hours=1)
        )

    @asynccontextmanager
    async def transport(self, role: str, fate: Fate) -> AsyncIterator[MortalHttp | MortalXmpp]:
        """Yield the transport of a role."""
        made: MortalHttp | MortalXmpp
        if self.server is None:
            listens = role == "vtn" or self.way == "push"
            made = MortalHttp(plain=True, listen=("127.0.0.1", self.ports[role == "ven"]) if listens else None)
            made.fate = fate
            yield made
            return
        domain, host, port, ca = self.server
        user = "vtn" if role == "vtn" else "ems"
        password = f"secret of {user}"
        async with SlixSession(f"{user}@{domain}/{user}", password=password, host=host, port=port, tls=ca) as session:
            made = MortalXmpp(session)
            made.fate = fate
            yield made

    @property
    def vtn(self) -> str:
        return f"http://127.0.0.1:{self.ports[0]}" if self.server is None else f"vtn@{self.server[0]}/vtn"

    @property
    def site(self) -> tuple[str, ...]:
        """As whom the VTN knows the VEN."""
        if self.server is not None:
            return (f"ems@{self.server[0]}",)
        signer = self.folder / "ven.print"
        return (ANYBODY, signer.read_text()) if signer.exists() else (ANYBODY,)


class Fate:
    """Counts the moments of a life and ends it at one of them."""

    def __init__(self, role: str, plan: Plan) -> None:
        self._role = role
        self._plan = plan
        self._count = itertools.count(1)
        self._file = os.open(plan.folder / f"{role}.diary", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def note(self, *words: object) -> None:
        """Write to the diary: one line, there to stay."""
        os.write(self._file, (" ".join(map(str, words)) + "\n").encode())

    def moment(self, name: str) -> None:
        """Here a life may end."""
        if self._plan.end in (next(self._count), name):
            self.note("killed", name)
            os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(10)


class MortalRecords(Records):
    def __init__(self, role: str, plan: Plan, fate: Fate) -> None:
        super().__init__(plan.folder / f"{role}.sqlite", role)
        self._fate = fate

    def save(self, records: Iterable[Sequence[str | None]]) -> None:
        batch = list(records)
        self._fate.moment("save")
        super().save(batch)
        for kind, _, text in batch:
            if kind == "sample" and text is not None:
                for interval in spelling.intervals_of(text):
                    self._fate.note("sample", _seconds(interval.dtstart))
        self._fate.moment("saved")


class MortalHttp(HttpTransport):
    fate: Fate
    folder: Path | None = None
    """Where the last message that was answered is left, as it was sent."""
    sent = ""

    async def carry(self, to: str, message: Message, identity: str = "") -> Message | None:
        name = type(message).__name__
        self.fate.moment(f"sending {name}")
        answer = await super().carry(to, message, identity)
        if self.folder is not None and not isinstance(message, Poll):
            (self.folder / "sent.new").write_text(f"{service(type(message))}\n{self.sent}")
            (self.folder / "sent.new").rename(self.folder / "sent")
        self.fate.moment(f"answered {name}")
        return answer


class MortalXmpp(XmppTransport):
    fate: Fate

    async def carry(self, to: str, message: Message, identity: str = "") -> Message | None:
        name = type(message).__name__
        self.fate.moment(f"sending {name}")
        answer = await super().carry(to, message, identity)
        self.fate.moment(f"answered {name}")
        return answer


class Mortal(Role):
    """A role that may be killed when a message has come, and when it is about to be answered."""

    fate: Fate

    async def receive(self, identity: str, message: Message, spend: Spend | None = None) -> Message:
        name = type(message).__name__
        self.fate.moment(f"receiving {name}")
        answer = await super().receive(identity, message, spend)
        self.fate.moment(f"answering {name}")
        return answer


class MortalVtn(Mortal, Vtn):
    pass


class MortalVen(Mortal, Ven):
    pass


def live(role: str, plan: Plan) -> None:
    """Live; never returns."""
    try:
        asyncio.run(_live(role, plan, Fate(role, plan)))
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


async def _live(role: str, plan: Plan, fate: Fate) -> None:
    async with plan.transport(role, fate) as transport:
        await {"vtn": _vtn, "ven": _ven}[role](plan, transport, fate)


async def _vtn(plan: Plan, transport: MortalHttp | MortalXmpp, fate: Fate) -> None:
    vtn = MortalVtn(
        "VTN1",
        transport,
        parties=[Party("site", plan.site)],
        clock=plan.clock(),
        plan=TelemetryPlan(granularity=STEP, every=STEP),
        poll_every=timedelta(seconds=2),
        store=MortalRecords("vtn", plan, fate),
        signing=plan.signing("vtn"),
    )
    vtn.fate = fate

    @_listener(vtn, Telemetry)
    def telemetry(told: Telemetry) -> None:
        fate.moment("telling telemetry")
        for sample in told.samples:
            fate.note("sample", _seconds(sample.time))
        fate.moment("told telemetry")

    @_listener(vtn, Opted)
    def opted(told: Opted) -> None:
        fate.moment("telling opted")
        identity = told.response.qualified_event_id
        fate.note("opted", identity.event_id, identity.modification_number, told.response.opt_type)

    @_listener(vtn, OptCreated)
    def said(told: OptCreated) -> None:
        fate.moment("telling an opt")
        fate.note("said", told.opt.opt_id)

    @_listener(vtn, OptCanceled)
    def unsaid(told: OptCanceled) -> None:
        fate.moment("telling the end of an opt")
        fate.note("unsaid", told.opt.opt_id)

    async with vtn:
        fate.note("up")
        await _utility(vtn, plan, fate)
        await _end(plan, "vtn", lambda: _vtn_state(vtn))


def _listener(role: Vtn, kind: type[Any]) -> Any:
    return lambda function: role.listen(kind, function)


async def _utility(vtn: Vtn, plan: Plan, fate: Fate) -> None:
    """Make events, change them and take them back, one after the other, going on from where the last life ended."""
    site = await vtn.wait_registered("site")
    while True:
        count = len(list(vtn.core.events))
        if count:
            booked = vtn.core.events.get(f"E{count - 1}")
            while booked.opt(site.ven_id) is None:
                await vtn.changed()
            stage = booked.event.event_descriptor.modification_number
            if stage < 1 or (stage < 2 and count % 2):
                now = vtn.clock.now()
                name = f"E{count - 1}"
                if stage:
                    vtn.core.cancel_event(name, now)
                else:
                    start = booked.event.ei_active_period.dtstart
                    vtn.core.modify_event(_event(name, 900.0, start, now), now)
                fate.moment("changed an event")
                await _acknowledged(vtn, fate, name)
                continue
        if plan.enough and count > 2:
            return
        now = vtn.clock.now()
        vtn.create_event(_event(f"E{count}", 1000.0, T0 + timedelta(hours=12 + 2 * count), now), ["site"])
        fate.moment("made an event")
        await _acknowledged(vtn, fate, f"E{count}")


def _event(name: str, power: float, start: datetime, now: datetime) -> Any:
    return load_dispatch(power, start=start, duration=timedelta(hours=1), created=now, event_id=name)


async def _acknowledged(vtn: Vtn, fate: Fate, name: str) -> None:
    await vtn.kept()
    fate.note("kept", name, vtn.core.events.get(name).event.event_descriptor.modification_number)
    fate.moment("kept an event")
    vtn.nudge()


def _vtn_state(vtn: Vtn) -> dict[str, Any] | None:
    ven = vtn.core.ven("site")
    events = {}
    for booked in vtn.core.events:
        descriptor = booked.event.event_descriptor
        if booked.opt(ven.ven_id) is None:
            return None
        events[descriptor.event_id] = [descriptor.modification_number, str(booked.opt(ven.ven_id))]
    opts = sorted(opt.opt_id for opt in vtn.opts("site"))
    return {"ven": ven.ven_id, "registration": ven.registration_id, "events": events, "opts": opts}


async def _ven(plan: Plan, transport: MortalHttp | MortalXmpp, fate: Fate) -> None:
    clock = plan.clock()

    def read(r_ids: frozenset[str]) -> Mapping[str, Reading]:
        return {r_id: Reading(1.0) for r_id in r_ids}

    ven = MortalVen(
        "site", transport, vtn=plan.vtn, offers=[OFFER], read=read, clock=clock,
        store=MortalRecords("ven", plan, fate), signing=plan.signing("ven"),
    )  # fmt: skip
    ven.fate = fate
    if plan.way == "signed" and isinstance(transport, MortalHttp):
        _keep_what_is_sent(ven, transport, plan.folder)

    @ven.on_event
    def decide(change: EventChange) -> OptType:
        fate.moment("telling an event")
        known = change.known
        fate.note("told", known.event_id, known.modification, change.change.value)
        fate.moment("told an event")
        return OptType.OPT_IN

    async with ven:
        await ven.joined()
        makers = (_minds(ven, fate), _availability(ven, plan, fate), _event_opts(ven, fate))
        making = [asyncio.create_task(make) for make in makers]
        while not plan.enough:
            done, _ = await asyncio.wait(making, timeout=0.05)
            assert not done, [task.result() for task in done]
        for task in making:
            task.cancel()
        await asyncio.gather(*making, return_exceptions=True)
        _end_opts(ven)
        await _end(plan, "ven", lambda: _ven_state(ven))


def _keep_what_is_sent(ven: Ven, transport: MortalHttp, folder: Path) -> None:
    close, transport.folder = ven.envelopes.close, folder

    def closed(*arguments: Any, **options: Any) -> str:
        transport.sent = close(*arguments, **options)
        return transport.sent

    ven.envelopes.close = closed  # type: ignore[method-assign]


async def _availability(ven: Ven, plan: Plan, fate: Fate) -> None:
    """Say one time after the other when we are not available, and take every second of it back."""
    _end_opts(ven)
    words = [line.split(" ") for line in (plan.folder / "ven.diary").read_text().splitlines()]
    for number in itertools.count(max((int(each[1]) + 1 for each in words if each[0] == "opting"), default=0)):
        fate.note("opting", number)
        sent = ven.opt_schedule(OptType.OPT_OUT, [(T0 + timedelta(days=1 + number), STEP)], opt_id=f"O{number}")
        fate.moment("made an opt")
        await ven.kept()
        fate.note("opt", sent.id)
        await sent.accepted()
        fate.note("accepted", sent.id)
        if number % 2:
            sent.cancel()
            fate.moment("took back an opt")
            await ven.kept()
            await sent.canceled()
        await asyncio.sleep(0.1)


def _end_opts(ven: Ven) -> None:
    """Take back what an earlier life would have taken back."""
    for sent in ven.opts:
        if not stays(sent.id):
            sent.cancel()


def stays(opt_id: str) -> bool:
    """Whether an opt is one of those that are not taken back: of times the even ones, of events those of all of us."""
    return opt_id.startswith("E") if opt_id[0] != "O" else int(opt_id[1:]) % 2 == 0


async def _event_opts(ven: Ven, fate: Fate) -> None:
    """Opt out of every third event by a message of its own; of as many others with some devices, and take that back."""
    parted: set[str] = set()
    while True:
        for known in list(ven.core.events.shelf.values()):
            about = f"{known.event_id}.{known.modification}"
            if known.cancelled or known.opt is None:
                continue
            if known.event_id[-1] in "147" and known.stands is OptType.OPT_IN:
                sent = ven.opt_event(known.event_id, OptType.OPT_OUT, opt_id=about)
                fate.moment("made an event opt")
                await ven.kept()
                fate.note("opt", sent.id)
                fate.note("kept", known.event_id, known.modification, OptType.OPT_OUT)
            elif known.event_id[-1] in "369" and about not in parted:
                parted.add(about)
                sent = ven.opt_event(
                    known.event_id, OptType.OPT_OUT, opt_id=f"P{about}", device_classes=["Exterior_Lighting"]
                )
                await ven.kept()
                sent.cancel()
                await ven.kept()
        await ven.changed()


async def _minds(ven: Ven, fate: Fate) -> None:
    """Change the mind about every third event."""
    while True:
        for known in list(ven.core.events.shelf.values()):
            if known.event_id[-1] in "258" and known.opt is OptType.OPT_IN and not known.cancelled:
                ven.opt(known.event_id, OptType.OPT_OUT)
                fate.moment("opted")
                await ven.kept()
                fate.note("kept", known.event_id, known.modification, known.opt)
        await ven.changed()


def _ven_state(ven: Ven) -> dict[str, Any] | None:
    core = ven.core
    owed = any(isinstance(letter.message, CreatedEvent) for letter in core.outbox.shelf.values())
    opts = sorted(sent.id for sent in ven.opts)
    if (
        not core.registered
        or owed
        or not all(sent.is_accepted and stays(sent.id) for sent in ven.opts)
        or any(known.opt is None for known in core.events.shelf.values() if not known.cancelled)
    ):
        return None
    events = {known.event_id: [known.modification, str(known.stands)] for known in core.events.shelf.values()}
    return {"ven": core.ven_id, "registration": core.registration_id, "events": events, "opts": opts}


async def _end(plan: Plan, role: str, state: Any) -> None:
    """Say when everything has settled; at the end leave word of how things stand."""
    while (found := state()) is None or not (plan.folder / "end").exists():
        if found is not None:
            (plan.folder / f"{role}.settled").touch()
        await asyncio.sleep(0.02)
    aside = plan.folder / f"{role}.new"
    aside.write_text(json.dumps(found))
    aside.rename(plan.folder / f"{role}.state")


def _seconds(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


__all__ = ["Change", "Plan", "live"]
