"""What waits for a client that is slow: entries of buffered blocks in their buffers, and nowhere else without bound."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from janusgrid.common.clock import LockStepClock
from janusgrid.iec61850.acsi.services import Notification, Report, SetRCBValues
from janusgrid.iec61850.acsi.types import BitString
from janusgrid.iec61850.engine import Engine
from janusgrid.iec61850.engine.association import WINDOW, Association
from janusgrid.iec61850.engine.buffer import BufferLimits
from janusgrid.iec61850.server import Server
from janusgrid.iec61850.server.host import MOST_WAITING

from tests.iec61850.plant import plant, ref
from tests.iec61850.wires import START

BRCB, URCB = ref("LLN0.brcbMeas01", "BR"), ref("LLN0.urcbMeas01", "RP")
HZ = ref("MMXU1.Hz.mag.f", "MX")


class Buffered:
    """An engine, and a client that takes as much as it is told to."""

    def __init__(self, entries: int) -> None:
        self.engine = Engine(plant(), START, buffers=BufferLimits(entries=entries))
        self.now, self.value = START, 0
        self.client: Association = self.engine.associate("slow")
        leaf = self.engine.find(HZ)
        assert leaf is not None
        self.leaf = leaf

    def happen(self, times: int) -> None:
        for _ in range(times):
            self.value += 1
            self.now += timedelta(milliseconds=1)
            self.engine.update([(self.leaf, float(self.value))], self.now)

    def set(self, *values: tuple[str, object]) -> None:
        self.engine.reporting.set(self.client, SetRCBValues(BRCB, values), self.now)  # type: ignore[arg-type]

    def take(self, most: int = 1 << 30) -> list[Report]:
        """Take reports until the client does not read any more; what was not asked for stays."""
        told: list[Report] = []
        for _, notification in self.engine.drain():
            assert isinstance(notification, Report)
            told.append(notification)
            assert len(self.client.outbox) < WINDOW
            if len(told) >= most:
                break
        return told


def numbers(reports: list[Report]) -> list[float]:
    return [entry.value[0][0] for report in reports for entry in report.entries]  # type: ignore[index,misc]


def test_a_large_backlog_waits_in_the_buffer() -> None:
    site = Buffered(1000)
    site.happen(900)
    site.set(("RptEna", True))
    assert len(site.client.outbox) == WINDOW
    first = site.take(10)
    site.happen(50)
    rest = site.take()
    assert numbers(first + rest) == [float(n) for n in range(1, 951)]
    assert [report.sequence for report in first + rest] == list(range(950))
    assert not any(report.buffer_overflow for report in first + rest)
    site.happen(1)
    assert numbers(site.take()) == [951.0], "from then on it goes at once"


def test_what_leaves_the_buffer_before_it_could_be_sent_is_told_as_lost() -> None:
    site = Buffered(100)
    site.set(("RptEna", True))
    site.client.held = True
    site.happen(250)
    assert len(site.client.outbox) == 0
    site.client.held = False
    told = site.take()
    assert numbers(told) == [float(n) for n in range(151, 251)]
    assert [report.buffer_overflow for report in told[:2]] == [True, False]


def test_who_disables_gets_no_more_and_goes_on_where_it_was() -> None:
    site = Buffered(1000)
    site.happen(100)
    site.set(("RptEna", True))
    told = site.take(10)
    last = told[-1].entry_id
    site.set(("RptEna", False))
    site.client.outbox.clear()  # lost on the way
    assert not site.take()
    site.set(("EntryID", last), ("RptEna", True))
    assert numbers(told + site.take()) == [float(n) for n in range(1, 101)]


@settings(max_examples=150, deadline=None)
@given(
    entries=st.integers(1, 80),
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("happen"), st.integers(1, 60)),
            st.tuples(st.just("take"), st.integers(1, 60)),
            st.tuples(st.just("held"), st.booleans()),
        ),
        max_size=30,
    ),
)
def test_each_is_told_once_in_order_or_as_lost(entries: int, steps: list[tuple[str, int]]) -> None:
    site, told = Buffered(entries), []
    site.set(("OptFlds", BitString.of(1, 6, 7, size=10)), ("RptEna", True))
    for what, how in [*steps, ("held", False), ("take", 1 << 30)]:
        if what == "happen":
            site.happen(how)
        elif what == "take":
            told += site.take(how)
        else:
            site.client.held = bool(how)
        assert len(site.client.outbox) <= WINDOW
    assert [report.sequence for report in told] == [n % (1 << 16) for n in range(len(told))]
    expected = 1.0
    for report in told:
        (value,) = numbers([report])
        assert (value > expected) is report.buffer_overflow, "a gap is told, and nothing else"
        assert value >= expected, "none comes twice"
        expected = value + 1
    assert expected == site.value + 1, "the newest is never lost"


async def test_the_patience_with_one_that_never_reads_has_an_end() -> None:
    server = Server(plant(), clock=LockStepClock(START))
    told: list[Notification] = []
    ended: list[str] = []
    host = server.host
    slow, other = (host.associate(name, told.append, ended.append) for name in ("slow", "other"))
    host.engine.reporting.set(slow, SetRCBValues(URCB, (("RptEna", True),)), START)
    host.engine.reporting.set(slow, SetRCBValues(BRCB, (("RptEna", True),)), START)
    host.hold(slow)
    for value in range(MOST_WAITING):
        server.update("DG750DER/MMXU1.Hz", float(value))
    assert not ended, "they may be read yet"
    assert not told
    server.update("DG750DER/MMXU1.Hz", -1.0)
    server.update("DG750DER/MMXU1.Hz", -2.0)
    assert ended == ["it does not read what is sent to it"]
    assert list(host.engine.associations) == [other]
    await server.close()


async def test_who_reads_again_gets_what_waited() -> None:
    server = Server(plant(), clock=LockStepClock(START))
    told: list[Notification] = []
    host = server.host
    slow = host.associate("slow", told.append, lambda why: None)
    host.engine.reporting.set(slow, SetRCBValues(URCB, (("RptEna", True),)), START)
    host.engine.reporting.set(slow, SetRCBValues(BRCB, (("RptEna", True),)), START)
    host.hold(slow)
    for value in range(100):
        server.update("DG750DER/MMXU1.Hz", float(value))
    assert not told
    host.go_on(slow)
    assert len(told) == 200
    await server.close()
