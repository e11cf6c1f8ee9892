"""Which devices have failed: those that deviate from what is expected of them in several decisions in a row."""

from __future__ import annotations

from collections.abc import Iterable

from .parameters import Parameters, Store, Unit
from .seen import Look


def deviates(measured_kw: float | None, expected_kw: float, parameters: Parameters) -> bool:
    """Return whether a device is off by more than 5 kW and more than a tenth; a power that is not known is off."""
    if measured_kw is None:
        return True
    allowed = max(parameters.bad_kw, parameters.bad_part * abs(expected_kw))
    return abs(measured_kw - expected_kw) > allowed


def unit_is_bad(expected_kw: float, on_s: float | None, look: Look, parameters: Parameters) -> bool | None:
    """Judge a generator that has been on for `on_s` seconds (None: it is off); None if it cannot be judged yet."""
    if on_s is None or on_s <= parameters.settle_s:
        return None
    return deviates(look.power_kw, expected_kw, parameters)


def store_is_bad(setpoint_kw: float, look: Look, parameters: Parameters) -> bool:
    """Judge a storage by its own set-point; one that is about empty is good."""
    if look.power_kw is None:
        return True
    if look.soc is not None and look.soc <= parameters.floor + parameters.empty_margin:
        return False
    return deviates(look.power_kw, setpoint_kw, parameters)


def confirm(
    bad: dict[str, int], verdicts: Iterable[tuple[Unit | Store, bool | None]], parameters: Parameters
) -> list[str]:
    """Count in `bad` the decisions in which a device was bad; return those that have failed by that.

    A verdict is the device and whether it is bad; None, not judged, starts its count anew.
    """
    failed = []
    for device, verdict in verdicts:
        bad[device.name] = bad.get(device.name, 0) + 1 if verdict else 0
        if bad[device.name] >= parameters.confirm(device):
            failed.append(device.name)
    return failed
