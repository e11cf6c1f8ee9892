"""Whose peer is not reached is told so, once, in words that say why; and again when it is there."""

from __future__ import annotations

import asyncio
import logging
import ssl
from datetime import timedelta
from pathlib import Path

import pytest
from janusgrid.common.clock import RealClock, ScaledClock
from janusgrid.common.errors import ConfigError, JanusGridError, LocalError, NotReachable
from janusgrid.common.security import Credentials, client_context
from janusgrid.common.security.authority import Authority
from janusgrid.common.security.tls import told
from janusgrid.openadr.binding.courier import Courier, Held
from janusgrid.openadr.binding.http import HttpTransport
from janusgrid.openadr.core.outbox import Letter, Outbox
from janusgrid.openadr.core.report_offers import DataPoint, Offer
from janusgrid.openadr.model import Message, Poll
from janusgrid.openadr.plans import TelemetryPlan
from janusgrid.openadr.ven import Ven
from janusgrid.openadr.vtn import Party, Telemetry, Vtn

from .ways import eventually


def credentials(folder: Path, name: str = "site") -> Credentials:
    authority = Authority.make(folder)
    authority.issue(name, hosts=["127.0.0.1"])
    return Credentials(folder / f"{name}.pem", folder / f"{name}.key", folder / "authority.pem")


async def test_a_vtn_that_is_not_there_is_told_once_and_that_it_is_back(caplog: pytest.LogCaptureFixture) -> None:
    probe = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port = probe.sockets[0].getsockname()[1]
    probe.close()
    await probe.wait_closed()
    caplog.set_level(logging.INFO)
    async with Ven("site", HttpTransport(plain=True), vtn=f"http://127.0.0.1:{port}", clock=ScaledClock(20.0)) as ven:
        await eventually(lambda: caplog.text.count("will be sent again") > 2)
        http = HttpTransport(listen=("127.0.0.1", port), plain=True)
        async with Vtn("utility", http, parties=[Party("site", "*")]):
            await ven.joined()
            await eventually(lambda: "reached-again" in caplog.text)
    said = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    vtn = f"to=http://127.0.0.1:{port}"
    assert said[0] == f"event=openadr.not-reached {vtn}: Connection refused; it is tried again until it goes"
    assert said[1] == f"event=openadr.reached-again {vtn}"


@pytest.mark.parametrize(
    ("errors", "said"),
    [
        ([NotReachable("away"), NotReachable("away"), NotReachable("gone")], ["away", "gone", "reached-again"]),
        ([Held("not yet"), Held("not yet")], []),
    ],
)
async def test_only_what_is_new_is_told(
    errors: list[JanusGridError], said: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    outbox = Outbox()
    outbox.put("a", Poll(ven_id="V"))

    async def send(letter: Letter) -> Message | None:
        if errors:
            raise errors.pop(0)
        return None

    async def answered(letter: Letter, answer: Message | None) -> None:
        outbox.done(letter)

    async def refused(letter: Letter, error: JanusGridError) -> None:
        raise AssertionError(error)

    courier = Courier(
        outbox, send, answered, refused, ScaledClock(100.0), passing=lambda *_: True, carried=lambda to: True
    )
    task = asyncio.create_task(courier.run())
    await eventually(lambda: not len(outbox))
    task.cancel()
    warnings = [each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING]
    assert len(warnings) == len(said)
    assert all(word in warning for word, warning in zip(said, warnings, strict=True))


async def reason(transport: HttpTransport, to: str) -> str:
    async with Ven("site", transport, vtn=to, clock=RealClock()):
        with pytest.raises(NotReachable) as caught:
            await transport.carry(to, Poll(ven_id="V"))
    return str(caught.value)


async def test_why_a_vtn_is_not_reached_is_said_in_words(tmp_path: Path) -> None:
    ours, theirs = credentials(tmp_path / "ours"), credentials(tmp_path / "theirs")
    stranger = Credentials(ours.certificate, ours.key, theirs.authorities)
    plain = HttpTransport(listen=("127.0.0.1", 0), plain=True)
    secured = HttpTransport(theirs, listen=("127.0.0.1", 0))
    async with Vtn("utility", [plain], parties=[Party("site", "*")]):
        assert plain.address is not None
        assert "no TLS is spoken there" in await reason(HttpTransport(ours), plain.address.replace("http", "https"))
    async with Vtn("utility", [secured], parties=[Party("site", "*")]):
        assert secured.address is not None
        assert "certificate there is not good: " in await reason(HttpTransport(ours), secured.address)
        assert "mismatch" in await reason(HttpTransport(theirs), secured.address.replace("127.0.0.1", "localhost"))
        closed = "the connection was closed without an answer"
        assert closed in await reason(HttpTransport(stranger), secured.address)
        assert closed in await reason(HttpTransport(plain=True), secured.address.replace("https", "http"))


def test_files_of_tls_that_do_not_fit_are_told_in_words(tmp_path: Path) -> None:
    one, two = credentials(tmp_path / "one"), credentials(tmp_path / "two")
    text = tmp_path / "text"
    text.write_text("nothing")
    for found, words in (
        (Credentials(one.certificate, two.key), "cannot be used: the key is not that of the certificate"),
        (Credentials(text, one.key), "cannot be used: one of the files is not PEM, or not what it should be"),
        (Credentials(one.certificate, one.key, text), "cannot be used: there is no certificate and no revocation list"),
        (Credentials(tmp_path / "none", one.key), "cannot be used: No such file or directory"),
    ):
        with pytest.raises(ConfigError, match=words):
            client_context(found)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (
            "[SSL: TLSV1_ALERT_UNKNOWN_CA] tlsv1 alert unknown ca (_ssl.c:2580)",
            "our certificate is refused: unknown ca",
        ),
        ("[SSL: NO_SHARED_CIPHER] no shared cipher (_ssl.c:1006)", "the two have no kind of TLS in common"),
        ("[SSL: DECRYPTION_FAILED] decryption failed (_ssl.c:1006)", "TLS failed: decryption failed"),
    ],
)
def test_what_tls_says_is_put_into_words(found: str, words: str) -> None:
    error = ssl.SSLError(1, found)
    error.reason = found[found.index(" ") + 1 : found.index("]")]
    assert told(error) == words


async def test_a_reader_that_says_what_is_wrong_is_logged_once_without_a_trace(
    caplog: pytest.LogCaptureFixture,
) -> None:
    tries: list[frozenset[str]] = []

    def read(r_ids: frozenset[str]) -> dict[str, float]:
        tries.append(r_ids)
        raise LocalError("the meter is unplugged")

    http = HttpTransport(listen=("127.0.0.1", 0), plain=True)
    clock = ScaledClock(20.0)
    plan = TelemetryPlan(timedelta(seconds=1), timedelta(seconds=1))
    reports: list[Telemetry] = []
    async with Vtn("utility", http, parties=[Party("site", "*")], clock=clock, plan=plan) as vtn:
        vtn.listen(Telemetry, reports.append)
        offers = [Offer("meter", "TELEMETRY_USAGE", [DataPoint("p", "kW")])]
        ven = Ven("site", HttpTransport(plain=True), vtn=http.address or "", offers=offers, read=read, clock=clock)
        async with ven:
            await eventually(lambda: len(tries) > 2 and bool(reports))
    said = [each for each in caplog.records if "reading p failed" in each.getMessage()]
    assert [each.exc_info for each in said] == [None]
    assert "the meter is unplugged; they are reported as having no value" in said[0].getMessage()
    assert reports[0].missing == {"p"}
