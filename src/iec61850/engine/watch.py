"""Control blocks that follow the members of a data set: what reporting and logging have in common (clause 17)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Generic, TypeVar

import attrs

from ..acsi.references import FC, Reference
from ..acsi.types import BitString, DataValue, TypeDescription
from ..model.nodes import Attribute, Trigger
from .tree import Elements, Node
from .values import read

Event = tuple[Attribute, bool]
"""A leaf that was updated, and whether its value changed."""

_EVENTS = Trigger.DATA_CHANGE.value | Trigger.QUALITY_CHANGE.value
_UPDATE = Trigger.DATA_UPDATE.value


@attrs.frozen(slots=True)
class Member:
    """One member of the data set that a block follows.

    `substitute` tells what a second event within the buffer time of a report does: take the place of the first
    (measurands), or send the first one off (all others; clause 17.2.2.9).
    """

    index: int
    reference: Reference
    node: Node
    substitute: bool
    type: TypeDescription


@attrs.define(slots=True, eq=False)
class Follower:
    """A control block with a data set, trigger options and an integrity period.

    Attributes:
        reference: `LD/LN.name`, with its constraint.
        leaves: its attributes by name; their values are what clients read.
        members: of its data set, while it follows them.
        size: number of members of the data set, with those that name nothing.
        integrity_due: when all of them are due next; None for never.
    """

    reference: Reference
    leaves: dict[str, Attribute]
    members: tuple[Member, ...] = attrs.field(default=(), kw_only=True)
    size: int = attrs.field(default=0, kw_only=True)
    integrity_due: datetime | None = attrs.field(default=None, kw_only=True)

    @property
    def name(self) -> str:
        """`LD/LN.name`."""
        return str(self.reference.with_fc(None))

    def number(self, name: str) -> int:
        """The value of an integer attribute."""
        value = self.leaves[name].value
        assert isinstance(value, int)
        return value

    def text(self, name: str) -> str:
        """The value of a text attribute."""
        value = self.leaves[name].value
        assert isinstance(value, str)
        return value

    def period(self, name: str) -> timedelta:
        """The value of an attribute in milliseconds, as a duration."""
        return timedelta(milliseconds=self.number(name))

    def triggers(self, trigger: Trigger) -> bool:
        """Return whether TrgOps has a trigger option."""
        return self.bits("TrgOps")[trigger.value.bit_length()]

    @property
    def trigger_mask(self) -> int:
        """TrgOps as the number of a `Trigger`."""
        bits = self.bits("TrgOps")
        return sum(trigger.value for trigger in Trigger if bits[trigger.value.bit_length()])

    def bits(self, name: str) -> BitString:
        """The value of an attribute that is a packed list."""
        value = self.leaves[name].value
        assert isinstance(value, BitString)
        return value

    def follow(self, references: Sequence[Reference], nodes: Sequence[Node | None], now: datetime) -> None:
        """Follow these members of a data set from now on."""
        self.size = len(references)
        self.members = tuple(
            Member(index, reference, node, reference.fc is FC.MX, node.describe())
            for index, (reference, node) in enumerate(zip(references, nodes, strict=True))
            if node is not None
        )
        if self.triggers(Trigger.INTEGRITY) and self.number("IntgPd"):
            self.integrity_due = now + self.period("IntgPd")

    def unfollow(self) -> None:
        """Follow none any more."""
        self.members, self.integrity_due = (), None

    def integrity_done(self, now: datetime) -> None:
        """Say when all members are due next: in step with the first time, whatever was missed, so that a late call
        makes them due once, and not in a volley."""
        assert self.integrity_due is not None
        period = self.period("IntgPd")
        self.integrity_due += period * ((now - self.integrity_due) // period + 1)


B = TypeVar("B", bound=Follower)


class Watch(Generic[B]):
    """The blocks that want to know of events now, and of which."""

    def __init__(self) -> None:
        self._blocks: list[B] = []
        self._watched: dict[Attribute, list[tuple[B, int, int, Elements | None]]] | None = None
        """For every leaf the blocks that want its events; None if that has to be worked out anew."""
        self._seen: dict[Elements, DataValue] = {}
        """The last values of members that are a part of an array: an event is one of the whole."""

    def __iter__(self) -> Iterator[B]:
        return iter(list(self._blocks))

    def __contains__(self, block: B) -> bool:
        return block in self._blocks

    def add(self, block: B) -> None:
        """Let a block know of the events of its members."""
        self._blocks.append(block)
        for member in block.members:
            if isinstance(member.node, Elements):
                self._seen.setdefault(member.node, read(member.node))
        self._watched = None

    def remove(self, block: B) -> None:
        """Let it know of nothing any more."""
        self._blocks.remove(block)
        if self._seen:
            left = {member.node for other in self._blocks for member in other.members}
            self._seen = {node: value for node, value in self._seen.items() if node in left}
        self._watched = None

    def raised(self, events: Iterable[Event]) -> dict[B, dict[int, int]]:
        """Return which blocks have something to tell of these events: the members by index, the reasons as a mask."""
        if self._watched is None:
            self._watched = self._watch()
        watched = self._watched
        raised: dict[B, dict[int, int]] = {}
        same = self._same() if self._seen else frozenset()
        for leaf, changed in events if watched else ():
            for block, index, mask, part in watched.get(leaf, ()):
                reason = mask if changed and part not in same else mask & _UPDATE
                if reason:
                    found = raised.setdefault(block, {})
                    found[index] = found.get(index, 0) | reason
        return raised

    def _same(self) -> frozenset[Elements]:
        """Return the parts of arrays that are as they were, and take note of the others."""
        present = {node: read(node) for node in self._seen}
        same = frozenset(node for node, value in present.items() if value == self._seen[node])
        self._seen = present
        return same

    def _watch(self) -> dict[Attribute, list[tuple[B, int, int, Elements | None]]]:
        """Return for every leaf which blocks want its events, with the triggers that both sides have."""
        watched: dict[Attribute, list[tuple[B, int, int, Elements | None]]] = {}
        for block in self._blocks:
            wanted = block.trigger_mask & (_EVENTS | _UPDATE)
            for member in block.members if wanted else ():
                part = member.node if isinstance(member.node, Elements) else None
                for leaf in member.node.leaves():
                    mask = leaf.trigger.value & wanted
                    if mask:
                        watched.setdefault(leaf, []).append((block, member.index, mask, part))
        return watched
