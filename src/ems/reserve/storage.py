"""Set-points of storage: what generators do not cover, shared; and charging in the recovery period."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import attrs

from ..dispatch import Bounds, share
from .parameters import Parameters, Sharing, Store

NEARLY = 1e-6
"""Of a state of charge: what lies this near to a limit is at it."""


@attrs.frozen(slots=True)
class Condition:
    """A storage that is available.

    Attributes:
        store: which.
        soc: its state of charge, 0..1.
        deviating_kw: its output, if that is not what it was told; None if it follows.
    """

    store: Store
    soc: float
    deviating_kw: float | None = None


def is_empty(soc: float, parameters: Parameters) -> bool:
    """Return whether a storage has nothing left to deliver."""
    return soc <= parameters.floor + NEARLY


def setpoints(want_kw: float, conditions: Sequence[Condition], parameters: Parameters) -> dict[str, float]:
    """Return the set-points by which these storages deliver `want_kw` together (negative: take in), within ratings.

    They share by rating. One that does not follow keeps its part, so that its failure can be told, and the others
    make up for what is missing of it.
    """
    parts = share(want_kw, [_bounds(each, parameters) for each in conditions])
    deviating = {each.store.name: each.deviating_kw for each in conditions if each.deviating_kw is not None}
    if not deviating:
        return parts
    others = [_bounds(each, parameters) for each in conditions if each.deviating_kw is None]
    return parts | share(want_kw - sum(deviating.values()), others)


def _bounds(condition: Condition, parameters: Parameters) -> Bounds:
    store, soc = condition.store, condition.soc
    high = 0.0 if is_empty(soc, parameters) else store.rating_kw
    low = 0.0 if soc >= parameters.ceiling - NEARLY else -store.rating_kw
    weight = store.rating_kw
    if parameters.sharing is Sharing.ENERGY:
        weight = max(NEARLY, soc - parameters.floor) * store.capacity_kwh
    return Bounds(store.name, weight, low, high)


def charging_kw(store: Store, soc: float, goal: float, hours: float, parameters: Parameters) -> float:
    """Return the power that brings a storage to `goal` within `hours`; zero if it is there, its rating at most."""
    missing_kwh = (goal - soc) * store.capacity_kwh
    if missing_kwh <= NEARLY * store.capacity_kwh:
        return 0.0
    return min(store.rating_kw, missing_kwh / (parameters.efficiency * max(hours, 1e-3)))


def charge(
    stores: Iterable[tuple[Store, float | None, float]], hours: float, parameters: Parameters
) -> dict[str, float]:
    """Return the set-points (not above zero) that bring storages at a state of charge to a goal within `hours`."""
    return {
        store.name: 0.0 if soc is None else -charging_kw(store, soc, min(goal, parameters.ceiling), hours, parameters)
        for store, soc, goal in stores
    }
