"""What is agreed on goes through: no stanza is larger than the XMPP server takes, whatever is around a PDU."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from janusgrid.common.clock import LockStepClock
from janusgrid.common.errors import LocalError
from janusgrid.common.security.e2e import Suite
from janusgrid.common.xmpp.broker import Broker
from janusgrid.common.xmpp.broker import Limits as BrokerLimits
from janusgrid.common.xmpp.slix import SlixSession
from janusgrid.iec61850 import connect
from janusgrid.iec61850.acsi.services import GetDataValues, Report
from janusgrid.iec61850.client import Ied
from janusgrid.iec61850.mapping.initiate import Limits, within
from janusgrid.iec61850.scsm82.protection import Security
from janusgrid.iec61850.scsm82.server import ServerLimits
from janusgrid.iec61850.server import Server

from tests.common.security.e2e.ends import identity
from tests.iec61850.plant import LD, plant, ref
from tests.iec61850.wires import START

HZ = ref("MMXU1.Hz.mag.f", "MX")
HUGE = Limits(pdu_size=10_000_000)
SUITES = [None, *Suite]
ids = [suite.name.lower() if suite else "off" for suite in SUITES]


@asynccontextmanager
async def associated(limit: int, suite: Suite | None, files: Path) -> AsyncIterator[tuple[Ied, Server, list[int]]]:
    """Give an association with PDUs as large as may be, and the octets of every stanza that either side sends."""

    def security(session: SlixSession) -> Security | None:
        return None if suite is None else Security(identity(session.jid), suites=(suite,))

    sizes: list[int] = []
    async with Broker("plant.test", {"dg750": "1", "ems": "2"}, limits=BrokerLimits(stanza_bytes=limit)) as broker:
        serving, asking = (
            SlixSession(
                f"{user}@plant.test/IEC", password=word, host=broker.host, port=broker.port, tls=broker.ca,
                allow=lambda peer: True,
            )
            for user, word in (("dg750", "1"), ("ems", "2"))
        )  # fmt: skip
        async with Server(plant(), clock=LockStepClock(START)) as server, serving, asking:
            for session in (serving, asking):
                count(session, sizes)
            server.serve_files(files, writable=True)
            server.start(serving, limits=ServerLimits(mms=HUGE), security=security(serving))
            async with connect(f"xmpp:{serving.jid}", session=asking, limits=HUGE, security=security(asking)) as ied:
                yield ied, server, sizes


def count(session: SlixSession, sizes: list[int]) -> None:
    """Note the octets of every stanza that a session sends."""
    send = session._link.send

    def counted(text: str, what: object) -> None:
        sizes.append(len(text.encode()))
        send(text, what)  # type: ignore[arg-type]

    session._link.send = counted  # type: ignore[method-assign, assignment]


@pytest.mark.parametrize("suite", SUITES, ids=ids)
@pytest.mark.parametrize("limit", [20_000, 262_144])
async def test_no_stanza_is_larger_than_the_server_takes(limit: int, suite: Suite | None, tmp_path: Path) -> None:
    """Files go in the largest blocks there are, both ways: they fill the stanzas, and go beyond none."""
    content = bytes(index * 7 % 256 for index in range(limit * 2))
    (tmp_path / "long.bin").write_bytes(content)
    async with associated(limit, suite, tmp_path) as (ied, _, sizes):
        assert ied.association.parameters.pdu_size < limit  # type: ignore[attr-defined]
        assert await ied.get_file("long.bin") == content
        await ied.put_file("other.bin", content)
        assert (tmp_path / "other.bin").read_bytes() == content
    assert limit * 0.8 < max(sizes) <= limit


@pytest.mark.parametrize("suite", SUITES, ids=ids)
async def test_reads_are_split_and_reports_segmented_to_fit(suite: Suite | None, tmp_path: Path) -> None:
    async with associated(5_500, suite, tmp_path) as (ied, server, sizes):
        assert await ied.association.call(GetDataValues((HZ,) * 100)) == (50.0,) * 100
        data_set = server.model.devices[LD].nodes["LLN0"].data_sets["Single"]
        texts = {"vvisstring129": 129, "vvisstring255": 255, "vunicode255": 255}
        data_set.members = (*(ref(f"DGEN1.Types.{name}", "SP") for name in texts), HZ)
        for name, size in texts.items():
            server.update(f"{LD}/DGEN1.Types.{name}", "&" * size)  # each takes five octets
        segments: list[Report] = []
        ied.association.on_notification(segments.append)  # type: ignore[arg-type]
        async with ied.report(f"{LD}/LLN0.urcbOne", data_set=f"{LD}/LLN0.Single", interrogate=True) as reports:
            update = await asyncio.wait_for(anext(reports), 30)
        assert len(update.values) == 4
        assert len(segments) > 1
    assert max(sizes) <= 5_500


def test_a_session_through_which_next_to_nothing_goes() -> None:
    with pytest.raises(LocalError, match="512 are needed"):
        within(Limits(), 300)
    assert within(Limits(), 20_000).pdu_size == 20_000
    assert within(Limits(pdu_size=8192), 20_000).pdu_size == 8192
