"""What of IEC 61850-8-2 is known second-hand, inferred or chosen here: where it stands, and how sure it is.

Nobody here holds the text or the schema of IEC 61850-8-2:2018, nor that of IEC 62351-4. What follows IEC TR 61850-80-3
to the letter is not in this table.
"""

from __future__ import annotations

from enum import Enum

import attrs


class Origin(Enum):
    """How sure a fact is, the surest first."""

    TWO = "two public sources"
    ONE = "one public source"
    PEERS = "recordings and code of peers (8-1)"
    INFERRED = "inferred"
    OURS = "our choice: nothing public says"


@attrs.frozen(slots=True)
class Fact:
    """One of them: what is done, in which dialect, where in the package it stands, and where it is from."""

    what: str
    dialect: str
    where: str
    origin: Origin


_2018 = "iec61850.mms.dialect:DIALECT_2018."
_PROFILES = "iec61850.scsm82.context:PROFILES"

FACTS = (
    Fact("namespace of the PDUs", "2018", _2018 + "namespace", Origin.TWO),
    Fact("a PDU stands by itself, without `MMSpdu`", "2018", _2018 + "root", Origin.TWO),
    Fact("`ConfirmedServiceRequest` and `…Response` around a service", "2018", _2018 + "renamed", Origin.TWO),
    Fact("`UnconfirmedService` around a service", "2018", _2018 + "renamed", Origin.INFERRED),
    Fact("items of lists of a CHOICE have an element of their own", "2018", _2018 + "item_elements", Origin.TWO),
    Fact("components with a default value are attributes", "2018", _2018 + "defaults", Origin.TWO),
    Fact("numbers with a name are an empty element of that name", "2018", _2018 + "numbers", Origin.TWO),
    Fact("`objectClass` without a level of its own", "2018", _2018 + "levels_left_out", Origin.ONE),
    Fact("floating-point numbers as 4 octets of IEEE 754", "2018", _2018 + "ieee_floats", Origin.ONE),
    Fact("times in text as `xsd:dateTime`", "2018", _2018 + "schema_times", Origin.ONE),
    Fact("BOOLEAN as `<true/>`, `<false/>`, bits as digits", "2018", "iec61850.mms.text", Origin.INFERRED),
    Fact("floating-point numbers as 5 octets, as in BER", "80-3", "iec61850.mms.dialect:DIALECT_80_3.ieee_floats",
         Origin.INFERRED),
    Fact("elements that are not known are ignored", "2018", "iec61850.mms.elements", Origin.ONE),
    Fact("`AssociationContext` around the PDU, in the namespace of the dialect", "2018", _PROFILES, Origin.OURS),
    Fact("the namespace of `AssociationContext`", "80-3", _PROFILES, Origin.OURS),
    Fact("who gives the identifier of an association: the client", "80-3", _PROFILES, Origin.OURS),
    Fact("each side gives half of the identifier", "2018", _PROFILES, Origin.ONE),
    Fact("the client's half of the identifier comes first", "2018", _PROFILES, Origin.OURS),
    Fact("reports go as messages of type `normal`", "2018", _PROFILES, Origin.ONE),
    Fact("a reject goes as a message, and the iq gets an empty result", "2018", _PROFILES, Origin.INFERRED),
    Fact("which service is an iq `get`, which a `set`", "both", "iec61850.scsm82.context:stanza_kind", Origin.ONE),
    Fact("`get` for identify and status", "both", "iec61850.scsm82.context:stanza_kind", Origin.OURS),
    Fact("a `get` for what changes something is a stanza error", "both", "iec61850.scsm82.server:_changes",
         Origin.ONE),
    Fact("the resource of a JID is `IEC`", "both", "iec61850.scsm82.client:XmppAssociation.open", Origin.ONE),
    Fact("absence of a peer ends its associations", "both", "iec61850.scsm82.endpoint:Endpoint", Origin.ONE),
    Fact("a ping every 30 s where there is no presence, two are missed", "both",
         "iec61850.scsm82.endpoint:Endpoint.keep_alive", Origin.OURS),
    Fact("`item-not-found` for an association that there is not", "both", "iec61850.scsm82.endpoint:Endpoint",
         Origin.OURS),
    Fact("the PDU size counts octets of the PDU's element", "both", "iec61850.scsm82.xer:XerWire.size", Origin.OURS),
    Fact("PDUs of 8192 octets at least are recommended", "both", "iec61850.mapping.initiate:Limits", Origin.ONE),
    Fact("errors of MMS for those of the ACSI", "both", "iec61850.mapping.errors", Origin.PEERS),
    Fact("fields and order of reports", "both", "iec61850.mapping.reports", Origin.PEERS),
    Fact("what belongs to a refused control", "both", "iec61850.mapping.controls", Origin.PEERS),
    Fact("a file is set by obtainFile, and fetched by the server", "both", "iec61850.mapping.files", Origin.INFERRED),
    Fact("a query of a log is readJournal", "both", "iec61850.mapping.logs", Origin.ONE),
    Fact("names of the PDUs of end-to-end security", "both", "common.security.e2e.wire:SecKind", Origin.ONE),
    Fact("their octets, keys and signatures", "both", "common.security.e2e.wire", Origin.OURS),
    Fact("numbers of the diagnostics of a handshake", "both", "common.security.e2e.diagnostics:HandshakeDiagnostic",
         Origin.ONE),
    Fact("the extension of certificates with roles", "both", "common.security.roles", Origin.ONE),
)  # fmt: skip


def table() -> str:
    """Return the table as Markdown."""
    rows = [f"| {fact.what} | {fact.dialect} | {fact.origin.value} | `{fact.where}` |" for fact in FACTS]
    return "\n".join(["| what | dialect | known by | where it stands |", "|---|---|---|---|", *rows])
