"""The SASL negotiation on a stream (RFC 6120 clause 6): mechanisms offered, challenges, success or failure."""

from __future__ import annotations

import binascii
import ssl
from base64 import b64decode, b64encode
from collections.abc import Callable
from xml.etree.ElementTree import Element

from .guard import StreamFault
from .sasl import NAMESPACE, Credentials, Mechanism, SaslError, choose

_BINDINGS = "urn:xmpp:sasl-cb:0"


class Authentication:
    """One attempt to log in as `who`; `say` sends text to the server."""

    def __init__(self, who: str, credentials: Credentials, minimum: str, say: Callable[[str], None]) -> None:
        self.done = False
        self.mechanism: Mechanism | None = None
        self._who = who
        self._credentials = credentials
        self._minimum = minimum
        self._say = say

    def begin(self, features: Element, secured: ssl.SSLObject) -> None:
        """Answer the stream features with the strongest mechanism; raise `SaslError` if none is strong enough."""
        offered = [each.text or "" for each in features.iter(f"{{{NAMESPACE}}}mechanism")]
        self.mechanism = choose(offered, self._credentials, self._minimum, _binding(features, secured))
        first = b64encode(self.mechanism.first()).decode() or "="
        self._say(f'<auth xmlns="{NAMESPACE}" mechanism="{self.mechanism.name}">{first}</auth>')

    def turn(self, name: str, xml: Element) -> None:
        """Take the server's turn; `done` is set with its success.

        Raises `SaslError` if it refuses us or does not prove itself, `StreamFault` if it does not keep to the rules.
        """
        mechanism = self.mechanism
        if mechanism is None or self.done:
            raise StreamFault("unsupported-stanza-type", "SASL where none was begun")
        try:
            content = b64decode((xml.text or "").strip().removeprefix("="), validate=True)
        except binascii.Error:
            raise StreamFault("bad-format", "the server's SASL is not base64") from None
        if name == "challenge":
            response = b64encode(mechanism.respond(content)).decode()
            self._say(f'<response xmlns="{NAMESPACE}">{response}</response>')
        elif name == "success":
            mechanism.finish(content)
            self.done = True
        else:
            conditions = [child.tag.rpartition("}")[2] for child in xml]
            raise SaslError(
                f"the server does not let {self._who} in with {mechanism.name}: check user and password",
                code=next((each for each in conditions if each != "text"), "not-authorized"),
            )


def _binding(features: Element, secured: ssl.SSLObject) -> tuple[str, bytes] | None:
    """Return the channel binding that this TLS connection and the server have in common (RFC 9266, XEP-0440)."""
    kind = "tls-exporter" if secured.version() == "TLSv1.3" else "tls-unique"
    served = {each.get("type") for each in features.iter(f"{{{_BINDINGS}}}channel-binding")}
    if kind not in ssl.CHANNEL_BINDING_TYPES or (served and kind not in served):
        return None
    data = secured.get_channel_binding(kind)
    return (kind, data) if data else None
