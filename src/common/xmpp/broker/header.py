"""How a stream begins: the client's header, and what it is answered and offered (RFC 6120 clauses 4.3 and 4.7)."""

from __future__ import annotations

from collections.abc import Iterable

from .jid import BadJid, prepare_domain
from .scanner import Header
from .text import BIND, CLIENT, LIMITS, SASL, SESSION, SM, STREAMS, TLS, quote


def answer(domain: str, identity: str) -> str:
    """Return the broker's own header."""
    return (
        f"<?xml version='1.0'?><stream:stream xmlns='{CLIENT}' xmlns:stream='{STREAMS}' id='{identity}' "
        f"from={quote(domain)} version='1.0' xml:lang='en'>"
    )


def features(state: str, stanza_bytes: int, mechanisms: Iterable[str]) -> str:
    """Return what is offered in this state of the stream; `mechanisms` are those of SASL."""
    if state == "plain":
        offer = f"<starttls xmlns='{TLS}'><required/></starttls>"
    elif state == "login":
        offered = "".join(f"<mechanism>{name}</mechanism>" for name in mechanisms)
        offer = f"<mechanisms xmlns='{SASL}'>{offered}</mechanisms>"
    else:
        # XEP-0478: a client that knows the bound need not find it out by losing its stream.
        limits = f"<limits xmlns='{LIMITS}'><max-bytes>{stanza_bytes}</max-bytes></limits>"
        session = f"<session xmlns='{SESSION}'><optional/></session>"
        offer = f"<bind xmlns='{BIND}'><required/></bind>{session}<sm xmlns='{SM}'/>{limits}"
    return f"<stream:features>{offer}</stream:features>"


def wrong(header: Header, domain: str) -> str:
    """Return the condition to refuse this header with (RFC 6120 clause 4.9.3), empty if it is right."""
    if header.name != f"{{{STREAMS}}}stream":
        return "bad-format" if header.name.startswith(f"{{{STREAMS}}}") else "invalid-namespace"
    if header.default not in (CLIENT, STREAMS):
        return "invalid-namespace"
    major = header.attributes.get("version", "0").partition(".")[0]
    if not (major.isascii() and major.isdigit() and int(major[:9]) >= 1):
        return "unsupported-version"
    if "to" not in header.attributes:
        return "improper-addressing"
    try:
        return "" if prepare_domain(header.attributes["to"]) == domain else "host-unknown"
    except BadJid:
        return "host-unknown"
