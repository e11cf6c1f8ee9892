"""The driver `opcua`: servers of OPC UA.

Messages are signed and encrypted, with certificates on both sides that the site file names, unless it says plainly
that they are not (`security: none`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ....common.config import together
from ....common.data.services import CommonService
from ....common.data.site import Device
from ....common.data.tables import Binding
from ....common.errors import ConfigError
from ..kept import KEPT, KeptLink, Wire, fixed
from ..port import Link, Surroundings
from ..settings import Settings
from .connection import MODES, POLICIES, OpcUaSettings
from .nodes import NodeRow, node_row
from .wire import OpcUaWire

__all__ = ["OpcUaDriver"]

_KEYS = ("url", "security", "mode", "certificate", "key", "server_certificate", "user", "password_file", "namespace",
         "poll", "timeout")  # fmt: skip
_FILES = ("certificate", "key", "server_certificate")
_PLAINLY = f"one of {', '.join(POLICIES)}, or `none` where the network is trusted with everything"
OFFERED = {
    **KEPT,
    CommonService.READ: "Read",
    CommonService.WRITE: "Write or Call, and Read to see that it was taken",
    CommonService.OPERATE: "Write or Call, and Read to see that it was taken",
    CommonService.WATCH: "MonitoredItems of a Subscription; Read for values of several parts",
    CommonService.HISTORY: "HistoryRead, where the server has it",
}


class OpcUaDriver:
    """A `Driver` for servers with an address `{url, security, …}`."""

    def link(self, device: Device, surroundings: Surroundings) -> Link:
        """Return a link; raise `ConfigError` for an address or rows that say nothing to this driver."""
        settings, given = _settings(device), fixed(device)
        asked = (binding for binding in device.bindings if binding.point.name not in given)
        rows = _rows(asked, settings.namespace)
        clock = surroundings.clock

        async def connect() -> Wire:
            wire = OpcUaWire(device.name, rows, settings, clock)
            await wire.open()
            return wire

        return KeptLink(
            device.name, device.bindings, connect, clock, renew_s=surroundings.renew_s, services=OFFERED, fixed=given
        )


def _rows(bindings: Iterable[Binding], namespace: str) -> dict[str, tuple[Binding, NodeRow]]:
    rows: dict[str, tuple[Binding, NodeRow]] = {}
    faults: list[ConfigError] = []
    for binding in bindings:
        try:
            rows[binding.point.name] = (binding, node_row(binding, namespace))
        except ConfigError as error:
            faults.append(error)
    if faults:
        raise together(faults)
    return rows


def _settings(device: Device) -> OpcUaSettings:
    given = Settings(device, _KEYS)
    url = given.text("url")
    if not re.fullmatch(r"opc\.tcp://(\[[0-9a-fA-F:]+\]|[^\s/:@\[\]]+):\d{1,5}(/\S*)?", url):
        raise given.error(f"address: url is written opc.tcp://host:4840/path, not {url!r}")
    security = given.choice("security", ("none", *POLICIES), _PLAINLY)
    files = {name: given.file(name) for name in _FILES}
    if security == "none" and (any(files.values()) or "mode" in given):
        raise given.error("address: certificates and `mode` are for a security policy, not for `security: none`")
    missing = [name for name, path in files.items() if path is None]
    if security != "none" and missing:
        reason = "ours, our key, and that of the server: nobody else is believed to be it"
        raise given.error(f"address: {missing[0]!r} is missing ({reason})")
    return OpcUaSettings(
        url=url,
        security=security,
        mode=given.choice("mode", MODES, "") if "mode" in given else "sign_and_encrypt",
        **files,
        user=given.text("user") if "user" in given else None,
        password=_password(given),
        namespace=given.text("namespace", ""),
        poll=given.seconds("poll", 1.0, 0.01, 86400.0),
        timeout=given.seconds("timeout", 4.0, 0.05, 60.0),
        where=device.where,
    )


def _password(given: Settings) -> str | None:
    path = given.file("password_file")
    if path is None:
        if "user" in given:
            raise given.error("address: a `user` needs a `password_file` beside the site file")
        return None
    if "user" not in given:
        raise given.error("address: a `password_file` is that of a `user`")
    return path.read_text(encoding="utf-8").rstrip("\r\n")
