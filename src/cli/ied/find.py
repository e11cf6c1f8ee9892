"""`janusgrid ied find`: the servers that are there."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterable
from typing import Any

import click

from ...common.xmpp import jid as jids
from ...iec61850.registry import Device, RegistryClient
from ...iec61850.scsm82.discovery import Found, Watch
from ..running import run
from .target import Target, by_account


@click.command()
@click.argument("contacts", nargs=-1, metavar="[JID]...")
@click.option("--registry", metavar="JID", help="those that are registered there, whether they are there or not")
@click.option("--watch", is_flag=True, help="go on, and tell who appears and who goes")
@click.option("--wait", type=click.FloatRange(0), default=2.0, show_default=True, help="seconds to listen, if not")
@click.option("--count", type=click.IntRange(1), help="end as soon as so many are found")
@by_account
def find(
    target: Target, contacts: tuple[str, ...], registry: str | None, watch: bool, wait: float, count: int | None
) -> None:
    """Find servers that are there (8-2).

    They are contacts of our account, which the JIDs become, or those that are registered at a registry.
    """
    if watch and count is not None:
        raise click.UsageError("--count ends a search; --watch goes on")
    if registry is not None:
        if contacts or count is not None:
            raise click.UsageError("a registry says who is registered; JIDs and --count are for contacts")
        run(_registered(target, registry, watch), endless=watch)
        return

    async def work() -> None:
        async with target.session() as session, Watch(session, timeout=target.timeout) as seen:
            for jid in contacts:
                await session.subscribe(jids.bare(jids.normal(jid)))
            if not watch:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        while count is None or len(seen.servers) < count:
                            await anext(seen)
                target.tell([_plain(one) for one in seen.servers], map(_line, seen.servers))
                return
            async for change in seen:
                if target.as_json:
                    click.echo(json.dumps({"available": change.available, **_plain(change.server)}))
                else:
                    click.echo(f"{'+' if change.available else '-'} {_line(change.server)}")

    run(work(), endless=watch)


async def _registered(target: Target, jid: str, watch: bool) -> None:
    async with target.session() as session, RegistryClient(session, jid, timeout=target.timeout) as registry:
        if not watch:
            devices = await registry.devices()
            target.tell([_device(one) for one in devices], map(_device_line, devices))
            return
        async for happening in registry.changes():
            if target.as_json:
                click.echo(json.dumps({"event": happening.kind.value, **_device(happening.device)}))
            else:
                click.echo(f"{happening.kind.value} {_device_line(happening.device)}")


def _device(device: Device) -> dict[str, Any]:
    plate = device.nameplate
    return {
        "jid": device.address,
        "available": device.available,
        "dialects": device.dialects,
        "vendor": plate.vendor,
        "model": plate.model,
        "ratings": plate.ratings,
    }


def _device_line(device: Device) -> str:
    plate, there = device.nameplate, "available" if device.available else "away"
    return " ".join(filter(None, (device.target, there, plate.vendor, plate.model)))


def _plain(found: Found) -> dict[str, Any]:
    return {"jid": found.jid, "dialects": found.dialects, "name": found.identity.name}


def _line(found: Found) -> str:
    return f"{found.target} {_listed(found.dialects)} {found.identity.name}".rstrip()


def _listed(names: Iterable[str]) -> str:
    return ",".join(names)
