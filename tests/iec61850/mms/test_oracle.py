"""BER against asn1tools: the same octets for every value, the same value for every octets, over the whole module."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import asn1tools
from hypothesis import given, settings
from janusgrid.common.resources import resource
from janusgrid.iec61850.mms import decode_ber, encode_ber, tree

from .strategies import ROOT, Values, identifiers, samples, to_oracle

# asn1tools keeps a default that is given by name as that name, and then takes no number for it.
MODULE = resource("schemas/iec61850/mms.asn").read_text().replace("DEFAULT specific", "DEFAULT 0")
ORACLE = asn1tools.compile_string(MODULE, "ber")
VALUES = Values(oids=identifiers(39))  # it reads 2.40 as 3.0


def expected(value: Any) -> Any:
    """Return our value in the oracle's form, times as it wants them."""
    return with_times(to_oracle(ROOT, value))


def with_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: at(v) if k == "lastModified" else with_times(v) for k, v in value.items()}
    if isinstance(value, list):
        return [with_times(item) for item in value]
    return (value[0], with_times(value[1])) if isinstance(value, tuple) and isinstance(value[0], str) else value


def at(text: str) -> datetime:
    return datetime.strptime(text, "%Y%m%d%H%M%S.%fZ" if "." in text else "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)


@settings(max_examples=400, deadline=None)
@given(VALUES.pdus())
def test_the_oracle_reads_what_we_write_and_writes_the_same(value: Any) -> None:
    octets = encode_ber(value)
    assert ORACLE.decode(tree.ROOT, octets) == expected(value)
    assert bytes(ORACLE.encode(tree.ROOT, expected(value))) == octets
    assert decode_ber(octets) == value


def test_every_alternative_component_and_absence() -> None:
    values = [value for value in samples() if "250Z" not in repr(value)]  # asn1tools writes fractions differently
    values = [value for value in values if "2.999" not in repr(value)]
    assert len(values) > 300
    for value in values:
        octets = encode_ber(value)
        assert bytes(ORACLE.encode(tree.ROOT, expected(value))) == octets
        assert decode_ber(octets) == value
