"""A command is carried out at most once: a thousand of them over XMPP, each with one thing that goes wrong.

Delivered twice at once, later, or under another id; its answer lost, and said again by the client; the connection
broken before or after it, on either side, and the session resumed; the XMPP server or the device started anew.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, suppress
from typing import Any

import pytest
import pytest_asyncio
from janusgrid.common.clock import LockStepClock
from janusgrid.common.errors import JanusGridError, NotReachable
from janusgrid.common.security.e2e import Limits, Suite
from janusgrid.common.xmpp.backoff import Backoff
from janusgrid.common.xmpp.link import Patience
from janusgrid.common.xmpp.slix import SlixSession
from janusgrid.iec61850.acsi.services import GetDataValues, Operate
from janusgrid.iec61850.scsm82.protection import Security
from janusgrid.iec61850.server import Server

from tests.iec61850.plant import plant
from tests.iec61850.scsm82.attacks.field import HZ, SERVER, SETPOINT, VICTIM, Field, made
from tests.iec61850.wires import START, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATIENCE = Patience(connect=10.0, backoff=Backoff(base=0.005, cap=0.02))
CASES = 500
"""Of each kind of security."""


class Hasty(Field):
    """Sessions come back at once, and clients may begin often."""

    async def fresh(self, jid: str) -> SlixSession:
        made = SlixSession(
            jid, password="secret", host=self.broker.host, port=self.broker.port, tls=self.broker.ca,
            allow=lambda peer: True, patience=PATIENCE,
        )  # fmt: skip
        await made.open()
        self.stack.push_async_callback(made.close)
        return made

    def security(self, jid: str, by: str = "ours", **options: Any) -> Security | None:
        return super().security(jid, by, limits=Limits(handshakes=1000), **options)

    async def open(self) -> None:
        """See that there is an association, however often it takes to have one."""
        async with asyncio.timeout(30):
            while self.association is None or self.association._ended is not None:
                try:
                    self.association = await self.associate(timeout=1.0)
                except JanusGridError:
                    await asyncio.sleep(0.01)


@pytest_asyncio.fixture(
    scope="module", loop_scope="module", params=[None, Suite.ENCRYPTED], ids=["without", "encrypted"]
)
async def field(request: pytest.FixtureRequest) -> AsyncIterator[Hasty]:
    async with AsyncExitStack() as stack:
        field = await made(stack, request.param, Hasty)
        yield field
        await field.server.close()


async def say(field: Hasty, command: Operate, times: int = 1) -> bool:
    """Say a command, and again while it is not answered; return whether it was in the end."""
    for _ in range(times):
        await field.open()
        with suppress(JanusGridError, TimeoutError):
            async with asyncio.timeout(5.0):
                await field.association.call(command)
                return True
    return False


# --- what goes wrong ------------------------------------------------------------------------------------------------


async def twice_at_once(field: Hasty, command: Operate) -> None:
    field.middle.once(SERVER, lambda stanza: [stanza] * 2)
    assert await say(field, command)


async def twice_later(field: Hasty, command: Operate) -> None:
    assert await say(field, command)
    field.middle.inject(SERVER, field.middle.last())


async def under_another_id(field: Hasty, command: Operate) -> None:
    assert await say(field, command)
    field.middle.inject(SERVER, re.sub(r"""\bid=(['"])""", r"id=\1again-", field.middle.last(), count=1))


async def answer_lost(field: Hasty, command: Operate) -> None:
    dropped = field.middle.hold(VICTIM)
    asking = asyncio.ensure_future(field.association.call(command))
    await until(lambda: bool(dropped))
    asking.cancel()
    assert await say(field, command, 20)


async def answer_made_an_error(field: Hasty, command: Operate) -> None:
    def instead(stanza: str) -> Iterable[str]:
        head = re.sub(r"""type=(['"])result""", r"type=\1error", stanza.partition(">")[0])
        error = "<error type='wait'><internal-server-error xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
        return [f"{head}>{error}</iq>"]

    field.middle.once(VICTIM, instead)
    assert await say(field, command, 20)


async def client_broken_before(field: Hasty, command: Operate) -> None:
    cut(field.victim)
    assert await say(field, command)


async def client_broken_after(field: Hasty, command: Operate) -> None:
    def instead(stanza: str) -> Iterable[str]:
        cut(field.victim)
        return [stanza]

    field.middle.once(VICTIM, instead)
    assert await say(field, command)


async def device_broken_before(field: Hasty, command: Operate) -> None:
    cut(field.serving)
    assert await say(field, command)


async def device_broken_after(field: Hasty, command: Operate) -> None:
    """The stanza is on its way to a connection that breaks: resumed, the device gets it, perhaps a second time."""
    field.middle.once(SERVER, lambda stanza: [stanza])
    asking = asyncio.ensure_future(say(field, command))
    await until(lambda: field.executed[-1].time == command.time)
    cut(field.serving)
    assert await asking


USUAL = (
    twice_at_once, twice_later, under_another_id, answer_lost, answer_made_an_error, client_broken_before,
    client_broken_after, device_broken_before, device_broken_after,
)  # fmt: skip


async def xmpp_server_anew(field: Hasty, command: Operate) -> None:
    """Whether it was carried out, the client does not know: it says it again until it is answered."""
    asking = asyncio.ensure_future(say(field, command, 200))
    await asyncio.sleep(random.Random(field.commands).uniform(0, 0.01))
    await field.broker.kill()
    await field.broker.start()
    assert await asking


async def device_anew(field: Hasty, command: Operate) -> None:
    """A device that crashed has forgotten all: what was said to it before is for an association that is gone."""
    field.middle.rule = lambda to, stanza: () if to == VICTIM else [stanza]
    field.association._timeout = 30.0  # it is the end of the device that ends the waiting, however slow this machine is
    asking = asyncio.ensure_future(field.association.call(command))
    await until(lambda: field.executed[-1].time == command.time)
    stanza = field.middle.last()
    old, field.server = field.server, Server(plant(), clock=LockStepClock(START))
    field.server.on_operate(str(SETPOINT))(field.executed.append)
    await old.close()
    await field.serving.close()
    with pytest.raises(NotReachable):
        await asking
    field.middle.honest()
    field.serving = await field.fresh(SERVER)
    field.server.start(field.serving, security=field.security(SERVER))
    field.middle.inject(SERVER, stanza)


def cut(session: SlixSession) -> None:
    """Break the connection of a session off, as a network does."""
    stream = session._link._stream
    if stream is not None and stream.transport is not None:
        stream.transport.abort()


async def test_a_command_is_carried_out_once(field: Hasty) -> None:
    tried: Counter[str] = Counter()
    for number in range(CASES):
        wrong = USUAL[number % len(USUAL)]
        if number % 50 == 49:
            wrong = (xmpp_server_anew, device_anew)[number // 50 % 2]
        field.middle.honest()
        await field.open()
        field.middle.seen.clear()
        command = field.command()
        await wrong(field, command)
        field.middle.honest()
        await until(lambda: field.serving.connected and field.victim.connected)
        await field.open()
        await field.association.call(GetDataValues((HZ,)))  # what was sent before this has come
        done = sum(one.time == command.time for one in field.executed)
        assert done == 1, f"{wrong.__name__}: carried out {done} times"
        tried[wrong.__name__] += 1
    assert set(Counter(one.time for one in field.executed).values()) == {1}
    assert len(field.executed) == CASES
    print(f"{CASES} commands, each carried out once: {dict(tried)}")
