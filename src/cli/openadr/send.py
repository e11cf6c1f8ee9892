"""`janusgrid openadr send`: any message to anybody, and the answer."""

from __future__ import annotations

import asyncio
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import BinaryIO

import click

from ...common.clock import RealClock
from ...common.security import Credentials
from ...common.xmpp.login import Login
from ...openadr.binding.envelopes import Envelopes, Opened, Spend
from ...openadr.binding.http import HttpTransport
from ...openadr.binding.transport import Transport
from ...openadr.binding.xmpp import XmppTransport
from ...openadr.codec import read, write
from ...openadr.core.answers import Code, Rejected, check, rejection
from ...openadr.model import Message
from ..running import run
from .way import PROFILES, is_url

_File = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(short_help="send a message and print the answer")
@click.argument("file", type=click.File("rb"))
@click.option("--to", required=True, metavar="URL|JID", help="whom to send it to")
@click.option("--cert", type=_File, help="https: our certificate (PEM)")
@click.option("--key", type=_File, help="https: its key (PEM)")
@click.option(
    "--ca", type=_File, help="https: the authorities of the peer's certificate; those of the system unless given"
)
@click.option("--fingerprint", default="", help="https: of the peer's certificate")
@click.option("--profile", type=click.Choice(list(PROFILES)), default="modern", show_default=True, help="https: of TLS")
@click.option("--account", type=_File, help="XMPP: the file of our account (jid, password, host, port, ca)")
@click.option("--timeout", type=click.FloatRange(0, min_open=True), default=10.0, show_default=True)
def send(
    file: BinaryIO, to: str, cert: Path | None, key: Path | None, ca: Path | None, fingerprint: str, profile: str,
    account: Path | None, timeout: float,
) -> None:  # fmt: skip
    """Send the message in FILE (- is standard input) to a URL or a JID, and print the answer.

    The message has to be good: it is held to the schema first. To http: URLs it goes without any security, to https:
    ones with --cert and --key. Exit status 1 if the answer is a negative one.
    """
    given = {"--cert": cert, "--key": key, "--ca": ca, "--fingerprint": fingerprint or None}
    over_http = is_url(to)
    wrong = (
        ["--account"] if over_http and account else [name for name, value in given.items() if value and not over_http]
    )
    if wrong:
        raise click.UsageError(f"{' and '.join(wrong)}: not for {'HTTP' if over_http else 'XMPP'}")
    if not over_http and ("@" not in to or "://" in to):
        raise click.UsageError(f"--to {to}: write an address of http://, https:// or a JID (user@domain)")
    if not over_http and account is None:
        raise click.UsageError("over XMPP an account is needed: --account FILE")
    plain = to.lower().startswith("http:")
    if over_http and (cert is None or key is None) != plain:
        raise click.UsageError("https needs --cert and --key; http has no use for them")
    message = read(file.read(), source=file.name)

    async def work() -> None:
        async with AsyncExitStack() as stack:
            transport: Transport
            if account is not None:
                transport = XmppTransport(await stack.enter_async_context(Login.load(account).session()))
            else:
                credentials = Credentials(cert, key, ca) if cert and key else None
                transport = HttpTransport(credentials, profile=PROFILES[profile], timeout=timeout, plain=plain)
            await transport.begin(_Nobody(), to)
            stack.push_async_callback(transport.end)
            async with asyncio.timeout(timeout):
                answer = await transport.carry(to, message, fingerprint)
            _show(answer)

    run(work())


def _show(answer: Message | None) -> None:
    if answer is None:
        click.echo("the answer is empty, which is a positive one", err=True)
        return
    click.echo(write(answer, check=False).rstrip())
    try:
        check(answer)
    except Rejected as error:
        click.echo(f"janusgrid: {error}", err=True)
        sys.exit(1)


class _Nobody:
    """A station that takes no messages and signs none: only the answer is waited for."""

    def __init__(self) -> None:
        self.envelopes = Envelopes(None, RealClock(), lambda identity, ven_id: False, lambda identity, names: False)

    async def receive(self, identity: str, message: Message, spend: Spend | None = None) -> Message | None:
        return rejection(message, Rejected(Code.NOT_RECOGNIZED, "nothing is taken in here"))

    async def believe(self, opened: Opened) -> None:
        """Do nothing: it is not signed."""

    def back(self, address: str | None) -> None:
        """Do nothing."""

    def trust(self, identity: str) -> None:
        """Do nothing."""

    def knows(self, identity: str, ven_id: str) -> bool:
        """Return False: it is no VTN."""
        return False
