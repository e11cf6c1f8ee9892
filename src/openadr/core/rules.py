"""The conformance rules that are kept here, and where.

The numbers are those of the profile; what they say is told in our own words, from what public implementations and
reports on certification say of them. It is second-hand: the text of the profile was not at hand.
"""

from __future__ import annotations

import attrs


@attrs.frozen(slots=True)
class Rule:
    """A rule.

    Attributes:
        number: as it is cited.
        meaning: what it asks for, in our words.
        kept_by: VTN, VEN or both.
        where: the module that sees to it and says so.
    """

    number: int
    meaning: str
    kept_by: str
    where: str


RULES = (
    Rule(1, "times are in UTC", "both", "model.simple"),
    Rule(2, "the intervals of a signal are numbered 0, 1, 2 …", "both", "core.event_rules"),
    Rule(4, "a new event has modificationNumber 0", "VTN", "core.event_book"),
    Rule(5, "what changes, but createdDateTime, eventStatus and currentValue, is a modification", "both",
         "core.event_book"),
    Rule(6, "a testEvent that is not false marks a test", "VEN", "model.event"),
    Rule(8, "the intervals of a signal fill the active period", "both", "core.event_rules"),
    Rule(9, "a SIMPLE value is 0, 1, 2 or 3", "both", "core.event_rules"),
    Rule(12, "an event is answered if oadrResponseRequired is always, and else not", "VEN", "core.event_inbox"),
    Rule(13, "eventStatus fits the time", "VTN", "core.timeline"),
    Rule(14, "currentValue is 0 while an event is not active", "VTN", "core.event_book"),
    Rule(15, "active events come first, by priority and start; then those to come", "VTN", "core.event_book"),
    Rule(17, "an event may be opted out of after it was accepted", "both", "core.ven.events"),
    Rule(19, "good and bad events in one message are answered each for itself", "VEN", "core.event_inbox"),
    Rule(21, "vtnID and venID are checked in every message", "both", "core.ven_book"),
    Rule(22, "an event for another VEN is not taken", "VEN", "core.event_inbox"),
    Rule(25, "eventResponses are there unless eiResponse is a failure", "VEN", "model.event"),
    Rule(30, "with startafter the VEN picks the start at random; the duration stays", "VEN", "core.event_inbox"),
    Rule(36, "a cancellation is confirmed with optIn", "VEN", "core.event_inbox"),
    Rule(40, "the answer to oadrRequestEvent has an eiResponse", "VTN", "model.event"),
    Rule(42, "an eventResponse has the requestID of the distributeEvent", "VEN", "core.event_inbox"),
    Rule(48, "application errors have the codes 450 to 469", "both", "core.answers"),
    Rule(54, "how often a VEN asks for messages can be set", "both", "core.ven.polling"),
    Rule(55, "as 54, and the longest time between", "both", "core.ven.polling"),
    Rule(56, "an unknown eventID is a new event", "VEN", "core.event_inbox"),
    Rule(57, "a higher modificationNumber replaces the event", "VEN", "core.event_inbox"),
    Rule(58, "a lower modificationNumber is answered 450", "VEN", "core.event_inbox"),
    Rule(60, "an unknown event that is cancelled is no error", "VEN", "core.event_inbox"),
    Rule(61, "a known event that is missing is cancelled", "VEN", "core.event_inbox"),
    Rule(62, "as 12", "VEN", "core.event_inbox"),
    Rule(65, "a running event whose start was picked ends at a time picked in the same way", "VEN",
         "core.event_inbox"),
    Rule(66, "to have completed is not to be cancelled", "VEN", "core.event_inbox"),
    Rule(100, "an interval of a signal has one value", "both", "core.event_rules"),
    Rule(105, "the active period has an x-eiNotification", "VTN", "core.event_rules"),
    Rule(109, "a signal that is not understood is answered 460", "VEN", "core.event_inbox"),
    Rule(116, "a SIMPLE signal is a level", "VTN", "core.event_rules"),
    Rule(301, "the VEN offers its reports once it is registered", "VEN", "core.ven.reports"),
    Rule(304, "the reportRequestID of an update is known", "VTN", "core.vtn.reports"),
    Rule(306, "METADATA as reportSpecifierID asks what can be reported", "VEN", "core.ven.reports"),
    Rule(311, "an offered report has reportRequestID 0", "VEN", "core.report_desk"),
    Rule(312, "an offered report says how much it keeps, and is sampled within that", "VEN", "core.report_desk"),
    Rule(314, "an interval without a start begins with the report, or where the one before ended", "VTN",
         "core.telemetry"),
    Rule(324, "a reportBackDuration of 0 asks for one report", "VEN", "core.report_desk"),
    Rule(329, "the list of pending reports has all of them", "VEN", "core.report_desk"),
    Rule(342, "as 314, for start and duration", "VTN", "core.telemetry"),
    Rule(345, "with reportToFollow a last report goes before the end", "VEN", "core.ven.reports"),
    Rule(401, "registration begins with a query", "VEN", "core.ven.states"),
    Rule(402, "as 401, the order of registration", "VEN", "core.ven.states"),
    Rule(404, "the first registration has no registrationID", "VEN", "core.ven.states"),
    Rule(405, "after a new registration the VEN asks for events", "VEN", "core.ven.events"),
    Rule(406, "a new registrationID makes both sides forget reports; one that is forced has no ID", "both",
         "core.ven_book"),
    Rule(500, "after each message it was given a VEN asks again, until there is none", "both", "core.ven.core"),
)  # fmt: skip
"""In the order of their numbers."""


def table() -> str:
    """Return the rules as a Markdown table."""
    rows = [f"| {rule.number} | {rule.meaning} | {rule.kept_by} | `{rule.where}` |" for rule in RULES]
    return "\n".join(["| rule | what it asks for | kept by | where |", "|---|---|---|---|", *rows])
