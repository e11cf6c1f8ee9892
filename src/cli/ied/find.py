"""`janusgrid ied find`: the servers that are there."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterable
from typing import Any

import click

from ...common.xmpp import jid as jids
from ...iec61850.scsm82.discovery import Found, Watch
from ..running import run
from .target import Target, by_account


@click.command()
@click.argument("contacts", nargs=-1, metavar="[JID]...")
@click.option("--watch", is_flag=True, help="go on, and tell who appears and who goes")
@click.option("--wait", type=click.FloatRange(0), default=2.0, show_default=True, help="seconds to listen, if not")
@click.option("--count", type=click.IntRange(1), help="end as soon as so many are found")
@by_account
def find(target: Target, contacts: tuple[str, ...], watch: bool, wait: float, count: int | None) -> None:
    """Find the servers (8-2) among the contacts of our account that are there; JIDs become contacts of it."""

    async def work() -> None:
        if watch and count is not None:
            raise click.UsageError("--count ends a search; --watch goes on")
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


def _plain(found: Found) -> dict[str, Any]:
    return {"jid": found.jid, "dialects": found.dialects, "name": found.identity.name}


def _line(found: Found) -> str:
    return f"{found.target} {_listed(found.dialects)} {found.identity.name}".rstrip()


def _listed(names: Iterable[str]) -> str:
    return ",".join(names)
