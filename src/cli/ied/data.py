"""`janusgrid ied browse`, `read`, `write`, `operate` and `watch`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import click

from ...common.errors import TypeConflict
from ...iec61850.acsi.references import FC, Reference
from ...iec61850.client import Ied, Reports, Update
from ..running import run
from . import show
from .target import Target, reaches

_FCS = click.Choice([fc.value for fc in FC])


@click.command()
@reaches
@click.argument("reference", default="")
@click.option("-r", "--recursive", is_flag=True, help="every attribute below, with its constraint and type")
def browse(target: Target, reference: str, recursive: bool) -> None:
    """List what is below REFERENCE, of which "" has the devices."""

    async def work() -> None:
        async with target.open() as ied:
            if recursive:
                rows = await _attributes(ied, reference)
                shown: list[Any] = [{"reference": r, "fc": fc, "type": kind} for r, fc, kind in rows]
                target.tell(shown, [f"{r}[{fc}] {kind}" for r, fc, kind in rows])
            else:
                names = [_below(reference, name) for name in await ied.directory(reference)]
                target.tell(names, names)

    run(work())


def _below(reference: str, name: str) -> str:
    return f"{reference}{'.' if '/' in reference else '/' if reference else ''}{name}"


async def _attributes(ied: Ied, reference: str) -> list[tuple[str, str, str]]:
    """Return every attribute below a reference, with its constraint and its type."""
    where = Reference.parse(reference) if reference else None
    if where is not None and where.node:
        types = await ied.definition(reference)
        text = str(where.with_fc(None))
        return [
            (name, fc.value, kind) for fc, description in types.items() for name, kind in show.leaves(text, description)
        ]
    found: list[tuple[str, str, str]] = []
    for name in await ied.directory(reference):
        found += await _attributes(ied, _below(reference, name))
    return found


@click.command()
@reaches
@click.argument("references", nargs=-1, required=True)
@click.option("--fc", type=_FCS, help="functional constraint, for all of them; or write LD/LN.DO[FC]")
def read(target: Target, references: tuple[str, ...], fc: str | None) -> None:
    """Read attributes, data objects or logical nodes."""

    async def work() -> None:
        async with target.open() as ied:
            values = await ied.read_many(references, fc)
            text = [line for reference, value in values.items() for line in show.lines(reference, value)]
            target.tell({reference: show.simple(value) for reference, value in values.items()}, text)

    run(work())


@click.command()
@reaches
@click.argument("reference")
@click.argument("value")
@click.option("--fc", type=_FCS, help="functional constraint, where it is not to be found by itself")
def write(target: Target, reference: str, value: str, fc: str | None) -> None:
    """Write VALUE, JSON or plain text, to REFERENCE."""

    async def work() -> None:
        async with target.open() as ied:
            await given(value, lambda found: ied.write(reference, found, fc))
            target.tell({"written": reference})

    run(work())


@click.command()
@reaches
@click.argument("reference")
@click.argument("value")
@click.option("--test", is_flag=True, help="for test only")
@click.option("--interlock-check", is_flag=True, help="have the interlocking conditions checked")
@click.option("--synchrocheck", is_flag=True, help="have the synchronism checked")
def operate(target: Target, reference: str, value: str, test: bool, interlock_check: bool, synchrocheck: bool) -> None:
    """Command REFERENCE (LD/LN.DO) with VALUE.

    VALUE is JSON, or plain text where it is none that fits.
    """

    async def work() -> None:
        async with target.open() as ied:
            control = ied.control(reference)
            await given(
                value,
                lambda found: control.operate(
                    found, test=test, interlock_check=interlock_check, synchrocheck=synchrocheck
                ),
            )
            target.tell({"operated": reference})

    run(work())


async def given(text: str, do: Callable[[Any], Awaitable[None]]) -> None:
    """Do it with what a text is in JSON; with the text itself where that is none, or none that fits."""
    try:
        value = json.loads(text)
    except ValueError:
        await do(text)
        return
    try:
        await do(value)
    except TypeConflict as conflict:
        try:
            await do(text)
        except TypeConflict:
            raise conflict from None


@click.command()
@reaches
@click.argument("block")
@click.option("--integrity", type=click.FloatRange(0.001), metavar="SECONDS", help="all values so often")
@click.option("--buffer-time", type=click.FloatRange(0), metavar="SECONDS", help="gather events for so long")
@click.option("--data-set", help="LD/LN.name, instead of the one that it has")
@click.option("--no-interrogate", is_flag=True, help="do not ask for all values at the start")
@click.option("--count", type=click.IntRange(1), help="end after so many reports")
@click.option("--for", "seconds", type=click.FloatRange(0, min_open=True), metavar="SECONDS", help="end after that")
def watch(
    target: Target,
    block: str,
    integrity: float | None,
    buffer_time: float | None,
    data_set: str | None,
    no_interrogate: bool,
    count: int | None,
    seconds: float | None,
) -> None:
    """Print the reports of BLOCK (LD/LLN0.name).

    It ends by Ctrl-C; with --json there is one object a line.
    """

    async def work() -> None:
        async with target.open() as ied:
            reports = ied.report(
                block, integrity=integrity, buffer_time=buffer_time, data_set=data_set, interrogate=not no_interrogate
            )
            async with reports:
                try:
                    async with asyncio.timeout(seconds):
                        await _follow(target, reports, count)
                except TimeoutError:
                    return

    run(work(), endless=True)


async def _follow(target: Target, reports: Reports, count: int | None) -> None:
    told = 0
    async for update in reports:
        for line in _json_line(update) if target.as_json else _lines(update):
            click.echo(line)
        told += 1
        if told == count:
            return


def _json_line(update: Update) -> list[str]:
    found = {
        "time": show.time(update.time) if update.time else None,
        "missed": update.missed,
        "values": show.simple(update.values),
        "reasons": {name: show.reasons(update.reasons[name]) for name in update.values},
    }
    return [json.dumps(found)]


def _lines(update: Update) -> list[str]:
    found = [f"{update.missed} reports were lost"] if update.missed else []
    time = show.time(update.time) if update.time else "-"
    for name, value in update.values.items():
        reason = ",".join(show.reasons(update.reasons[name]))
        found += [f"{time} {line} ({reason})" if reason else f"{time} {line}" for line in show.lines(name, value)]
    return found
