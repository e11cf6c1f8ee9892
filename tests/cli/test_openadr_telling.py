"""What the programs of OpenADR say in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from janusgrid.cli.openadr import ven_program, vtn_program
from janusgrid.cli.openadr.telling import Teller
from janusgrid.openadr import DataPoint, HttpTransport, Offer, Party, Ven, Vtn, simple
from janusgrid.openadr.core.ven import WHEN_REFUSED
from janusgrid.openadr.model import OptType
from janusgrid.openadr.ven import Retry

from tests.openadr.binding.ways import eventually


def teller() -> Teller:
    return Teller(False, lambda: datetime.now(UTC))


async def test_the_life_of_an_event_and_a_report_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    http = HttpTransport(listen=("127.0.0.1", 0), plain=True)
    said = ""

    def says(*words: str) -> bool:
        nonlocal said
        said += capsys.readouterr().out
        return all(word in said for word in words)

    vtn = Vtn("utility", http, parties=[Party("site", "*")], poll_every=timedelta(seconds=1))
    vtn_program.follow(vtn, teller())
    async with vtn:
        offers = [Offer("meter", "TELEMETRY_USAGE", [DataPoint("p", "kW")])]
        ven = Ven(
            "site", HttpTransport(plain=True), vtn=http.address or "", offers=offers,
            read=lambda r_ids: dict.fromkeys(r_ids, 1.0),
        )  # fmt: skip
        ven_program.follow(ven, teller())
        ven.on_event(lambda change: OptType.OPT_IN)
        async with ven:
            await vtn.wait_registered("site")
            await vtn.request_report("site", "meter").next()
            start = datetime.now(UTC) + timedelta(hours=1)
            event = vtn.create_event(simple(1, start=start, duration=timedelta(hours=1), event_id="E1"), ["site"])
            await event.opted("site")
            event.cancel()
            await eventually(lambda: says("site answers E1: knows that it is cancelled"))
            await ven.leave()
    assert says("asked to report p of meter once", "asked to report p of meter every PT1M", "site answers E1: optIn")
    assert says("the registration has ended\n")


@pytest.mark.parametrize(("retry", "then"), [(WHEN_REFUSED, "wait: it is tried again at "), (None, "start again")])
async def test_a_ven_that_is_refused_says_what_can_be_done(
    retry: Retry | None, then: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ends = f"put right what is wrong, here or at the VTN, and {then}"
    http = HttpTransport(listen=("127.0.0.1", 0), plain=True)
    said = ""

    def refused() -> bool:
        nonlocal said
        said += capsys.readouterr().out
        return ends in said

    async with Vtn("utility", http, parties=[Party("site", "*")]):
        ven = Ven("other", HttpTransport(plain=True), vtn=http.address or "", refused=retry)
        ven_program.follow(ven, teller())
        async with ven:
            await eventually(refused)
    assert "not registered: " in said
    assert "[463]" in said
