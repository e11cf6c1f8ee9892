"""Codecs, requests and rows of the Modbus driver, without a wire."""

from __future__ import annotations

import math
import struct
from pathlib import Path

import attrs
import pytest
import trustme
from hypothesis import assume, given
from hypothesis import strategies as st
from janusgrid.common.errors import ConfigError, Malformed, TypeConflict
from janusgrid.common.security.tls import Credentials, server_context
from janusgrid.ems.drivers.modbus.blocks import LONGEST, Slot, Span, blocks
from janusgrid.ems.drivers.modbus.codecs import FORMATS, ORDERS, Number, Scaled, Text
from janusgrid.ems.drivers.parts import Parts, fit_together

from .test_modbus import ROWS, linked, meter, site

numbers = st.sampled_from(sorted(FORMATS))


@given(numbers, st.sampled_from(ORDERS), st.data())
def test_numbers_come_back_in_every_order(kind: str, order: str, data: st.DataObject) -> None:
    number = Number(kind, order)
    if kind.startswith("float"):
        value = data.draw(st.floats(allow_nan=False, width=32))
    else:
        bits, sign = int(kind.lstrip("uint")), not kind.startswith("u")
        value = data.draw(st.integers(-(1 << bits - 1) if sign else 0, (1 << bits - sign) - 1))
    assert number.decode([number.encode(value, [])]) == value


def test_orders_are_what_their_letters_say() -> None:
    octets = {"A": 0x0A, "B": 0x0B, "C": 0x0C, "D": 0x0D}
    for order in ORDERS:
        wire = bytes(octets[letter] for letter in order)
        assert Number("uint32", order).decode([struct.unpack(">2H", wire)]) == 0x0A0B0C0D
    assert Number("uint64", "CDAB").decode([[4, 3, 2, 1]]) == 0x0001_0002_0003_0004


@given(st.text(max_size=20), st.booleans())
def test_texts_come_back(text: str, swapped: bool) -> None:
    text = text.rstrip()
    assume("\0" not in text and len(text.encode()) <= 16)
    codec = Text(8, swapped)
    assert codec.decode([codec.encode(text, [])]) == (text or None)
    with pytest.raises(TypeConflict):
        codec.encode("x" * 17, [])


@given(st.integers(-32767, 32767), st.integers(-10, 10))
def test_scaled_numbers_come_back(raw: int, power: int) -> None:
    codec = Scaled(Number("int16", absent=-0x8000))
    runs = [Number("int16").encode(raw, []), Number("int16").encode(power, [])]
    value = codec.decode(runs)
    assert isinstance(value, float)
    assert math.isclose(value, raw * 10.0**power, rel_tol=1e-12)
    assert codec.encode(value, runs) == runs[0]
    with pytest.raises(TypeConflict):
        codec.encode(40000 * 10.0**power, runs)


@given(st.lists(st.tuples(st.sampled_from(sorted(LONGEST)), st.integers(0, 400), st.integers(1, 4)), max_size=40),
       st.integers(0, 124))  # fmt: skip
def test_blocks_hold_every_span_whole_and_none_is_too_long(spans: list[tuple[str, int, int]], gap: int) -> None:
    slots = [Slot((Span(*span),), Number("uint16")) for span in spans]
    found = blocks(slots, gap)
    for span in spans:
        assert any(block.span.holds(Span(*span)) for block in found)
    for block in found:
        assert block.span.count <= LONGEST[block.span.table]
        assert all(block.span.holds(unit) for unit in block.units)
        wanted = {address for unit in block.units for address in range(unit.address, unit.end)}
        idle = [address for address in range(block.span.address, block.span.end) if address not in wanted]
        assert all(not all(address + n in idle for n in range(gap + 1)) for address in idle)


@given(st.integers(0, 10**12))
def test_parts_come_back(value: int) -> None:
    parts = Parts((1_000_000, 1000, 1))
    assert parts.joined(parts.split(value)) == value
    with pytest.raises(Malformed, match="part 3 is 1000, not within 0 to 999"):
        parts.joined((1, 2, 1000))


@given(st.integers(0, 10**7), st.lists(st.integers(0, 3), min_size=6, max_size=6), st.permutations(range(3)),
       st.permutations(range(3)))  # fmt: skip
def test_parts_that_fit_together_are_of_one_instant(
    start: int, ticks: list[int], one: list[int], two: list[int]
) -> None:
    parts, counter, readings = Parts((10_000, 100, 1)), start, []
    for order in (one, two):  # each reading takes its parts in any order, while the counter goes on
        reading = [0, 0, 0]
        for index in order:
            reading[index] = parts.split(counter)[index]
            counter += ticks.pop()
        readings.append(reading)
    if fit_together(*readings):
        assert start <= parts.joined(readings[1]) <= counter


WRONG = [
    ("p,measurement,float,kW,int32,W,,,,read,,,,,,,", "either `register` or `sunspec`"),
    ("p,measurement,float,kW,int32,W,,,,read,,,,holding:1,,,103.W", "either `register` or `sunspec`"),
    ("p,measurement,float,kW,int32,W,,,,read,,,,40001,,,", "'40001' is none"),
    ("p,measurement,float,kW,int32,W,,,,read,,,,holding:70000,,,", "beyond the last address"),
    ("p,measurement,float,kW,int32,W,,,,read,,,,holding:65535,,,", "beyond the last address"),
    ("p,measurement,float,kW,int8,W,,,,read,,,,holding:1,,,", "int8 has no place in registers"),
    ("p,measurement,float,kW,int32,W,,,,read,,,,holding:1,ACBD,,", "'ACBD' is neither"),
    ("p,measurement,float,kW,int32,W,,,,read,,,,holding:1,uint16,,", "uint16 is not the wire_type, int32"),
    ("p,measurement,float,kW,int32,W,,,,read,,,,holding:1 + holding:2,,,", "2 addresses need as many whole numbers"),
    ("p,measurement,float,kW,int32,W,,,,read,,,,holding:1 + holding:2,,100 7,", "each a multiple of the next"),
    (
        "p,measurement,float,kW,int32,W,,,,read,,,,holding:1 + holding:2,float32,100 1,",
        "whole numbers are told in parts",
    ),
    ("b,status,bool,,bool,,,,,read,,,,holding:1,,,", "a bool is one bit of one"),
    ("b,status,bool,,bool,,,,,read,,,,holding:1.16,,,", "no bits 16 to 16 in uint16"),
    ("b,status,bool,,bool,,,,,read,,,,holding:1.2-3,,,", "one bit is a bool"),
    ("b,command,bool,,bool,,,,,operate,,,,holding:1.2,,,", "some bits of a register cannot be written"),
    ("b,command,bool,,bool,,,,,operate,,,,discrete:2,,,", "discrete:2 cannot be written"),
    ("p.set,setpoint,float,kW,int32,W,,,,operate,,,,input:2,,,", "input:2 cannot be written"),
    ("p.set,setpoint,float,kW,int32,W,,,,operate,,,,holding:2+holding:4,,1000 1,", "cannot be written"),
    ("t,status,text,,text,,,,,read,,,,holding:1,,,", "a text needs the number of its registers"),
    ("t,status,text,,text,,,,,read,,,,holding:1,200,,", "longer than a request"),
    ("c,status,bool,,bool,,,,,read,,,,coil:1,uint16,,", "a coil or discrete input has none"),
    ("c,measurement,float,kW,int16,W,,,,read,,,,coil:1,,,", "a coil or discrete input is one bool"),
    (
        "p,measurement,float,kW,int16,W,,,,read,,,,,,,103.W",
        "int16 with a scale factor and has wire_type float64",
    ),
    ("p,measurement,float,kW,float64,kW,,,,read,,,,,,,103.W", "103.W is in 'W', not 'kW'"),
    ("p.set,setpoint,float,kW,float64,W,,,,operate,,,,,,,103.W", "103.W cannot be written"),
    ("s,status,enum,,enum,,,,a=1|b=77,read,,,,,,,103.St", "103.St has no code 77"),
    ("p,measurement,float,kW,float64,W,,,,read,,,,,ABCD,,103.W", "leave them empty"),
    ("p,measurement,float,kW,float64,W,,,,read,,,,,,,103.Wx", "model 103 has no 'Wx'"),
]


@pytest.mark.parametrize(("row", "reason"), WRONG)
def test_rows_that_say_nothing(tmp_path: Path, row: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason) as fault:
        linked(site(tmp_path, 502, [row]))
    assert fault.value.where == f"{tmp_path}/modbus/d.csv:2"


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ({"security": "~"}, "expected text"),
        ({"security": "off"}, "security is 'off', which is none of none, tls"),
        ({"port": 0}, "port is a whole number from 1 to 65535, not '0'"),
        ({"unit": 256}, "unit is a whole number from 0 to 255"),
        ({"poll": "often"}, "poll is a time from 0.01 s"),
        ({"pol": "1s"}, "'pol' is not known to the driver 'modbus'; did you mean 'poll'?"),
        ({"security": "tls"}, "`authorities` is missing"),
        ({"security": "tls", "authorities": "ca.pem"}, "no file 'ca.pem' beside the site file"),
        ({"key": "key.pem"}, "certificates are for `security: tls`"),
    ],
)
def test_addresses_that_say_nothing(tmp_path: Path, address: dict[str, object], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason) as fault:
        linked(site(tmp_path, **{"port": 502, "rows": ROWS} | address))  # type: ignore[arg-type]
    assert str(fault.value.where).startswith(f"{tmp_path}/site.yaml:")


def test_security_has_to_be_said(tmp_path: Path) -> None:
    found = site(tmp_path, 502, ROWS)
    address = {key: text for key, text in found.address.items() if key != "security"}
    with pytest.raises(ConfigError, match=r"'security' is missing: .*Modbus has no security"):
        linked(attrs.evolve(found, address=address))


async def test_over_tls_with_certificates_on_both_sides(tmp_path: Path) -> None:
    ca, other = trustme.CA(), trustme.CA()
    ours, theirs = ca.issue_cert("ems.example"), ca.issue_cert("127.0.0.1")
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    other.cert_pem.write_to_path(tmp_path / "other.pem")
    for name, cert in (("ours", ours), ("theirs", theirs)):
        cert.cert_chain_pems[0].write_to_path(tmp_path / f"{name}.pem")
        cert.private_key_pem.write_to_path(tmp_path / f"{name}.key")
    server = meter()
    server.tls = server_context(Credentials(tmp_path / "theirs.pem", tmp_path / "theirs.key", tmp_path / "ca.pem"))
    secure = {"security": "tls", "authorities": "ca.pem", "certificate": "ours.pem", "key": "ours.key"}
    async with server:
        async with linked(site(tmp_path, server.port, ROWS, **secure)) as link:
            await link.ready()
            assert (await link.read(["der.D.name"]))["der.D.name"].value == "MP960"
        for wrong in (secure | {"authorities": "other.pem"}, {"security": "none"}):
            async with linked(site(tmp_path, server.port, ROWS, timeout="500ms", **wrong)) as link:
                assert not (await link.read(["der.D.p"]))["der.D.p"].quality.good
                assert not await link.available("der.D.p")
