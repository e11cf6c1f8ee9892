"""Control blocks that are not there, asked for without a look at their type first: the server itself has to refuse."""

from __future__ import annotations

import pytest
from janusgrid.iec61850.acsi.errors import ServiceError
from janusgrid.iec61850.acsi.references import Reference
from janusgrid.iec61850.acsi.services import GetDataValues

from tests.iec61850.plant import LD
from tests.iec61850.wires import Rig

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize(
    ("text", "fc"),
    [
        *((f"{LD}/LLN0.nothing", fc) for fc in ("RP", "BR", "LG", "GO", "MS", "US")),
        ("NoLD/LLN0.SGCB", "SP"),
    ],
)
async def test_a_block_that_is_not_there(rig: Rig, text: str, fc: str) -> None:
    association = await rig.associate()
    (found,) = await association.call(GetDataValues((Reference.parse(text, fc),)))
    assert found is ServiceError.INSTANCE_NOT_AVAILABLE
