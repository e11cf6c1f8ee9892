"""What another account, or another resource of the victim's own, can do to an association: nothing.

Each case says who sends what, and for which reason it is refused; after each of them the server is as it was, nothing
was handed to an application, and the association goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import TypeVar

import attrs
import pytest
import pytest_asyncio
from janusgrid.common.security.e2e import Suite
from janusgrid.common.security.e2e.wire import SecKind
from janusgrid.common.xmpp.servers.prosody import Prosody
from janusgrid.common.xmpp.slix import SlixSession
from janusgrid.iec61850.acsi.services import GetDataValues
from janusgrid.iec61850.mapping import initiate
from janusgrid.iec61850.scsm82.client import XmppAssociation
from janusgrid.iec61850.scsm82.context import around
from janusgrid.iec61850.scsm82.context import profile as profile_of
from janusgrid.iec61850.scsm82.endpoint import Endpoint
from janusgrid.iec61850.scsm82.protection import begin

from tests.iec61850.scsm82.attacks.field import (
    DOMAIN,
    HZ,
    SERVER,
    VICTIM,
    Field,
    commanding,
    iq,
    made,
    message,
    reading,
    refused,
    rejecting,
    reporting,
)  # fmt: skip
from tests.iec61850.wires import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

TRUDY = f"trudy@{DOMAIN}/IEC"
"""Another client, that may have associations of its own."""
MALLORY, OTHER, NEAR = f"mallory@{DOMAIN}/IEC", f"ems@{DOMAIN}/other", f"ems@{DOMAIN}/iec"
HOMOGRAPH, SERVER_OTHER = f"еms@{DOMAIN}/IEC", f"dg750@{DOMAIN}/other"
ERROR = "<error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
UNKNOWN, ROSTER = "association-unknown", "jabber:iq:roster"
OFF, CLEAR, ENCRYPTED = None, Suite.CLEAR, Suite.ENCRYPTED


@attrs.frozen
class Case:
    """What is tried: who, what, the event codes of the refusal, and with which end-to-end security it has a meaning."""

    who: str
    what: str
    act: Callable[..., Awaitable[object]]
    codes: tuple[str, ...]
    suites: tuple[Suite | None, ...] = (OFF, ENCRYPTED)


CASES: list[Case] = []
Act = TypeVar("Act", bound=Callable[..., Awaitable[object]])


def case(who: str, what: str, *codes: str, suites: tuple[Suite | None, ...] = (OFF, ENCRYPTED)) -> Callable[[Act], Act]:
    def add(act: Act) -> Act:
        CASES.append(Case(who, what, act, codes, suites))
        return act

    return add


def say(session: SlixSession, text: str) -> None:
    """Send a stanza as it is, whatever it is."""
    session._link.send(text, "message")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def field(request: pytest.FixtureRequest) -> AsyncIterator[Field]:
    async with AsyncExitStack() as stack:
        yield await made(stack, request.param, Field)


# --- the association of another ---------------------------------------------------------------------------------

for someone in (MALLORY, OTHER, NEAR, HOMOGRAPH):

    @case(someone, "reads on the victim's association", UNKNOWN)
    async def _read(field: Field, by: SlixSession) -> None:
        assert await refused(by.request(SERVER, field.context(reading()), kind="get")) == "item-not-found"

    @case(someone, "commands on the victim's association", UNKNOWN)
    async def _command(field: Field, by: SlixSession) -> None:
        assert await refused(by.request(SERVER, field.context(commanding()), kind="set")) == "item-not-found"

    @case(someone, "releases the victim's association", UNKNOWN)
    async def _conclude(field: Field, by: SlixSession) -> None:
        payload = field.context(("conclude-RequestPDU", None))
        assert await refused(by.request(SERVER, payload, kind="set")) == "item-not-found"


for form in ("chat", "normal"):

    @case(MALLORY, f"commands by a message ({form})", UNKNOWN)
    async def _by_message(field: Field, by: SlixSession, form: str = form) -> None:
        say(by, message(SERVER, field.context(commanding()), kind=form))


@case(MALLORY, "cancels what the victim asks", UNKNOWN)
async def _cancel(field: Field, by: SlixSession) -> None:
    assert await refused(by.request(SERVER, field.context(("cancel-RequestPDU", 1)), kind="get")) == "item-not-found"


@case(TRUDY, "opens an association under the victim's number", suites=(OFF,))
async def _same_number(field: Field, by: SlixSession) -> None:
    assert await by.request(SERVER, field.context(initiate.request(initiate.Limits())), kind="set") is not None
    assert await by.request(SERVER, field.context(("conclude-RequestPDU", None)), kind="set") is not None


@case(MALLORY, "opens an association without the security that is wanted", "e2e-unprotected", suites=(ENCRYPTED,))
async def _unprotected(field: Field, by: SlixSession) -> None:
    assert await by.request(SERVER, field.context(initiate.request(initiate.Limits())), kind="set") is not None


@case(VICTIM, "says on its own association what is not protected", "e2e-unprotected", suites=(ENCRYPTED,))
async def _bare(field: Field, by: SlixSession) -> None:
    assert await refused(by.request(SERVER, field.context(commanding()), kind="set")) == "not-acceptable"


# --- who is somebody else -----------------------------------------------------------------------------------------

for sender in (VICTIM, f"ems@{DOMAIN}", f"EMS@{DOMAIN}/IEC", DOMAIN, SERVER, "", "ems@plant.test/IEC ", "@", "ems"):

    @case(MALLORY, f"commands as {sender!r}", *([] if sender else [UNKNOWN]))
    async def _as(field: Field, by: SlixSession, sender: str = sender) -> None:
        """The server does not pass it on: it ends the stream of whoever says to be another."""
        liar = await field.fresh(f"mallory@{DOMAIN}/liar {field.commands}")
        if sender:
            say(liar, iq("set", SERVER, field.context(commanding()), sender=sender))
            await until(lambda: not liar.connected or liar.statistics.sessions > 1 or bool(field.noted[UNKNOWN]))
        else:
            say(liar, iq("set", SERVER, field.context(commanding())))
            await until(lambda: field.noted[UNKNOWN] == 1)
        await liar.close()


# --- answers that nobody asked for --------------------------------------------------------------------------------

for kind, payload in (("result", "context"), ("result", "nothing"), ("error", "a reason")):

    @case(MALLORY, f"answers the victim with a {kind} of {payload}, unasked", "unasked-result")
    async def _unasked(field: Field, by: SlixSession, kind: str = kind, payload: str = payload) -> None:
        said = {"context": field.context(reading()), "nothing": "", "a reason": ERROR}[payload]
        say(by, iq(kind, VICTIM, said, id="guessed-1"))


for other in (MALLORY, SERVER_OTHER):

    @case(other, "answers what the victim has asked of the server, and knows the id", "unasked-result")
    async def _answers(field: Field, by: SlixSession) -> None:
        held = field.middle.hold(SERVER)
        asking = asyncio.ensure_future(field.association.call(GetDataValues((HZ,))))
        await until(lambda: bool(held))
        id = held[0].partition("id=")[2][1:].partition(held[0].partition("id=")[2][0])[0]
        say(by, iq("result", VICTIM, field.context(("conclude-ResponsePDU", None)), id=id))
        await until(lambda: field.noted["unasked-result"] == 1)
        assert not asking.done()
        field.middle.inject(SERVER, held[0])
        assert await asking == (50.0,)


# --- what a server says unasked -----------------------------------------------------------------------------------

for other in (MALLORY, SERVER_OTHER):
    for name, pdu in (("a report", reporting()), ("a reject", rejecting())):

        @case(other, f"sends {name} to the victim", UNKNOWN)
        async def _unasked_pdu(field: Field, by: SlixSession, pdu=pdu) -> None:  # type: ignore[no-untyped-def]
            say(by, message(VICTIM, field.context(pdu)))


@case(SERVER, "sends a report without protection", "e2e-unprotected", suites=(ENCRYPTED,))
async def _report(field: Field, by: SlixSession) -> None:
    say(field.serving, message(VICTIM, field.context(reporting())))


@case(SERVER, "sends a report for an association that there is not", UNKNOWN)
async def _report_elsewhere(field: Field, by: SlixSession) -> None:
    say(field.serving, message(VICTIM, field.context(reporting(), "9999")))


# --- roster and presence ------------------------------------------------------------------------------------------

for account, subscription in ((f"mallory@{DOMAIN}", "both"), (f"ems@{DOMAIN}", "remove")):

    @case(MALLORY, f"pushes a roster: {account} {subscription}", "forged-roster-push")
    async def _push(field: Field, by: SlixSession, account: str = account, subscription: str = subscription) -> None:
        item = f"<query xmlns='{ROSTER}'><item jid='{account}' subscription='{subscription}'/></query>"
        roster = dict(field.serving._peers._roster)
        say(by, iq("set", SERVER, item))
        await until(lambda: field.noted["forged-roster-push"] == 1)
        assert field.serving._peers._roster == roster


for other in (MALLORY, OTHER, NEAR):

    @case(other, "is unavailable to the server and the victim")
    async def _unavailable(field: Field, by: SlixSession) -> None:
        for to in (SERVER, VICTIM):
            say(by, f"<presence type='unavailable' to='{to}'/>")
        await by.ping(DOMAIN)


@case(MALLORY, "sends presence as an error", "presence-not-allowed")
async def _presence_error(field: Field, by: SlixSession) -> None:
    say(by, f"<presence type='error' to='{SERVER}'/>")


@case(MALLORY, "shows itself", "presence-not-allowed")
async def _presence(field: Field, by: SlixSession) -> None:
    say(by, f"<presence to='{SERVER}'/>")


@case(MALLORY, "asks to see the server", "subscription-not-allowed")
async def _subscribe(field: Field, by: SlixSession) -> None:
    say(by, f"<presence type='subscribe' to='dg750@{DOMAIN}'/>")


# --- what is too much ---------------------------------------------------------------------------------------------


@case(MALLORY, "sends what is too deep", "stanza-too-deep")
async def _deep(field: Field, by: SlixSession) -> None:
    say(by, iq("set", SERVER, around(profile_of("80-3"), field.id, "<a>" * 80 + "</a>" * 80)))


@case(MALLORY, "sends contexts that are none")
async def _broken(field: Field, by: SlixSession) -> None:
    for id in ("", "x", "1:2:3", "9" * 40, " 1", "١"):
        assert (
            await refused(by.request(SERVER, around(profile_of("80-3"), id, "<MMSpdu/>"), kind="set")) == "bad-request"
        )


# --- end-to-end security ------------------------------------------------------------------------------------------


@case(TRUDY, "begins as itself, with a certificate of another authority", "e2e-certificate", suites=(ENCRYPTED,))
async def _other_authority(field: Field, by: SlixSession) -> None:
    security = field.security(TRUDY, by="another")
    assert await refused(XmppAssociation.open(by, SERVER, security=security))


@case(MALLORY, "begins with the victim's certificate and its own key", "e2e-identity", suites=(ENCRYPTED,))
async def _as_the_victim(field: Field, by: SlixSession) -> None:
    security = field.security(VICTIM)
    assert security is not None
    request = around(profile_of("80-3"), field.id, begin(security, VICTIM, SERVER)[1])
    assert await by.request(SERVER, request, kind="set") is not None


@case(MALLORY, "begins with its own certificate, as another resource of its own", "e2e-identity", suites=(ENCRYPTED,))
async def _other_resource(field: Field, by: SlixSession) -> None:
    security = field.security(MALLORY)
    assert security is not None
    request = around(profile_of("80-3"), "1", begin(security, MALLORY + "2", SERVER)[1])
    assert await by.request(SERVER, request, kind="set") is not None


@case(MALLORY, "sends the victim's protected command as its own", UNKNOWN, suites=(ENCRYPTED,))
async def _stolen(field: Field, by: SlixSession) -> None:
    content = (await field.captured()).partition(">")[2].rpartition("</iq>")[0]
    assert await refused(by.request(SERVER, content, kind="set")) == "item-not-found"


@case(TRUDY, "sends it in an end-to-end session of its own", "e2e-other-association", suites=(ENCRYPTED,))
async def _stolen_within(field: Field, by: SlixSession) -> None:
    own = await XmppAssociation.open(by, SERVER, security=field.security(TRUDY))
    content = (await field.captured()).partition(">")[2].rpartition("</iq>")[0]
    content = content.replace(f'id="{field.id}"', f'id="{own._key[1]}"')
    assert await refused(by.request(SERVER, content, kind="set")) == "not-acceptable"
    await own.release()


for other in (TRUDY, OTHER):

    @case(other, "ends the victim's association by an abort of its own", UNKNOWN, suites=(ENCRYPTED,))
    async def _abort(field: Field, by: SlixSession) -> None:
        own = await XmppAssociation.open(by, SERVER, security=field.security(by.jid))
        last = own._envelope.abort()
        assert last is not None
        say(by, message(SERVER, last.replace(f'id="{own._key[1]}"', f'id="{field.id}"')))
        await until(lambda: field.noted[UNKNOWN] == 1)
        Endpoint.of(field.serving).drop((by.jid, own._key[1]), "the case is over")


@case(VICTIM, "sends what is called an abort, without the keys", "e2e-malformed", suites=(ENCRYPTED,))
async def _empty_abort(field: Field, by: SlixSession) -> None:
    content = f'<Security xmlns="urn:janusgrid:e2e:1"><{SecKind.ABORT}></{SecKind.ABORT}></Security>'
    say(field.victim, message(SERVER, around(profile_of("80-3"), field.id, content)))


# --- all of them --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "number"),
    [
        pytest.param(
            suite, number, id=f"{'without' if suite is OFF else 'encrypted'} {number + 1} {case.who} {case.what}"
        )
        for suite in (OFF, ENCRYPTED)
        for number, case in enumerate(CASES)
        if suite in case.suites
    ],
    indirect=["field"],
)
async def test_case(field: Field, number: int) -> None:
    case = CASES[number]
    await field.ready()
    by = field.victim if case.who == VICTIM else field.serving if case.who == SERVER else await field.session(case.who)
    await case.act(field, by)
    await field.unharmed(*case.codes)


BY_OTHERS = [case for case in CASES if OFF in case.suites and "knows the id" not in case.what]
"""Cases for a server that cannot be turned."""


@pytest.mark.xdist_group("attacks prosody")
async def test_prosody_lets_no_more_through() -> None:
    """It stamps the sender anew where the embedded one ends the stream; unasked results, roster pushes of strangers
    and what is too deep it delivers."""
    if (reason := Prosody.unavailable()) is not None:
        pytest.skip(reason)
    passed: set[str] = set()
    async with AsyncExitStack() as stack:
        field = await made(stack, OFF, Field, on=Prosody(DOMAIN))
        for case in BY_OTHERS:
            await field.ready()
            by = {VICTIM: field.victim, SERVER: field.serving}.get(case.who) or await field.session(case.who)
            await case.act(field, by)
            for to in (SERVER, VICTIM):  # what was sent before this has come, or comes no more
                await by.ping(to)
            assert set(field.noted) <= {*case.codes, UNKNOWN}, case.what
            passed.update(field.noted)
            await field.unharmed(*field.noted)
    assert {UNKNOWN, "unasked-result", "forged-roster-push", "stanza-too-deep"} <= passed


async def test_there_are_enough() -> None:
    assert len(CASES) >= 40
