"""The statement is held to the behaviour: what it says is taken is taken, what it says is not is refused."""

from __future__ import annotations

import importlib
import itertools
import json
import pkgutil
from datetime import UTC, datetime, timedelta

import attrs
import janusgrid.openadr
import pytest
from janusgrid.openadr.binding.http import HttpTransport
from janusgrid.openadr.conformance import limits, messages, statement, transports, words
from janusgrid.openadr.core.answers import Code
from janusgrid.openadr.core.ven import VenCore
from janusgrid.openadr.core.vtn import VtnCore
from janusgrid.openadr.events import kilowatts, load_dispatch
from janusgrid.openadr.items import item
from janusgrid.openadr.model import (
    MESSAGES,
    Currency,
    CurrencyPerKw,
    CurrencyPerKwh,
    EnergyReal,
    Message,
    SignalName,
    SignalType,
    changed,
)
from janusgrid.openadr.rules import RULES
from janusgrid.openadr.rules.signals import fault, item_name

from tests.cli.programs import call

NOW = datetime(2026, 3, 25, tzinfo=UTC)


@pytest.mark.parametrize("kind", sorted(MESSAGES, key=lambda kind: kind.__name__))
def test_what_is_not_taken_is_refused_and_only_that(kind: type[Message]) -> None:
    by_role = messages.taken()
    for role, core in (
        ("VTN", VtnCore("VTN", ())),
        ("VEN", VenCore("VEN", vtn="vtn", vtn_identity="vtn", address=None)),
    ):
        made = object.__new__(kind)
        for name in ("request_id", "ven_id", "opt_id"):
            if hasattr(kind, name):
                object.__setattr__(made, name, "x")
        try:
            answer = core.receive("vtn", made, NOW)
        except AttributeError:  # it was looked at more closely than a blank one can bear
            refused = False
        else:
            response = getattr(answer, "ei_response", None)
            refused = response is not None and response.response_code == Code.NOT_RECOGNIZED
        assert refused is (kind not in by_role[role]), role


def test_every_message_is_in_the_table_once() -> None:
    (table,) = messages.tables()
    assert sorted(row[0] for row in table.rows) == sorted(messages.root(kind) for kind in MESSAGES)
    assert len(table.rows) == 23
    told = {row[0]: row[4] for row in table.rows}
    assert told["oadrCreateOpt"] == "oadrCreatedOpt"
    assert told["oadrPoll"] == "oadrResponse"


def test_defaults_are_those_in_force() -> None:
    shown = {(table.key, row[0]): row[1] for table in limits.tables() for row in table.rows}
    assert shown["transport", "timeout"] == f"{HttpTransport(plain=True)._timeout.total:g}"
    assert shown["constants", "messages that wait for one VEN"] == "1 000"
    assert shown["plan", "every"] == "60 s"
    for table in limits.tables():
        assert table.rows, table.title
        for row in table.rows:
            assert all(row), (table.title, row)


def test_every_record_of_limits_is_in_the_statement() -> None:
    known = {kind for _, kind in limits.RECORDS.values()}
    for found in pkgutil.walk_packages(janusgrid.openadr.__path__, "janusgrid.openadr."):
        if found.name.endswith("__main__"):
            continue
        for name, value in vars(importlib.import_module(found.name)).items():
            if isinstance(value, type) and name.endswith("Limits") and attrs.has(value):
                assert value in known or not value.__module__.startswith("janusgrid.openadr"), name


def test_words_and_rules_are_all_there() -> None:
    (table, _, units) = words.tables()
    assert ", ".join(word.value for word in SignalName) in [row[1] for row in table.rows]
    assert dict(units.rows)["PowerReal"] == "W, mW, kW, MW, GW"
    numbers = [number for row in statement.plain("rules")["rules"]["rules"]["rows"][:-2]
               for number in row["numbers"].split(", ")]  # fmt: skip
    assert sorted(numbers) == sorted(str(rule.number) for rule in RULES if rule.number is not None)


MONEY = {"item_units": "EUR"}
UNITS = (
    None, kilowatts(), EnergyReal(), CurrencyPerKwh(**MONEY), CurrencyPerKw(**MONEY), Currency(**MONEY), item("degC"),
)  # fmt: skip


def test_signals_are_held_to_the_types_and_units_of_the_table() -> None:
    """Of every signal with every type: the units that the table names are good, and others as bad as it says."""
    rows = {(row[0], row[1]): row for row in words.signals().rows}
    units = {key: [row[2] for row in words.signals().rows if row[:2] == key] for key in rows}
    assert {name for name, _ in rows} == {word.value.upper() for word in SignalName}
    (usual,) = load_dispatch(1.0, start=NOW, duration=timedelta(hours=1), created=NOW).ei_event_signals
    for name, kind in itertools.product({name for name, _ in rows}, SignalType):
        for unit in UNITS:
            made = changed(usual, signal_name=name, signal_type=kind, item_base=unit)
            named = "none" if unit is None else item_name(type(unit))
            row = rows.get((name, kind.value))
            taken = row is not None and any(named in cell.split(", ") or "any" in cell for cell in units[row[:2]])
            found = [grade for grade in (True, False) if fault(made, sourced=grade)]
            if taken:
                assert found == [], (name, kind, unit)
            elif row is not None:
                assert found == [row[3] == "refused"], (name, kind, unit)
            else:
                assert found == ([] if name == "SIMPLE" else [False]), (name, kind, unit)


def test_services_are_those_that_are_listened_for() -> None:
    rows = {row[0]: row[1:] for row in transports.services().rows}
    assert rows["OadrPoll"] == ("Y", "N", "N")
    assert rows["EiOpt"] == ("Y", "N", "Y")


def test_forms_say_the_same() -> None:
    page, text, plain = statement.markdown(), statement.text(), statement.plain()
    assert list(plain) == [part.key for part in statement.PARTS]
    for tables in plain.values():
        for table in tables.values():
            assert f"### {table['title']}\n" in page
            assert table["title"].replace("`", "") in text.replace("`", "")
            for row in table["rows"]:
                assert all("\n" not in cell for cell in row.values())
    code, out = call("openadr", "conformance", "limits", "--json")
    assert code == 0
    assert json.loads(out) == statement.plain("limits")
    assert call("openadr", "conformance")[1].startswith("Messages and services")
