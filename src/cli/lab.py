"""`janusgrid lab`: a laboratory on one machine, for devices that are being built."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import click

from ..common.data.site import Site
from ..common.xmpp.servers import BROKERS, LocalServer, make_server
from ..ems.check import check
from ..ems.lab import Arrival, Lab, Standing
from .piped import nobody_reads


@click.command()
@click.argument("site", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--simulate", is_flag=True, help="play every IEC 61850 device of the site")
@click.option("--except", "mine", multiple=True, metavar="DEVICE", help="with --simulate: do not play this one")
@click.option("--broker", type=click.Choice(BROKERS), default=BROKERS[0], show_default=True, help="XMPP server to use")
@click.option("--port", type=click.IntRange(1, 65535), help="of the embedded broker; any free one unless given")
@click.option("--accounts", type=click.Path(path_type=Path), default="lab", show_default=True, help="folder for them")
@click.option("--period", type=click.IntRange(1, 3600), default=1, show_default=True, help="of the telemetry, seconds")
@click.option("--until", type=click.IntRange(1), metavar="SAMPLES", help="end when so many good values have arrived")
@click.option(
    "--for", "seconds", type=click.FloatRange(0, min_open=True), metavar="SECONDS", help="end after that time"
)
@click.option("--json", "json_file", type=click.File("w", encoding="utf-8"), help="write JSON lines; - is stdout")
def command(
    site: Path,
    simulate: bool,
    mine: tuple[str, ...],
    broker: str,
    port: int | None,
    accounts: Path,
    period: int,
    until: int | None,
    seconds: float | None,
    json_file: IO[str] | None,
) -> None:
    """Run an XMPP server, a utility and the host of SITE on this machine, and show each value as the utility gets it.

    Devices log in with the accounts that are written for them. Ctrl-C ends it. Exit status 1 if --for comes before
    --until.
    """
    loaded = check(site).require()
    served = [device.name for device in loaded.devices if device.driver == "iec61850"]
    played = [name for name in served if simulate and name not in mine]
    if unknown := set(mine) - {device.name for device in loaded.devices}:
        raise click.UsageError(f"--except: there is no device {', '.join(sorted(unknown))} at {loaded.name}")
    if simulate and not served:
        raise click.UsageError("--simulate plays devices that are IEC 61850 servers, and the site has none")
    server = _server(broker, loaded, port)
    say = _Printer(json_file)

    async def run() -> bool:
        say.closed = closed = asyncio.Event()
        lab = Lab(loaded, server, accounts, say.tell, period=period, simulate=played)
        return await _until_end(lab, lambda: _introduce(lab, broker, say.line), until, seconds, closed)

    sys.exit(0 if asyncio.run(run()) else 1)


def _server(broker: str, site: Site, port: int | None) -> LocalServer:
    if port is None:
        return make_server(broker, site.domain)
    if broker != BROKERS[0]:
        raise click.UsageError("--port is for the embedded broker; the others take a free one")
    from ..common.xmpp.broker import Broker

    return Broker(site.domain, port=port)


async def _until_end(
    lab: Lab, introduce: Callable[[], None], until: int | None, seconds: float | None, told: asyncio.Event
) -> bool:
    """Run until the samples are there, the time is over, or somebody says so; return whether that was wanted."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told.set)
    ends: list[asyncio.Task[Any]] = [asyncio.create_task(told.wait())]
    opening = asyncio.create_task(lab.__aenter__())
    await asyncio.wait((opening, *ends), return_when=asyncio.FIRST_COMPLETED)
    if not opening.done():
        opening.cancel()
        with suppress(asyncio.CancelledError):
            await opening
        return True
    await opening
    try:
        introduce()
        enough = asyncio.create_task(lab.arrived(until)) if until else None
        if enough is not None:
            ends.append(enough)
        await asyncio.wait(ends, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        return enough is None or enough.done() or told.is_set()
    finally:
        for end in ends:
            end.cancel()
        await lab.__aexit__(None, None, None)


def _introduce(lab: Lab, broker: str, line: Callable[[str], None]) -> None:
    server = lab.server
    line(f"{lab.site.name}: {broker} broker for {server.domain} at {server.host} port {server.port}")
    reported = ", ".join(binding.address["rid"] for binding in lab.site.ven.reports)
    line(f"the utility asks for {reported} every {lab.period:g} s")
    for device in lab.guests:
        line(f"{device.name} logs in as {device.address['jid']}; its password is in the file:")
        cid = f" {device.cid}" if device.cid else ""
        line(f"  python {device.name.lower()}.py{cid} {lab.account(device.name)}")


class _Printer:
    """Lines for people; for programs JSON, one object a line."""

    def __init__(self, json_file: IO[str] | None) -> None:
        self.closed: asyncio.Event | None = None
        self._json = json_file
        self._aside = json_file is not None and json_file.name == "<stdout>"

    def line(self, text: str) -> None:
        with self._unless_nobody_reads():
            click.echo(text, err=self._aside)

    def tell(self, what: Standing | Arrival) -> None:
        time = what.time.astimezone()
        if isinstance(what, Standing):
            reason = f": {what.reason}" if what.reason else ""
            self.line(f"{time:%H:%M:%S} {what.device} {what.state.value}{reason}")
            fields: dict[str, Any] = {"device": what.device, "state": what.state.name.lower(), "reason": what.reason}
        else:
            value = f"{what.value:.6g}" if isinstance(what.value, float) else str(what.value)
            self.line(" ".join(filter(None, (f"{time:%H:%M:%S}", what.r_id, value, what.unit, what.quality))))
            fields = {"rid": what.r_id, "point": what.point, "value": what.value, "unit": what.unit}
            fields |= {"quality": what.quality}
        if self._json is not None:
            with self._unless_nobody_reads():
                self._json.write(json.dumps({"time": time.isoformat(timespec="milliseconds"), **fields}) + "\n")
                self._json.flush()

    @contextmanager
    def _unless_nobody_reads(self) -> Iterator[None]:
        """The program behind the pipe has seen enough (`| head`): that ends the laboratory like Ctrl-C."""
        try:
            yield
        except BrokenPipeError:
            nobody_reads()
            if self.closed is not None:
                self.closed.set()
