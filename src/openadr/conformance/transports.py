"""What messages travel by, and how it is secured."""

from __future__ import annotations

import ssl

import attrs

from ...common.security import MODERN, OPENADR, Credentials, TlsProfile
from ...common.statement import Table, yes
from ..binding.http import PUSHED
from ..binding.services import BASE, POLL, SERVICES
from ..model import ProfileName, TransportName
from ..signing import Signing


def tables() -> tuple[Table, ...]:
    """Return the tables of the statement."""
    return (profiles(), services(), tls(), signatures())


def profiles() -> Table:
    """Return the versions of the profile, and the transports."""
    spoken = ((name.value, yes(name is ProfileName.PROFILE_2_0B)) for name in ProfileName)
    carried = ((name.value, yes(True)) for name in TransportName)
    return Table("profiles", "Profiles and transports", ("name", "spoken"), (*spoken, *carried))


def services() -> Table:
    """Return where each service is listened for."""
    rows = tuple(
        (f"{name}", yes(True), yes(name in PUSHED), yes(name in SERVICES)) for name in dict.fromkeys((*SERVICES, POLL))
    )
    note = f"Over HTTP a service is posted to at `{BASE}/SERVICE`; over XMPP a VTN lists it by service discovery."
    columns = ("service", "VTN, HTTP", "VEN, HTTP push", "VTN, XMPP")
    return Table("services", "Where services are listened for", columns, rows, note)


def tls() -> Table:
    """Return the profiles of TLS."""
    rows = tuple((f"`{each.name}`", _versions(each), each.suites) for each in (MODERN, OPENADR))
    note = "Certificates are shown and checked on both sides; suites are of TLS 1.2, in the notation of OpenSSL."
    return Table("tls", "TLS", ("profile", "versions", "suites"), rows, note)


def _versions(profile: TlsProfile) -> str:
    return "1.2" if profile.maximum is ssl.TLSVersion.TLSv1_2 else "1.2, 1.3"


def signatures() -> Table:
    """Return how signatures are made and taken unless it is said otherwise."""
    made = Signing(credentials=Credentials("certificate", "key"))
    rows = (
        ("messages are signed", "where registered so", "`required`: always"),
        ("time of a signature, past", f"{made.past.total_seconds():g} s", "`past`"),
        ("time of a signature, future", f"{made.future.total_seconds():g} s", "`future`"),
        ("signatures with SHA-1 are taken", yes(made.sha1), "`sha1`"),
        ("made with inclusive canonicalisation", yes(made.inclusive), "`inclusive`"),
    )
    assert {row[2].strip("`").partition("`")[0] for row in rows} <= attrs.fields_dict(Signing).keys()
    return Table("signatures", "XML signatures", ("what", "default", "option of `Signing`"), rows)
