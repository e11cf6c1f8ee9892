"""A message is believed once, and in time: whatever the process has been through meanwhile."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from janusgrid.openadr.core.answers import Code
from janusgrid.openadr.core.shelf import Cabinet, Change
from janusgrid.openadr.signing import ReplayGuard, ReplayProtect, Unproved
from janusgrid.openadr.signing import replay as room

from tests.openadr.signing.kit import NOW, POLL, Office, opened

PAST, FUTURE = timedelta(seconds=60), timedelta(seconds=10)


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Office:
    return Office(tmp_path_factory.mktemp("office"))


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


@pytest.mark.parametrize(
    ("age", "why"),
    [
        (-10, None),
        (-10.001, "from now; are the clocks right"),
        (-3600, "from now; are the clocks right"),
        (-10 * 365 * 86400, "from now"),
        (0, None),
        (60, None),
        (60.001, "ago: too long; are the clocks right"),
        (3600, "3600 s ago"),
    ],
)
def test_the_window_has_two_ends(office: Office, age: float, why: str | None) -> None:
    notary = office.notary()
    document = notary.sign(POLL, NOW - seconds(age))
    if why is None:
        assert opened(notary, document) == POLL
        return
    with pytest.raises(Unproved, match=why) as caught:
        opened(notary, document)
    assert caught.value.code == Code.OUT_OF_SEQUENCE
    assert caught.value.event == "openadr.signature-time"


def test_a_message_is_believed_once(office: Office) -> None:
    notary = office.notary()
    document = notary.sign(POLL, NOW)
    assert opened(notary, document) == POLL
    for later in (0, 1, 59):
        with pytest.raises(Unproved, match="nonce is used") as caught:
            opened(notary, document, NOW + seconds(later))
        assert caught.value.event == "openadr.replayed"
    with pytest.raises(Unproved, match="too long"):
        opened(notary, document, NOW + seconds(61))


def test_a_nonce_does_not_get_new_by_another_time() -> None:
    guard = ReplayGuard(PAST, FUTURE)
    guard.check("AA", ReplayProtect(NOW, "n"), NOW)
    with pytest.raises(Unproved, match="used"):
        guard.check("AA", ReplayProtect(NOW + seconds(1), "n"), NOW)
    guard.check("BB", ReplayProtect(NOW, "n"), NOW)  # of another signer, who knows nothing of the first


def kept(guard: ReplayGuard, store: dict[str, str]) -> None:
    for change in Cabinet(guard.shelf).changes():
        if change.text is None:
            store.pop(change.key, None)
        else:
            store[change.key] = change.text


def restarted(store: dict[str, str]) -> ReplayGuard:
    guard = ReplayGuard(PAST, FUTURE)
    assert Cabinet(guard.shelf).fill(Change("nonce", key, text) for key, text in store.items()) == []
    return guard


STEPS = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(0, 5), st.integers(-70, 20), st.integers(0, 40), st.booleans()),
    max_size=40,
)


@given(steps=STEPS)
@settings(max_examples=200)
def test_nothing_is_taken_twice_and_nothing_is_remembered_for_ever(
    steps: list[tuple[str, int, int, int, bool]],
) -> None:
    """Signers, nonces, times and restarts in any order, against a list of all that was ever taken."""
    guard, store, now = ReplayGuard(PAST, FUTURE), dict[str, str](), NOW
    taken: list[tuple[str, str, ReplayProtect]] = []
    for signer, nonce, offset, passes, restart in steps:
        now += seconds(passes)
        protect = ReplayProtect(now + seconds(offset), f"nonce {nonce}")
        fits = -PAST <= seconds(offset) <= FUTURE
        remembered = any(
            (who, what) == (signer, protect.nonce) and now - before.timestamp <= PAST for who, what, before in taken
        )
        try:
            guard.check(signer, protect, now)
        except Unproved:
            late = any((who, what) == (signer, protect.nonce) for who, what, _ in taken)
            assert not fits or remembered or late
        else:
            assert fits
            assert not remembered
            taken.append((signer, protect.nonce, protect))
        kept(guard, store)
        assert store == {key: guard.shelf.spelled(key) for key in guard.shelf}
        if restart:
            guard = restarted(store)
    now += PAST + 2 * FUTURE + seconds(1)
    guard.check("c", ReplayProtect(now, "last"), now)
    assert len(guard.shelf) == 1


def test_one_signer_does_not_fill_the_memory_for_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MOST_OF_ONE", 100)
    guard = ReplayGuard(PAST, FUTURE)
    for number in range(100):
        guard.check("AA", ReplayProtect(NOW, str(number)), NOW)
    with pytest.raises(Unproved, match="too many"):
        guard.check("AA", ReplayProtect(NOW, "another"), NOW)
    guard.check("BB", ReplayProtect(NOW, "another"), NOW)
    later = NOW + seconds(71)
    guard.check("AA", ReplayProtect(later, "another"), later)
    assert len(guard.shelf) == 1


def test_what_was_kept_and_is_none_is_told(tmp_path: Path) -> None:
    guard = ReplayGuard(PAST, FUTURE)
    for text in ("no time", "2026-11-21T10:00:00", ""):
        assert Cabinet(guard.shelf).fill([Change("nonce", "AA/1", text)])
