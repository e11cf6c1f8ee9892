"""The audit log: what stands in a line, and that nobody can fill it or forge it."""

from __future__ import annotations

import logging

import pytest
from janusgrid.common.errors import ConfigError
from janusgrid.common.security.audit import Trail
from janusgrid.common.security.role import Role, role_name, role_number


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.WARNING, "janusgrid.audit")
    return caplog


def test_a_line_and_its_fields(log: pytest.LogCaptureFixture) -> None:
    Trail("DG750").note(
        "access-denied", "ems@a.test/1", "no right CONTROL", service="Operate", object="LD/DWGC1.WSpt", roles={-5, 0}
    )
    (record,) = log.records
    assert record.name == "janusgrid.audit"
    assert record.getMessage() == (
        "DG750 refused access-denied from ems@a.test/1 (1 so far): no right CONTROL; "
        "Operate LD/DWGC1.WSpt, its roles are -5, viewer"
    )
    fields = {name: getattr(record, name) for name in ("event", "owner", "peer", "service", "object", "roles", "count")}
    assert fields == {
        "event": "access-denied", "owner": "DG750", "peer": "ems@a.test/1", "service": "Operate",
        "object": "LD/DWGC1.WSpt", "roles": ["-5", "viewer"], "count": 1,
    }  # fmt: skip


@pytest.mark.parametrize("peers", [["m@a.test/{}"], ["10.0.0.1:{}"], ["[::1]:{}"]])
def test_a_peer_fills_nothing_whatever_it_comes_from(log: pytest.LogCaptureFixture, peers: list[str]) -> None:
    trail = Trail("DG750")
    for number in range(1000):
        trail.note("flood", peers[0].format(number))
    assert [record.count for record in log.records] == [*range(1, 11), *range(100, 1001, 100)]  # type: ignore[attr-defined]
    trail.note("flood", "ems@a.test/1")
    trail.note("other", "m@a.test/1")
    assert [record.count for record in log.records[-2:]] == [1, 1]  # type: ignore[attr-defined]
    assert trail.counts == {"flood": 1001, "other": 1}


def test_many_peers_fill_no_memory(log: pytest.LogCaptureFixture) -> None:
    trail = Trail("DG750")
    for number in range(3 * trail.remembered):
        trail.note("flood", f"u{number}@a.test/1")
    assert len(trail._of_peers) == trail.remembered


def test_the_words_of_a_peer_forge_no_line(log: pytest.LogCaptureFixture) -> None:
    Trail("DG750").note("x", "e@a\n2026 refused", "a\r\nb" + "c" * 5000, service="S", object="o\nforged")
    assert "\n" not in log.text.rstrip("\n")
    assert len(log.text) < 1000


@pytest.mark.parametrize("role", Role)
def test_names_of_roles(role: Role) -> None:
    assert role_number(role_name(role)) == role == role_number(role.name)


def test_private_roles() -> None:
    assert role_number("-32768") == -32768
    assert role_name(-7) == "-7"
    assert role_name(7) == "7"


@pytest.mark.parametrize("text", ["", "king", "7", "0", "-0", "-32769", "-1\n", "- 1"])
def test_what_is_no_role(text: str) -> None:
    with pytest.raises(ConfigError, match="viewer, operator"):
        role_number(text)
