"""A site looked through before it runs: site file, tables, and the CID files against the tables."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import attrs

from ..common.config import together
from ..common.data.site import Device, Site, load_site
from ..common.errors import ConfigError
from ..iec61850.access.check import disagreements
from ..iec61850.scl import Diagnostic, Severity
from ..iec61850.scl import read as read_scl
from .bridge import check_signals, offers
from .host import resources


@attrs.frozen(slots=True)
class Checked:
    """What was found.

    Attributes:
        site: as loaded.
        faults: what keeps it from running, each with file and line.
        diagnostics: what its CID files have that is against their standard, the faults among it left out.
    """

    site: Site
    faults: tuple[ConfigError, ...]
    diagnostics: tuple[Diagnostic, ...]

    def require(self) -> Site:
        """Return the site; raise one `ConfigError` for all faults, if there are any."""
        if self.faults:
            raise together(self.faults)
        return self.site


def check(path: Path) -> Checked:
    """Return what is wrong with a site.

    Raises `ConfigError`, as `load_site` does, where site file or tables are so wrong that there is no site to look at.
    """
    site = load_site(path)
    faults: list[ConfigError] = []
    diagnostics: list[Diagnostic] = []
    for device in site.devices:
        if "jid" not in device.address:
            faults.append(ConfigError(f"{device.name} has no jid in its address", where=str(path)))
        if device.cid is not None:
            faults += _against_cid(device, device.cid, diagnostics)
    ven = site.ven
    for look in (
        lambda: check_signals(ven.signals),
        lambda: offers(ven.reports, ven.resource),
        lambda: resources(site),
    ):
        try:
            look()
        except ConfigError as error:
            faults += error.faults
    return Checked(site, tuple(faults), tuple(diagnostics))


def _against_cid(device: Device, cid: Path, diagnostics: list[Diagnostic]) -> Iterator[ConfigError]:
    try:
        loaded = read_scl(cid, ied=device.address.get("ied"))
    except ConfigError as error:
        yield error
        return
    for diagnostic in loaded.diagnostics:
        if diagnostic.severity is Severity.ERROR:
            yield ConfigError(f"{diagnostic.message} ({diagnostic.code})", where=diagnostic.where)
        else:
            diagnostics.append(diagnostic)
    for fault in disagreements(loaded.model, device.bindings):
        yield ConfigError(f"{device.name}: {fault.message}, says {cid.name}", where=fault.where)
