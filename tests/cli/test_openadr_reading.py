"""The programs read as their configurations say: strictly, or tolerantly."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from janusgrid.cli.openadr import ven_program, vtn_program
from janusgrid.common.clock import RealClock
from janusgrid.common.errors import Malformed

from tests.cli.test_openadr_configs import VEN, VTN
from tests.openadr.binding.test_tolerance import deviating
from tests.openadr.binding.ways import eventually


@pytest.mark.parametrize("reading", ["", "reading: strict\n", "reading: tolerant\n"])
@pytest.mark.parametrize("program", [vtn_program, ven_program], ids=["vtn", "ven"])
async def test_a_program_reads_as_it_is_told(
    program: Any, reading: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, text = ("Vtn", VTN) if program is vtn_program else ("Ven", VEN)
    config = tmp_path / "config.yaml"
    config.write_text(text.replace("127.0.0.1:8080", "127.0.0.1:0" if name == "Vtn" else "127.0.0.1:1") + reading)
    roles: list[Any] = []
    made = getattr(program, name)

    def noted(*args: Any, **options: Any) -> Any:
        roles.append(made(*args, **options))
        return roles[-1]

    monkeypatch.setattr(program, name, noted)
    clock = RealClock()
    task = asyncio.create_task(program.serve(program.load(config, clock), clock, False))
    await eventually(lambda: len(roles) == 1)
    (role,) = roles
    document = deviating("scaled-unit")
    if "tolerant" in reading:
        role.envelopes.open("peer", document)
        assert role.deviations == {("peer", "scaled-unit"): 1}
    else:
        with pytest.raises(Malformed):
            role.envelopes.open("peer", document)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
