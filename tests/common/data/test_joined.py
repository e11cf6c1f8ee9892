"""Several accesses as one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import UTC, datetime

import pytest
from janusgrid.common.data.access import Change, DataAccess, Entry
from janusgrid.common.data.joined import Joined, join
from janusgrid.common.data.point import Kind, Point
from janusgrid.common.data.value import Scalar, Value
from janusgrid.common.errors import LocalError, NotReachable, UnknownName

NOW = datetime(2022, 3, 25, tzinfo=UTC)


class Box:
    """An access whose points are kept in a dictionary, and whose watch is fed by hand."""

    def __init__(self, **values: float) -> None:
        self.values = values
        self.calls: list[tuple[object, ...]] = []
        self.feed: asyncio.Queue[Change | Exception | None] = asyncio.Queue()
        self.left = False

    async def directory(self) -> Sequence[Point]:
        return [Point(name, Kind.SETPOINT) for name in self.values]

    async def read(self, names: Iterable[str]) -> dict[str, Value]:
        return {name: Value(self.values[name]) for name in names}

    async def write(self, values: Mapping[str, Scalar]) -> None:
        self.calls.append(("write", dict(values)))

    async def operate(self, name: str, value: Scalar, **options: object) -> None:
        self.calls.append(("operate", name, value, options["test"]))

    async def abort(self, name: str) -> None:
        self.calls.append(("abort", name))

    async def watch(
        self, names: Iterable[str], *, period: float | None = None, deadband: float = 0.0
    ) -> AsyncIterator[Change]:
        self.calls.append(("watch", tuple(names), period, deadband))
        try:
            while (found := await self.feed.get()) is not None:
                if isinstance(found, Exception):
                    raise found
                yield found
        finally:
            self.left = True

    async def schedule(self, name: str, entries: Sequence[Entry], *, end: datetime) -> None:
        self.calls.append(("schedule", name, tuple(entries), end))

    async def history(self, name: str, start: datetime, end: datetime) -> Sequence[Value]:
        return [Value(self.values[name], time=start)]

    async def available(self, name: str) -> bool:
        return self.values[name] > 0


@pytest.fixture
def boxes() -> list[Box]:
    return [Box(a=1.0, c=3.0), Box(b=2.0, d=-4.0)]


@pytest.fixture
async def joined(boxes: list[Box]) -> Joined:
    found: list[DataAccess] = list(boxes)  # type: ignore[arg-type]
    return await join(found)


async def test_the_directory_is_that_of_all(joined: Joined) -> None:
    assert [point.name for point in await joined.directory()] == ["a", "b", "c", "d"]


async def test_a_read_asks_each_and_answers_in_order(joined: Joined) -> None:
    found = await joined.read(["d", "a", "b"])
    assert [(name, value.value) for name, value in found.items()] == [("d", -4.0), ("a", 1.0), ("b", 2.0)]


async def test_each_service_goes_to_the_access_that_knows_the_point(joined: Joined, boxes: list[Box]) -> None:
    await joined.write({"a": 1.0, "d": 2.0, "c": 3.0})
    await joined.operate("b", 5.0, test=True)
    await joined.abort("c")
    await joined.schedule("d", [], end=NOW)
    assert boxes[0].calls == [("write", {"a": 1.0, "c": 3.0}), ("abort", "c")]
    assert boxes[1].calls == [("write", {"d": 2.0}), ("operate", "b", 5.0, True), ("schedule", "d", (), NOW)]
    assert [value.value for value in await joined.history("c", NOW, NOW)] == [3.0]
    assert [await joined.available(name) for name in "ad"] == [True, False]


async def test_a_watch_brings_the_changes_of_all(joined: Joined, boxes: list[Box]) -> None:
    changes = joined.watch(["a", "b", "d"], period=5.0, deadband=0.5)
    boxes[1].feed.put_nowait(Change("b", Value(2.0)))
    assert (await anext(changes)).name == "b"
    boxes[0].feed.put_nowait(Change("a", Value(1.0)))
    assert (await anext(changes)).name == "a"
    assert boxes[0].calls == [("watch", ("a",), 5.0, 0.5)]
    assert boxes[1].calls == [("watch", ("b", "d"), 5.0, 0.5)]
    await changes.aclose()
    assert all(box.left for box in boxes)


@pytest.mark.parametrize(("end", "expected"), [(NotReachable("gone"), NotReachable), (None, LocalError)])
async def test_a_watch_ends_with_the_first_of_its_parts(
    joined: Joined, boxes: list[Box], end: Exception | None, expected: type[Exception]
) -> None:
    changes = joined.watch(["a", "b"])
    boxes[0].feed.put_nowait(Change("a", Value(1.0)))
    await anext(changes)
    boxes[1].feed.put_nowait(end)
    with pytest.raises(expected):
        await anext(changes)
    assert all(box.left for box in boxes)


async def test_an_unknown_name_is_refused_before_anything_is_done(joined: Joined, boxes: list[Box]) -> None:
    for call in (
        joined.read(["a", "x"]),
        joined.write({"a": 1.0, "x": 1.0}),
        joined.operate("x", 1.0),
        joined.abort("x"),
        joined.available("x"),
        joined.history("x", NOW, NOW),
        joined.schedule("x", [], end=NOW),
        anext(joined.watch(["a", "x"])),
    ):
        with pytest.raises(UnknownName, match="'x'"):
            await call
    assert not any(box.calls for box in boxes)


async def test_a_name_that_two_accesses_have_is_refused(boxes: list[Box]) -> None:
    with pytest.raises(LocalError, match="two accesses") as caught:
        await join([*boxes, Box(c=1.0)])  # type: ignore[list-item]
    assert caught.value.where == "c"
