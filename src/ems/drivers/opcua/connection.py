"""A session with an OPC UA server: security, time-outs, bounds, and the errors of asyncua in our words."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import attrs
from asyncua import ua
from asyncua.client.client import Client
from asyncua.client.ua_client import UASocketProtocol
from asyncua.common.utils import Buffer
from asyncua.crypto import security_policies, uacrypto
from asyncua.ua import ua_binary
from asyncua.ua.uaerrors import UaError, UaStatusCodeError

from ....common.errors import ConfigError, JanusGridError, Malformed, NotReachable, Refused, TimedOut

POLICIES: dict[str, Any] = {
    "Basic256Sha256": security_policies.SecurityPolicyBasic256Sha256,
    "Aes128_Sha256_RsaOaep": security_policies.SecurityPolicyAes128Sha256RsaOaep,
    "Aes256_Sha256_RsaPss": security_policies.SecurityPolicyAes256Sha256RsaPss,
}
"""Security policies that are not deprecated, by the end of their URI."""
MODES = {"sign_and_encrypt": ua.MessageSecurityMode.SignAndEncrypt, "sign": ua.MessageSecurityMode.Sign}

MAX_MESSAGE = 8 << 20
"""Octets of one message of a server."""
SESSION_S = 60.0
"""How long a server keeps a session of which it hears nothing: those that were lost do not use up its places."""


@attrs.frozen(slots=True, kw_only=True)
class OpcUaSettings:
    """How a server is reached; see the how-to page for each."""

    url: str
    security: str
    mode: str
    certificate: Path | None
    key: Path | None
    server_certificate: Path | None
    user: str | None
    password: str | None
    namespace: str
    poll: float
    timeout: float
    where: str


async def connected(settings: OpcUaSettings, name: str) -> Client:
    """Return a client with an active session; raises what `told` raises, and `ConfigError` for unusable certificates.

    asyncua's own reconnection is not used: a session that is lost is thrown away, with all that may hang on it.
    """
    client = Client(settings.url, timeout=settings.timeout, watchdog_intervall=settings.timeout)
    client.name = client.description = "JanusGrid"
    client.application_uri = "urn:janusgrid:client"
    client.session_timeout = int(1000 * SESSION_S)
    if settings.user is not None:
        client.set_user(settings.user)
        client.set_password(settings.password or "")
    if settings.security != "none":
        await _secure(client, settings)
    uaclient: Any = client.uaclient
    made = uaclient._make_protocol

    def bounded() -> UASocketProtocol:
        protocol = made()  # with what asyncua gives it
        protocol.__class__ = _Bounded
        return protocol  # type: ignore[no-any-return]

    uaclient._make_protocol = bounded
    try:
        with told(name):
            async with asyncio.timeout(5 * settings.timeout):
                await client.connect()
    except BaseException:
        await disconnected(client, settings.timeout)
        raise
    return client


async def disconnected(client: Client, timeout: float) -> None:
    """End a session, as politely as the server lets us."""
    protocol = client.uaclient.protocol
    with suppress(Exception):
        async with asyncio.timeout(timeout):
            await client.close_session()
    with suppress(Exception):
        async with asyncio.timeout(timeout):
            await client.close_secure_channel()
    with suppress(Exception):
        client.disconnect_socket()
    if protocol is not None and protocol.transport is not None:
        protocol.transport.abort()  # who does not read does not keep us


async def _secure(client: Client, settings: OpcUaSettings) -> None:
    assert settings.certificate is not None
    assert settings.key is not None
    assert settings.server_certificate is not None
    files = {path: _file(path) for path in (settings.certificate, settings.key, settings.server_certificate)}
    try:
        ours = await uacrypto.load_certificate(*_content(files[settings.certificate]))
        client.application_uri = _uri(ours) or client.application_uri
        await client.set_security(
            POLICIES[settings.security],
            files[settings.certificate],
            files[settings.key],
            server_certificate=files[settings.server_certificate],
            mode=MODES[settings.mode],
        )
    except (OSError, ValueError, TypeError) as error:
        raise ConfigError(f"the certificates or the key cannot be used: {error}", where=settings.where) from None


def _file(path: Path) -> uacrypto.CertProperties:
    content = path.read_bytes()
    return uacrypto.CertProperties(content, "pem" if b"-----BEGIN" in content else "der")


def _content(properties: uacrypto.CertProperties) -> tuple[bytes, str | None]:
    assert isinstance(properties.path_or_content, bytes)
    return properties.path_or_content, properties.extension


def _uri(certificate: Any) -> str | None:
    """Return the application URI in a certificate, which a server compares with the one that we say."""
    for extension in certificate.extensions:
        if extension.oid.dotted_string == "2.5.29.17":
            for name in extension.value:
                if type(name).__name__ == "UniformResourceIdentifier":
                    return str(name.value)
    return None


def _array(kind: ua.VariantType, data: Any, unpack: Any = ua_binary.unpack_uatype_array) -> Any:
    """Unpack an array of a variant that can be as long as it says.

    An element takes an octet at least; but asyncua lets one of nothing take none, and would make 2 000 000 000 of them.
    """
    if isinstance(data, Buffer) and len(data) >= 4:
        length = int.from_bytes(data.copy(4).read(4), "little", signed=True)
        if length > len(data) - 4:
            raise UaError(f"an array of {length} elements in {len(data)} octets")
    return unpack(kind, data)


ua_binary.unpack_uatype_array = _array  # type: ignore[assignment]


class _Bounded(UASocketProtocol):
    """A protocol that ends with a message that is too long: asyncua takes what the server says it will send."""

    _taken = 0

    def data_received(self, data: bytes) -> None:
        self._taken += len(data)
        if self._taken > MAX_MESSAGE:
            self.logger.error("a message of more than %d octets: the connection is closed", MAX_MESSAGE)
            if self.transport is not None:
                self.transport.abort()
            return
        super().data_received(data)

    def _call_callback(self, request_id: int, body: Any) -> None:
        self._taken = 0
        super()._call_callback(request_id, body)


@contextmanager
def told(name: str) -> Iterator[None]:
    """Turn what asyncua raises into our errors: `Refused` with the name of the status, and the three of a lost wire."""
    try:
        yield
    except JanusGridError:
        raise
    except UaStatusCodeError as error:
        status = ua.StatusCode(ua.UInt32(error.code))
        if status.name in ("BadTimeout", "BadRequestTimeout"):
            raise TimedOut("no answer in time", where=name, code=status.name) from None
        if status.name in _LOST:
            raise NotReachable("the session is lost", where=name, code=status.name) from None
        raise Refused(status.doc, where=name, code=status.name) from None
    except TimeoutError:
        raise TimedOut("no answer in time", where=name) from None
    except OSError as error:
        raise NotReachable(f"no connection: {error.strerror or error}", where=name) from None
    except Exception as error:  # whatever asyncua meets in what it cannot understand
        raise Malformed(f"the server is not understood: {type(error).__name__}: {error}", where=name) from None


_LOST = frozenset({
    "BadConnectionClosed", "BadSecureChannelClosed", "BadSecureChannelIdInvalid", "BadSessionClosed",
    "BadSessionIdInvalid", "BadSessionNotActivated", "BadServerHalted", "BadShutdown", "BadDisconnect",
    "BadCommunicationError", "BadTcpSecureChannelUnknown",
})  # fmt: skip
