"""What is wrong with a document that is to be a message: the door, the schema, the signature, the rules::

    for fault in validate(octets, source="event.xml").faults: print(fault)

The roles refuse at the first fault; here all of them are told.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

import attrs

from ..common.errors import Malformed
from ..common.xml import FILES, Element, Limits, line
from .codec import decode, element, schema
from .codec.locating import locate, uncovered
from .codec.reading import path
from .codec.tolerance import put_right
from .model import Message
from .model.names import qualified
from .rules import Code, Finding, check
from .rules.rule import findings
from .signing.options import FUTURE, PAST

if TYPE_CHECKING:
    from .signing.appraisal import Appraisal, Trust


@attrs.frozen(slots=True)
class Fault:
    """One thing that is wrong.

    Attributes:
        kind: `xml`, `schema`, `deviation` (put right by a tolerant reading), `signature` or `rule`.
        grade: `error` or `warning`.
        reason: what is wrong.
        path: of the element; None where there is no tree.
        line: in the document; None where that is not known.
        rule: number of the rule; None for a check of certification practice, and for the other kinds.
        code: with which it is answered.
        source: who says that there is such a rule.
    """

    kind: str
    grade: str
    reason: str
    path: str | None = None
    line: int | None = None
    rule: int | None = None
    code: str | None = None
    source: str | None = None

    def __str__(self) -> str:
        rule = "checked in certification" if self.rule is None else f"rule {self.rule}"
        cited = f" ({rule})" if self.kind == "rule" else ""
        return f"{self.grade}: {self.path + ': ' if self.path else ''}{self.reason}{cited}"


@attrs.frozen(slots=True)
class Verdict:
    """What was found out about a document: the message, None if it is none, all that is wrong, and who has signed it.

    `signature` is None where there is none, or the document does not follow the schema.
    """

    message: Message | None
    faults: tuple[Fault, ...]
    signature: Appraisal | None = None

    @property
    def is_valid(self) -> bool:
        """Whether it is a message, and nothing more than warnings were found."""
        return self.message is not None and all(fault.grade != "error" for fault in self.faults)


def validate(
    data: bytes | str,
    *,
    source: str | None = None,
    now: datetime | None = None,
    tolerant: bool = False,
    limits: Limits = FILES,
    trust: Trust | None = None,
    today: datetime | None = None,
) -> Verdict:
    """Return what is wrong with a document; signature and rules are looked at only in what follows the schema.

    Args:
        source: its name.
        now: when it was sent; what depends on the time is looked at only if this is given.
        tolerant: whether to put right what has a name in `codec.tolerance.DEVIATIONS`, and to warn of it. A signature
            is held to what came.
        trust: by what a signature is believed; then a document without one is refused.
        today: when certificates have to be good; `now` or else the time in the signature, if not given.

    Raises `ConfigError` for a file of `trust` that cannot be used.
    """
    try:
        root = element(data, limits=limits, source=source)
    except Malformed as error:
        return Verdict(None, (Fault("xml", "error", error.message, line=_line(error)),))
    came = deepcopy(root) if tolerant else root
    put = put_right(root) if tolerant else ()
    warned = [Fault("deviation", "warning", f"{d.reason} ({d.name})", d.path, _of(d.where)) for d in put]
    faults = [Fault("schema", "error", each.reason, each.path, each.line or None) for each in schema().faults(root)]
    if faults:
        return Verdict(None, (*warned, *faults))
    try:
        message = decode(root).message
    except Malformed as error:
        return Verdict(None, (*warned, Fault("schema", "error", error.message, line=_line(error))))
    signature = _appraised(came, trust, today or now)
    signed = _signature(came, signature, trust, now)
    return Verdict(message, (*warned, *signed, *_rules(root, message, now)), signature)


def _appraised(root: Element, trust: Trust | None, when: datetime | None) -> Appraisal | None:
    if not _signatures(root):
        return None
    # imported here: what is not signed needs no cryptography
    from .signing.appraisal import Trust, appraise

    return appraise(root, trust or Trust(), when)


def _signatures(root: Element) -> list[Element]:
    return list(root.iter(qualified("ds:Signature")))


def _signature(root: Element, found: Appraisal | None, trust: Trust | None, now: datetime | None) -> Iterator[Fault]:
    """Yield what is wrong with a signature, or that it is missing where `trust` asks for one."""
    where = _signatures(root)[0] if found is not None else root

    def fault(grade: str, reason: str, code: Code) -> Fault:
        return Fault("signature", grade, reason, path(where), line(where) or None, code=str(code))

    if found is None:
        if trust is not None and trust.is_given:
            yield fault("error", "the message is not signed", Code.NOT_ALLOWED)
        return
    if found.fault is not None:
        yield fault("error", found.fault, Code.INVALID_DATA)
    elif found.believed is None:
        reason = f"the signature is intact; whether {found.signer} is to be believed is not known"
        yield fault("warning", reason, Code.NOT_REGISTERED)
    elif not found.believed:
        yield fault("error", found.doubt or "its signer is not believed", Code.NOT_REGISTERED)
    if found.signed_at is not None and now is not None and not -FUTURE <= now - found.signed_at <= PAST:
        reason = f"it was signed at {found.signed_at:%Y-%m-%dT%H:%M:%SZ}, too far from {now:%Y-%m-%dT%H:%M:%SZ}"
        yield fault("error", reason, Code.OUT_OF_SEQUENCE)


def _rules(root: Element, message: Message, now: datetime | None) -> Iterator[Fault]:
    """Yield the rules that a document and its message break, in the order of the document."""
    found = [(next(islice(root.iter(), int(f.at[0]), None)), f) for f in findings(root)]
    holder = uncovered(root)
    found += [(locate(holder, message, finding.at), finding) for finding in check(message, now)]
    order = {each: n for n, each in enumerate(root.iter())}
    for at, finding in sorted(found, key=lambda pair: order[pair[0]]):
        yield _fault(at, finding)


def _fault(at: Element, finding: Finding) -> Fault:
    rule = finding.rule
    return Fault(
        "rule", str(rule.grade), finding.message, path(at), line(at) or None, rule.number, str(rule.code), rule.source
    )


def _line(error: Malformed) -> int | None:
    return _of(error.where or "")


def _of(where: str) -> int | None:
    """Return the line of `source:line` or `source:line:column`."""
    numbers: list[Any] = [part for part in where.split(":")[1:] if part.isdigit()]
    return int(numbers[0]) if numbers else None
