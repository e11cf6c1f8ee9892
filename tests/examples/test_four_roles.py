"""The example of four roles, and the configuration by which a program is the same."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from click.testing import CliRunner
from janusgrid.cli.ems import command

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


async def test_an_estate_in_between() -> None:
    program = await asyncio.create_subprocess_exec(
        sys.executable, str(EXAMPLES / "four_roles.py"), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(120):
        said, complaints = await program.communicate()
    lines = said.decode().splitlines()
    assert program.returncode == 0, complaints.decode()
    first = "ems@estate.example/IEC: VEN of utility@estate.example/openadr, VTN of 2 homes, client of 3 devices"
    assert lines[0] == first
    assert "utility: the estate says optIn to 800 kW less" in lines
    one, two = ([line for line in lines if line.startswith(name)] for name in ("home1: ", "home2: "))
    assert one[0].startswith("home1: new event, ")
    assert all("optIn" in line for line in one)
    assert [line.split(",")[0] for line in two] == ["home2: new event", "home2: cancelled event"]
    assert any(line.startswith("utility: told of ") for line in lines)
    assert lines[-2].startswith("operator: DG750 is set to ")
    assert lines[-1].startswith("operator: ESS500 is set to ")


def test_the_configuration_of_a_program_is_good() -> None:
    found = CliRunner().invoke(command, [str(EXAMPLES / "four_roles" / "ems.yaml"), "--check"])
    assert found.output.rstrip().endswith(
        "estate: VEN of utility@estate.example/openadr, 5 devices, VTN of 2 VENs, server of operator@estate.example, "
        "no fault"
    ), found.output
    assert found.exit_code == 0
