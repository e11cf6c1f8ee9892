"""What the DERs of the load over XMPP have in common with the EMS: model, conversion table, sessions, security.

Each DER has a meter and some measured values, in one data set with one unbuffered report control block. A report of
some of them has the size that is wanted.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from janusgrid.common.data.tables import Binding, parse_table
from janusgrid.common.security.e2e import Suite
from janusgrid.common.security.tls import Credentials
from janusgrid.common.xmpp import tls
from janusgrid.common.xmpp.servers import pki
from janusgrid.common.xmpp.slix import SlixSession
from janusgrid.iec61850.acsi.references import FC, Reference
from janusgrid.iec61850.acsi.types import BasicType, DataValue
from janusgrid.iec61850.model.nodes import (
    Attribute,
    DataObject,
    DataSet,
    LogicalDevice,
    LogicalNode,
    Model,
    ReportControl,
    Trigger,
)
from janusgrid.iec61850.scsm82.protection import Security

DEVICE, METER = "FLEETLD0", "MMTR1.TotWh"
MOST = 22
"""Measured values of each DER."""
SIZES = {"1 kB": 1, "5 kB": MOST}
"""How many measured values a report has beside the meter's."""
PASSWORD = "benchmark"  # noqa: S105 - of a server that lives for minutes, on loopback
EMS = "ems"

_TABLE = "\n".join((
    "point,kind,type,unit,reference,fc,wire_type,wire_unit,scale,offset,enumeration,services,low,high,description",
    f"sent,measurement,int,,{DEVICE}/{METER}.actVal,ST,int64,,,,,read report,,,",
    *(
        f"p{n},measurement,float,kW,{DEVICE}/GGIO1.AnIn{n}.mag.f,MX,float32,W,,,,read report,,,"
        for n in range(1, MOST + 1)
    ),
))  # fmt: skip


def user(number: int) -> str:
    """Return the account of a DER."""
    return f"der{number}"


def users(ders: int) -> list[str]:
    """Return all accounts."""
    return [EMS, *map(user, range(ders))]


def model() -> Model:
    """Return what a DER serves."""

    def leaf(name: str, fc: FC, kind: BasicType, value: DataValue = None, *, tells: bool = False) -> Attribute:
        return Attribute(name, fc, kind, value=value, trigger=Trigger.DATA_CHANGE if tells else Trigger.NONE)

    def ended(fc: FC) -> dict[str, Attribute | DataObject]:
        return {"q": leaf("q", fc, BasicType.QUALITY), "t": leaf("t", fc, BasicType.TIMESTAMP)}

    counted = leaf("actVal", FC.ST, BasicType.INT64, 0, tells=True)
    meter = LogicalNode("MMTR1", "MMTR", {"TotWh": DataObject("TotWh", "BCR", {"actVal": counted, **ended(FC.ST)})})
    values = {
        f"AnIn{n}": DataObject(f"AnIn{n}", "MV", {
            "mag": Attribute("mag", FC.MX, children={"f": leaf("f", FC.MX, BasicType.FLOAT32, 0.0, tells=True)}),
            **ended(FC.MX),
        })
        for n in range(1, MOST + 1)
    }  # fmt: skip
    members = (
        Reference(DEVICE, "MMTR1", ("TotWh",), FC.ST),
        *(Reference(DEVICE, "GGIO1", (name,), FC.MX) for name in values),
    )
    block = ReportControl(
        "urcbAll", False, "FLEET/all", "All", conf_rev=1, optional_fields=0b0111001000,
        trigger=Trigger.DATA_CHANGE | Trigger.QUALITY_CHANGE | Trigger.GENERAL_INTERROGATION,
    )  # fmt: skip
    first = LogicalNode("LLN0", "LLN0", {}, {"All": DataSet("All", members)}, {block.name: block})
    nodes = {"LLN0": first, "MMTR1": meter, "GGIO1": LogicalNode("GGIO1", "GGIO", values)}
    return Model("FLEET", {DEVICE: LogicalDevice(DEVICE, "LD0", nodes)})


@cache
def _rows() -> Any:
    return parse_table(_TABLE.encode(), "fleet.csv")


def bindings(number: int) -> list[Binding]:
    """Return the points of a DER, bound to its server."""
    return [row.bind(f"{user(number)}.{row.point}", {}, device=user(number)) for row in _rows()]


def session(settings: dict[str, Any], name: str) -> SlixSession:
    """Return the session of an account."""
    context = _context(settings["ca"])
    where = {"host": settings["host"], "port": settings["port"]}
    return SlixSession(
        f"{name}@{settings['domain']}/IEC", password=PASSWORD, tls=context, allow=lambda _: True, **where
    )


@cache
def _context(ca: str) -> Any:
    return tls.client_context(Path(ca))


def security(settings: dict[str, Any], name: str) -> Security | None:
    """Return what an account wants of end-to-end security; its certificate is in the directory of the settings."""
    if not settings["suite"]:
        return None
    directory = Path(settings["certificates"])
    credentials = Credentials(directory / f"{name}.pem", directory / f"{name}.key", directory / "ca.pem")
    return Security.of(credentials, suites=(Suite[settings["suite"]],))


def certify(directory: Path, domain: str, names: list[str]) -> None:
    """Issue a certificate for each account."""
    authority = pki.make_ca(directory)
    for name in names:
        issued = pki.issue_client(authority, f"{name}@{domain}")
        issued.certificate.rename(directory / f"{name}.pem")
        issued.key.rename(directory / f"{name}.key")
