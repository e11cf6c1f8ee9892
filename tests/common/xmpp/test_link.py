"""A session over a bad line: cut anywhere, fallen silent, slow."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import attrs
import pytest
from janusgrid.common.errors import LocalError
from janusgrid.common.xmpp import link
from janusgrid.common.xmpp.backoff import RETURNING, Backoff
from janusgrid.common.xmpp.link import Patience
from janusgrid.common.xmpp.session import Incoming
from janusgrid.common.xmpp.stream import Stream

from .conftest import USERS, make_server, make_session, until

QUICK = Patience(connect=5.0, idle=0.15, answer=0.15, resume=20.0, backoff=Backoff(base=0.01, cap=0.05))


@attrs.define
class Line:
    """A TCP proxy that cuts connections after so many octets towards the client, or swallows all after as many."""

    target: int
    port: int = 0
    cut_after: int | None = None
    deaf: bool = False
    cuts: int = 0

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back_reader, back_writer = await asyncio.open_connection("127.0.0.1", self.target)
        tasks = [
            asyncio.create_task(self._pump(reader, back_writer, None)),
            asyncio.create_task(self._pump(back_reader, writer, self.cut_after)),
        ]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        for end in (writer, back_writer):
            end.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, limit: int | None) -> None:
        carried = 0
        with suppress(ConnectionError):
            while data := await reader.read(65_536):
                if self.deaf:
                    continue
                carried += len(data)
                if limit is not None and carried > limit:
                    writer.write(data[: limit - carried])
                    await writer.drain()
                    self.cuts += 1
                    return
                writer.write(data)
                await writer.drain()


@asynccontextmanager
async def line(target: int) -> AsyncIterator[Line]:
    one = Line(target)
    server = await asyncio.start_server(one.carry, "127.0.0.1", 0)
    one.port = server.sockets[0].getsockname()[1]
    yield one
    server.close()


# Not with Prosody 0.12: cut within a stanza of ours, a resumed session goes on with the half of it in the parser.
@pytest.mark.parametrize("name", ["embedded", pytest.param("ejabberd", marks=pytest.mark.xdist_group("xmpp-ejabberd"))])
async def test_cut_at_any_octet_nothing_is_lost_or_doubled(name: str) -> None:
    """The line breaks after a random number of octets, within handshakes, resumptions and stanzas alike."""
    chance = random.Random(name)
    server = make_server(name)
    await server.start()
    seen: dict[str, list[int]] = {"ems": [], "der": []}

    def noting(user: str) -> object:
        async def note(incoming: Incoming) -> None:
            seen[user].append(int(incoming.payload.text or ""))

        return note

    try:
        async with line(server.port) as bad, make_session(server, "der") as der:
            ems = make_session(server, "ems", port=bad.port, patience=QUICK)
            async with ems:
                for user, session in (("ems", ems), ("der", der)):
                    session.handle("{x}n", noting(user), kinds=("normal",))  # type: ignore[arg-type]
                number = 0
                async with asyncio.timeout(60):
                    while bad.cuts < 8 or ems.statistics.resumptions < 5:
                        if number % 10 == 0:
                            bad.cut_after = chance.randrange(1, 12_000)
                        if number % 50 == 0 and ems._link._stream is not None and ems._link._stream.transport:
                            ems._link._stream.transport.abort()
                        await der.push(ems.jid, f'<n xmlns="x">{number}</n>')
                        await ems.push(der.jid, f'<n xmlns="x">{number}</n>')
                        await asyncio.sleep(0.003)
                        number += 1
                bad.cut_after = None
                await until(lambda: min(map(len, seen.values())) >= number, "all are there", 60)
                assert seen == {"ems": list(range(number)), "der": list(range(number))}
                assert ems.statistics.sessions == 1
    finally:
        await server.stop()


async def test_a_line_that_fell_silent_is_found_out() -> None:
    """No FIN, no RST: only our own questions tell. Nothing is lost although much was said into the void."""
    server = make_server("embedded")
    await server.start()
    seen: list[str | None] = []

    async def note(incoming: Incoming) -> None:
        seen.append(incoming.payload.text)

    try:
        async with line(server.port) as bad, make_session(server, "der") as der:
            der.handle("{x}n", note, kinds=("normal",))
            async with make_session(server, "ems", port=bad.port, patience=QUICK) as ems:
                links: list[str] = []
                ems.on_link(links.append)
                bad.deaf = True
                for number in range(30):
                    await ems.push(der.jid, f'<n xmlns="x">{number}</n>')
                await until(lambda: "down" in links)
                bad.deaf = False
                await until(lambda: links[:2] == ["down", "resumed"])
                await until(lambda: len(seen) >= 30)
                assert seen == [str(n) for n in range(30)]
    finally:
        await server.stop()


async def test_a_slow_reader_slows_the_sender_down() -> None:
    """What cannot be sent waits with its sender, not in our memory."""
    server = make_server("embedded")
    await server.start()
    try:
        async with line(server.port) as bad, make_session(server, "ems", port=bad.port) as ems:
            stream = ems._link._stream
            assert stream is not None
            stream.pause_writing()  # as the transport does when its buffer is full
            push = asyncio.create_task(ems.push("der@grid.test/IEC", '<n xmlns="x"/>'))
            done, _ = await asyncio.wait((push,), timeout=0.05)
            assert not done
            stream.resume_writing()
            await push

            # A server that takes everything and acknowledges nothing does not make us keep everything, either.
            stream.outlet.put = lambda data: (stream._acks.sent(data), stream.outlet.throttle())  # type: ignore[method-assign]
            sender = asyncio.create_task(flood(ems))
            await asyncio.wait((sender,), timeout=0.5)
            assert not sender.done()
            assert len(stream._acks) < 5100
            sender.cancel()
    finally:
        await server.stop()


async def flood(session: object) -> None:
    while True:
        await session.push("der@grid.test/IEC", '<n xmlns="x"/>')  # type: ignore[attr-defined]
        await asyncio.sleep(0)


def test_backoff_grows_to_its_cap_and_is_jittered_in_full() -> None:
    backoff = Backoff(base=0.5, cap=30.0)
    assert [backoff.bound(n) for n in range(8)] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert backoff.bound(10**6) == 30
    delays = [backoff.delay(3) for _ in range(2000)]
    assert min(delays) < 0.2
    assert max(delays) > 3.8
    assert 0 <= min(delays) <= max(delays) <= 4
    assert 1.7 < sum(delays) / len(delays) < 2.3
    assert Backoff(uniform=lambda _, most: most).delay(2) == 2


async def test_many_sessions_take_turns_to_connect(monkeypatch: pytest.MonkeyPatch) -> None:
    """All at once, none would be let in in time where a process or a server is busy."""
    connecting, most = 0, 0
    start = Stream.start

    async def counted(stream: Stream, timeout: float) -> Any:
        nonlocal connecting, most
        connecting += 1
        most = max(most, connecting)
        try:
            return await start(stream, timeout)
        finally:
            connecting -= 1

    monkeypatch.setattr(Stream, "start", counted)
    monkeypatch.setattr(link, "_AT_ONCE", 2)
    async with make_server("embedded") as server:
        sessions = [make_session(server, user) for user in USERS]
        await asyncio.gather(*(session.open() for session in sessions))
        assert most == 2
        await asyncio.gather(*(session.close() for session in sessions))


async def test_a_server_that_is_there_and_lets_nobody_in_is_left_alone_for_longer() -> None:
    """Its quick phase is for a server that is not there."""
    taken: list[asyncio.StreamWriter] = []
    bounds: list[float] = []

    async def take(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        taken.append(writer)

    def soonest(_: float, most: float) -> float:
        bounds.append(most)
        return 0.001

    backoff = Backoff(base=0.01, cap=0.5, quick=1_000_000, soon=0.01, uniform=soonest)
    async with make_server("embedded") as server:
        session = make_session(server, "der", patience=Patience(connect=0.2, backoff=backoff))
        await session.open()
    await until(lambda: len(bounds) > 3)
    assert set(bounds) == {0.01}
    async with await asyncio.start_server(take, server.host, server.port):
        await until(lambda: bounds[-1] > 0.01)
        await session.close()
    for writer in taken:
        writer.close()
    assert bounds[-1] == 0.02


def test_a_quick_phase_is_quick_and_ends() -> None:
    bounds = [RETURNING.bound(n) for n in range(17)]
    assert bounds == [0.5, 1, 2, *[4] * 9, 8, 16, 30, 30, 30]
    assert [Backoff(base=5, cap=300, quick=2).bound(n) for n in range(6)] == [5, 5, 10, 20, 40, 80], "no less than base"
    assert [Backoff(base=0.01, cap=0.05, quick=3).bound(n) for n in range(5)] == [0.01, 0.02, 0.04, 0.05, 0.05]


def test_who_lost_a_server_for_seconds_tries_within_four_of_its_return() -> None:
    """Of ten thousand sessions; and where it was away for a minute, within thirty."""
    chance = random.Random(12)
    for outage, most in ((1.0, 4.0), (3.0, 4.0), (60.0, 30.0)):
        for _ in range(10_000):
            at, attempt = 0.0, 0
            while at < outage:
                at += chance.random() * RETURNING.bound(attempt)
                attempt += 1
            assert at - outage <= most


@pytest.mark.parametrize("field", ["base", "cap", "growth", "soon"])
def test_backoffs_that_cannot_be(field: str) -> None:
    with pytest.raises(LocalError, match=f"{field} of a back-off is above zero"):
        Backoff(**{field: 0})  # type: ignore[arg-type]
