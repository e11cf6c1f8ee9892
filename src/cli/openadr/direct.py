"""`janusgrid openadr report`, `ven`, `opt`, `poll`, `leave`, `state`: what else running programs can be asked."""

from __future__ import annotations

from datetime import datetime, timedelta

import click

from ...common.errors import LocalError
from ...openadr.model import Duration
from ..times import Moment, Span
from . import summary
from .at import Program, directs
from .telling import columns


@click.group()
def report() -> None:
    """Ask VENs of a running VTN for reports, or the VTN of a running VEN, and see what they offer."""


@report.command("list", short_help="what the other side offers, and what was asked for")
@directs("vtn", "ven")
def reports(program: Program) -> None:
    """List the reports that VENs offer, or the VTN of a running VEN, with what they were asked for."""
    found = program.ask("report.list")
    lines = []
    for row in found:
        points = ", ".join(f"{r_id} {unit}".strip() for r_id, unit in row["points"].items())
        lines.append(f"{row['ven']}  {row['report']}  {row['name'].removeprefix('METADATA_')}: {points}")
        lines += [
            f"  {each['request']}: {', '.join(each['rids'])}, each {each['granularity']}, every {each['every']}"
            for each in row["requests"]
        ]
    program.tell(found, *(lines or ["nothing is offered"]))


@report.command(short_help="ask for a report")
@click.argument("ven")
@click.argument("report")
@click.option("--rid", "rids", multiple=True, help="a point of it, several times; all of them unless given")
@click.option("--every", type=Span(), default=timedelta(), help="how often it is sent; once unless given")
@click.option("--granularity", type=Span(), help="the time between two values; that of --every unless given")
@click.option("--from", "start", type=Moment(past=True), help="2026-03-25T14:00, +10min, -1h; now unless given")
@click.option("--for", "lasts", type=Span(), help="for how long; until it is cancelled unless given")
@directs("vtn", "ven")
def request(
    program: Program, ven: str, report: str, rids: tuple[str, ...], granularity: timedelta | None, every: timedelta,
    start: datetime | None, lasts: timedelta | None,
) -> None:  # fmt: skip
    """Ask VEN (name or venID) for what it offers as REPORT (its reportSpecifierID); a running VEN its VTN (vtnID)."""
    found = program.ask(
        "report.request",
        ven=ven,
        report=report,
        rids=list(rids),
        granularity=_text(every if granularity is None else granularity),
        every=_text(every),
        start=start.isoformat() if start else None,
        lasts=_text(lasts) if lasts else None,
    )
    program.tell(found, f"{found['ven']} is asked for {report}: {found['request']}")


@report.command("cancel", short_help="end reports that were asked for")
@click.argument("ven")
@click.argument("requests", nargs=-1, required=True, metavar="REQUEST...")
@click.option("--to-follow", is_flag=True, help="with a last report of each")
@directs("vtn", "ven")
def end(program: Program, ven: str, requests: tuple[str, ...], to_follow: bool) -> None:
    """End reports of VEN (name or venID), or of a VTN (vtnID), by their reportRequestIDs, which `report list` shows."""
    found = program.ask("report.cancel", ven=ven, requests=list(requests), to_follow=to_follow)
    program.tell(found, f"{found['ven']} is told to end {', '.join(found['cancelled'])}")


def _text(span: timedelta) -> str:
    if span % timedelta(seconds=1):
        raise LocalError(f"{span} is not a whole number of seconds")
    return Duration.of(span).text


@click.group()
def ven() -> None:
    """The VENs of a running VTN."""


@ven.command("list", short_help="who is registered")
@directs("vtn")
def vens(program: Program) -> None:
    """List who is registered."""
    found = program.ask("ven.list")
    program.tell(found, *(columns(found, summary.VEN_COLUMNS) if found else ["nobody is registered"]))


@ven.command("cancel", short_help="end a registration")
@click.argument("ven")
@directs("vtn")
def expel(program: Program, ven: str) -> None:
    """End the registration of VEN (name or venID): it is over when the VEN has confirmed it."""
    found = program.ask("ven.cancel", ven=ven)
    program.tell(found, f"{found['name']} is told that its registration ends")


@ven.command(short_help="ask a VEN to register anew")
@click.argument("ven")
@directs("vtn")
def reregister(program: Program, ven: str) -> None:
    """Ask VEN (name or venID) to register anew."""
    found = program.ask("ven.reregister", ven=ven)
    program.tell(found, f"{found['name']} is asked to register anew")


@click.group()
def opt() -> None:
    """Answer events of a running VEN; say when it is available; see what VENs have said."""


def _opts(name: str, word: str) -> click.Command:
    @click.command(name, short_help=f"{word} of an event")
    @click.argument("event_id", metavar="EVENT")
    @directs("ven")
    def command(program: Program, event_id: str) -> None:
        found = program.ask("opt", id=event_id, opt=word)
        program.tell(found, f"{event_id} is answered {word}")

    command.help = f"Answer an event with {word}."
    return command


opt.add_command(_opts("in", "optIn"))
opt.add_command(_opts("out", "optOut"))


@opt.command("list", short_help="what was said of availability")
@directs("vtn", "ven")
def opts(program: Program) -> None:
    """List what VENs have said of their availability: to a running VTN, or what a running VEN has said itself."""
    found = program.ask("opt.list")
    program.tell(found, *(columns(found, summary.OPT_COLUMNS) if found else ["no opts"]))


@opt.command(short_help="say when a running VEN is available")
@click.argument("word", type=click.Choice(["in", "out"]))
@click.option("--from", "start", type=Moment(), default="+0s", help="2026-03-25T14:00, +10min; now unless given")
@click.option("--for", "lasts", type=Span(), required=True, help="how long; 0s for good")
@click.option("--reason", default="x-schedule", show_default=True, help="economic, emergency, …; or x-…")
@click.option("--market", help="of the programme that it is about; all unless given")
@directs("ven")
def schedule(program: Program, word: str, start: datetime, lasts: timedelta, reason: str, market: str | None) -> None:
    """Say that a running VEN is available (in), or is not (out); returns when the VTN has confirmed it."""
    times = [(start.isoformat(), _text(lasts))]
    found = program.ask("opt.schedule", opt=f"opt{word.title()}", times=times, reason=reason, market=market)
    program.tell(found, f"{found['id']}: {found['opt']} for {found['of']}")


@opt.command("cancel", short_help="take back what was said")
@click.argument("opt_id", metavar="OPT")
@directs("ven")
def withdraw(program: Program, opt_id: str) -> None:
    """Take back an opt; `opt list` shows its optID."""
    found = program.ask("opt.cancel", id=opt_id)
    program.tell(found, f"{found['id']} is taken back")


@click.command(short_help="let a running VEN ask for its messages now")
@directs("ven")
def poll(program: Program) -> None:
    """Let a running VEN that comes for its messages do so now."""
    found = program.ask("poll")
    program.tell(found, f"{found['ven_id']} asks for its messages")


@click.command(short_help="end the registration of a running VEN")
@directs("ven")
def leave(program: Program) -> None:
    """End the registration of a running VEN; returns when the VTN has confirmed it."""
    program.tell(program.ask("leave"), "the registration has ended")


@click.command(short_help="where the registration of a running VEN stands")
@directs("ven")
def state(program: Program) -> None:
    """Print where the registration of a running VEN stands."""
    found = program.ask("state")
    program.tell(found, *(f"{name}: {value}" for name, value in found.items() if value not in ("", [])))
