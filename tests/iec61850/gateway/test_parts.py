"""What is too large for one wire: reports in segments, blocks of files, pages; and what is old."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from janusgrid.iec61850.acsi.references import FC, Reference
from janusgrid.iec61850.acsi.services import Reason, Report, ReportEntry
from janusgrid.iec61850.acsi.types import EntryTime, Quality
from janusgrid.iec61850.gateway.parts import Blocks, shortened
from janusgrid.iec61850.gateway.reports import Segments, told
from janusgrid.iec61850.gateway.stale import old
from janusgrid.iec61850.mapping.reports import RPT, decode_report, encode_report, information
from janusgrid.iec61850.mms import encode_ber, pdu

VALUES: st.SearchStrategy[pdu.Data] = st.recursive(
    st.one_of(
        st.booleans().map(lambda each: ("boolean", each)),
        st.integers(0, 300).map(lambda each: ("unsigned", each)),
        st.binary(max_size=80).map(lambda each: ("octet-string", each)),
        st.text("ab", max_size=5).map(lambda each: ("visible-string", each)),
        st.integers(0, 20).flatmap(
            lambda size: st.integers(0, (1 << size) - 1).map(lambda each: ("bit-string", (each, size)))
        ),
    ),
    lambda inner: st.lists(inner, max_size=3).map(lambda each: ("structure", each)),
    max_leaves=5,
)
MEMBERS = 40


def fits(size: int) -> object:
    return lambda message: len(encode_ber(message)) <= size


def decoded(message: pdu.MMSpdu) -> Report:
    assert message[0] == "unconfirmed-PDU"
    report = message[1].service[1]
    assert isinstance(report, pdu.InformationReport)
    return decode_report(report.list_of_access_result)


@st.composite
def reports(draw: st.DrawFn) -> Report:
    named, reasoned = draw(st.booleans()), draw(st.booleans())
    places = sorted(draw(st.sets(st.integers(0, MEMBERS - 1), min_size=1)))
    entries = [
        ReportEntry(
            place, f"{place}" * draw(st.integers(1, 20)),
            Reference("LD", "MMXU1", (f"D{place}",), FC.MX) if named else None,
            Reason.DATA_CHANGE if reasoned else None,
        )
        for place in places
    ]  # fmt: skip
    optional = {
        "sequence": st.integers(0, 255), "time": st.just(EntryTime(5000)), "data_set": st.just("LD/LLN0.Meas"),
        "buffer_overflow": st.booleans(), "entry_id": st.binary(min_size=8, max_size=8), "conf_rev": st.integers(0, 9),
    }  # fmt: skip
    given_ = {name: draw(value) for name, value in optional.items() if draw(st.booleans())}
    return Report("plant/b", entries, members=MEMBERS, **given_)


@given(reports(), st.integers(220, 600))
def test_a_report_in_segments_is_the_same_report(report: Report, size: int) -> None:
    parts = [decoded(part) for part in Segments().divide(encode_report(report), fits(size))]  # type: ignore[arg-type]
    assert [entry for part in parts for entry in part.entries] == decoded(encode_report(report)).entries
    if len(parts) > 1:
        assert [part.sub_sequence for part in parts] == list(range(len(parts)))
        assert [part.more_follows for part in parts] == [True] * (len(parts) - 1) + [False]
    for part in parts:
        assert (part.rpt_id, part.sequence, part.time, part.data_set, part.entry_id, part.conf_rev) == (
            report.rpt_id, report.sequence, report.time, report.data_set, report.entry_id, report.conf_rev,
        )  # fmt: skip


@given(reports(), st.integers(220, 600), st.integers(2, 5))
def test_segments_that_are_divided_are_numbered_anew(report: Report, size: int, count: int) -> None:
    segments, found = Segments(), []
    ends = range(0, MEMBERS, -(-MEMBERS // count))
    for number, start in enumerate(ends):
        report_ = Report(
            report.rpt_id, [entry for entry in report.entries if start <= entry.index < start + ends.step],
            report.sequence, members=MEMBERS, sub_sequence=number, more_follows=number < len(ends) - 1,
        )  # fmt: skip
        found += [decoded(part) for part in segments.divide(encode_report(report_), fits(size))]  # type: ignore[arg-type]
    assert [part.sub_sequence for part in found] == list(range(len(found)))
    assert [part.more_follows for part in found] == [True] * (len(found) - 1) + [False]
    assert [entry.value for part in found for entry in part.entries] == [entry.value for entry in report.entries]
    assert not segments.busy


@given(st.lists(st.one_of(VALUES.map(lambda each: ("success", each)), st.just(("failure", 2))), max_size=12))
def test_whatever_is_sent_as_a_report_is_one_or_none(results: list[pdu.AccessResult]) -> None:
    message = information(("variableListName", RPT), results)
    found = told(message)
    if found is not None:
        found.as_old()
    Segments().divide(message, lambda part: False)


def test_a_value_alone_that_is_too_large_is_told_as_one_that_cannot_be_had() -> None:
    report = Report("r", [ReportEntry(0, "x" * 5000), ReportEntry(1, "y")], members=2)
    parts = [decoded(part) for part in Segments().divide(encode_report(report), fits(500))]  # type: ignore[arg-type]
    assert [entry.value for part in parts for entry in part.entries] == [None, "y"]


@pytest.mark.parametrize(
    ("before", "after"),
    [("good", "questionable, oldData"), ("invalid, failure", "invalid, failure, oldData")],
)
def test_what_is_old_says_so(before: str, after: str) -> None:
    quality = Quality() if before == "good" else Quality.of(Quality.INVALID, 6)
    marked = old(("structure", [("boolean", True), ("bit-string", (quality.bits, 13))]))
    assert marked is not None
    assert marked[1][0] == ("boolean", True)  # type: ignore[index]
    assert str(Quality(marked[1][1][1][0])) == after  # type: ignore[index]
    assert old(("structure", [("boolean", True), ("bit-string", (0, 2))])) is None


async def test_blocks_of_a_file_are_cut_to_what_fits() -> None:
    octets, asked = bytes(range(250)), []

    async def ask(service: pdu.ConfirmedServiceRequest) -> pdu.MMSpdu:
        asked.append(service)
        start = 100 * (len(asked) - 1)
        block = pdu.FileReadResponse(octets[start : start + 100], start < 200)
        return ("confirmed-ResponsePDU", pdu.ConfirmedResponsePDU(0, ("fileRead", block)))

    blocks, found, more = Blocks(lambda: 30), b"", True
    while more:
        answer = await blocks.ask(("fileRead", 7), ask)
        assert answer[0] == "confirmed-ResponsePDU"
        block = answer[1].service[1]
        assert isinstance(block, pdu.FileReadResponse)
        assert len(block.file_data) <= 30
        found, more = found + block.file_data, block.more_follows
    assert (found, len(asked)) == (octets, 3)


def test_a_page_is_shortened_down_to_one_name() -> None:
    answer: pdu.MMSpdu | None = (
        "confirmed-ResponsePDU",
        pdu.ConfirmedResponsePDU(3, ("getNameList", pdu.GetNameListResponse(list("abcdefgh"), False))),
    )
    sizes = []
    while answer is not None and (answer := shortened(answer)) is not None:
        page = answer[1].service[1]  # type: ignore[union-attr]
        sizes.append((len(page.list_of_identifier), page.more_follows))  # type: ignore[union-attr]
    assert sizes == [(4, True), (2, True), (1, True)]
