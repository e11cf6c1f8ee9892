"""The driver `openadr`: a VEN below is a device of the site, and what it is asked for an event.

It stands on the VTN of the program (`Surroundings.roles["vtn"]`), which asks its VENs for reports by its plan. Address:

* `ven`: name of the VEN;
* `jid`, or `fingerprint` of its certificate over HTTP: who it has to be, for who makes the VTN's parties (`party`);
* `lasts`: how long an event lasts of which nobody says how long (1 h);
* `patience`: real seconds that it has to answer an event in (30);
* `market`: market context of the events.

The table is `mappings/openadr/ven.csv`, or one like it beside the site file. A row is one of three: `rid`, a value of
the VEN's telemetry; `signal` and `signal_type`, what events set; `about`, what the VTN knows of the VEN.
"""

from __future__ import annotations

from datetime import timedelta

from ....common.data.site import Device
from ....common.security import is_fingerprint
from ....common.xmpp import jid as jids
from ....openadr.events import MARKET
from ....openadr.vtn import Party, Vtn
from ..port import Surroundings
from ..settings import Settings
from .link import OFFERED, OpenAdrLink
from .rows import ABOUT

__all__ = ["OpenAdrDriver", "OpenAdrLink", "party", "ROLE", "ABOUT", "OFFERED"]

ROLE = "vtn"
"""The VTN among the roles of the program."""
_KEYS = ("ven", "jid", "fingerprint", "lasts", "patience", "market")


def party(device: Device) -> Party:
    """Return the VEN of a device as a party of the VTN; raise `ConfigError` if its address does not say who it is."""
    settings = Settings(device, _KEYS)
    if ("jid" in settings) == ("fingerprint" in settings):
        raise settings.error("address: give jid for a VEN on XMPP, or the fingerprint of its certificate over HTTP")
    if "jid" in settings:
        return Party(settings.text("ven"), jids.bare(jids.normal(settings.text("jid"))))
    fingerprint = settings.text("fingerprint")
    if not is_fingerprint(fingerprint):
        raise settings.error(f"address: {fingerprint!r} is no fingerprint (ten octets, AA:BB:…)")
    return Party(settings.text("ven"), fingerprint)


class OpenAdrDriver:
    """Makes links to VENs."""

    def link(self, device: Device, surroundings: Surroundings) -> OpenAdrLink:
        """Return a link to a VEN (see `Driver`)."""
        settings = Settings(device, _KEYS)
        vtn = surroundings.roles.get(ROLE)
        if not isinstance(vtn, Vtn):
            raise settings.error("a VEN needs a VTN, and this program has none")
        return OpenAdrLink(
            settings.text("ven"),
            device.bindings,
            vtn,
            surroundings.clock,
            renew=surroundings.renew_s,
            lasts=timedelta(seconds=settings.seconds("lasts", 3600.0, 1.0, 31e6)),
            patience=settings.seconds("patience", 30.0, 0.1, 3600.0),
            market=settings.text("market", MARKET),
        )
