"""The classes in the hand of a caller: what is taken, what is refused, and in which words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import attrs
import pytest
from janusgrid.common.errors import LocalError, TypeConflict
from janusgrid.openadr.model import (
    CreatedEvent,
    Duration,
    EiActivePeriod,
    EiEventSignal,
    EiResponse,
    EiTarget,
    EventDescriptor,
    EventResponse,
    Interval,
    OptReason,
    OptType,
    Poll,
    PowerAttributes,
    PowerReal,
    Profile,
    QualifiedEventId,
    SchemaVersion,
    SignalName,
    SignalPayload,
    SiScaleCode,
    TransportName,
)

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)


def test_a_message_says_its_version_unless_told_otherwise() -> None:
    assert Poll(ven_id="VEN1").schema_version is SchemaVersion.PROFILE_2_0B
    assert Poll(ven_id="VEN1", schema_version=None).schema_version is None


def test_absent_is_none_and_sequences_become_tuples() -> None:
    created = CreatedEvent(ven_id="VEN1")
    assert created.event_responses is None
    assert created.ei_response == EiResponse(response_code="200", request_id="")
    assert EiTarget(ven_ids=["a", "b"]).ven_ids == ("a", "b")
    assert EiTarget().ven_ids == ()


def test_what_is_plainly_meant_is_taken() -> None:
    period = EiActivePeriod(dtstart=NOW, duration=timedelta(hours=1), notification="PT5M")  # type: ignore[arg-type]
    assert (period.duration, period.notification) == (Duration("PT1H"), Duration("PT5M"))
    answer = EventResponse(
        request_id="R",
        qualified_event_id=QualifiedEventId(event_id="E"),
        opt_type="optIn",  # type: ignore[arg-type]
    )
    assert answer.opt_type is OptType.OPT_IN
    assert SignalPayload(3).value == 3.0
    assert isinstance(SignalPayload(3).value, float)
    power = PowerAttributes(hertz=60, voltage=0.5, ac=True)  # type: ignore[arg-type]
    assert (power.hertz, power.voltage) == (Decimal(60), Decimal("0.5"))


def test_times_are_kept_in_utc_and_need_a_zone() -> None:
    taipei = timezone(timedelta(hours=8))
    period = EiActivePeriod(dtstart=datetime(2026, 11, 21, 17, tzinfo=taipei), duration=Duration("PT1H"))
    assert period.dtstart == NOW
    assert period.dtstart.tzinfo is UTC
    with pytest.raises(TypeConflict, match="dtstart: takes a datetime with a time zone"):
        EiActivePeriod(dtstart=datetime(2026, 11, 21, 9), duration=Duration("PT1H"))


def test_extensible_enumerations_take_what_begins_with_x() -> None:
    signal = {"intervals": [Interval(payloads=[SignalPayload(1.0)])], "signal_type": "level", "signal_id": "S"}
    assert EiEventSignal(signal_name="x-steam", **signal).signal_name == "x-steam"  # type: ignore[arg-type]
    assert EiEventSignal(signal_name="SIMPLE", **signal).signal_name is SignalName.SIMPLE  # type: ignore[arg-type]
    with pytest.raises(TypeConflict, match=r"signal_name: takes one of SIMPLE, simple, .* or x-…, not 'steam'"):
        EiEventSignal(signal_name="steam", **signal)  # type: ignore[arg-type]
    with pytest.raises(TypeConflict, match="begins with x-"):
        EiEventSignal(signal_name="x-", **signal)  # type: ignore[arg-type]
    assert OptReason.X_SCHEDULE == "x-schedule"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Poll(ven_id=3), "ven_id: takes text, not 3"),
        (lambda: Poll(ven_id=None), "ven_id: takes text, not None"),
        (lambda: EiResponse(response_code="2000"), "response_code: takes three digits, not '2000'"),
        (lambda: QualifiedEventId(event_id="E", modification_number=-1), "from 0 to 4294967295, not -1"),
        (lambda: QualifiedEventId(event_id="E", modification_number=True), "takes a whole number"),
        (lambda: Interval(payloads=[]), "payloads: takes at least 1"),
        (lambda: Interval(payloads=[1.0]), "payloads: takes one of GbPayload, ReportPayload, SignalPayload, not 1.0"),
        (lambda: EiTarget(ven_ids="VEN1"), "ven_ids: takes a sequence, not 'VEN1'"),
        (lambda: SignalPayload("1"), "value: takes one of PayloadResourceStatus, float, not '1'"),
        (lambda: Profile(transports=["carrier pigeon"]), "takes one of simpleHttp, xmpp, not 'carrier pigeon'"),
        (lambda: PowerAttributes(hertz="50", voltage=1, ac=True), "hertz: takes a number, not '50'"),
        (lambda: PowerAttributes(hertz=Decimal("NaN"), voltage=1, ac=True), "takes a finite number"),
        (lambda: PowerAttributes(hertz=50, voltage=1, ac="true"), "ac: takes True or False"),
        (lambda: PowerReal(item_units="kW", power_attributes=None), "item_units: takes one of W, J/s, not 'kW'"),
        (lambda: PowerReal(power_attributes=None), "power_attributes: takes a PowerAttributes, not None"),
        (lambda: PowerReal(item_description="Watts", power_attributes=None), "is always 'RealPower', not 'Watts'"),
        (lambda: EiActivePeriod(dtstart=NOW, duration=60), "duration: a duration is a timedelta or text"),
    ],
)
def test_a_wrong_value_is_refused_where_it_is_given(make: object, words: str) -> None:
    with pytest.raises(TypeConflict) as caught:
        make()  # type: ignore[operator]
    assert words in str(caught.value)
    assert isinstance(caught.value, LocalError)


def test_messages_do_not_change_but_make_changed_copies() -> None:
    poll = Poll(ven_id="VEN1")
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        poll.ven_id = "VEN2"  # type: ignore[misc]
    assert attrs.evolve(poll, ven_id="VEN2") == Poll(ven_id="VEN2")
    assert hash(poll) == hash(Poll(ven_id="VEN1"))


def test_an_event_is_a_test_unless_it_says_false() -> None:
    def descriptor(test_event: str | None) -> EventDescriptor:
        return EventDescriptor(event_id="E", market_context="x", created_date_time=NOW, test_event=test_event)

    said = {None: False, "false": False, "False": False, "true": True, "": True, "yes": True}
    assert {text: descriptor(text).is_test for text in said} == said


def test_fixed_texts_need_not_be_given() -> None:
    unit = PowerReal(
        si_scale_code=SiScaleCode.KILO,
        power_attributes=PowerAttributes(hertz=Decimal(60), voltage=Decimal(480), ac=True),
    )
    assert (unit.item_description, unit.item_units) == ("RealPower", "W")
    assert Profile(transports=[TransportName.XMPP]).transports == (TransportName.XMPP,)
