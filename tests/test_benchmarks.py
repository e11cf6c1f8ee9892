"""`make bench` runs from its first line to its last: each benchmark that it names is there, and measures."""

from __future__ import annotations

import asyncio
import importlib
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks import contest, data, openadr, openadr_delivery, profile, scsm82_load
from benchmarks.__main__ import BENCHMARKS
from benchmarks.openadr_codec import event
from benchmarks.scsm82_read import run
from benchmarks.sides import sampler
from janusgrid.common.security.authority import Authority, KeyKind
from janusgrid.openadr.codec import write

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("name", BENCHMARKS)
def test_what_is_named_can_be_run(name: str) -> None:
    assert callable(importlib.import_module(f"benchmarks.{name}").main)


def test_a_name_that_there_is_not_is_refused_with_those_there_are() -> None:
    done = subprocess.run([sys.executable, "-m", "benchmarks", "nix"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert "no benchmark nix; there are codec, " in done.stderr


async def test_a_read_is_given_as_a_ratio_to_a_bare_request(capsys: pytest.CaptureFixture[str]) -> None:
    await run("embedded", (1,), rounds=3)
    assert "ratio " in capsys.readouterr().out


async def test_a_fleet_reports_and_is_back_after_a_restart() -> None:
    async with scsm82_load.plant("embedded", 3, "ENCRYPTED") as plant:
        told = await asyncio.to_thread(plant.connect, 3)
        assert told["associations"] > 0
        load = await asyncio.to_thread(plant.load, "1 kB", 50, 0.2)
        assert load.lost == 0
        assert 0 < load.p50 <= load.p99 <= load.most
        assert min(load.ems, load.server, load.ders) > 0
        assert str(load).strip().startswith("3 DERs 1 kB (")
        assert all(found > 0 for found in await asyncio.to_thread(plant.restart))


def test_a_point_is_told_by_time_and_memory() -> None:
    found = data.measured(100, rounds=2)
    assert min(found.ems, found.servers, found.octets) > 0
    assert str(found).strip().startswith("100 points: ")


@pytest.mark.parametrize("name", ["codec", "openadr_codec"])
def test_codecs_are_given_as_ratios_to_their_floor(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    importlib.import_module(f"benchmarks.{name}").main()
    assert "lxml" in (said := capsys.readouterr().out)
    assert "(budget " in said


def test_a_vtn_is_compared_with_openleadr_poll_by_poll(capsys: pytest.CaptureFixture[str]) -> None:
    sizes = openadr.Sizes(rounds=2, seconds=0.02)
    found = openadr.polls(openadr.contenders("ours"), 2, sizes)
    assert all(turn["requests per second"] > 0 for turns in found.values() for turn in turns)
    openadr.compare("polls", found, {"CPU of the server": "us"})
    said = capsys.readouterr().out
    assert "(budget 0.7, goal 0.4)" in said or "not compared: " in said


def test_a_fleet_is_kept_and_told_by_time_and_memory() -> None:
    with openadr.vtn("ours, kept", vens=3) as (side, url):
        found = openadr.swept(side, url, 3)
    assert found.keys() == openadr.FLEET_UNITS.keys()
    assert found["memory at first"] > 1
    assert found["time to register"] > 0


def test_messages_are_read_written_signed_and_opened(tmp_path: Path) -> None:
    authority = Authority.make(tmp_path)
    issued = {str(kind): authority.issue(f"signer-{kind}", kind=kind) for kind in KeyKind}
    turns = openadr.messages(["ours"], write(event()), issued, openadr.Sizes(rounds=1, seconds=0.02))["ours"]
    assert turns[0].keys() == {"read", "write", "sign ec", "sign rsa", "open ec", "open rsa"}
    assert all(microseconds > 0 for microseconds in turns[0].values())


def test_an_event_is_timed_on_its_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openadr_delivery, "SETTLED", 0.1)
    monkeypatch.setattr(openadr_delivery, "PAUSE", 0.0)
    assert all(seconds > 0 for seconds in asyncio.run(openadr_delivery.over_xmpp("embedded", 1)))


def test_contenders_take_turns_and_are_told_as_ratios() -> None:
    pair = ("ours", "ours")
    for case in ("read 100", "urcb"):
        blocks = contest.compete(case, 1, [pair], rounds=2, seconds=0.05)[pair]
        assert isinstance(blocks, list)
        assert len(blocks) == 2
        assert all(block.rate > 0 and block.client_cpu > 0 and block.server_cpu > 0 for block in blocks)
        assert contest.ratios(blocks, blocks, "rate") == (1.0, 1.0, 1.0)
    assert not any(block.lost for block in blocks)


def test_a_side_that_fails_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(contest.SERVERS, "ours", ("", "no_such_server.py"))
    assert contest.compete("read 1", 1, [("ours", "ours")], rounds=1, seconds=0.05) == {
        ("ours", "ours"): "it has ended"
    }


def test_a_profile_tells_the_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profile, "SECONDS", 1.0)
    for found in profile.over_tcp("read 100"):
        assert found.microseconds > 0
        assert found.counts
        assert found.counts.keys() <= {*sampler.LAYERS.values(), "other"}
        assert str(found).strip().startswith("read 100: ")


@pytest.mark.parametrize(
    ("path", "layer"),
    [
        ("/somewhere/src/iec61850/mms/ber_decoder.py", "MMS codec"),
        ("/somewhere/src/common/xmpp/broker/core.py", "XMPP server"),
        ("/somewhere/src/common/xmpp/slix.py", "XMPP session"),
        ("/usr/lib/python3.11/asyncio/events.py", "asyncio and sockets"),
        ("/usr/lib/python3.11/selectors.py", "asyncio and sockets"),
        ("/usr/lib/python3.11/enum.py", None),
    ],
)
def test_a_file_is_of_a_layer_or_of_whoever_calls_it(path: str, layer: str | None) -> None:
    assert sampler.layer_of(path) == layer
