"""Cases run once for all tests of this room."""

from __future__ import annotations

import os
from functools import cache

import attrs
from janusgrid.ems.reserve.alternatives import ALTERNATIVES
from janusgrid.ems.reserve.cases import Case, case
from janusgrid.ems.reserve.local import Result, run_local

EVERY_SECOND = "JANUSGRID_EVERY_SECOND" in os.environ
"""Run what is compared only roughly by steps of one second, too: some 60 s instead of 6."""


@cache
def ran(name: str) -> Result:
    """Return the result of a case, by steps of a second."""
    return run_local(case(name))


@cache
def roughly(name: str, alternative: str | None = None) -> Result:
    """Return the result of a case, with other figures perhaps, by steps of ten seconds."""
    found = case(name) if alternative is None else ALTERNATIVES[alternative].of(case(name))
    return run_local(found) if EVERY_SECOND else run_local(stepping(found, 10.0), step_s=10.0)


def stepping(found: Case, seconds: float) -> Case:
    """Return a case with another step."""
    return attrs.evolve(found, parameters=attrs.evolve(found.parameters, loop_s=seconds))


def minutes_apart(a: str | None, b: str) -> float:
    """Return how far two clocks (`HH:MM` or `HH:MM:SS`) are apart."""
    assert a is not None
    return abs(_minutes(a) - _minutes(b))


def _minutes(clock: str) -> float:
    hours, minutes, seconds = (int(part) for part in f"{clock}:00".split(":")[:3])
    return hours * 60 + minutes + seconds / 60
