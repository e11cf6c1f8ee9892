"""The adapters on which the one suite of the data-access port runs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio
from janusgrid.common.data.suite import Rig
from janusgrid.common.xmpp.session import Session
from janusgrid.common.xmpp.slix import SlixSession

from tests.brokers import start_broker
from tests.data.openadr import Both, both
from tests.data.rigs import RIGS, Stage


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def sessions() -> AsyncIterator[tuple[Session, Session]]:
    """A device and its client on the embedded broker."""
    async with start_broker("embedded", "ess500", "ems") as broker:

        def session(user: str) -> SlixSession:
            jid = f"{user}@{broker.domain}/IEC"
            return SlixSession(
                jid, password=f"secret of {user}", host=broker.host, port=broker.port, tls=broker.ca,
                allow=lambda peer: True,
            )  # fmt: skip

        async with session("ess500") as below, session("ems") as above:
            yield below, above


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def openadr(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Callable[[str], Awaitable[Both]]]:
    """What gives a VTN and its VEN on a way, made when they are asked for first."""
    async with AsyncExitStack() as stack:
        made: dict[str, Both] = {}

        async def on(way: str) -> Both:
            if way not in made:
                folder, by_table = tmp_path_factory.mktemp("openadr"), way == "table"
                opening = both("embedded" if by_table else way, folder, by_table)
                made[way] = await stack.enter_async_context(opening)
            return made[way]

        yield on


@pytest_asyncio.fixture(loop_scope="session", params=list(RIGS))
async def rig(
    request: pytest.FixtureRequest,
    sessions: tuple[Session, Session],
    openadr: Callable[[str], Awaitable[Both]],
) -> AsyncIterator[Rig]:
    """Each adapter, with a source that is as it was at its beginning."""
    async with RIGS[request.param](Stage(*sessions, openadr)) as made:
        yield made
