"""Two stacks back to back, and octets to begin with."""

from __future__ import annotations

import json
from pathlib import Path

from janusgrid.iec61850.scsm81.address import ANY, CALLER, Address
from janusgrid.iec61850.scsm81.stack import Accepted, Called, Calling, Event, Requested, Stack

INITIATE = bytes.fromhex(
    "a826800300fde881010582010583010aa416800101810305f100820c03ee1c00000408000079ef18"
)  # what libiec61850 asks for
ANSWER = bytes.fromhex("a926800300fde881010582010583010aa416800101810305f100820c03ee1c00000002000040ed18")


def events(stack: Stack) -> list[Event]:
    """Return all that has happened in a stack."""
    found = []
    while (event := stack.next_event()) is not None:
        found.append(event)
    return found


def exchange(one: Stack, other: Stack) -> tuple[list[Event], list[Event]]:
    """Carry octets both ways until there are none; return the events of each."""
    of_one: list[Event] = []
    of_other: list[Event] = []
    while True:
        forth, back = one.take(), other.take()
        if not forth and not back:
            return of_one, of_other
        other.receive(forth)
        one.receive(back)
        of_other += events(other)
        of_one += events(one)


def pair(
    local: Address = ANY, called: Address | None = None, password: bytes | None = None, secret: bytes | None = None
) -> tuple[Calling, Called]:
    """Return two sides that have not yet met; `local` is the server's address, `called` what the client calls."""
    return Calling(CALLER, called or Address(), password), Called(local, secret)


def opened(**options: object) -> tuple[Calling, Called]:
    """Return two sides with an association."""
    calling, server = pair(**options)  # type: ignore[arg-type]
    calling.connect(INITIATE)
    _, asked = exchange(calling, server)
    assert isinstance(asked[0], Requested), asked
    server.accept(ANSWER)
    answered, _ = exchange(calling, server)
    assert answered == [Accepted(ANSWER)]
    return calling, server


def recorded(path: Path) -> dict[int, list[tuple[str, bytes]]]:
    """Return the TPKTs of each connection of a recording, each with its direction, `c2s` or `s2c`."""
    found: dict[int, list[tuple[str, bytes]]] = {}
    for line in path.read_text().splitlines():
        row = json.loads(line)
        found.setdefault(row["conn"], []).append((row["dir"], bytes.fromhex(row["tpkt"])))
    return found
