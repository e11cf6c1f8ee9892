"""The life of a client's stream as a table, and what brings it from one state to the next."""

from __future__ import annotations

from ...statemachine import StateMachine
from .text import IQ, MESSAGE, PRESENCE, SASL, SM, TLS

MACHINE: StateMachine[str, str] = StateMachine(
    "client stream",
    [
        # RFC 6120 clause 5: nothing but STARTTLS before TLS
        ("opening", "header", "plain"),
        ("plain", "starttls", "securing"),
        ("securing", "secured", "secured"),
        # clause 6: nothing but SASL before a name is known
        ("secured", "header", "login"),
        ("login", "auth", "exchange"),
        ("exchange", "response", "exchange"),
        ("exchange", "abort", "login"),
        ("exchange", "refused", "login"),
        ("exchange", "accepted", "authenticated"),
        # clause 7 and XEP-0198 clause 5: a new session, or an old one goes on
        ("authenticated", "header", "binding"),
        ("binding", "iq", "binding"),
        ("binding", "enable", "binding"),
        ("binding", "resume", "binding"),
        ("binding", "bound", "bound"),
        ("bound", "iq", "bound"),
        ("bound", "message", "bound"),
        ("bound", "presence", "bound"),
        ("bound", "enable", "bound"),
        ("bound", "resume", "bound"),
        ("bound", "request", "bound"),
        ("bound", "ack", "bound"),
        # clause 4.4: either side can end it at any time
        (("opening", "plain", "secured", "login", "exchange", "authenticated", "binding", "bound"), "footer", "closed"),
        (("opening", "plain", "secured", "login", "exchange", "authenticated", "binding", "bound"), "fault", "closed"),
        ("securing", "fault", "closed"),
    ],
    initial="opening",
    final=["closed"],
)

# The elements that are events; everything else in a stream is out of place.
EVENTS = {
    f"{{{TLS}}}starttls": "starttls",
    f"{{{SASL}}}auth": "auth",
    f"{{{SASL}}}response": "response",
    f"{{{SASL}}}abort": "abort",
    IQ: "iq",
    MESSAGE: "message",
    PRESENCE: "presence",
    f"{{{SM}}}enable": "enable",
    f"{{{SM}}}resume": "resume",
    f"{{{SM}}}r": "request",
    f"{{{SM}}}a": "ack",
}
