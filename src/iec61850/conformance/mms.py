"""The conformance statement to the mappings 8-1 and 8-2: MMS services, initiate, and the layers below."""

from __future__ import annotations

from ..mapping import initiate
from ..mms import pdu
from ..scsm81 import cotp, tpkt
from ..scsm81.address import CALLER, Address
from ..scsm81.client import PORT, TLS_PORT
from ..scsm82.context import ELEMENT, PROFILES
from . import sides
from .table import Table, yes

_S = pdu.ServiceSupportOptions

CLIENT_ASKS = frozenset({
    _S.STATUS, _S.IDENTIFY, _S.GET_NAME_LIST, _S.READ, _S.WRITE, _S.GET_VARIABLE_ACCESS_ATTRIBUTES,
    _S.DEFINE_NAMED_VARIABLE_LIST, _S.GET_NAMED_VARIABLE_LIST_ATTRIBUTES, _S.DELETE_NAMED_VARIABLE_LIST,
    _S.OBTAIN_FILE, _S.READ_JOURNAL, _S.FILE_OPEN, _S.FILE_READ, _S.FILE_CLOSE, _S.FILE_RENAME, _S.FILE_DELETE,
    _S.FILE_DIRECTORY, _S.CONCLUDE,
})  # fmt: skip
"""What our client asks of servers; status and identify only to see whether a silent one is there (8-1)."""
CLIENT_SERVES = frozenset({_S.FILE_OPEN, _S.FILE_READ, _S.FILE_CLOSE})
"""What our client answers to servers, while it sets a file."""


def tables() -> tuple[Table, ...]:
    """Return the tables of the statement."""
    return services(), blocks(), parameters(), addresses(), envelopes()


def services() -> Table:
    """Return all MMS services: which our client asks for, which our server announces and answers, and when."""
    always = sides.mms_services(files=False, logs=False)
    logs = sides.mms_services(files=False) - always
    reading = sides.mms_services(writable=False, logs=False) - always
    changing = sides.mms_services(logs=False) - always - reading
    when = {**dict.fromkeys(logs, "with logs"), **dict.fromkeys(reading, "with files"),
            **dict.fromkeys(changing, "with files that clients may change")}  # fmt: skip
    rows = []
    for service in _S:
        served = service in always or service in when
        remark = [when.get(service, "")]
        if service in CLIENT_SERVES:
            remark.append("the client answers it while it sets a file")
        if service is _S.CANCEL:
            remark.append("answered by an error, as it comes too late")
        name = service.name.lower().replace("_", " ")
        rows.append(
            (str(int(service)), name, yes(service in CLIENT_ASKS), yes(served), "; ".join(filter(None, remark)))
        )
    asked = [row for row in rows if "Y" in row[2:4]]
    left = len(rows) - len(asked)
    note = f"The other {left} of {len(rows)} are neither asked for nor announced; a request for one is rejected."
    return Table(
        "mms", "MMS services", ("bit", "service", "client asks", "server announces", "when"), tuple(asked), note
    )


def blocks() -> Table:
    """Return the parameter conformance building blocks."""
    rows = tuple(
        (one.name, yes(one in initiate.CBB), yes(one in initiate.CBB), "needed" if one in initiate.NEEDED_CBB else "")
        for one in pdu.ParameterSupportOptions
    )
    return Table("cbb", "Parameter CBB", ("block", "client", "server", "of the other side"), rows)


def parameters() -> Table:
    """Return what is proposed and settled when an association is opened."""
    limits = initiate.Limits()
    rows = (
        ("version", "1", "1"),
        ("PDU size, octets", str(limits.pdu_size), f"{initiate.MIN_PDU_SIZE}"),
        ("outstanding calling", str(limits.outstanding), "1"),
        ("outstanding called", str(limits.outstanding), "0; 1 to set files"),
        ("nesting levels", str(limits.nesting), str(initiate.MIN_NESTING)),
    )
    return Table("initiate", "Initiate", ("parameter", "default of both sides", "least accepted"), rows)


def addresses() -> Table:
    """Return ports and what addresses the layers below MMS (8-1)."""
    listens = Address()
    rows = [
        ("TCP port", str(PORT), str(PORT)),
        ("TCP port with TLS", str(TLS_PORT), str(TLS_PORT)),
        ("TPKT, longest packet", f"{tpkt.LONGEST} octets", f"{tpkt.LONGEST} octets"),
        ("COTP class", "0", "0"),
        ("COTP, largest TPDU size asked for", f"{1 << cotp.MAX_SIZE_CODE} octets", f"{1 << cotp.MAX_SIZE_CODE} octets"),
    ]
    for name, title in (("tsel", "T-selector"), ("ssel", "S-selector"), ("psel", "P-selector"),
                        ("ap_title", "AP title"), ("ae_qualifier", "AE qualifier")):  # fmt: skip
        rows.append(
            (title, _shown(getattr(CALLER, name)), f"any; {_shown(getattr(listens, name))} is called by default")
        )
    rows += [
        ("ACSE authentication", "none, or a password", "none, or a password"),
        ("Mutual authentication by TLS", "optional", "optional"),
    ]
    note = "Selectors, AP title and AE qualifier can be set on both sides; a server that has them refuses others."
    return Table("layers", "Below MMS in 8-1", ("item", "client, default", "server, default"), tuple(rows), note)


def envelopes() -> Table:
    """Return how PDUs stand in stanzas (8-2)."""
    rows = tuple(
        (
            name,
            one.namespace,
            "two halves, `12:7`" if one.paired else "the client's number",
            one.reports,
            "in the result" if one.reject_in_result else "as a message",
        )
        for name, one in PROFILES.items()
    )
    columns = ("dialect", "namespace", "identifier of an association", "message type of reports", "reject")
    note = f"Requests and their answers are iq stanzas, around each PDU `{ELEMENT}`. End-to-end security is not built."
    return Table("stanzas", "Stanzas in 8-2", columns, rows, note)


def _shown(value: bytes | str | int | None) -> str:
    return value.hex(" ") if isinstance(value, bytes) else "none" if value is None else str(value)
