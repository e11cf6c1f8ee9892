"""What goes through a session: once, unchanged, in time; and its keys change without a message being lost."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from janusgrid.common.errors import LocalError
from janusgrid.common.security.e2e import Channel, Limits, Reason, SecKind, SecPdu, Suite, Unsafe, wire

from .ends import NOW, SECOND, channels

BOTH = pytest.mark.parametrize("suite", Suite)


def unsafe(channel: Channel, pdu: SecPdu, now=NOW) -> Reason:
    before = repr(channel)
    with pytest.raises(Unsafe) as error:
        channel.open(pdu, now)
    assert repr(channel) == before
    return error.value.reason


@BOTH
def test_a_repeated_pdu(suite: Suite) -> None:
    caller, called = channels(suite)
    pdu = caller.seal(b"operate", NOW)
    assert called.open(pdu, NOW) == b"operate"
    assert unsafe(called, pdu) is Reason.REPLAY


@BOTH
def test_a_pdu_sent_back_to_its_sender(suite: Suite) -> None:
    caller, _ = channels(suite)
    assert unsafe(caller, caller.seal(b"operate", NOW)) is Reason.INTEGRITY


@BOTH
def test_a_pdu_of_another_session(suite: Suite) -> None:
    caller, _ = channels(suite)
    _, called = channels(suite)
    assert unsafe(called, caller.seal(b"operate", NOW)) is Reason.ASSOCIATION


@BOTH
def test_a_pdu_that_was_held_back(suite: Suite) -> None:
    caller, called = channels(suite)
    assert unsafe(called, caller.seal(b"operate", NOW), NOW + 31 * SECOND) is Reason.DELAYED
    assert unsafe(called, caller.seal(b"operate", NOW + 31 * SECOND)) is Reason.DELAYED


def test_another_protection_than_was_agreed_on() -> None:
    caller, called = channels(Suite.ENCRYPTED)
    pdu = caller.seal(b"operate", NOW)
    assert unsafe(called, SecPdu(SecKind.CLEAR_TRANSFER, pdu.octets)) is Reason.SUITE
    changed = bytearray(pdu.octets)
    changed[1] = Suite.CLEAR
    assert unsafe(called, SecPdu(SecKind.ENCR_TRANSFER, bytes(changed))) is Reason.SUITE


def test_who_may_read_what() -> None:
    secret, readable = channels(Suite.ENCRYPTED)[0], channels(Suite.CLEAR)[0]
    assert b"operate" not in secret.seal(b"operate", NOW).octets
    assert b"operate" in readable.seal(b"operate", NOW).octets


@BOTH
def test_the_price_in_octets(suite: Suite) -> None:
    caller, _ = channels(suite)
    assert len(caller.seal(bytes(1000), NOW).octets) - 1000 == 56


@BOTH
def test_every_bit_counts(suite: Suite) -> None:
    caller, called = channels(suite)
    pdu = caller.seal(b"on", NOW)
    for at in range(8 * len(pdu.octets)):
        mutant = bytearray(pdu.octets)
        mutant[at // 8] ^= 1 << at % 8
        unsafe(called, SecPdu(pdu.kind, bytes(mutant)))
    for length in range(len(pdu.octets)):
        unsafe(called, SecPdu(pdu.kind, pdu.octets[:length]))
    assert called.open(pdu, NOW) == b"on"


@BOTH
def test_mutants(suite: Suite) -> None:
    caller, called = channels(suite)
    dice = random.Random(8)
    seeds = [caller.seal(dice.randbytes(dice.randrange(200)), NOW).octets for _ in range(20)]
    kind = SecKind.ENCR_TRANSFER if suite is Suite.ENCRYPTED else SecKind.CLEAR_TRANSFER
    for _ in range(50_000):
        mutant = bytearray(dice.choice(seeds))
        for _ in range(dice.choice((1, 1, 2, 8))):
            mutant[dice.randrange(len(mutant))] = dice.randrange(256)
        match dice.randrange(6):
            case 0:
                del mutant[dice.randrange(len(mutant)) :]
            case 1:
                mutant += dice.randbytes(dice.randrange(80))
            case 2:
                mutant[2:4] = dice.randrange(1, 16).to_bytes(2, "big")
        if bytes(mutant) not in seeds:
            unsafe(called, SecPdu(dice.choice((kind, kind, SecKind.ABORT)), bytes(mutant)))
    assert [called.open(SecPdu(kind, seed), NOW) is not None for seed in seeds] == [True] * 20


@given(st.permutations(range(100)))
@settings(max_examples=50, deadline=None)
def test_any_order_within_the_window_and_none_twice(order: list[int]) -> None:
    caller, called = channels()
    pdus = [caller.seal(bytes([number]), NOW) for number in range(100)]
    newest = -1
    for number in order:
        if newest - number >= 64:
            assert unsafe(called, pdus[number]) is Reason.TOO_OLD
        else:
            assert called.open(pdus[number], NOW) == bytes([number])
            newest = max(newest, number)
        assert unsafe(called, pdus[number]) in (Reason.REPLAY, Reason.TOO_OLD)


def test_an_abort() -> None:
    caller, called = channels()
    before = caller.seal(b"too late", NOW)
    abort = called.abort(NOW)
    assert called.ended
    assert unsafe(called, before) is Reason.STATE
    assert caller.open(abort, NOW) is None
    assert caller.ended
    with pytest.raises(LocalError, match="over"):
        caller.seal(b"", NOW)
    caller.end()


def test_a_transfer_is_no_abort() -> None:
    """What says that it is the last one is protected like everything else."""
    caller, called = channels()
    pdu = caller.seal(b"", NOW)
    assert unsafe(called, SecPdu(SecKind.ABORT, pdu.octets)) is Reason.MALFORMED
    abort = caller.abort(NOW)
    assert unsafe(called, SecPdu(SecKind.ENCR_TRANSFER, abort.octets)) is Reason.MALFORMED
    assert called.open(abort, NOW) is None


# --- new keys -------------------------------------------------------------------------------------------------------


@BOTH
def test_keys_change_with_time(suite: Suite) -> None:
    caller, called = channels(suite)
    later = NOW + timedelta(hours=1)
    assert called.open(caller.seal(b"1", later), later) == b"1"
    assert (caller.epoch, called.epoch) == (0, 0)
    assert caller.open(called.seal(b"2", later), later) == b"2"
    assert (caller.epoch, called.epoch) == (1, 0)
    assert called.open(caller.seal(b"3", later), later) == b"3"
    assert (caller.epoch, called.epoch) == (1, 1)
    assert caller.open(called.seal(b"4", later), later) == b"4"
    assert "REKEY" not in str(wire.read_header(caller.seal(b"", later).octets)[0].flags)


def test_the_called_end_asks_for_new_keys() -> None:
    caller, called = channels()
    called._since -= timedelta(hours=2)
    assert not caller.must_speak
    caller.open(called.seal(b"report", NOW), NOW)
    assert caller.must_speak
    called.open(caller.seal(b"", NOW), NOW)
    assert not caller.must_speak
    caller.open(called.seal(b"report", NOW), NOW)
    assert caller.epoch == 1
    assert caller.must_speak  # the called end waits to see that the new keys have come
    called.open(caller.seal(b"", NOW), NOW)
    assert called.epoch == 1
    assert not caller.must_speak


def test_old_keys_are_forgotten() -> None:
    caller, called = channels()
    later = NOW + timedelta(hours=1)
    old = caller.seal(b"old", later)
    called.open(caller.seal(b"1", later), later)
    caller.open(called.seal(b"2", later), later)
    for _ in range(65):
        called.open(caller.seal(b"new", later), later)
    assert unsafe(called, old, later) is Reason.EPOCH


@BOTH
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_keys_change_while_everybody_talks(suite: Suite, data: st.DataObject) -> None:
    """Whatever is sent when, lost or not, as long as the order of each direction is kept nothing else is lost, and the
    keys change again and again."""
    caller, called = channels(suite, Limits(rekey_pdus=5))
    under_way: dict[Channel, list[tuple[SecPdu, bytes]]] = {caller: [], called: []}
    other = {caller: called, called: caller}
    number = 0
    for end, action in data.draw(
        st.lists(
            st.tuples(st.sampled_from([0, 1]), st.sampled_from(["send", "send", "take", "take", "lose"])), max_size=150
        )
    ):
        channel = (caller, called)[end]
        if action == "send":
            number += 1
            text = number.to_bytes(2, "big")
            try:
                under_way[other[channel]].append((channel.seal(text, NOW), text))
            except LocalError:  # worn out, for the other end was never heard
                assert channel._sent == 40
        elif under_way[channel]:
            pdu, text = under_way[channel].pop(0)
            if action == "take":
                assert channel.open(pdu, NOW) == text
    assert abs(caller.epoch - called.epoch) <= 1


def test_a_thousand_epochs() -> None:
    caller, called = channels(limits=Limits(rekey_pdus=1))
    for _ in range(300):
        assert called.open(caller.seal(b"q", NOW), NOW) == b"q"
        assert caller.open(called.seal(b"a", NOW), NOW) == b"a"
    assert caller.epoch > 100


def test_who_may_speak_of_keys() -> None:
    caller, called = channels()
    caller.calling, called.calling = False, True
    called._wanted = True
    caller.calling = True
    pdu = called.seal(b"", NOW)
    assert unsafe(caller, pdu) is Reason.STATE


def test_worn_out_keys() -> None:
    caller, _ = channels(limits=Limits(rekey_pdus=2))
    for _ in range(16):
        caller.seal(b"nobody answers", NOW)
    with pytest.raises(LocalError, match="worn out"):
        caller.seal(b"nobody answers", NOW)
