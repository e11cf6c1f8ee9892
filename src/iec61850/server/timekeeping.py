"""A server's time: what the time servers say becomes the quality of its time stamps, and the data of LTMS nodes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from ...common.clock import Clock, DisciplinedClock
from ...common.errors import LocalError
from ...common.sntp import Synchronization, TimeClient
from ..acsi.plain import Plain
from ..acsi.timing import quality
from ..acsi.types import TimeQuality
from ..engine.stamps import Stamps
from ..model.nodes import Model

Update = Callable[[Mapping[str, Plain]], None]

_CLASS = "LTMS"
_UNKNOWN, _SNTP = 1, 2
"""ClockSourceKind."""
_INTERNAL, _GLOBAL = 0, 2
"""ClockSyncKind."""
_LOCKED, _NEVER = 1, 5
"""ClockSyncLockingKind; between them stands for how long the lock has been lost."""
_UNLOCKED = ((10.0, 2), (100.0, 3), (1000.0, 4))


def time_client(servers: Iterable[str] | TimeClient, clock: Clock | None) -> TimeClient:
    """Return the client of these time servers; raise `LocalError` where the clock given is not steered by it."""
    if isinstance(servers, TimeClient):
        if clock not in (None, servers.clock):
            raise LocalError("the time client has a clock of its own: leave the clock out")
        return servers
    if clock is not None and not isinstance(clock, DisciplinedClock):
        raise LocalError("time servers steer a DisciplinedClock: give that, or no clock")
    return TimeClient([servers] if isinstance(servers, str) else servers, clock=clock)


def supervision(state: Synchronization) -> dict[str, Plain]:
    """Return the data of LTMS by name (IEC 61850-7-4): TmSrc, TmSrcTyp, TmSyn, TmSynLkd and TmAcc."""
    lost = state.lost
    unlocked = _NEVER if lost is None else next((kind for limit, kind in _UNLOCKED if lost < limit), _NEVER)
    return {
        "TmSrc": state.sources[0] if state.sources else "",
        "TmSrcTyp": _SNTP if state.sources else _UNKNOWN,
        "TmSyn": _GLOBAL if state.synchronized else _INTERNAL,
        "TmSynLkd": _LOCKED if state.synchronized else unlocked,
        "TmAcc": TimeQuality.accuracy_of(state.accuracy),
    }


class Timekeeping:
    """Follows a time client as long as it is open. `own` says whether the client is started and closed with it."""

    def __init__(self, client: TimeClient, stamps: Stamps, model: Model, update: Update, *, own: bool) -> None:
        self.client = client
        self._stamps = stamps
        self._update = update
        self._own = own
        self._stop: Callable[[], None] | None = None
        self._shown: dict[str, Plain] = {}
        self._nodes = [
            (f"{device.name}/{node.name}", frozenset(node.objects))
            for device in model.devices.values()
            for node in device.nodes.values()
            if node.ln_class == _CLASS
        ]

    def start(self) -> None:
        """Begin to follow; nothing is done if it was begun already."""
        if self._stop is None:
            self._stop = self.client.on_state(self._follow)
            if self._own:
                self.client.start()
            self._follow(self.client.state)

    async def close(self) -> None:
        """Follow no more."""
        if self._stop is not None:
            self._stop()
            self._stop = None
        if self._own:
            await self.client.close()

    def _follow(self, state: Synchronization) -> None:
        self._stamps.quality = quality(state)
        if not self._nodes:
            return
        wanted = supervision(state)
        values = {
            f"{node}.{name}": value
            for node, names in self._nodes
            for name, value in wanted.items()
            if name in names and self._shown.get(f"{node}.{name}") != value
        }
        if values:
            self._shown |= values
            self._update(values)
