"""OpenADR over HTTPS as the how-to shows it: five commands for the certificates, two programs."""

from __future__ import annotations

import asyncio
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner
from janusgrid.cli import cli

from tests.examples.test_openadr import start
from tests.iec61850.scsm81.peers import free_port

PAGE = Path(__file__).resolve().parents[2] / "docs/how-to/openadr-over-https.md"


def commands() -> list[list[str]]:
    """Return the commands of the page that make certificates."""
    block = re.search(r"```sh\n(janusgrid cert make.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert block is not None
    return [shlex.split(line, comments=True)[1:] for line in block[1].splitlines()]


@pytest.mark.parametrize("way", ["pull", "push", "certified"])
async def test_the_page(way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = commands()
    assert len(found) == 5
    output = ""
    for command in found:
        result = CliRunner().invoke(cli, command, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        output += result.output
    prints = dict(re.findall(r"(?m)^((?:[0-9A-F]{2}:){9}[0-9A-F]{2})  (\w+)", output))
    of = {name: text for text, name in prints.items()}
    port, folder = free_port(), str(tmp_path / "certificates")
    more = ["--certified"] if way == "certified" else []
    vtn = await start("openadr_https.py", "vtn", "--folder", folder, "--peer", of["site"], "--listen", str(port), *more)
    assert vtn.stdout is not None
    async with asyncio.timeout(60):
        assert b"listening" in await vtn.stdout.readline()
    listen = ["--listen", str(free_port())] if way == "push" else []
    ven = await start(
        "openadr_https.py", "site", "--folder", folder, "--peer", of["vtn"], "--vtn", f"https://127.0.0.1:{port}",
        *listen, *more,
    )  # fmt: skip
    try:
        async with asyncio.timeout(60):
            said, _ = await vtn.communicate()
    finally:
        ven.terminate()
        heard, _ = await ven.communicate()
    assert vtn.returncode == 0, said.decode()
    assert "the site answers optIn" in said.decode()
    assert ("it comes for its messages" in said.decode()) == (way != "push")
    assert "new event" in heard.decode()
