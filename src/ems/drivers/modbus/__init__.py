"""The driver `modbus`: devices that speak Modbus TCP, by their registers or by SunSpec models.

Modbus itself knows no security: whoever reaches the port reads and writes. The site file has to say plainly whether a
device is reached so (`security: none`) or over TLS, as Modbus/TCP Security has it (`security: tls`).
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from pathlib import Path

from ....common.config import together
from ....common.data.site import Device
from ....common.data.tables import Binding
from ....common.errors import ConfigError
from ....common.security.tls import Credentials, client_context
from ..kept import KeptLink, Wire, fixed
from ..port import Link, Surroundings
from ..settings import Settings
from .blocks import Slot
from .rows import row
from .sunspec import Reference
from .wire import ModbusSettings, ModbusWire

__all__ = ["ModbusDriver"]

_KEYS = ("host", "port", "unit", "security", "authorities", "certificate", "key", "poll", "timeout", "gap", "base")
_PLAINLY = "`security: tls`, or `security: none` for a network that nobody else reaches: Modbus has no security"


class ModbusDriver:
    """A `Driver` for devices with an address `{host, port, unit, security, …}`."""

    def link(self, device: Device, surroundings: Surroundings) -> Link:
        """Return a link; raise `ConfigError` for an address or rows that say nothing to this driver."""
        settings, given = _settings(device), fixed(device)
        asked = tuple(binding for binding in device.bindings if binding.point.name not in given)
        places = _places(asked)
        clock = surroundings.clock

        async def connect() -> Wire:
            wire = ModbusWire(device.name, asked, places, settings, clock.sleep)
            await wire.open()
            return wire

        return KeptLink(device.name, device.bindings, connect, clock, renew_s=surroundings.renew_s, fixed=given)


def _places(bindings: Iterable[Binding]) -> dict[str, Slot | Reference]:
    places: dict[str, Slot | Reference] = {}
    faults: list[ConfigError] = []
    for binding in bindings:
        try:
            places[binding.point.name] = row(binding)
        except ConfigError as error:
            faults.append(error)
    if faults:
        raise together(faults)
    return places


def _settings(device: Device) -> ModbusSettings:
    given = Settings(device, _KEYS)
    security = given.choice("security", ("none", "tls"), _PLAINLY)
    tls = _tls(given) if security == "tls" else None
    if tls is None and any(key in given for key in ("authorities", "certificate", "key")):
        raise given.error("address: certificates are for `security: tls`")
    return ModbusSettings(
        host=given.text("host"),
        port=given.whole("port", 502 if tls is None else 802, 1, 65535),
        unit=given.whole("unit", 1, 0, 255),
        tls=tls,
        poll=given.seconds("poll", 1.0, 0.01, 86400.0),
        timeout=given.seconds("timeout", 3.0, 0.01, 60.0),
        gap=given.whole("gap", 8, 0, 124),
        base=given.whole("base", 0, 0, 65533) if "base" in given else None,
    )


def _tls(given: Settings) -> ssl.SSLContext:
    authorities, certificate, key = (given.file(name) for name in ("authorities", "certificate", "key"))
    if authorities is None:
        raise given.error("address: `authorities` is missing: who has issued the device's certificate (PEM)")
    if (certificate is None) != (key is None):
        raise given.error("address: `certificate` and `key` belong together")
    ours = Credentials(certificate, key) if isinstance(certificate, Path) and isinstance(key, Path) else None
    return client_context(ours, authorities=authorities)
