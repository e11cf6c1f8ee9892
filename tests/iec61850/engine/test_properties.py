"""What holds for the engine whatever happens: reports tell the whole truth, in order; the engine needs no clock."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from janusgrid.iec61850.acsi.references import FC
from janusgrid.iec61850.acsi.services import Reason, Report, SetRCBValues
from janusgrid.iec61850.acsi.types import BitString, Quality, Timestamp
from janusgrid.iec61850.engine import Engine, Outcome, settle
from janusgrid.iec61850.engine.tree import FC_ORDER, Group, node_view
from janusgrid.iec61850.engine.values import read, spread

from tests.iec61850.plant import plant, ref
from tests.iec61850.wires import START

BLOCK = ref("LLN0.urcbMeas01", "RP")
MEMBERS = (ref("MMXU1.TotW", "MX"), ref("MMXU1.Hz", "MX"), ref("DGEN1.DEROpSt", "ST"), ref("DGEN1.DEROpSt.q", "ST"))
LEAVES = (ref("MMXU1.TotW.mag.f", "MX"), ref("MMXU1.Hz.mag.f", "MX"), ref("DGEN1.DEROpSt.stVal", "ST"))


class World:
    """An engine, one client with an enabled block, and all that it was told."""

    def __init__(self, buffer_time: int, integrity: int) -> None:
        self.now = START
        self.engine = Engine(plant(), self.now)
        self.client = self.engine.associate("client")
        self.reports: list[Report] = []
        self.set(
            ("BufTm", buffer_time), ("IntgPd", integrity), ("TrgOps", BitString.of(1, 2, 4, 5, size=6)),
            ("RptEna", True),
        )  # fmt: skip

    def set(self, *values: tuple[str, Any]) -> None:
        settle(self.engine.call(self.client, SetRCBValues(BLOCK, values), self.now), Outcome(self.now))
        self.collect()

    def collect(self) -> None:
        for association, report in self.engine.drain():
            assert association is self.client
            assert isinstance(report, Report)
            self.reports.append(report)

    def update(self, changes: list[tuple[int, float]], bad: bool) -> None:
        found: dict[Any, Any] = {}
        for number, value in changes:
            leaf = self.engine.find(LEAVES[number])
            assert leaf is not None
            found.update(spread(leaf, int(value) if number == 2 else value))
            at = LEAVES[number]
            quality = self.engine.find(ref(f"{at.node}.{at.path[0]}.q", at.fc.value if at.fc else None))
            assert quality is not None
            found[quality] = Quality.of(Quality.INVALID) if bad else Quality()
        self.engine.update(found.items(), self.now)
        self.collect()

    def advance(self, milliseconds: int) -> None:
        """Move time on, calling the engine just when it asked to be."""
        end = self.now + timedelta(milliseconds=milliseconds)
        while (due := self.engine.due()) is not None and due <= end:
            assert due >= self.now, "never in the past"
            self.now = due
            self.engine.tick(due)
            self.collect()
            assert self.engine.due() != due, "what was due is done"
        self.now = end


STEPS = st.one_of(
    st.tuples(
        st.just("update"),
        st.lists(st.tuples(st.integers(0, 2), st.sampled_from([0.0, 1.0, 2.0])), min_size=1, max_size=3),
        st.booleans(),
    ),
    st.tuples(st.just("advance"), st.integers(1, 400), st.none()),
    st.tuples(st.just("interrogate"), st.none(), st.none()),
)


@settings(max_examples=150, deadline=None)
@given(
    steps=st.lists(STEPS, max_size=25), buffer_time=st.sampled_from([0, 100, 250]), integrity=st.sampled_from([0, 300])
)
def test_who_listens_knows_the_present_state(steps: list[Any], buffer_time: int, integrity: int) -> None:
    world = World(buffer_time, integrity)
    known = {index: read(world.engine.tree.find(member)) for index, member in enumerate(MEMBERS)}  # type: ignore[arg-type]
    for kind, first, second in steps:
        if kind == "update":
            world.update(first, second)
        elif kind == "advance":
            world.advance(first)
        else:
            world.set(("GI", True))
    world.advance(buffer_time + 1)
    assert [report.sequence for report in world.reports] == [n % 256 for n in range(len(world.reports))]
    times = [report.time for report in world.reports]
    assert times == sorted(times, key=lambda time: time.milliseconds if time else 0)
    for report in world.reports:
        assert report.entries
        indices = [entry.index for entry in report.entries]
        assert indices == sorted(set(indices))
        reasons = {entry.reason for entry in report.entries}
        whole = Reason.GENERAL_INTERROGATION in reasons or Reason.INTEGRITY in reasons
        assert (indices == [0, 1, 2, 3] and len(reasons) == 1) if whole else Reason.NONE not in reasons
        known.update({entry.index: entry.value for entry in report.entries})
    for index, member in enumerate(MEMBERS):
        present = read(world.engine.tree.find(member))  # type: ignore[arg-type]
        assert _without_time(known[index]) == _without_time(present)


def _without_time(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_time(one) for one in value]
    return None if isinstance(value, Timestamp) else value


def test_integrity_after_a_long_sleep_is_one_report_in_step() -> None:
    world = World(0, 1000)
    world.engine.tick(START + timedelta(seconds=10, milliseconds=300))
    world.collect()
    assert len(world.reports) == 1
    assert world.engine.due() == START + timedelta(seconds=11)


def test_nothing_is_due_once_the_client_has_gone() -> None:
    world = World(100, 1000)
    world.update([(0, 5.0)], False)
    world.engine.end(world.client, world.now)
    world.engine.end(world.client, world.now)
    assert world.engine.due() is None
    world.engine.tick(START + timedelta(days=1))
    assert list(world.engine.drain()) == []


def test_the_tree_has_every_leaf_of_the_model_once() -> None:
    model = plant()
    for device in model.devices.values():
        for node in device.nodes.values():
            group = node_view(node)
            constraints = [FC(name) for name in group.children]
            assert constraints == [fc for fc in FC_ORDER if fc in constraints]
            found = [leaf for child in group.children.values() for leaf in child.leaves()]
            assert len(found) == len(set(map(id, found)))
            wanted = {id(leaf) for data in node.objects.values() for leaf in _leaves(data)}
            assert {id(leaf) for leaf in found} == wanted
            assert isinstance(group, Group)


def _leaves(data: Any) -> Any:
    for child in [*data.children.values(), *data.elements]:
        if hasattr(child, "cdc"):
            yield from _leaves(child)
        else:
            yield from child.leaves()


def test_the_engine_is_told_the_time() -> None:
    early = datetime.fromisoformat("1999-12-31T23:59:59+00:00")
    engine = Engine(plant(), early)
    stamp = engine.find(ref("MMXU1.TotW.t", "MX"))
    assert stamp is not None
    assert stamp.value == Timestamp.of(early)
