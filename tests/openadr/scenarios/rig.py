"""Our roles under test, and a tester against each, on every way."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
from janusgrid.common.clock import ScaledClock
from janusgrid.openadr.events import kilowatts
from janusgrid.openadr.model import EiTarget, PayloadResourceStatus
from janusgrid.openadr.scenarios import Operator, Tester, VenOperator, VenTester, VtnOperator, VtnTester, Way
from janusgrid.openadr.signing import Signing
from janusgrid.openadr.ven import DataPoint, Offer, Reading, Recall, Sample, Ven
from janusgrid.openadr.vtn import Party, TelemetryPlan, Vtn

from tests.openadr.binding.ways import Certificates, Http, Xmpp, start_broker
from tests.openadr.binding.ways import Way as Line

SPEED = 240.0
"""Ten seconds, the period of most reports and polls, are 42 ms."""

FAST: dict[str, Any] = {"patience": 30.0, "quiet": 0.12}
OFFERS = (
    Offer("usage", "TELEMETRY_USAGE", (DataPoint("p", kilowatts()), DataPoint("q", kilowatts()))),
    Offer("status", "TELEMETRY_STATUS", (DataPoint.status("state"),)),
    Offer("history", "HISTORY_USAGE", (DataPoint("p", kilowatts()),)),
)


@attrs.define
class Rig:
    """A tester that is open, a stranger, and who operates the party under test, which is `subject`."""

    tester: Tester
    stranger: Tester
    operator: Operator
    subject: Vtn | Ven


class World:
    """One way, one time, certificates."""

    def __init__(self, way: Way, line: Line, stack: AsyncExitStack, certificates: Certificates, signed: bool) -> None:
        self.way, self.line, self.stack = way, line, stack
        self.certificates, self.signed = certificates, signed
        self.report_only = False
        self.clock = ScaledClock(SPEED, datetime(2026, 3, 25, 8, 20, tzinfo=UTC))

    def signing(self, user: str) -> Signing | None:
        if not self.signed:
            return None
        signers = () if user == "vtn" else (self.certificates.fingerprint("vtn"),)
        hours = timedelta(hours=4)
        return Signing(credentials=self.certificates.of(user), signers=signers, past=hours, future=hours)

    async def vtn(self) -> Rig:
        identities = (self.line.identity("ems"), self.certificates.fingerprint("ems"))
        subject = Vtn(
            "VTN1", await self.line.transport("vtn"), parties=[Party("site", identities)], clock=self.clock,
            plan=TelemetryPlan(names=()), offers=[OFFERS[0]], read=_read, signing=self.signing("vtn"),
        )  # fmt: skip
        await self.stack.enter_async_context(subject)
        testers = [
            VenTester(
                await self.line.transport(user), self.way, self.clock, vtn=self.line.vtn, ven="site",
                signing=self.signing(user), **FAST,
            )
            for user in ("ems", "mallory")
        ]  # fmt: skip
        for tester in testers:
            await self.opened(tester)
        return Rig(testers[0], testers[1], VtnOperator(subject, "site"), subject)

    async def ven(self) -> Rig:
        tester = VtnTester(
            await self.line.transport("vtn"), self.way, self.clock, vtn_id="VTN1", report_only=self.report_only,
            signing=self.signing("vtn"), **FAST,
        )  # fmt: skip
        await self.opened(tester)
        transport = await self.line.transport("mallory")
        stranger = VtnTester(transport, self.way, self.clock, vtn_id="VTN1", signing=self.signing("mallory"), **FAST)
        if self.way is not Way.PULL:
            await self.opened(stranger)
        subject = Ven(
            "site", await self.line.transport("ems"), vtn=self.line.vtn, offers=OFFERS, read=_read,
            history=self._history, clock=self.clock, signing=self.signing("ems"),
            targets=EiTarget(resource_ids=("pcc",)), report_only=self.report_only,
            refused=None,  # in the time of this clock it would try again before a scenario has seen that it does not
        )  # fmt: skip
        operator = VenOperator(subject)
        await self.stack.enter_async_context(subject)
        return Rig(tester, stranger, operator, subject)

    async def opened(self, tester: Tester) -> None:
        await tester.open()
        self.stack.push_async_callback(tester.close)

    async def _history(self, asked: Recall) -> list[Sample]:
        return [Sample("p", self.clock.now() - timedelta(minutes=n), float(n), timedelta(minutes=1)) for n in (3, 2, 1)]


async def _read(r_ids: frozenset[str]) -> Mapping[str, Reading | PayloadResourceStatus]:
    online = PayloadResourceStatus(online=True, manual_override=False)
    return {r_id: online if r_id == "state" else Reading(2.5) for r_id in r_ids}


@asynccontextmanager
async def a_rig(
    role: str, way: Way, folder: Path, *, signed: bool = False, report_only: bool = False
) -> AsyncIterator[Rig]:
    """Yield a tester against a role of ours (`vtn` or `ven`; the latter may be for reports only)."""
    async with AsyncExitStack() as stack:
        certificates = Certificates(folder)
        line: Line
        if way is Way.XMPP:
            line = Xmpp(await stack.enter_async_context(start_broker("embedded", "vtn", "ems", "mallory")), stack)
        else:
            line = Http(certificates, way is Way.PUSH)
        world = World(way, line, stack, certificates, signed)
        world.report_only = report_only
        yield await (world.vtn() if role == "vtn" else world.ven())
