"""Two servers with a domain each: what reaches the other side, and who is not believed."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest
from janusgrid.common.errors import LocalError, Refused
from janusgrid.common.xmpp.broker import Broker
from janusgrid.common.xmpp.servers.prosody import Prosody, federate
from janusgrid.common.xmpp.session import Incoming

from tests.brokers import start_federation

from .conftest import PASSWORD, make_session, until

DER, EMS = "der@plant.test/IEC", "ems@utility.test/IEC"
ECHO = "{urn:example}echo"


async def test_requests_messages_and_presence_go_across() -> None:
    arrived: list[tuple[str, str]] = []

    async def echo(incoming: Incoming) -> str | None:
        arrived.append((incoming.sender, incoming.kind))
        return f'<echo xmlns="urn:example">{incoming.payload.text}</echo>' if incoming.kind == "get" else None

    async with start_federation({"der": "plant.test", "ems": "utility.test"}) as servers:
        der = make_session(servers["der"], "der", password="secret of der")
        der.handle(ECHO, echo, kinds=("get", "normal"))
        await der.open()
        async with make_session(servers["ems"], "ems", password="secret of ems") as ems:
            answer = await ems.request(DER, f'<echo xmlns="urn:example">{"x" * 100_000}</echo>', kind="get")
            assert answer is not None
            assert len(answer.text or "") == 100_000
            await ems.push(DER, '<echo xmlns="urn:example"/>')
            await until(lambda: arrived == [(EMS, "get"), (EMS, "normal")])
            assert not ems.available(DER)
            await ems.subscribe("der@plant.test")
            await until(lambda: ems.available(DER) and der.available(EMS), "both see each other")
            await der.close()
            await until(lambda: not ems.available(DER), "it left")
            with pytest.raises(Refused):
                await ems.request(DER, '<echo xmlns="urn:example"/>', kind="get")


@pytest.mark.parametrize("fault", ["a certificate of another name", "an authority that is not trusted"])
async def test_a_server_that_cannot_prove_its_domain_reaches_nobody(fault: str) -> None:
    if (reason := Prosody.unavailable()) is not None:
        pytest.skip(reason)
    other_name = fault == "a certificate of another name"
    plant = Prosody("plant.test", certificate_for="other.test") if other_name else Prosody("plant.test")
    utility = Prosody("utility.test")
    federate(plant, utility)
    stranger = Prosody("plant.test")
    if not other_name:
        plant.ca = stranger.ca  # what the utility is told to trust
    utility.add_user("ems", PASSWORD)
    async with AsyncExitStack() as stack:
        for server in (plant, utility):
            await server.start()
            stack.push_async_callback(server.stop)
        async with make_session(utility, "ems") as ems:
            with pytest.raises(Refused) as refused:
                await ems.request(DER, '<echo xmlns="urn:example"/>', kind="get")
            assert refused.value.code in ("remote-server-not-found", "remote-server-timeout", "not-authorized")
            assert not await ems.ping("plant.test")
        said = (utility.home / "prosody.log").read_text()
        assert "is not valid for this name" in said if other_name else "is not trusted" in said


async def test_servers_are_federated_before_they_run_and_once_for_a_domain() -> None:
    with pytest.raises(LocalError, match="a domain each"):
        federate(Prosody("plant.test"), Prosody("plant.test"))
    if (reason := Prosody.unavailable()) is not None:
        pytest.skip(reason)
    running = Prosody("plant.test")
    await running.start()
    try:
        with pytest.raises(LocalError, match=r"plant\.test is running"):
            federate(running, Prosody("utility.test"))
    finally:
        await running.stop()


async def test_the_embedded_broker_knows_no_other_domain() -> None:
    broker = Broker("utility.test")
    broker.add_user("ems", PASSWORD)
    await broker.start()
    try:
        async with make_session(broker, "ems") as ems:
            with pytest.raises(Refused) as refused:
                await ems.request(DER, '<echo xmlns="urn:example"/>', kind="get")
            assert refused.value.code == "remote-server-not-found"
    finally:
        await broker.stop()
