"""The words of OpenADR in rows of tables: what a cell may say, and what the item of a row is."""

from __future__ import annotations

from difflib import get_close_matches
from enum import Enum
from typing import TypeVar

from ..common.data.conversion import Linear
from ..common.data.tables import Binding
from ..common.data.unit import convert, unit
from ..common.errors import ConfigError
from ..openadr.items import ITEMS, item, item_name
from ..openadr.model import CustomUnit, ItemBase, PulseCount

W = TypeVar("W", bound=Enum)

PULSES, CUSTOM = "pulseCount", "customUnit"


def cell(row: Binding, column: str) -> str:
    """Return what stands in a column; raise `ConfigError` at the row if the table has no such column."""
    try:
        return row.address[column]
    except KeyError:
        raise ConfigError(f"the table has no column {column!r}", where=row.row.where) from None


def word(words: type[W], row: Binding, column: str, *, own: bool = True) -> W | str:
    """Return the word of a cell: one of OpenADR's, or one of your own that begins with `x-` where `own` are allowed.

    Raises `ConfigError` at the row, naming a near word, for any other.
    """
    text = cell(row, column)
    try:
        return words(text)
    except ValueError:
        if own and text.startswith("x-"):
            return text
    known = [str(each.value) for each in words]
    near = get_close_matches(text, known, 1, 0.5) or [each for each in known if each.lower() == text.lower()]
    hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(known)}"
    raise ConfigError(f"{column}: {text!r} is not known; {hint}", where=row.row.where)


def item_of(row: Binding) -> ItemBase | None:
    """Return the item of a row: what OpenADR calls its unit on the wire; None for bare numbers (`bare` tells which).

    `pulseCount` counts pulses: what one is worth in kWh is the row's scale. `customUnit` is any unit, by its name.
    Raises `ConfigError` at the row for an item that is none, or not for that unit.
    """
    name, where = cell(row, "item"), row.row.where
    if not name:
        return None
    if name not in ITEMS:
        near = get_close_matches(name, ITEMS, 1, 0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(ITEMS)}"
        raise ConfigError(f"item: {name!r} is not known; {hint}", where=where)
    wire = row.row.wire_unit
    if name == PULSES:
        return PulseCount(pulse_factor=_pulse(row))
    made = item(wire.symbol)
    if name == CUSTOM and wire.symbol:
        return CustomUnit(item_description=wire.dimension, item_units=wire.symbol)
    usual = item_name(made)
    if name == usual:
        return made
    if not wire.symbol:
        raise ConfigError(f"item {name!r} needs its unit as wire_unit", where=where)
    raise ConfigError(f"item {name!r} is not for values in {wire.symbol!r}; {usual!r} is", where=where)


def bare(row: Binding) -> str | None:
    """Return why a row should have an item: the other side gets its values without their unit; None if it need not."""
    usual = item_name(item(row.row.wire_unit.symbol))
    if row.address.get("item") or usual in ("", CUSTOM):
        return None
    return f"values in {row.row.wire_unit.symbol!r} go without their unit: the item {usual!r} says it"


def _pulse(row: Binding) -> float:
    """Return what one pulse is worth, in kWh."""
    there, where = row.row.conversion, row.row.where
    if row.row.wire_unit.dimension != unit("kWh").dimension or not isinstance(there, Linear):
        reason = "a pulse is worth an energy: wire_unit kWh, and as scale how many of them one pulse is"
        raise ConfigError(f"item {PULSES!r}: {reason}", where=where)
    step = float(there.from_wire(1)) - float(there.from_wire(0))
    worth = convert(step, row.point.unit, unit("kWh"))
    if worth <= 0 or there.wire_type.range is None:
        raise ConfigError(
            f"item {PULSES!r}: pulses are counted upwards, in whole numbers (wire_type uint32)", where=where
        )
    return worth
