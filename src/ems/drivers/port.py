"""The driver port: `Driver` makes a `Link` to a device; `find` returns the driver of a name."""

from __future__ import annotations

from importlib.metadata import entry_points
from types import TracebackType
from typing import Protocol, Self, cast

import attrs

from ...common.clock import Clock
from ...common.data.access import DataAccess
from ...common.data.site import Device
from ...common.errors import ConfigError
from ...common.xmpp.session import Session

GROUP = "janusgrid.drivers"
"""The entry points by which drivers are found."""


class Link(DataAccess, Protocol):
    """The points of one device. It keeps itself connected: after a loss it comes back by itself.

    While the device is away its points are there, with invalid quality; `read` raises nothing for that.
    """

    async def ready(self) -> None:
        """Return when the device is reached and its values come.

        Raises `ConfigError` if it does not have what its table says.
        """
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


@attrs.frozen(slots=True, kw_only=True)
class Surroundings:
    """What a driver may use of the program around it.

    Attributes:
        clock: of the application.
        session: the XMPP session, for what is reached over it; None in a program without one.
        renew_s: seconds after which a device shall tell its values again, changed or not.
        roles: other parts of the program by name, for drivers that stand on one: `vtn` is the VTN of the VENs below.
    """

    clock: Clock
    session: Session | None = None
    renew_s: float = 30.0
    roles: dict[str, object] = attrs.field(factory=dict)


class Driver(Protocol):
    """A way to devices. The class is made without arguments."""

    def link(self, device: Device, surroundings: Surroundings) -> Link:
        """Return a link to a device, not open yet.

        Raises `ConfigError` for an address or a row of its table that says nothing to this driver, naming the row.
        """
        ...


def installed() -> dict[str, str]:
    """Return the drivers that are installed by name, each with the package (and its version) that it comes from."""
    found = sorted(entry_points(group=GROUP), key=lambda entry: entry.name)
    return {entry.name: f"{entry.dist.name} {entry.dist.version}" if entry.dist else "" for entry in found}


def find(name: str, where: str | None = None) -> Driver:
    """Return the driver called `name`; raise `ConfigError` (at `where`) if none is installed, or a part of it is not.

    Drivers are loaded when they are asked for, so that a site without field devices needs none of their libraries.
    """
    found = {entry.name: entry for entry in entry_points(group=GROUP)}
    if name not in found:
        known = ", ".join(sorted(found)) or "none"
        raise ConfigError(f"there is no driver {name!r}; installed are: {known}", where=where)
    entry = found[name]
    try:
        made = entry.load()
    except ModuleNotFoundError as error:
        package = entry.dist.name if entry.dist else ""
        cure = f"pip install 'janusgrid[{name}]'" if package == "janusgrid" else f"install what {package} depends on"
        raise ConfigError(f"the driver {name!r} needs {error.name!r}: {cure}", where=where) from None
    except (ImportError, AttributeError) as error:
        reason = f"the entry point {entry.value!r} of the driver {name!r} names nothing that is there: {error}"
        raise ConfigError(reason, where=where) from None
    return cast(Driver, made())
