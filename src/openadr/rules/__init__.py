"""The conformance rules: one function per number whose meaning is known, and the table of all of them::

    for finding in check(message, now): print(finding)

The numbers are those of the profile; what they say is told in our own words, from what public implementations and
reports on certification say of them. It is second-hand: the text of the profile was not at hand.
"""

from . import course, decisions, documents, event, event_checks, messages, reports, signals
from .codes import Code
from .examine import check
from .rule import Finding, Grade, Kind, Rule, Trail
from .table import LIFTED, NOT_PUBLIC, RULES, table

__all__ = ["check", "Finding", "Grade", "Kind", "Rule", "Trail", "Code", "RULES", "NOT_PUBLIC", "LIFTED", "table"]
__all__ += ["course", "decisions", "documents", "event", "event_checks", "messages", "reports", "signals"]
