"""`janusgrid ied logs`: what a server has written down."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from itertools import count

import click

from ...common.errors import JanusGridError
from ...iec61850.client import Ied, LogUpdate
from ..running import run
from . import show
from .target import Target, reaches


def _time(text: str) -> datetime:
    """Return the time that a text is as ISO 8601 has it; without a zone it is UTC."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is no time; write 2026-11-21T08:00:00Z") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _entry(text: str) -> bytes:
    """Return the octets of an EntryID in hexadecimal digits."""
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is no EntryID; --json prints those of entries") from None


@click.command()
@reaches
@click.argument("log", default="")
@click.option(
    "--from", "start", type=_time, metavar="TIME", help="entries from this time on (ISO 8601; UTC without a zone)"
)
@click.option("--to", "stop", type=_time, metavar="TIME", help="entries to this time")
@click.option("--after", type=_entry, metavar="ENTRY", help="entries behind this EntryID, in hexadecimal digits")
@click.option("--count", "most", type=click.IntRange(1), help="end after so many entries")
def logs(
    target: Target, log: str, start: datetime | None, stop: datetime | None, after: bytes | None, most: int | None
) -> None:
    """Print the entries of LOG (LD/LN.name), or list the logs.

    With --json there is one object a line for each entry.
    """

    async def work() -> None:
        async with target.open() as ied:
            if not log:
                await _list(target, ied)
                return
            number = count(1)
            async for update in ied.log(log).entries(start=start, stop=stop, after=after):
                for line in [_json_line(update)] if target.as_json else _lines(update):
                    click.echo(line)
                if next(number) == most:
                    return

    run(work())


async def _list(target: Target, ied: Ied) -> None:
    rows = []
    for name in await ied.logs():
        try:
            status = await ied.log(name).status()
            times = [
                show.time(time.datetime) for time in (status.oldest_time, status.newest_time) if any(status.newest)
            ]
        except JanusGridError:  # no control block shows it
            times = []
        rows.append({"log": name, "oldest": times[0] if times else None, "newest": times[-1] if times else None})
    target.tell(rows, [f"{row['oldest'] or '-':24} {row['newest'] or '-':24} {row['log']}" for row in rows])


def _json_line(update: LogUpdate) -> str:
    found = {
        "id": update.id.hex(),
        "time": show.time(update.time),
        "values": show.simple(update.values),
        "reasons": {name: show.reasons(reason) for name, reason in update.reasons.items()},
    }
    return json.dumps(found)


def _lines(update: LogUpdate) -> list[str]:
    time = show.time(update.time)
    found = []
    for name, value in update.values.items():
        reason = ",".join(show.reasons(update.reasons[name]))
        found += [f"{time} {line} ({reason})" if reason else f"{time} {line}" for line in show.lines(name, value)]
    return found or [f"{time} (its values do not fit into an answer)"]
