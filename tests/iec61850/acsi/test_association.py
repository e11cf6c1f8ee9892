"""The life of an association, the same on every way."""

from __future__ import annotations

import pytest
from janusgrid.common.errors import NotReachable, Refused
from janusgrid.iec61850.acsi.services import GetServerDirectory

from tests.iec61850.wires import GatewayRig, Rig, until

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize(("how", "why"), [("release", "released"), ("abort", "aborted")])
async def test_an_association_ends_once(rig: Rig, how: str, why: str) -> None:
    association = await rig.associate()
    ends: list[str] = []
    association.on_end(ends.append)
    await getattr(association, how)()
    await association.release()
    await association.abort()
    assert ends == [why]
    with pytest.raises(NotReachable):
        await association.call(GetServerDirectory())


async def test_listeners_can_be_removed(rig: Rig) -> None:
    association = await rig.associate()
    ends: list[str] = []
    association.on_end(ends.append)()
    association.on_notification(lambda notification: None)()
    await association.release()
    assert ends == []


async def test_one_client_can_have_several(rig: Rig) -> None:
    first, second = await rig.associate(), await rig.associate()
    await first.release()
    assert await second.call(GetServerDirectory()) == ("DG750DER",)


async def test_what_the_server_ends_the_client_learns_of(rig: Rig) -> None:
    if isinstance(rig, GatewayRig):
        pytest.skip("a gateway keeps it until the server is there again: tests/iec61850/gateway")
    association = await rig.associate()
    ends: list[str] = []
    association.on_end(ends.append)
    await rig.server.host.close()
    with pytest.raises(NotReachable):
        await association.call(GetServerDirectory())
    await until(lambda: len(ends) == 1)


async def test_a_client_that_goes_has_aborted(rig: Rig) -> None:
    """Over XMPP there is no PDU for it: the server sees that the client's presence goes."""
    association, go = await rig.guest()
    assert await association.call(GetServerDirectory()) == ("DG750DER",)
    await go()
    await until(lambda: not rig.server.engine.associations)


async def test_one_too_many_is_refused(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rig.server.engine, "_max_associations", 1)
    first = await rig.associate()
    with pytest.raises(Refused):
        await rig.associate(1)
    await first.release()
    await until(lambda: not rig.server.engine.associations)
    assert await (await rig.associate(1)).call(GetServerDirectory()) == ("DG750DER",)
