"""Names and small pieces of XML text that the broker writes itself."""

from __future__ import annotations

STREAMS = "http://etherx.jabber.org/streams"
CLIENT = "jabber:client"
TLS = "urn:ietf:params:xml:ns:xmpp-tls"
SASL = "urn:ietf:params:xml:ns:xmpp-sasl"
BIND = "urn:ietf:params:xml:ns:xmpp-bind"
SESSION = "urn:ietf:params:xml:ns:xmpp-session"
SM = "urn:xmpp:sm:3"
LIMITS = "urn:xmpp:stream-limits:0"
STREAM_ERRORS = "urn:ietf:params:xml:ns:xmpp-streams"
STANZA_ERRORS = "urn:ietf:params:xml:ns:xmpp-stanzas"
ROSTER = "jabber:iq:roster"
DISCO_INFO = "http://jabber.org/protocol/disco#info"
DISCO_ITEMS = "http://jabber.org/protocol/disco#items"
PING = "urn:xmpp:ping"

IQ = f"{{{CLIENT}}}iq"
MESSAGE = f"{{{CLIENT}}}message"
PRESENCE = f"{{{CLIENT}}}presence"

# RFC 6120 clause 8.3.3: the type that goes with a stanza error condition.
_ERROR_TYPES = {
    "bad-request": "modify",
    "jid-malformed": "modify",
    "not-acceptable": "modify",
    "policy-violation": "modify",
    "forbidden": "auth",
    "recipient-unavailable": "wait",
    "resource-constraint": "wait",
}

_ESCAPES = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", "'": "&apos;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}
)


def escape(text: str) -> str:
    """Return `text` as the content of an element."""
    return text.translate(_ESCAPES)


def quote(text: str) -> str:
    """Return `text` as an attribute value, quotes included."""
    return f"'{text.translate(_ESCAPES)}'"


def error(condition: str) -> str:
    """Return the error element of a stanza (RFC 6120 clause 8.3) with this defined condition."""
    kind = _ERROR_TYPES.get(condition, "cancel")
    return f"<error type='{kind}'><{condition} xmlns='{STANZA_ERRORS}'/></error>"
