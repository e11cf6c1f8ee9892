"""`janusgrid driver`: which drivers there are, what a device says, and the devices of a site as one server."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Self

import click

from ..common.clock import RealClock
from ..common.data.site import load_site
from ..common.data.value import Detail, Value
from ..common.errors import ConfigError, JanusGridError, TimedOut
from ..common.xmpp.login import Login
from ..ems.drivers.port import Surroundings, find, installed
from ..ems.gateway import SiteGateway
from .openadr.telling import Teller, columns, show
from .running import run

LOOK = 1.0
"""Seconds between two looks at which devices are there."""

_File = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def command() -> None:
    """Field devices: which drivers there are, what a device says, and all of a site as one IEC 61850 server."""


@command.command("list", short_help="which drivers are installed")
@click.option("--json", "as_json", is_flag=True, help="print JSON")
def list_command(as_json: bool) -> None:
    """Print the drivers that site files may name, and what one of them needs that is not there."""
    rows: list[Mapping[str, Any]] = []
    for name, package in installed().items():
        try:
            find(name)
            rows.append({"driver": name, "package": package, "missing": None})
        except ConfigError as error:
            rows.append({"driver": name, "package": package, "missing": error.message})
    show(rows, as_json, columns(rows, ("driver", "package", "missing")))


@command.command(short_help="connect one device, and print its points")
@click.argument("site", type=_File)
@click.argument("device")
@click.option("--account", type=_File, help="file of an XMPP account, for devices that are reached over XMPP")
@click.option("--patience", default=10.0, show_default=True, help="seconds to wait for the device")
@click.option("--json", "as_json", is_flag=True, help="print JSON")
def probe(site: Path, device: str, account: Path | None, patience: float, as_json: bool) -> None:
    """Connect DEVICE of the SITE file by its driver, and print what it says of each point of its table.

    Exit status 1 if it is not reached, or does not have what its table says.
    """
    found = load_site(site).device(device)
    driver = find(found.driver, found.where or None)

    async def look() -> None:
        async with AsyncExitStack() as stack:
            session = None
            if account is not None:
                session = await stack.enter_async_context(Login.load(account).session())
            link = await stack.enter_async_context(driver.link(found, Surroundings(clock=RealClock(), session=session)))
            heard = stack.enter_context(_Heard())
            try:
                async with asyncio.timeout(patience):
                    await link.ready()
            except TimeoutError:
                raise TimedOut(f"{device} is not reached within {patience:g} s{heard.why}") from None
            points = await link.directory()
            values = await link.read([point.name for point in points])
            rows: list[Mapping[str, Any]] = [
                {"point": point.name, **_told(values[point.name]), "unit": point.unit.symbol} for point in points
            ]
            lines: list[Mapping[str, Any]] = [{**row, "value": _digits(row["value"])} for row in rows]
            show(rows, as_json, columns(lines, ("point", "value", "unit", "quality", "time")))

    run(look())


class _Heard(logging.Handler):
    """Keeps the last error that our drivers have logged, and lets nobody print: libraries would, in their manner."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.why = ""
        self._nobody = logging.NullHandler()

    def __enter__(self) -> Self:
        self._log, self._root = logging.getLogger("janusgrid"), logging.getLogger()
        self._before = self._log.level
        self._log.setLevel(logging.INFO)
        self._log.addHandler(self)
        self._root.addHandler(self._nobody)
        return self

    def __exit__(self, *_: object) -> None:
        self._log.setLevel(self._before)
        self._log.removeHandler(self)
        self._root.removeHandler(self._nobody)

    def emit(self, record: logging.LogRecord) -> None:
        for each in record.args if isinstance(record.args, tuple) else ():
            if isinstance(each, JanusGridError):
                self.why = f": {each.message}"


def _digits(value: object) -> object:
    return f"{value:.9g}" if isinstance(value, float) else value


def _told(value: Value) -> dict[str, Any]:
    found = [str(flag.name).lower().replace("_", "-") for flag in Detail if flag in value.quality.detail]
    quality = value.quality.validity.value + (f" ({', '.join(found)})" if found else "")
    time = None if value.time is None else value.time.isoformat(timespec="milliseconds")
    return {"value": value.value, "quality": quality, "time": time}


@command.command(short_help="serve the devices of a site as one IEC 61850 server")
@click.argument("site", type=_File)
@click.option("--account", type=_File, help="file of the XMPP account on which it is served (8-2)")
@click.option("--cid", type=click.Path(dir_okay=False, path_type=Path), help="write the server's CID file there")
@click.option("--json", "as_json", is_flag=True, help="print JSON, one object a line")
def serve(site: Path, account: Path | None, cid: Path | None, as_json: bool) -> None:
    """Serve the devices of the SITE file to the operator that it names, until Ctrl-C: a gateway by tables alone.

    There is no utility and no application in it: `janusgrid ems` runs a site with both.
    """
    found = load_site(site)
    login = None if account is None else Login.load(account)
    clock = RealClock()
    say = Teller(as_json, clock.now)

    async def work() -> None:
        async with AsyncExitStack() as stack:
            session = None if login is None else await stack.enter_async_context(login.session())
            gateway = await stack.enter_async_context(SiteGateway(found, clock, session))
            if cid is not None:
                gateway.mirror.cid(cid)
            places = {"xmpp": f"xmpp:{session.jid}"} if session is not None else {}
            if gateway.listening is not None:
                places["tcp"] = gateway.listening
            say.tell("up", f"{found.name} is served at {' and '.join(places.values())}", **places)
            there: dict[str, bool] = {}
            waiting = asyncio.create_task(gateway.ready())
            stack.callback(waiting.cancel)
            while True:
                for name, link in gateway.devices.items():
                    here = await link.available((await link.directory())[0].name)
                    if here != there.get(name, False):
                        there[name] = here
                        say.tell("device", f"{name} {'is here' if here else 'is gone'}", device=name, here=here)
                if waiting.done():
                    waiting.result()  # a device that does not have what its table says ends the program
                await asyncio.sleep(LOOK)

    run(work(), endless=True)
