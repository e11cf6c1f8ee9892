"""The core of a registry, and its messages: bounds, order, garbage."""

from __future__ import annotations

import hashlib
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree.ElementTree import Element, fromstring

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from janusgrid.common.errors import Malformed, Refused
from janusgrid.iec61850 import read_scl
from janusgrid.iec61850.registry import Device, Happening, Kind, Limits, Nameplate, wire
from janusgrid.iec61850.registry.book import Book, Entering
from janusgrid.iec61850.registry.entries import PART, Document, Proposal, packed, unpacked
from janusgrid.iec61850.registry.nameplate import description, nameplate

NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
DER, EMS = "der@plant.test/IEC", "ems@utility.test/IEC"
CID = Path(__file__).resolve().parents[3] / "mappings" / "sites" / "microgrid" / "DG750.cid"

texts = some.text(some.characters(codec="utf-8", exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff"))
values = some.dictionaries(texts.filter(lambda text: 0 < len(text) < 60), texts.filter(lambda t: len(t) < 60))
documents = some.builds(
    Document, some.binary(max_size=5).map(lambda b: hashlib.sha256(b).hexdigest()), some.integers(0, 10**9)
)
proposals = some.builds(
    Proposal, some.builds(Nameplate, values), some.sampled_from([(), ("80-3",), ("80-3", "2018")]),
    some.none() | documents,
)  # fmt: skip
times = some.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1)).map(
    lambda when: when.replace(microsecond=when.microsecond // 1000 * 1000, tzinfo=UTC)
)
devices = some.builds(Device, some.sampled_from([DER, EMS]), proposals, some.booleans(), times, times)


def arrived(text: str) -> Element:
    return fromstring(text)


@settings(max_examples=60, deadline=None)
@given(proposals, some.lists(devices, max_size=3), some.sampled_from(Kind), values)
def test_messages_there_and_back(proposal: Proposal, found: list[Device], kind: Kind, where: dict[str, str]) -> None:
    assert wire.read_register(wire.checked(arrived(wire.register(proposal)), "register")) == proposal
    assert wire.read_devices(wire.checked(arrived(wire.devices(found, False)), "devices")) == (found, False)
    for device in found:
        what = Happening(kind, device)
        assert wire.read_happened(wire.checked(arrived(wire.happened(what)), "happened")) == what
    if len(where) <= 16:
        asked = wire.checked(arrived(wire.list_(where, after=EMS, jid=DER)), "list")
        assert wire.read_list(asked) == (where, EMS, DER)


@pytest.mark.parametrize(
    "text",
    [
        '<register xmlns="urn:janusgrid:registry:2"/>',
        '<register xmlns="urn:janusgrid:registry:1"><dialect/></register>',
        '<register xmlns="urn:janusgrid:registry:1" sum="no" size="1"/>',
        f'<register xmlns="urn:janusgrid:registry:1" sum="{"0" * 64}" size="-1"/>',
        f'<register xmlns="urn:janusgrid:registry:1" sum="{"0" * 64}"/>',
        '<register xmlns="urn:janusgrid:registry:1" jid="other@plant.test"/>',
        f'<register xmlns="urn:janusgrid:registry:1"><value name="x">{"y" * 256}</value></register>',
        '<register xmlns="urn:janusgrid:registry:1">' + '<value name="x"/>' * 201 + "</register>",
        '<deregister xmlns="urn:janusgrid:registry:1"/>',
    ],
)
def test_what_is_no_registration(text: str) -> None:
    with pytest.raises(Malformed):
        wire.read_register(wire.checked(arrived(text), "register"))


def test_an_empty_result_is_no_answer() -> None:
    with pytest.raises(Malformed, match="<registered> was expected"):
        wire.checked(None, "registered")


def test_a_list_is_cut_where_a_message_is_full() -> None:
    big = Proposal(Nameplate({f"LD/LN.DO{number}": "x" * 200 for number in range(100)}))
    found = [Device(f"d{number:02}@plant.test/IEC", big, True, NOW, NOW) for number in range(20)]
    part, more = wire.read_devices(wire.checked(arrived(wire.devices(found, False)), "devices"))
    assert more
    assert part == found[: len(part)]
    assert 1 < len(part) < 20


# Files


def send(book: Book, compressed: bytes, document: Document, address: str = DER) -> Entering | int:
    found = book.register(address, Proposal(document=document), NOW)
    for offset in range(0, len(compressed), PART):
        found = book.receive(address, document.sum, offset, compressed[offset : offset + PART], NOW)
    return found


def test_a_registration_is_whole_or_not_there() -> None:
    document, compressed = packed("<SCL/>")
    book = Book()
    assert book.register(DER, Proposal(document=document), NOW) == 0
    assert book.receive(DER, document.sum, 0, compressed[:4], NOW) == 4
    assert book.receive(DER, document.sum, 0, compressed[:4], NOW) == 4  # twice is no matter
    assert len(book) == 0
    done = book.receive(DER, document.sum, 2, compressed[2:], NOW)
    assert isinstance(done, Entering)
    assert done.file == compressed
    book.enter(done.device)
    again = book.register(DER, Proposal(document=document), NOW + timedelta(hours=1))
    assert isinstance(again, Entering)
    assert (again.happening, again.file, again.device.registered) == (None, None, NOW)


@pytest.mark.parametrize("octets", [b"", b"<SCL/>", zlib.compress(b"<SCL/>") + b"more", zlib.compress(b"other")])
def test_a_file_that_is_another_is_none(octets: bytes) -> None:
    sum_ = packed("<SCL/>")[0].sum
    with pytest.raises(Malformed):
        unpacked(Document(sum_, len(octets)), octets, 1000)


def test_a_small_file_that_is_large_is_not_unpacked() -> None:
    document, compressed = packed("x" * 50_000_000)
    assert document.size < 60_000
    book = Book(Limits(document=60_000))
    with pytest.raises(Malformed, match="more than 60000 octets"):
        send(book, compressed, document)
    assert len(book) == 0


def test_the_bounds_of_a_book() -> None:
    book = Book(Limits(devices=2, document=100, uploads=1))
    document, compressed = packed("<SCL/>")
    with pytest.raises(Refused, match="100 octets") as refused:
        book.register(DER, Proposal(document=Document(document.sum, 101)), NOW)
    assert refused.value.code == "policy-violation"
    with pytest.raises(Refused, match="a nameplate"):
        book.register(DER, Proposal(Nameplate({f"{n}": "x" * 255 for n in range(200)})), NOW)
    assert book.register(DER, Proposal(document=document), NOW) == 0
    with pytest.raises(Refused, match="on their way") as refused:
        book.register(EMS, Proposal(document=document), NOW)
    assert refused.value.code == "resource-constraint"
    for address, sum_, offset, octets, code in (
        (EMS, document.sum, 0, compressed, "unexpected-request"),
        ("der@plant.test/other", document.sum, 0, compressed, "unexpected-request"),
        (DER, "0" * 64, 0, compressed, "unexpected-request"),
        (DER, document.sum, 1, compressed, "bad-request"),
    ):
        with pytest.raises(Refused) as refused:
            book.receive(address, sum_, offset, octets, NOW)
        assert refused.value.code == code
    assert book.register(DER, Proposal(document=document), NOW) == 0
    assert book.register(EMS, Proposal(document=document), NOW + timedelta(minutes=2)) == 0  # the first gave up
    for number in range(2):
        entering = book.register(f"d{number}@plant.test/IEC", Proposal(), NOW)
        assert isinstance(entering, Entering)
        book.enter(entering.device)
    with pytest.raises(Refused, match="2 devices"):
        book.register(DER, Proposal(), NOW)


# The model


def test_nameplate_and_description_of_a_model() -> None:
    model = read_scl(CID).model
    plate = nameplate(model)
    assert plate["DGEN1.WMaxRtg.units.SIUnit"] == "W"
    assert (plate.serial_number, plate["LLN0.NamPlt.configRev"]) == ("", "1")
    assert plate.fits({"PhyNam.vendor": "JanusGrid", "WMaxRtg.setMag.f": "750000"})
    assert not plate.fits({"PhyNam.vendor": "JanusGrid", "endor": "JanusGrid"})
    assert not any("MMXU" in name for name in plate.values)
    text = description(model, DER)
    assert description(read_scl(text.encode()).model, DER) == text
    assert read_scl(text.encode()).model.addresses["JID"] == DER
    assert model.addresses["JID"] != DER


# The course of things


class Course(RuleBasedStateMachine):
    """A book against a plain dictionary."""

    def __init__(self) -> None:
        super().__init__()
        self.book = Book(Limits(devices=3, keep=timedelta(hours=5)))
        self.plain: dict[str, tuple[str, bool, datetime]] = {}
        self.now = NOW

    users = some.sampled_from([f"d{number}@plant.test" for number in range(4)])
    resources = some.sampled_from(["IEC", "other"])

    @rule(user=users, resource=resources, vendor=some.sampled_from("AB"))
    def register(self, user: str, resource: str, vendor: str) -> None:
        self.now += timedelta(hours=1)
        proposal = Proposal(Nameplate({"LD/LPHD1.PhyNam.vendor": vendor}))
        if len(self.plain) == 3 and user not in self.plain:
            with pytest.raises(Refused):
                self.book.register(f"{user}/{resource}", proposal, self.now)
            return
        done = self.book.register(f"{user}/{resource}", proposal, self.now)
        assert isinstance(done, Entering)
        assert (done.happening is not None and done.happening.kind is Kind.REGISTERED) == (user not in self.plain)
        self.book.enter(done.device)
        self.plain[user] = (resource, True, self.now)

    @rule(user=users, resource=resources, available=some.booleans())
    def presence(self, user: str, resource: str, available: bool) -> None:
        self.now += timedelta(hours=1)
        known = self.plain.get(user)
        news = known is not None and known[0] == resource and known[1] != available
        happening = self.book.presence(f"{user}/{resource}", available, self.now)
        assert (happening is not None) == news
        if news:
            self.plain[user] = (resource, available, self.now)

    @rule(user=users)
    def remove(self, user: str) -> None:
        assert (self.book.remove(user) is not None) == (self.plain.pop(user, None) is not None)

    @invariant()
    def same(self) -> None:
        assert [device.jid for device in self.book] == sorted(self.plain)
        assert {one.jid: (one.address.partition("/")[2], one.available, one.seen) for one in self.book} == self.plain
        late = [
            user for user, (_, there, seen) in self.plain.items() if not there and self.now - seen > timedelta(hours=5)
        ]
        assert sorted(self.book.overdue(self.now)) == sorted(late)
        pages, after, more = [], "", True
        while more:
            found, more = self.book.select(after, {}, 1)
            pages += [device.jid for device in found]
            after = pages[-1] if pages else ""
        assert pages == sorted(self.plain)


Course.TestCase.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
TestCourse = Course.TestCase
