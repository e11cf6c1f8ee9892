"""Stanzas as text (RFC 6120 clause 8), written around payloads that are text already.

Rendering an element tree costs fifteen times what this costs; see the package's notes on the fast lane.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element

from .session import StanzaRefused

CLIENT = "jabber:client"
ERRORS = "urn:ietf:params:xml:ns:xmpp-stanzas"

CONDITIONS = frozenset(
    (
        "bad-request",
        "conflict",
        "feature-not-implemented",
        "forbidden",
        "gone",
        "internal-server-error",
        "item-not-found",
        "jid-malformed",
        "not-acceptable",
        "not-allowed",
        "not-authorized",
        "policy-violation",
        "recipient-unavailable",
        "redirect",
        "registration-required",
        "remote-server-not-found",
        "remote-server-timeout",
        "resource-constraint",
        "service-unavailable",
        "subscription-required",
        "undefined-condition",
        "unexpected-request",
    )
)
KINDS = frozenset(("auth", "cancel", "continue", "modify", "wait"))

# In attribute values a parser turns bare white space into blanks, so it is written as references.
_ESCAPES = str.maketrans(
    {
        "&": "&amp;",
        "<": "&lt;",
        ">": "&gt;",
        '"': "&quot;",
        "'": "&apos;",
        "\t": "&#9;",
        "\n": "&#10;",
        "\r": "&#13;",
    }
)


def escape(text: str) -> str:
    """Return `text` as it may stand in an attribute value or in content."""
    return text.translate(_ESCAPES)


def iq(kind: str, id: str, to: str, payload: str = "") -> str:
    """Return an iq of `kind` (`get`, `set`, `result`); without `to` it is for our own account on the server."""
    return f'<iq type="{kind}" id="{escape(id)}"{_to(to)}>{payload}</iq>'


def message(kind: str, id: str, to: str, payload: str) -> str:
    """Return a message of `kind` (`normal`, `chat`)."""
    return f'<message type="{kind}" id="{escape(id)}"{_to(to)}>{payload}</message>'


def presence(kind: str = "", to: str = "") -> str:
    """Return a presence: available for an empty `kind`; to everybody subscribed for an empty `to`."""
    return f"<presence{_to(to)}/>" if not kind else f'<presence type="{kind}"{_to(to)}/>'


def error(id: str, to: str, condition: str, kind: str = "cancel", text: str = "") -> str:
    """Return the error that answers the iq `id` of `to` (RFC 6120 clause 8.3)."""
    said = f'<text xmlns="{ERRORS}">{escape(text)}</text>' if text else ""
    return (
        f'<iq type="error" id="{escape(id)}"{_to(to)}>'
        f'<error type="{kind}"><{condition} xmlns="{ERRORS}"/>{said}</error></iq>'
    )


def fingerprint(element: Element) -> int:
    """Return a number that two elements have in common, in this process, if they say the same."""
    return hash(tuple((each.tag, each.text or "", *sorted(each.attrib.items())) for each in element.iter()))


def refusal(xml: Element) -> StanzaRefused:
    """Return the refusal that a stanza of type `error` carries."""
    fault = xml.find(f"{{{CLIENT}}}error")
    if fault is None:
        return StanzaRefused("undefined-condition", "the peer answered with an error that says nothing")
    condition, text = "undefined-condition", ""
    for child in fault:
        namespace, _, name = child.tag.rpartition("}")
        if namespace != "{" + ERRORS:
            continue
        if name == "text":
            text = (child.text or "").strip()[:500]
        else:
            condition = name
    kind = fault.get("type", "cancel")
    return StanzaRefused(condition, text, kind=kind if kind in KINDS else "cancel")


def _to(to: str) -> str:
    return f' to="{escape(to)}"' if to else ""
