"""`janusgrid openadr certify`: play scenarios against a VTN or a VEN, and write a report."""

from __future__ import annotations

import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Literal

import attrs
import click

from ...common.clock import Clock, RealClock
from ...common.errors import LocalError, NotReachable
from ...openadr.binding.transport import Transport
from ...openadr.scenarios import (
    GROUPS,
    SCENARIOS,
    Nobody,
    Operator,
    RunRecord,
    ScenarioRecord,
    Tester,
    VenTester,
    Verdict,
    VtnTester,
    Way,
    choose,
    run,
    write_report,
)
from .. import running
from . import ven_config, vtn_config
from .operate import Command, Terminal
from .telling import log_to_stderr
from .way import Ways

_File = click.Path(exists=True, dir_okay=False, path_type=Path)
_STATUS = {Verdict.PASS: 0, Verdict.FAIL: 1, Verdict.INCONCLUSIVE: 3}
NOBODY = 4
"""The exit status where there is nobody to be tested."""


@click.command(short_help="play scenarios against a VTN or VEN, and write a report")
@click.argument("config", type=_File, required=False)
@click.option("--role", type=click.Choice(["vtn", "ven"]), required=True, help="what is tested")
@click.option("--way", type=click.Choice([str(way) for way in Way]),
              help="how messages travel, where CONFIG leaves that open: a VEN under test over HTTP")  # fmt: skip
@click.option("--report", type=click.Path(file_okay=False, path_type=Path), default=Path("report"), show_default=True,
              metavar="FOLDER", help="where report.json and report.html are written")  # fmt: skip
@click.option(
    "--only", multiple=True, metavar="GROUP|ID", help=f"play these: {', '.join(GROUPS)}, or an ID; repeatable"
)
@click.option("--operator", default="ask", show_default=True, metavar="ask|none|COMMAND",
              help="who operates what is tested: you, nobody, or a program")  # fmt: skip
@click.option("--stranger", type=_File, metavar="CONFIG", help="a party whom what is tested does not know")
@click.option("--patience", type=click.FloatRange(0, min_open=True), default=30.0, show_default=True,
              help="seconds for what is expected")  # fmt: skip
@click.option("--quiet", type=click.FloatRange(0, min_open=True), default=3.0, show_default=True,
              help="seconds in which nothing may come, where that is expected")  # fmt: skip
@click.option("--report-only", is_flag=True, help="the VEN under test registers for reports only")
@click.option("--list", "listed", is_flag=True, help="list the scenarios, and play none")
def certify(
    config: Path | None, role: Literal["vtn", "ven"], way: str | None, report: Path, only: tuple[str, ...],
    operator: str, stranger: Path | None, patience: float, quiet: float, report_only: bool, listed: bool,
) -> None:  # fmt: skip
    """Take the place of the VEN (--role vtn) or the VTN (--role ven) of CONFIG, and test its peer.

    CONFIG is that of `janusgrid ven` or `janusgrid vtn`; the peer has to know that party, and to be running. This is
    not the certification test of the OpenADR Alliance.

    Exit status 0 if every scenario has passed, 1 if one has failed, 3 if of some nothing can be said, 4 if there is no
    VTN to be tested: then none is played, and no report is written.
    """
    if listed:
        for scenario in SCENARIOS:
            if scenario.subject == role:
                click.echo(
                    f"{scenario.id}  {scenario.title}  [{', '.join(each for each in Way if each in scenario.ways)}]"
                )
        return
    if config is None:
        raise click.UsageError("CONFIG says whose place to take")
    if report_only and role == "vtn":
        raise click.UsageError("--report-only is about a VEN under test: --role ven")
    clock = RealClock()
    wait = {"patience": patience, "quiet": quiet}
    place = attrs.evolve(_place(role, config, way, clock), report_only=report_only)
    choose(role, place.way, only)
    other = _place(role, stranger, str(place.way), clock) if stranger is not None else None
    found: list[RunRecord] = []
    missing: list[NotReachable] = []

    async def work() -> None:
        async with AsyncExitStack() as stack:
            tester = await place.tester(stack, wait)
            if isinstance(tester, VenTester):
                try:
                    await tester.find()
                except NotReachable as error:
                    missing.append(error)
                    return
            unknown = None
            if other is not None and not (role == "ven" and place.way is Way.PULL):
                unknown = await other.tester(stack, wait)
            found.append(await run(tester, _operator(operator), only=only, stranger=unknown, told=_tell))

    log_to_stderr("error")
    running.run(work())
    if missing:
        click.echo(f"janusgrid: there is no VTN to be tested: {missing[0]}", err=True)
        sys.exit(NOBODY)
    _, page = write_report(found, report)
    counts = ", ".join(f"{number} {verdict}" for verdict, number in found[0].counts.items())
    click.echo(f"{counts}; {page}")
    sys.exit(_STATUS[found[0].verdict])


@attrs.frozen(slots=True)
class Place:
    """Whose place the tester takes: the VEN or VTN of a configuration; of a VEN the address of its VTN, too."""

    ways: Ways
    way: Way
    name: str
    vtn: str | None
    clock: Clock
    report_only: bool = False

    async def tester(self, stack: AsyncExitStack, wait: dict[str, float]) -> Tester:
        """Return a tester that is open until `stack` is closed."""
        (transport,) = await self.ways.open(stack)
        tester = self._made(transport, wait)
        await tester.open()
        stack.push_async_callback(tester.close)
        return tester

    def _made(self, transport: Transport, wait: dict[str, float]) -> Tester:
        signs = self.ways.signs
        if self.vtn is None:
            only = self.report_only
            return VtnTester(transport, self.way, self.clock, vtn_id=self.name, report_only=only, signing=signs, **wait)
        return VenTester(transport, self.way, self.clock, vtn=self.vtn, ven=self.name, signing=signs, **wait)


def _place(role: str, config: Path, way: str | None, clock: Clock) -> Place:
    """Return whose place to take; raise `ConfigError`, and `LocalError` for a way that the configuration has not."""
    if role == "vtn":
        ven = ven_config.load(config, clock)
        ways, name, vtn = ven.ways, ven.file.ven, ven.file.vtn
        listens = ways.http is not None and ways.http.listen is not None
        own = Way.XMPP if ways.xmpp is not None else Way.PUSH if listens else Way.PULL
        if way not in (None, own):
            raise LocalError(f"the VEN of this configuration speaks {own}, not {way}", where=str(config))
        return Place(ways, own, name, vtn, clock)
    settings = vtn_config.load(config, clock)
    ways = settings.ways
    chosen = Way(way) if way is not None else Way.PULL if ways.http is not None else Way.XMPP
    if (ways.xmpp if chosen is Way.XMPP else ways.http) is None:
        raise LocalError(f"the VTN of this configuration does not speak {chosen}", where=str(config))
    ways = attrs.evolve(ways, http=None) if chosen is Way.XMPP else attrs.evolve(ways, xmpp=None)
    return Place(ways, chosen, settings.file.vtn, None, clock)


def _operator(text: str) -> Operator:
    if text == "none":
        return Nobody()
    return Terminal() if text == "ask" else Command(text)


def _tell(record: ScenarioRecord) -> None:
    click.echo(f"{record.verdict:<12}  {record.id}  {record.title}")
    for number, step in enumerate(record.steps, 1):
        if step.verdict is not Verdict.PASS and not step.observed.startswith("not tried"):
            click.echo(f"{'':14}step {number}, {step.text}: {step.observed}")
