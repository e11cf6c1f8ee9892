"""Tolerant reading: what is against the schema in ways that have a name is read all the same, counted, and told once.

What came is never changed: a signature is over that. A copy of it is put right, or of what a signature has proved.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from copy import deepcopy

from ...common.errors import Malformed
from ...common.xml import Element
from ..codec import Deviation, check, put_right

log = logging.getLogger(__name__)

MOST_PEERS = 1_000
"""Peers that are counted each for itself."""

OTHERS = "others"
"""The peer under which the deviations of all further ones are counted."""


class Reading:
    """How documents are held to the schema: strictly, or tolerantly."""

    def __init__(self, *, tolerant: bool = False) -> None:
        self._tolerant = tolerant
        self._found: dict[str, Counter[str]] = {}

    @property
    def deviations(self) -> Mapping[tuple[str, str], int]:
        """How often each peer has deviated in what way: by its identity, and a name of `codec.DEVIATIONS`."""
        return {(peer, name): n for peer, found in self._found.items() for name, n in found.items()}

    def admitted(self, root: Element) -> tuple[Element, tuple[Deviation, ...]]:
        """Return what may be decoded: the element itself, or a copy of it that was put right, and what that was.

        Raises `Malformed` for what is against the schema, even so if reading is tolerant.
        """
        try:
            check(root)
        except Malformed:
            if not self._tolerant:
                raise
            copy = deepcopy(root)
            found = put_right(copy)
            if not found:
                raise
            check(copy)
            return copy, found
        return root, ()

    def note(self, identity: str, deviations: Iterable[Deviation], message: str) -> None:
        """Count what was put right in a message of a peer; what is new of this peer is logged."""
        for deviation in deviations:
            peer = identity if identity in self._found or len(self._found) < MOST_PEERS else OTHERS
            found = self._found.setdefault(peer, Counter())
            found[deviation.name] += 1
            if found[deviation.name] == 1:
                log.warning(
                    "event=openadr.deviation from=%s kind=%s: %s in %s, at %s; it was read all the same, and is only "
                    "counted from now on", peer or "?", deviation.name, deviation.reason, message, deviation.path,
                )  # fmt: skip
