"""Roles that are killed at any moment and go on from what was kept: nothing is lost, nothing applied twice."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from janusgrid.openadr.core import telemetry
from janusgrid.openadr.core.event_inbox import Change, EventChange
from janusgrid.openadr.core.outbox import Outbox
from janusgrid.openadr.core.report_offers import DataPoint, Offer, Reading
from janusgrid.openadr.core.shelf import Cabinet
from janusgrid.openadr.core.shelf import Change as Record
from janusgrid.openadr.core.telemetry import Sample
from janusgrid.openadr.core.ven import Telemetry as OfVtn
from janusgrid.openadr.core.ven import VenCore
from janusgrid.openadr.core.ven_book import Party
from janusgrid.openadr.core.vtn import OptCanceled, OptCreated, Opted, Telemetry, VtnCore
from janusgrid.openadr.events import kilowatts
from janusgrid.openadr.model import CreateOpt, Message, OptType, Poll, QueryRegistration, Report

from tests.openadr.core.test_roles import MINUTE, OFFER, T0, VEN, VTN, dispatch

FEEDER = Offer("feeder", "TELEMETRY_USAGE", (DataPoint("feeder.p", kilowatts()),))
PAST = Offer("past", "HISTORY_USAGE", (DataPoint("past.p", kilowatts()),), kept=timedelta(days=30))


def telemetry_only(ven: object, report: Report) -> tuple[timedelta, timedelta] | None:
    return (MINUTE, 2 * MINUTE) if "TELEMETRY" in str(report.report_name) else None


class Disk:
    """What a process has written, and finds again."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}

    def save(self, cabinet: Cabinet) -> None:
        for kind, key, text in cabinet.changes():
            if text is None:
                self.kept.pop((kind, key), None)
            else:
                self.kept[kind, key] = text

    def records(self) -> list[Record]:
        return [Record(kind, key, text) for (kind, key), text in self.kept.items()]


class Lives(RuleBasedStateMachine):
    """A VTN and a VEN that exchange messages, any of which may be lost, and that may be killed after any of them."""

    def __init__(self) -> None:
        super().__init__()
        count = itertools.count(1)
        self.new_id = lambda prefix: f"{prefix}{next(count)}"
        self.now = T0
        self.disks = {"vtn": Disk(), "ven": Disk()}
        self.opted: dict[str, list[tuple[int, str, str]]] = {}
        self.said: list[tuple[str, str]] = []
        self.times: list[tuple[str, datetime]] = []
        self.asked: list[datetime] = []
        self.told: set[tuple[str, int]] = set()
        self.ended: list[str] = []
        self.made: dict[str, int] = {}
        self.dying = ""
        self.start_vtn()
        self.start_ven()

    def start_vtn(self) -> None:
        self.vtn = VtnCore("VTN1", [Party("site", VEN)], choose=telemetry_only, offers=[FEEDER], new_id=self.new_id)
        assert not self.vtn.restore(self.disks["vtn"].records())

    def start_ven(self) -> None:
        self.ven = VenCore(
            "site", vtn=f"{VTN}/vtn", vtn_identity=VTN, address=f"{VEN}/ems", offers=[OFFER, PAST], new_id=self.new_id,
            choose=lambda report: (5 * MINUTE, 5 * MINUTE),
        )  # fmt: skip
        assert not self.ven.restore(self.disks["ven"].records())
        self.ven.start(self.now)
        self.keep("ven")

    def keep(self, who: str) -> None:
        core = self.vtn if who == "vtn" else self.ven
        self.disks[who].save(core.cabinet)
        if who == self.dying:  # what it has acknowledged, it has told nobody
            self.dying = ""
            (self.start_vtn if who == "vtn" else self.start_ven)()
        self.listen()

    def listen(self) -> None:
        for happening in self.vtn.happened:
            if isinstance(happening, Opted):
                identity = happening.response.qualified_event_id
                by = happening.by.request_id if happening.by else ""
                answer = (identity.modification_number, str(happening.response.opt_type), by)
                self.opted.setdefault(identity.event_id, []).append(answer)
            elif isinstance(happening, OptCreated | OptCanceled):
                self.said.append((type(happening).__name__, happening.opt.request_id))
            elif isinstance(happening, Telemetry):
                self.times += [(sample.r_id, sample.time) for sample in happening.samples]
                self.vtn.told(happening)
        self.vtn.happened.clear()
        for change in self.ven.happened:
            if isinstance(change, OfVtn):
                self.times += [(sample.r_id, sample.time) for sample in change.samples]
                self.ven.told(change)
            if isinstance(change, EventChange) and change.change in (Change.NEW, Change.MODIFIED):
                self.told.add((change.known.event_id, change.known.modification))
                self.ven.decide(change.known.event_id, OptType.OPT_IN, self.now, change.known.modification)
            elif isinstance(change, EventChange):
                self.ended.append(change.known.event_id)
                self.ven.told(change)
        self.ven.happened.clear()
        self.disks["ven"].save(self.ven.cabinet)
        self.disks["vtn"].save(self.vtn.cabinet)

    @rule(lost=st.sampled_from(["nothing", "nothing", "request", "answer"]))
    def ven_sends(self, lost: str) -> None:
        for letter in self.ven.outbox.due(self.now):
            self.disks["ven"].save(self.ven.cabinet)  # a letter leaves when all is kept that it says
            if lost == "request":
                self.ven.outbox.failed(letter, self.now)
                continue
            answer = self.vtn.receive(VEN, letter.message, self.now)
            self.keep("vtn")
            if lost == "answer":
                self.ven.outbox.failed(letter, self.now)
            else:
                self.ven.answered(letter, answer, self.now)
                self.keep("ven")

    @rule(lost=st.sampled_from(["nothing", "nothing", "request", "answer"]))
    def vtn_sends(self, lost: str) -> None:
        for letter in self.vtn.outbox.due(self.now):
            self.disks["vtn"].save(self.vtn.cabinet)
            if lost == "request":
                self.vtn.outbox.failed(letter, self.now)
                continue
            answer = self.ven.receive(VTN, letter.message, self.now)
            self.keep("ven")
            if lost == "answer":
                self.vtn.outbox.failed(letter, self.now)
            else:
                self.vtn.answered(letter, answer, self.now)
                self.keep("vtn")

    @rule(seconds=st.sampled_from([1, 30, 60, 150]))
    def later(self, seconds: int) -> None:
        """Time goes on; the VEN samples every minute that it is alive."""
        until = self.now + timedelta(seconds=seconds)
        while self.now < until:
            self.now = min(until, self.now + timedelta(seconds=30))
            wanted = self.ven.wanted(self.now)
            self.ven.sample({r_id: Reading(1.0) for r_id in wanted}, self.now)
            self.keep("ven")
            self.vtn.sample({r_id: Reading(2.0) for r_id in self.vtn.wanted(self.now)}, self.now)
            self.keep("vtn")

    @precondition(lambda self: self.ven.registered and len(self.asked) < 4 and self.vtn.vens)
    @rule()
    def ask_for_the_past(self) -> None:
        if "past" in self.vtn.ven("site").offers:
            start = T0 - timedelta(hours=len(self.asked) + 1)
            self.asked.append(start)
            wanted = telemetry.asked(self.vtn.offer("site", "past"), start=start, duration=MINUTE, now=self.now)
            self.vtn.request_report("site", wanted)
            self.keep("vtn")

    @rule()
    def recall(self) -> None:
        for asked in self.ven.recalls(self.now):
            self.ven.recall(asked, [Sample("past.p", asked.start, 1.0)], self.now)
        self.keep("ven")

    @precondition(lambda self: self.vtn.vens and len(self.made) < 4)
    @rule()
    def create(self) -> None:
        name = f"E{len(self.made)}"
        self.vtn.create_event(dispatch(start=self.now + timedelta(hours=2), event_id=name), ["site"], self.now)
        self.made[name] = 0
        self.keep("vtn")

    @precondition(lambda self: self.made)
    @rule(power=st.integers(1, 1000))
    def modify(self, power: int) -> None:
        name = min(self.made)
        before = self.vtn.events.get(name).event
        fresh = dispatch(float(power), start=before.ei_active_period.dtstart, event_id=name)
        booked = self.vtn.modify_event(fresh, self.now)
        self.made[name] = booked.event.event_descriptor.modification_number
        self.keep("vtn")

    @rule(who=st.sampled_from(["vtn", "ven"]))
    def kill_when_it_has_acknowledged(self, who: str) -> None:
        self.dying = who

    @precondition(lambda self: self.ven.registration_id and len(self.ven.opts.shelf) < 3)
    @rule(hours=st.integers(0, 3), opt=st.sampled_from(OptType))
    def opt_schedule(self, hours: int, opt: OptType) -> None:
        self.ven.opts.schedule(opt, [(T0 + timedelta(hours=hours), timedelta(hours=1))], self.now)
        self.keep("ven")

    @precondition(lambda self: len(self.ven.events) > 0)
    @rule(opt=st.sampled_from(OptType), data=st.data())
    def opt_event(self, opt: OptType, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.ven.events.shelf)))
        if len(self.ven.opts.shelf) < 3 and self.ven.registration_id:
            self.ven.opts.event(name, opt, self.now)
            self.keep("ven")

    @precondition(lambda self: self.ven.opts.shelf)
    @rule(hours=st.integers(0, 3), data=st.data())
    def revise_or_cancel(self, hours: int, data: st.DataObject) -> None:
        own = self.ven.opts.shelf[data.draw(st.sampled_from(sorted(self.ven.opts.shelf)))]
        if hours and own.message.qualified_event_id is None:
            lasts = [(T0 + timedelta(hours=hours), timedelta(minutes=30))]
            self.ven.opts.schedule(own.message.opt_type, lasts, self.now, opt_id=own.id)
        else:
            self.ven.opts.cancel(own.id)
        self.keep("ven")

    @rule()
    def kill_vtn(self) -> None:
        self.start_vtn()

    @rule()
    def kill_ven(self) -> None:
        self.start_ven()

    @invariant()
    def what_is_kept_is_what_there_is(self) -> None:
        if hasattr(self, "ven"):
            for who, core in (("vtn", self.vtn), ("ven", self.ven)):
                assert core.cabinet.contents() == self.disks[who].kept  # type: ignore[attr-defined]

    def teardown(self) -> None:
        """Let everything settle, and see that all is known on both sides, once."""
        self.dying = ""
        for _ in range(60):
            self.recall()
            self.ven_sends("nothing")
            self.vtn_sends("nothing")
            self.later(150)
        assert self.ven.registered
        ven = self.vtn.ven("site")
        assert (ven.ven_id, ven.registration_id) == (self.ven.ven_id, self.ven.registration_id)
        self.know_the_same_opts(ven.ven_id)
        for name, modification in self.made.items():
            if dispatch(event_id=name) and not self.vtn.events.get(name).event.ei_active_period.dtstart < self.now:
                assert (name, modification) in self.told
                stands = self.ven.events.get(name).stands
                assert self.vtn.events.get(name).opt(ven.ven_id) is stands
                assert stands is not None
                assert stands is OptType.OPT_IN or self.ven.events.get(name).override
        for answers in self.opted.values():
            assert all(one != another for one, another in itertools.pairwise(answers)), "an answer was applied twice"
        assert len(set(self.times)) == len(self.times), "a value was applied twice"
        assert {time for r_id, time in self.times if r_id == "past.p"} == set(self.asked), "an answer was lost"
        assert {r_id for r_id, _ in self.times} >= {"pcc.p", "feeder.p"}
        assert not self.vtn._reports.sink.untold
        assert not self.ven._reports.sink.untold
        assert len(set(self.said)) == len(self.said), "an opt was applied twice"

    def know_the_same_opts(self, ven_id: str) -> None:
        """See that the VTN knows what the VEN believes to have said, and nothing else."""
        known: dict[str, CreateOpt] = {opt.opt_id: opt for opt in self.vtn.opts(ven_id)}
        assert known == {own.id: own.message for own in self.ven.opts.shelf.values()}
        assert all(own.accepted for own in self.ven.opts.shelf.values())


TestLives = Lives.TestCase
TestLives.settings = settings(max_examples=40, stateful_step_count=40)


def test_what_cannot_be_understood_is_told_and_the_rest_goes_on() -> None:
    vtn = VtnCore("VTN1", [Party("site", VEN)])
    found = [
        ("ven", "V1", "{"),
        ("event", "E", "[]"),
        ("event answer", "A", "{}"),
        ("letter", "1", "{}"),
        ("what", "x", "y"),
        ("ven id", "site", "V7"),
    ]
    faults = vtn.restore(Record(*each) for each in found)
    assert [fault.partition(":")[0] for fault in faults] == ["ven V1", "event E", "event answer A", "letter 1"]
    assert vtn.vens == ()


def test_letters_are_kept_in_order_and_polls_are_not() -> None:
    first = Outbox()
    cabinet = Cabinet(first.shelf)
    for number in range(12):
        first.put("a", QueryRegistration(request_id=f"R{number}"))
    first.put("a", Poll(ven_id="V"))
    second = Outbox()
    Cabinet(second.shelf).fill(cabinet.changes())
    second.restore()
    sent: list[Message] = []
    while letters := second.due(T0):
        sent += [letter.message for letter in letters]
        assert second.done(letters[0])
    assert [message.request_id for message in sent] == [f"R{number}" for number in range(12)]  # type: ignore[attr-defined]
    assert not list(cabinet.changes())


def test_the_end_of_an_event_is_told_again_until_it_was_told() -> None:
    lives = Lives()
    for _ in range(12):
        lives.ven_sends("nothing")
        lives.vtn_sends("nothing")
    lives.vtn.create_event(dispatch(), ["site"], lives.now)
    lives.vtn_sends("nothing")
    lives.ven_sends("nothing")
    lives.vtn.cancel_event("E1", lives.now)
    (letter,) = lives.vtn.outbox.due(lives.now)
    lives.ven.receive(VTN, letter.message, lives.now)
    lives.disks["ven"].save(lives.ven.cabinet)  # killed before the application has heard of it
    lives.ven.happened.clear()
    lives.start_ven()
    assert lives.ended == ["E1"]
    lives.start_ven()
    assert lives.ended == ["E1"], "told once"


@pytest.mark.parametrize("lost", ["request", "answer"])
def test_an_undecided_event_is_told_again(lost: str) -> None:
    lives = Lives()
    for _ in range(12):
        lives.ven_sends("nothing")
        lives.vtn_sends("nothing")
    assert lives.ven.registered
    lives.vtn.create_event(dispatch(), ["site"], lives.now)
    (letter,) = lives.vtn.outbox.due(lives.now)
    lives.ven.receive(VTN, letter.message, lives.now)
    lives.disks["ven"].save(lives.ven.cabinet)  # killed before the application has heard of it
    lives.ven.happened.clear()
    lives.start_ven()
    assert ("E1", 0) in lives.told
