"""Handlers of an application: plain or coroutine functions, and of the right types, or the type checker says so."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from janusgrid import openadr
from janusgrid.common.errors import LocalError
from janusgrid.openadr import DataPoint, HttpTransport, Offer, Party, Ven, Vtn, item, load_dispatch
from janusgrid.openadr.vtn import Deregistered, Registered

ROOT = Path(__file__).resolve().parents[2]

PROGRAM = """\
from collections.abc import Mapping

from janusgrid.openadr import DataPoint, EventChange, HttpTransport, Offer, OptType, Reading, Ven, Vtn
from janusgrid.openadr.vtn import Opted, Telemetry

http = HttpTransport(plain=True)


async def read(r_ids: frozenset[str]) -> Mapping[str, Reading]:
    return {r_id: Reading(1.0) for r_id in r_ids}


def names(r_ids: frozenset[str]) -> dict[str, str]:
    return {r_id: r_id for r_id in r_ids}


ven = Ven("site", http, vtn="http://127.0.0.1", offers=[Offer("meter", "TELEMETRY_USAGE", [DataPoint("p", "kW")])])
ven = Ven("site", http, vtn="http://127.0.0.1", read=read)
ven = Ven("site", http, vtn="http://127.0.0.1", read=lambda r_ids: dict.fromkeys(r_ids, 1.0))
ven = Ven("site", http, vtn="http://127.0.0.1", read=names)  # WRONG
vtn = Vtn("utility", http)


@ven.on_event
def plain(change: EventChange) -> OptType:
    return OptType.OPT_IN


@ven.on_event
async def later(change: EventChange) -> OptType | None:
    return None


@ven.on_event  # WRONG
def of_another_kind(change: Opted) -> OptType:
    return OptType.OPT_IN


@ven.on_event  # WRONG
def without_an_opt(change: EventChange) -> str:
    return "optIn"


@vtn.listen(Telemetry)
def told(telemetry: Telemetry) -> None:
    print(telemetry.samples[0].value)


@vtn.listen(Telemetry)
async def told_later(telemetry: Telemetry) -> None:
    print(telemetry.samples[0].value)


@vtn.listen(Telemetry)  # WRONG
def told_of_another(opted: Opted) -> None:
    print(opted.response)


vtn.listen(Opted, lambda opted: print(opted.response))
vtn.listen(Opted, told)  # WRONG
vtn.listen(Telemetry, lambda telemetry: print(telemetry.response))  # WRONG
"""


def test_a_wrong_handler_is_found_before_it_runs(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", str(program)],
        cwd=ROOT, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    found = {int(line) for line in re.findall(r"program\.py:(\d+): error", done.stdout)}
    wrong = {number for number, line in enumerate(PROGRAM.splitlines(), 1) if line.endswith("# WRONG")}
    assert found == wrong, done.stdout + done.stderr


async def test_listeners_are_told_be_they_plain_or_not() -> None:
    http = HttpTransport(listen=("127.0.0.1", 0), plain=True)
    vtn = Vtn("utility", http, parties=[Party("site", "*")])
    told: list[str] = []

    @vtn.listen(Registered)
    def plain(registered: Registered) -> None:
        told.append(f"plain {registered.ven.ven_name}")

    @vtn.listen(Registered)
    async def later(registered: Registered) -> None:
        told.append(f"later {registered.ven.ven_name}")

    vtn.listen(Deregistered, lambda gone: told.append(f"gone {gone.ven.ven_name}"))
    async with vtn:
        async with Ven("site", HttpTransport(plain=True), vtn=http.address or "") as ven:
            await ven.joined()
            await vtn.wait_registered("site")
            await ven.leave()
        while len(told) < 3:
            await vtn.changed()
    assert told == ["plain site", "later site", "gone site"]
    plain(SimpleNamespace(ven=SimpleNamespace(ven_name="itself")))  # type: ignore[arg-type]  # it stays what it was
    assert told[-1] == "plain itself"


def test_a_point_may_be_given_by_the_symbol_of_its_unit() -> None:
    assert DataPoint("p", "kW") == DataPoint("p", item("kW"))
    assert Offer("m", "TELEMETRY_USAGE", [DataPoint("p", "")]).points == (DataPoint("p"),)
    with pytest.raises(LocalError, match="unknown unit"):
        DataPoint("p", "kw")


def test_an_event_is_made_now_unless_it_says_when() -> None:
    hour = timedelta(hours=1)
    made = load_dispatch(1.0, start=datetime.now(UTC) + hour, duration=hour)
    assert abs(made.event_descriptor.created_date_time - datetime.now(UTC)) < hour
    assert made.event_descriptor.created_date_time.microsecond == 0


def test_everything_that_the_package_promises_is_there() -> None:
    for name in openadr.__all__:
        assert getattr(openadr, name) is not None
    assert set(openadr.__all__) <= set(dir(openadr))
    with pytest.raises(AttributeError, match="nothing"):
        _ = openadr.nothing


def test_a_listener_for_what_never_happens_is_refused_with_what_does() -> None:
    from janusgrid.openadr import ven as at_ven
    from janusgrid.openadr import vtn as at_vtn

    vtn = Vtn("utility", HttpTransport(plain=True))
    vtn.listen(at_vtn.Telemetry, print)
    vtn.listen(object, print)
    with pytest.raises(LocalError, match=r"Telemetry never happens here: .*take Telemetry from .*\.openadr\.vtn$"):
        vtn.listen(at_ven.Telemetry, print)
    ven = Ven("site", HttpTransport(plain=True), vtn="http://127.0.0.1")
    with pytest.raises(LocalError, match="Registered never happens here: listen to Joined, Left,"):
        ven.listen(Registered)(print)


@pytest.mark.parametrize(("name", "identity"), [("", "*"), ("site", ""), ("site", []), ("site", ["a@b.example", ""])])
def test_a_party_has_a_name_and_an_identity(name: str, identity: str | list[str]) -> None:
    with pytest.raises(LocalError, match="a party has a name, and an identity"):
        Party(name, identity)


def test_one_market_may_be_given_as_a_text() -> None:
    assert Party("site", "*", markets="http://utility.example/peak").markets == {"http://utility.example/peak"}


@pytest.mark.parametrize("vtn", ["nowhere", "https://127.0.0.1", "http://127.0.0.1:99999", "ftp://127.0.0.1"])
async def test_an_address_that_is_none_is_told_when_the_ven_opens(vtn: str) -> None:
    with pytest.raises(LocalError, match=r"no address of a VTN: write http://host"):
        async with Ven("site", HttpTransport(plain=True), vtn=vtn):
            raise AssertionError("it has opened")


def test_a_time_without_its_zone_is_refused() -> None:
    with pytest.raises(LocalError, match="is in no time zone"):
        load_dispatch(1, start=datetime(2026, 3, 25, 14), duration=timedelta(hours=1))


def test_two_parties_of_one_name_are_refused() -> None:
    with pytest.raises(LocalError, match="site: two parties have that name"):
        Vtn("utility", HttpTransport(plain=True), parties=[Party("site", "*"), Party("site", "a@b.example")])
