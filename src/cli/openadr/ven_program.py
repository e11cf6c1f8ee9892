"""`janusgrid ven`: a VEN from its configuration, which says what happens and is directed from another terminal."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path

import click

from ...common.clock import Clock, RealClock
from ...openadr.core.ven import REGISTRATION
from ...openadr.model import OptType
from ...openadr.ven import Asked, Declined, EventChange, Joined, Left, Offered, Telemetry, Ven
from ..control import Control, alone
from ..running import run
from . import samples, summary
from .places import opened
from .starting import examined, many, settings_of
from .telling import Teller, log_to_stderr
from .ven_config import VenSettings, load
from .ven_desk import Desk
from .way import reason, target


@click.command()
@click.argument("config", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--check", is_flag=True, help="only say whether the configuration is good, and the store")
@click.option("--json", "as_json", is_flag=True, help="print JSON, one object a line")
def command(config: Path, check: bool, as_json: bool) -> None:
    """Run a VEN as CONFIG says, until Ctrl-C or SIGTERM.

    It prints what happens. Direct it from another terminal: `janusgrid openadr opt`, `event list` and `poll`. What it
    has registered stays registered when it ends; `janusgrid openadr leave` ends the registration.
    """
    clock = RealClock()
    settings = settings_of(load, config, clock, check, _described, lambda found: examined(found.store, found.control))
    log_to_stderr(settings.file.log)
    run(serve(settings, clock, as_json), endless=True)


def _described(settings: VenSettings) -> str:
    return f"VEN {settings.file.ven}, {many(len(settings.reports.offers), 'report', 'reports')}"


async def serve(settings: VenSettings, clock: Clock, as_json: bool) -> None:
    """Run until cancelled; then end everything in good order."""
    alone(settings.control)
    say = Teller(as_json, clock.now)
    file = settings.file
    async with AsyncExitStack() as stack:
        (transport,) = await settings.ways.open(stack)
        ven = Ven(
            file.ven,
            transport,
            vtn=file.vtn,
            offers=settings.reports.offers,
            read=settings.reports.readings,
            history=settings.reports.history,
            plan=settings.plan,
            report_only=file.report_only,
            signals=file.signals,
            targets=target(file),
            reply_limit=file.reply_limit,
            poll_every=file.poll,
            retry=settings.retry,
            refused=settings.refused,
            signing=settings.ways.signs,
            tolerant=file.reading == "tolerant",
            clock=clock,
            store=opened(settings.store, f"ven/{file.ven}", stack),
        )
        follow(ven, say)
        ven.on_event(lambda change: _decide(say, file.answer, change))
        await stack.enter_async_context(ven)
        hello = {"role": "ven", "name": file.ven}
        await stack.enter_async_context(Control(settings.control, hello, Desk(ven).handlers))
        how = f"is reached at {transport.address}" if transport.address else "comes for its messages"
        say.tell("up", f"VEN {file.ven} {how}; its VTN is {file.vtn}",
                 ven=file.ven, vtn=file.vtn, address=transport.address, control=str(settings.control))  # fmt: skip
        try:
            await asyncio.Event().wait()
        finally:
            say.tell("down", f"VEN {file.ven} ends", ven=file.ven)


def follow(ven: Ven, say: Teller) -> None:
    """Tell everything that happens at a VEN, but for events: those are told where they are decided."""
    ven.listen(Joined, lambda happening: _joined(say, happening))
    ven.listen(Left, lambda happening: _left(say, ven, happening))
    ven.listen(Asked, lambda happening: samples.asked(say, happening.requests))
    ven.listen(Offered, lambda happening: _offered(say, happening))
    ven.listen(Telemetry, lambda happening: _telemetry(say, ven, happening))
    ven.listen(Declined, lambda happening: _declined(say, happening))


def _joined(say: Teller, what: Joined) -> None:
    say.tell("registered", f"registered with {what.vtn_id} as {what.ven_id}",
             ven_id=what.ven_id, registration_id=what.registration_id, vtn_id=what.vtn_id)  # fmt: skip


def _left(say: Teller, ven: Ven, what: Left) -> None:
    why = None if what.error is None else reason(what.error)
    said = f"the registration has ended{f': {why}' if why else ''}"
    if why is not None and ven.core.state == REGISTRATION.initial:
        then = "start again" if what.again is None else f"wait: it is tried again at {_clock(what.again)}"
        said = f"not registered: {why}; put right what is wrong, here or at the VTN, and {then}"
    say.tell("deregistered", said, reason=why, again=what.again.isoformat() if what.again else None)


def _clock(time: datetime) -> str:
    return f"{time.astimezone():%H:%M:%S}"


def _offered(say: Teller, what: Offered) -> None:
    asked = [request.report_specifier.report_specifier_id for request in what.requests]
    offers = [offer.report_specifier_id for offer in what.offers]
    said = f"the VTN can report {', '.join(offers) or 'nothing'}; asked for {', '.join(asked) or 'nothing'}"
    say.tell("offered", said, offers=offers, asked=asked)


def _telemetry(say: Teller, ven: Ven, what: Telemetry) -> None:
    offer = ven.core.vtn_reports.offers.get(what.report.report_specifier_id)
    samples.came(say, what.samples, offer)


def _declined(say: Teller, what: Declined) -> None:
    message = type(what.message).__name__
    then = f"; it is tried again at {_clock(what.again)}" if what.again else ""
    say.tell("declined", f"the VTN declines {message}: {reason(what.error)}{then}",
             message=message, reason=reason(what.error),
             again=what.again.isoformat() if what.again else None)  # fmt: skip


def _decide(say: Teller, answer: str, change: EventChange) -> OptType | None:
    event = change.known.event
    described = summary.event(event, str(event.event_descriptor.event_status))
    words = f"{change.change.value} event {described['id']}: {'; '.join(described['signals'])}, "
    words += f"from {event.ei_active_period.dtstart.astimezone():%Y-%m-%d %H:%M:%S} for {described['for']}"
    opt = None if answer == "ask" else OptType(answer)
    said = "waits for your answer" if opt is None else f"answered {opt.value}"
    ended = change.change.value.endswith("cancelled")
    say.tell("event", words if ended else f"{words}; {said}",
             change=change.change.value, at=change.at.isoformat(), opt=None if ended or opt is None else opt.value,
             **{f"event_{name}": value for name, value in described.items()})  # fmt: skip
    return opt
