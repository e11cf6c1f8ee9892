"""Which generators are started: at the dispatch, and in the place of what failed. Generators first, storage assists."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from .parameters import Fleet, Kind, Service, Unit


def commit(fleet: Fleet, usable: Collection[str], service: Service, contract_kw: float) -> list[Unit]:
    """Return the generators to start at the dispatch, in order.

    Spinning reserve starts every diesel; supplementary reserve goes on until the ratings reach the contract and a
    margin. What is not usable is passed over.
    """
    ready = [unit for unit in fleet.units if unit.name in usable]
    if service.commit_margin is None:
        return [unit for unit in ready if unit.kind is Kind.DIESEL]
    return reaching(ready, service.commit_margin * contract_kw)


def reaching(standby: Iterable[Unit], wanted_kw: float) -> list[Unit]:
    """Return the first units of `standby` whose ratings together reach `wanted_kw`; all of them if they do not."""
    found: list[Unit] = []
    total = 0.0
    for unit in standby:
        if total >= wanted_kw:
            break
        found.append(unit)
        total += unit.rating_kw
    return found
