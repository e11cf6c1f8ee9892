"""The table of the rules that are kept, and where; and which numbers nobody outside knows the meaning of."""

from __future__ import annotations

from .rule import FUNCTIONS, Kind, Rule


def _conduct(number: int, meaning: str, kept_by: str, where: str, source: str) -> Rule:
    return Rule(number, meaning, kept_by, Kind.CONDUCT, where, source)


CONDUCT = (
    _conduct(16, "a VTN understands optIn and optOut", "VTN", "core.event_book", "avob tests"),
    _conduct(17, "an event may be opted out of after it was accepted", "both", "core.ven.events", "avob tests"),
    _conduct(19, "good and bad events in one message are answered each for itself", "VEN", "core.event_inbox",
             "VOLTTRON"),
    _conduct(37, "a VEN can come for its messages", "VEN", "core.ven.polling", "VOLTTRON"),
    _conduct(50, "events that a VEN has opted out of are sent to it all the same", "VTN", "core.event_book",
             "VOLTTRON"),
    _conduct(53, "a message over HTTP has Host, Content-Length and Content-Type", "both", "binding.http_server",
             "VOLTTRON, cert practice"),
    _conduct(54, "how often a VEN asks for messages can be set", "both", "core.ven.polling", "cert practice"),
    _conduct(55, "as 54, and the longest time between", "both", "core.ven.polling", "cert practice"),
    _conduct(67, "TLS 1.2 with TLS_RSA_WITH_AES_128_CBC_SHA256 can be had", "both", "common.security.tls",
             "openadr-service"),
    _conduct(206, "after an oadrCreateOpt of an event its oadrCreatedEvents do not count, until the opt is cancelled",
             "VTN", "core.event_book", "EPRI's event_service.rb"),
    _conduct(345, "with reportToFollow a last report goes before the end", "both", "core.report_desk",
             "openadr-service"),
    _conduct(402, "as 401, the order of registration", "VEN", "core.ven.states", "openadr-service"),
)  # fmt: skip
"""What a role does that no function can tell: the module named says so."""

NOT_PUBLIC = (
    "3", "10", "11", "18", "20", "23", "24", "26 to 29", "31 to 34", "38", "39", "43 to 47", "49", "51", "52", "63",
    "64", "101 to 104", "106 to 108", "110 to 115", "117", "118", "200 to 205 and from 207 on", "302", "303",
    "307 to 310", "313", "315 to 320", "322", "323", "325 to 328", "330", "332 to 341", "343", "344",
    "from 346 on", "403", "from 407 on", "501 to 508", "from 511 on",
)  # fmt: skip
"""Numbers of which no public source says what they ask for, or whether they exist."""

LIFTED = {7: "2.0a alone: an event has one signal, and that is SIMPLE"}
"""Rules that do not hold for 2.0b."""


def _sorted() -> tuple[Rule, ...]:
    numbered = sorted((r for r in (*FUNCTIONS, *CONDUCT) if r.number is not None), key=lambda r: r.number or 0)
    return (*numbered, *(r for r in FUNCTIONS if r.number is None))


RULES: tuple[Rule, ...] = _sorted()
"""The numbered ones in the order of their numbers, then the checks of certification practice."""


def table() -> str:
    """Return the rules as a Markdown table."""
    rows = [
        f"| {rule.number if rule.number is not None else '-'} | {rule.meaning} | {rule.kept_by} | {rule.kind} "
        f"| {rule.weight} | `{rule.where}` | {rule.source} |"
        for rule in RULES
    ]
    head = "| rule | what it asks for | kept by | kind | what it comes to | where | source |"
    return "\n".join([head, "|---" * 7 + "|", *rows])
