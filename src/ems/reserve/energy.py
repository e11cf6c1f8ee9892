"""Start and stop of generators by the energy that storage still has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import attrs

from .parameters import Kind, Parameters, Store, Unit


def deliverable_kwh(stores: Iterable[tuple[Store, float | None]], parameters: Parameters) -> float:
    """Return what storages at these states of charge can still deliver; one that is not known delivers nothing."""
    inside = sum(max(0.0, soc - parameters.floor) * store.capacity_kwh for store, soc in stores if soc is not None)
    return parameters.efficiency * inside


@attrs.frozen(slots=True)
class Balance:
    """The energy side of the rest of a service.

    Attributes:
        energy_kwh: that storage can deliver.
        required_kw: from generators and storage together.
        running_kw: the ratings of the generators that are on and in order: commanded, not measured.
        hours: left of the service.
    """

    energy_kwh: float
    required_kw: float
    running_kw: float
    hours: float

    def left_kwh(self, without_kw: float = 0.0) -> float:
        """Return the energy that will be left at the end, with generators of `without_kw` stopped."""
        lacking = max(0.0, self.required_kw - (self.running_kw - without_kw))
        return self.energy_kwh - lacking * self.hours


def next_start(balance: Balance, standby: Sequence[Unit], parameters: Parameters) -> Unit | None:
    """Return the unit to start because the energy will not do: one in a decision; None if it will or none is left."""
    return standby[0] if standby and balance.left_kwh() < parameters.reserve_kwh else None


def next_start_keeping(balance: Balance, standby: Sequence[Unit]) -> Unit | None:
    """Return the unit to start because generators alone do not do, where the stored energy is to be kept."""
    return standby[0] if standby and balance.required_kw > balance.running_kw else None


def next_stop(balance: Balance, running: Sequence[tuple[Unit, float]], parameters: Parameters) -> Unit | None:
    """Return the microturbine to stop because energy would be left over; None to stop none.

    `running` has the units that are on and how long they have been, in order of their start; the last stops first.
    """
    if balance.hours * 3600 <= parameters.no_stop_s:
        return None
    enough = parameters.reserve_kwh + parameters.hysteresis_kwh
    for unit, on_s in reversed(running):
        if unit.kind is Kind.MICROTURBINE and on_s >= parameters.min_up_s:
            return unit if balance.left_kwh(unit.rating_kw) > enough else None
    return None
