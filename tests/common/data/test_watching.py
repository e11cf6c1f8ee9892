"""What waits to be told of a point, and for which reason it is told then."""

from __future__ import annotations

from janusgrid.common.data.access import Change
from janusgrid.common.data.value import LOST, Value
from janusgrid.common.data.watching import Watcher


async def told(*changes: Change) -> tuple[object, str]:
    """Return value and reason of what is told after a first value, if these come before anybody looks."""
    watcher = Watcher(frozenset({"p"}))
    watcher.put(Change("p", Value(1.0)))
    found = watcher.changes(period=30.0)
    await anext(found)
    for change in changes:
        watcher.put(change)
    change = await anext(found)
    return change.value.value, change.reason


async def test_a_point_that_is_told_again_is_so_although_it_is_put_meanwhile() -> None:
    """Its owner puts the same value at the very moment in which its time has come: nobody would take it for stale."""
    again, same, new = Change("p", Value(1.0), "periodic"), Change("p", Value(1.0)), Change("p", Value(2.0))
    assert await told(again) == (1.0, "periodic")
    assert await told(again, same) == (1.0, "periodic")
    assert await told(same, again) == (1.0, "periodic")
    assert await told(again, new) == (2.0, "change")
    assert await told(again, Change("p", Value(1.0, LOST), "lost")) == (1.0, "lost")
