"""The table of associations knows what a search through all of them would find."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st
from janusgrid.iec61850.scsm82.table import Key, Peer, Table

ACCOUNTS = ("ems@grid.test", "other@grid.test")
JIDS = tuple(f"{account}/{resource}" for account in ACCOUNTS for resource in ("IEC", "2", "a/b"))
KEYS = st.tuples(st.sampled_from(JIDS), st.sampled_from(("1", "2", "12:7")))


class Gone:
    """An association."""

    async def take(self, content: object, kind: str) -> str | None:
        return None

    def lost(self, why: str) -> None:
        pass


@given(st.lists(st.tuples(st.booleans(), KEYS)))
def test_it_counts_and_finds_as_a_search_would(changes: Iterable[tuple[bool, Key]]) -> None:
    table, plain = Table(), dict[Key, Peer]()
    for enters, key in changes:
        if enters:
            table[key] = plain[key] = Gone()
        else:
            assert table.pop(key, None) is plain.pop(key, None)
    assert dict(table) == plain
    assert all(table.get(key) is peer for key, peer in plain.items())
    assert table.peers == {jid for jid, _ in plain}
    for jid in JIDS:
        assert table.of(jid) == tuple(key for key in plain if key[0] == jid)
    for account in ACCOUNTS:
        assert table.count(account) == sum(jid.startswith(f"{account}/") for jid, _ in plain)
    table.clear()
    assert not table
    assert not table.peers
