"""What the XMPP server between can do to an association with end-to-end security: it can be in the way, and no more.

It sees all, stamps whom it likes as the sender, and edits, drops, repeats, reorders, delays, swaps and makes up
stanzas. Nothing changes at the server, nothing that is not true reaches an application, and the reason is noted.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any, TypeVar

import attrs
import pytest
import pytest_asyncio
from janusgrid.common.security.e2e import Suite
from janusgrid.common.security.e2e.wire import SecKind, SecPdu
from janusgrid.iec61850.acsi.services import GetDataValues, GetServerDirectory
from janusgrid.iec61850.mapping import initiate
from janusgrid.iec61850.scsm82.context import around
from janusgrid.iec61850.scsm82.context import profile as profile_of
from janusgrid.iec61850.scsm82.endpoint import Endpoint
from janusgrid.iec61850.scsm82.protection import begin, element

from tests.iec61850.plant import LD, ref
from tests.iec61850.scsm82.attacks.field import (
    HZ,
    SERVER,
    VICTIM,
    Field,
    commanding,
    edited,
    iq,
    made,
    message,
    reading,
    refused,
    reporting,
)  # fmt: skip
from tests.iec61850.wires import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

BOTH = (Suite.CLEAR, Suite.ENCRYPTED)
TOTW, W = f"{LD}/MMXU1.TotW", ref("MMXU1.TotW.mag.f", "MX")
NOT_BELIEVED = "not-acceptable"


@attrs.frozen
class Case:
    """What is done, for which reasons it is refused, how often the victim's commands are carried out by the way."""

    what: str
    act: Callable[..., Awaitable[object]]
    codes: tuple[str, ...]
    executed: int = 0
    heard: int = 0
    alive: bool = True


CASES: list[Case] = []
Act = TypeVar("Act", bound=Callable[..., Awaitable[object]])


def case(what: str, *codes: str, executed: int = 0, heard: int = 0, alive: bool = True) -> Callable[[Act], Act]:
    def add(act: Act) -> Act:
        CASES.append(Case(what, act, codes, executed, heard, alive))
        return act

    return add


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=BOTH, ids=lambda suite: suite.name.lower())
async def field(request: pytest.FixtureRequest) -> AsyncIterator[Field]:
    async with AsyncExitStack() as stack:
        yield await made(stack, request.param, Field)


def flip(at: int, bit: int = 1) -> Callable[[bytearray], Any]:
    def change(octets: bytearray) -> None:
        octets[at] ^= bit

    return change


# --- edits --------------------------------------------------------------------------------------------------------

FIELDS: tuple[tuple[str, Callable[[bytearray], Any], str], ...] = (
    ("the version", flip(0), "e2e-version"), ("the suite", flip(1, 3), "e2e-suite"),
    ("the flags, to some that mean nothing", flip(2, 0x80), "e2e-malformed"),
    ("the flags, to those of an abort", flip(3, 8), "e2e-integrity"),
    ("the flags, to a wish for other keys", flip(3, 4), "e2e-integrity"),
    ("the session", flip(5), "e2e-other-association"), ("the epoch", flip(23), "e2e-epoch"),
    ("the number, far ahead", flip(25, 0x40), "e2e-integrity"),
    ("the time", flip(39), "e2e-integrity"), ("the data", flip(60), "e2e-integrity"),
    ("the end", flip(-1), "e2e-integrity"), ("the length: none is left", bytearray.clear, "e2e-malformed"),
    ("the length: one octet less", bytearray.pop, "e2e-integrity"),
    ("the length: one octet more", lambda octets: octets.append(0), "e2e-integrity"),
    ("the length: the header alone", lambda octets: octets.__delitem__(slice(40, None)), "e2e-suite"),
)  # fmt: skip
for name, change, code in FIELDS:

    @case(f"edits of a command {name}", code)
    async def _edit(field: Field, change: Callable[[bytearray], Any] = change) -> None:
        field.middle.edit(SERVER, change)
        assert await refused(field.association.call(field.command())) == NOT_BELIEVED

    @case(f"edits of an answer {name}", code)
    async def _edit_answer(field: Field, change: Callable[[bytearray], Any] = change, code: str = code) -> None:
        field.middle.edit(VICTIM, change)
        assert await refused(field.association.call(GetDataValues((HZ,)))) == code

    @case(f"edits of a report {name}", code, heard=1)
    async def _edit_report(field: Field, change: Callable[[bytearray], Any] = change) -> None:
        field.middle.edit(VICTIM, change)
        await report(field)


async def report(field: Field, heard: int = 1) -> None:
    """Have the server send two reports, after which all is as before, and wait for those that arrive."""
    for value in (301.5, 300.5):
        field.server.update(TOTW, value)
    await until(lambda: len(field.heard) == heard)
    field.before = field.state()


# --- what it is called, where it goes -----------------------------------------------------------------------------


def renamed(stanza: str, kind: SecKind) -> Iterable[str]:
    for each in (SecKind.ENCR_TRANSFER, SecKind.CLEAR_TRANSFER):
        stanza = stanza.replace(f"{each}>", f"{kind}>")
    return [stanza]


@case("calls a command a transfer of the other kind", "e2e-suite")
async def _other_kind(field: Field) -> None:
    other = SecKind.CLEAR_TRANSFER if field.suite is Suite.ENCRYPTED else SecKind.ENCR_TRANSFER
    field.middle.once(SERVER, lambda stanza: renamed(stanza, other))
    assert await refused(field.association.call(field.command())) == NOT_BELIEVED


for kind, code in (
    (SecKind.ABORT, "e2e-malformed"), (SecKind.HANDSHAKE_ACC, "e2e-suite"), (SecKind.HANDSHAKE_REJECT, "e2e-suite"),
    (SecKind.HANDSHAKE_REQ, "e2e-malformed e2e-suite"),
):  # fmt: skip

    @case(f"calls a command a {kind}", *code.split())
    async def _called(field: Field, kind: SecKind = kind) -> None:
        field.middle.once(SERVER, lambda stanza: renamed(stanza, kind))
        assert await refused(field.association.call(field.command()))

    @case(f"calls an answer a {kind}", "e2e-suite" if kind is not SecKind.ABORT else "e2e-malformed")
    async def _answer_called(field: Field, kind: SecKind = kind) -> None:
        field.middle.once(VICTIM, lambda stanza: renamed(stanza, kind))
        assert await refused(field.association.call(GetDataValues((HZ,))))


@case("delivers a command to another association of the victim", "e2e-other-association")
async def _swapped(field: Field) -> None:
    other = await field.associate()
    field.middle.once(SERVER, lambda stanza: [stanza.replace(f'id="{field.id}"', f'id="{other._key[1]}"')])
    assert await refused(field.association.call(field.command())) == NOT_BELIEVED
    await other.release()


@case("delivers a report to another association of the victim", "e2e-other-association", heard=1)
async def _swapped_report(field: Field) -> None:
    other = await field.associate()
    field.middle.once(VICTIM, lambda stanza: [stanza.replace(f'id="{field.id}"', f'id="{other._key[1]}"')])
    await report(field)
    await other.release()


@case("makes a get of the set that a command is")
async def _get(field: Field) -> None:
    def instead(stanza: str) -> Iterable[str]:
        return [re.sub(r"""type=(['"])set""", r"type=\1get", stanza)]

    field.middle.once(SERVER, instead)
    assert await refused(field.association.call(field.command())) == "bad-request"


@case("makes a message of the iq that a command is", "request-in-message")
async def _as_a_message(field: Field) -> None:
    stanza = await field.captured()
    field.middle.inject(SERVER, message(SERVER, stanza.partition(">")[2].rpartition("</iq>")[0], sender=VICTIM))


@case("makes a message of an answer", "message-refused")
async def _answer_as_a_message(field: Field) -> None:
    held = field.middle.hold(VICTIM)
    asking = asyncio.ensure_future(field.association.call(GetDataValues((HZ,))))
    await until(lambda: bool(held))
    field.middle.inject(VICTIM, message(VICTIM, held[0].partition(">")[2].rpartition("</iq>")[0], sender=SERVER))
    await until(lambda: bool(field.noted))
    assert not asking.done()
    asking.cancel()


@case("gives a report in the place of an answer")
async def _report_as_an_answer(field: Field) -> None:
    held = field.middle.hold(VICTIM)
    field.server.update(TOTW, 301.5)
    await until(lambda: bool(held))
    content = held[0].partition(">")[2].rpartition("</message>")[0]

    def instead(stanza: str) -> Iterable[str]:
        head, _, _ = stanza.partition(">")
        return [f"{head}>{content}</iq>"]

    field.middle.once(VICTIM, instead)
    assert await refused(field.association.call(GetDataValues((HZ,))))
    field.middle.rule = lambda to, stanza: ()
    field.server.update(TOTW, 300.5)
    await asyncio.sleep(0.02)
    field.before = field.state()


@case("gives the answer to one question to another")
async def _answers_swapped(field: Field) -> None:
    """The number of the request is within what is protected: neither is taken for the other's."""
    held = field.middle.hold(VICTIM, many=True)
    asking = [
        asyncio.ensure_future(refused(field.association.call(GetDataValues((what,))))) for what in (HZ, W)
    ]  # fmt: skip
    await until(lambda: len(held) == 2)
    (one, its), (other, others) = ((text.partition(">")[0], text.partition(">")[2]) for text in held)
    field.middle.inject(VICTIM, f"{one}>{others}", f"{other}>{its}")
    assert all(await asyncio.gather(*asking))


# --- drops --------------------------------------------------------------------------------------------------------


@case("drops a command")
async def _drop(field: Field) -> None:
    await field.captured()


@case("drops the answer to a command, which the client says again", executed=1)
async def _drop_answer(field: Field) -> None:
    dropped = field.middle.hold(VICTIM)
    command = field.command()
    asking = asyncio.ensure_future(field.association.call(command))
    await until(lambda: bool(dropped))
    asking.cancel()
    for _ in range(3):
        await field.association.call(command)


@case("says of a command that it was refused, and it was not", executed=1)
async def _forged_error(field: Field) -> None:
    def instead(stanza: str) -> Iterable[str]:
        id = stanza.partition("id=")[2].split(stanza.partition("id=")[2][0])[1]
        error = "<error type='cancel'><not-allowed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
        return [f"<iq type='error' id='{id}' from='{SERVER}' to='{VICTIM}'>{error}</iq>"]

    field.middle.once(VICTIM, instead)
    command = field.command()
    assert await refused(field.association.call(command)) == "not-allowed"
    await field.association.call(command)


# --- repeats ------------------------------------------------------------------------------------------------------


@case("repeats a command once it is answered", "e2e-replay", "unasked-result", executed=1)
async def _repeat(field: Field) -> None:
    await field.association.call(field.command())
    stanza = field.middle.last()
    for number in range(1, 4):
        field.middle.inject(SERVER, stanza)
        await until(lambda number=number: field.noted["e2e-replay"] == field.noted["unasked-result"] == number)  # type: ignore[misc]


@case("repeats a command at once", "repeated-request", executed=1)
async def _repeat_at_once(field: Field) -> None:
    field.middle.once(SERVER, lambda stanza: [stanza] * 3)
    await field.association.call(field.command())


@case("repeats a command under other ids", "e2e-replay", "unasked-result", executed=1)
async def _repeat_renamed(field: Field) -> None:
    await field.association.call(field.command())
    stanza = field.middle.last()
    content = stanza.partition(">")[2].rpartition("</iq>")[0]
    field.middle.inject(SERVER, *(iq("set", SERVER, content, sender=VICTIM, id=f"other-{n}") for n in range(3)))
    await until(lambda: field.noted["e2e-replay"] == field.noted["unasked-result"] == 3)


@case("repeats an answer", "unasked-result")
async def _repeat_answer(field: Field) -> None:
    field.middle.once(VICTIM, lambda stanza: [stanza] * 2)
    assert await field.association.call(GetDataValues((HZ,))) == (50.0,)


@case("repeats an old answer for a new one", "e2e-replay")
async def _old_answer(field: Field) -> None:
    assert await field.association.call(GetDataValues((HZ,))) == (50.0,)
    old = field.middle.last(VICTIM).partition(">")[2]
    field.middle.once(VICTIM, lambda stanza: [f"{stanza.partition('>')[0]}>{old}"])
    assert await refused(field.association.call(GetDataValues((HZ,)))) == "e2e-replay"


@case("repeats a report", "e2e-replay", heard=2)
async def _repeat_report(field: Field) -> None:
    field.middle.once(VICTIM, lambda stanza: [stanza] * 3)
    await report(field, heard=2)
    await until(lambda: field.noted["e2e-replay"] == 2)


# --- reorders and delays ------------------------------------------------------------------------------------------


@case("reorders commands", executed=5)
async def _reorder(field: Field) -> None:
    held = field.middle.hold(SERVER, many=True)
    asking = [asyncio.ensure_future(field.association.call(GetDataValues((HZ,)))) for _ in range(4)]
    commands = [asyncio.ensure_future(field.association.call(field.command())) for _ in range(1)]
    await until(lambda: len(held) == 5)
    field.middle.honest()
    for stanza in reversed(held):
        field.middle.inject(SERVER, stanza)
    await asyncio.gather(*asking, *commands)
    for _ in range(4):
        await field.association.call(field.command())


@case("holds a command back until the client has forgotten it", "e2e-delayed")
async def _delay(field: Field) -> None:
    stanza = await field.captured()
    field.clocks[SERVER].ahead = timedelta(seconds=31)
    field.middle.inject(SERVER, stanza)
    await until(lambda: bool(field.noted))


@case("holds a command back until many others have passed", "e2e-out-of-window")
async def _window(field: Field) -> None:
    stanza = await field.captured()
    for _ in range(70):
        await field.association.call(GetDataValues((HZ,)))
    field.middle.inject(SERVER, stanza)
    await until(lambda: bool(field.noted))


@case("holds a report back: the association is given up, for what it says is lost", "e2e-delayed", alive=False)
async def _delay_report(field: Field) -> None:
    held = field.middle.hold(VICTIM)
    field.server.update(TOTW, 301.5)
    await until(lambda: bool(held))
    field.server.update(TOTW, 300.5)
    await until(lambda: len(field.heard) == 1)
    field.heard.clear()
    for watch in field.clocks.values():
        watch.ahead = timedelta(seconds=31)
    field.middle.inject(VICTIM, held[0])
    await until(lambda: bool(field.ends))
    await until(lambda: not field.server.engine.associations)
    field.before = field.state()


# --- makes up -----------------------------------------------------------------------------------------------------


@case("commands in the victim's name without protection", "e2e-unprotected", "unasked-result")
async def _in_the_name(field: Field) -> None:
    field.middle.inject(SERVER, iq("set", SERVER, field.context(commanding()), sender=VICTIM))
    await until(lambda: len(field.noted) == 2)


@case("opens an association in the victim's name without protection", "e2e-unprotected", "unasked-result")
async def _opens(field: Field) -> None:
    opening = field.context(initiate.request(initiate.Limits()), "998")
    field.middle.inject(SERVER, iq("set", SERVER, opening, sender=VICTIM))
    await until(lambda: len(field.noted) == 2)


@case("reports in the server's name without protection", "e2e-unprotected")
async def _reports(field: Field) -> None:
    field.middle.inject(VICTIM, message(VICTIM, field.context(reporting()), sender=SERVER))


@case("answers in the server's name without protection", "e2e-unprotected")
async def _answers(field: Field) -> None:
    def instead(stanza: str) -> Iterable[str]:
        return [f"{stanza.partition('>')[0]}>{field.context(reading())}</iq>"]

    field.middle.once(VICTIM, instead)
    assert await refused(field.association.call(GetDataValues((HZ,)))) == "e2e-unprotected"


@case("asks the client in the server's name for a file", "e2e-unprotected", "unasked-result")
async def _asks_client(field: Field) -> None:
    field.middle.inject(VICTIM, iq("get", VICTIM, field.context(reading()), sender=SERVER))
    await until(lambda: len(field.noted) == 2)


@case("sends what the client has sent back to it", "e2e-integrity")
async def _reflect(field: Field) -> None:
    await field.association.call(GetDataValues((HZ,)))
    for _ in range(3):  # so that its number is none of those that have come
        await field.captured()
    content = field.middle.last().partition(">")[2].rpartition("</iq>")[0]
    field.middle.inject(VICTIM, message(VICTIM, content, sender=SERVER))


for to in (SERVER, VICTIM):

    @case(f"makes up an abort to {to}", "e2e-malformed")
    async def _abort(field: Field, to: str = to) -> None:
        content = around(profile_of("80-3"), field.id, element(SecPdu(SecKind.ABORT, b"")))
        field.middle.inject(to, message(to, content, sender=VICTIM if to == SERVER else SERVER))

    @case(f"makes up an abort to {to} of a PDU that it has seen", "e2e-integrity")
    async def _seen_abort(field: Field, to: str = to) -> None:
        if to == SERVER:
            stanza = await field.captured()
        else:
            held = field.middle.hold(VICTIM)
            await report(field)
            field.heard.clear()
            stanza = held[0]
        stanza = edited(next(iter(renamed(stanza, SecKind.ABORT))), flip(3, 8))
        content = stanza.partition(">")[2].rpartition("</")[0]
        field.middle.inject(to, message(to, content, sender=VICTIM if to == SERVER else SERVER))


# --- handshakes ---------------------------------------------------------------------------------------------------


async def opening(field: Field) -> str:
    """Return what another association is refused for."""
    return await refused(field.associate())


def renamed_to(name: bytes) -> Callable[[bytearray], Any]:
    def change(octets: bytearray) -> None:
        octets[octets.index(name)] ^= 1

    return change


for name, change in (
    ("its end", flip(-5)), ("the client", renamed_to(b"ems@")), ("the server", renamed_to(b"dg750@")),
):  # fmt: skip

    @case(f"edits a handshake: {name}", "e2e-signature")
    async def _handshake(field: Field, change: Callable[[bytearray], Any] = change) -> None:
        field.middle.edit(SERVER, change, "HandshakeReq")
        code = await opening(field)
        assert code.startswith("e2e-rejected")
        field.counted[code] = field.counts()[code]

    @case(f"edits the answer to a handshake: {name}", "e2e-signature")
    async def _handshake_answer(field: Field, change: Callable[[bytearray], Any] = change) -> None:
        field.middle.edit(VICTIM, change, "HandshakeAcc")
        assert await opening(field) == "e2e-signature"


async def recorded(field: Field) -> list[str]:
    """Return what went to the server while another association was opened, used and released."""
    begun = len(field.middle.seen)
    association = await field.associate()
    await association.call(GetServerDirectory())
    await association.release()
    return [text for to, text in field.middle.seen[begun:] if to == SERVER]


@case("repeats a whole association", "e2e-replay", "association-unknown", "unasked-result")
async def _whole(field: Field) -> None:
    field.middle.inject(SERVER, *await recorded(field))
    await until(lambda: len(field.noted) == 3)


@case("gives an old answer to a handshake", "e2e-other-association")
async def _old_handshake_answer(field: Field) -> None:
    await recorded(field)
    old = field.middle.last(VICTIM, "HandshakeAcc").partition("<Security")[2].rpartition("</iq>")[0]

    def instead(stanza: str) -> Iterable[str]:
        return [f"{stanza.partition('<Security')[0]}<Security{old}</iq>"]

    field.middle.once(VICTIM, instead, "HandshakeAcc")
    assert await opening(field) == "e2e-other-association"


@case("says that there is no end-to-end security here", "e2e-rejected encryption_not_required")
async def _none_here(field: Field) -> None:
    reject = element(SecPdu(SecKind.HANDSHAKE_REJECT, bytes.fromhex("3006020101020106")))

    def instead(stanza: str) -> Iterable[str]:
        head, _, rest = stanza.partition("<Security")
        return [f"{head}{reject}{rest.partition('</Security>')[2]}"]

    field.middle.once(VICTIM, instead, "HandshakeAcc")
    assert await opening(field) == "e2e-rejected encryption_not_required"


@case("answers a handshake with an answer of MMS")
async def _mms_answer(field: Field) -> None:
    def instead(stanza: str) -> Iterable[str]:
        head, _, rest = stanza.partition("<Security")
        return [f"{head}<MMSpdu/>{rest.partition('</Security>')[2]}"]

    field.middle.once(VICTIM, instead, "HandshakeAcc")
    code = await opening(field)
    assert code == "e2e-rejected encryption_not_required"
    field.counted[code] = field.counts()[code]


for by, name, code in (("another", VICTIM, "e2e-certificate"), ("ours", "mallory@plant.test/IEC", "e2e-identity")):

    @case(f"begins in the victim's name with a certificate of {name} by {by}", code, "unasked-result")
    async def _own(field: Field, by: str = by, name: str = name) -> None:
        security = field.security(name, by=by)
        assert security is not None
        request = around(profile_of("80-3"), field.id, begin(security, VICTIM, SERVER)[1])
        field.middle.inject(SERVER, iq("set", SERVER, request, sender=VICTIM))
        await until(lambda: len(field.noted) == 2)


@case("holds a handshake back, and delivers it for the association that there is", "unasked-result")
async def _held_handshake(field: Field) -> None:
    security = field.security(VICTIM)
    assert security is not None
    request = around(profile_of("80-3"), field.id, begin(security, VICTIM, SERVER)[1])
    field.middle.inject(SERVER, iq("set", SERVER, request, sender=VICTIM))
    await until(lambda: len(field.noted) == 1)


@case("repeats a whole association after the server was started anew", "unasked-result", "e2e-other-association")
async def _restarted(field: Field) -> None:
    """A server that is new knows no handshake of before: it takes it once more, and nobody has its keys."""
    stanzas = [stanza.replace('id="998"', f'id="{field.id}"') for stanza in await recorded(field)]
    own = stanzas[0].partition('AssociationContext xmlns="')[2].partition('id="')[2].partition('"')[0]
    acceptor = Endpoint.of(field.serving).acceptor
    assert acceptor is not None
    acceptor._accepting = field.security(SERVER).accepting()  # type: ignore[union-attr,attr-defined]
    field.middle.inject(SERVER, *(stanza.replace(f'id="{own}"', f'id="{field.id}"') for stanza in stanzas))
    await until(lambda: len(field.noted) == 2)


# --- all of them --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", range(len(CASES)), ids=lambda number: f"{number + 1} {CASES[number].what}")
async def test_case(field: Field, number: int) -> None:
    case = CASES[number]
    await field.ready()
    await case.act(field)
    await field.unharmed(*case.codes, executed=case.executed, heard=case.heard, alive=case.alive)


async def test_there_are_enough() -> None:
    assert len(CASES) >= 40
