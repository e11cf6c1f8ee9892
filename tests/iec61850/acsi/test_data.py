"""Reading and writing data and data sets, the same on every way."""

from __future__ import annotations

import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from janusgrid.iec61850.acsi.errors import ServiceError, ServiceRefused
from janusgrid.iec61850.acsi.references import Reference
from janusgrid.iec61850.acsi.services import GetDataSetDirectory, GetDataSetValues, GetDataValues, SetDataValues
from janusgrid.iec61850.acsi.types import BasicType, BitString, DataValue, EntryTime, Quality, Timestamp
from janusgrid.iec61850.engine import Change
from janusgrid.iec61850.model.nodes import DataObject

from tests.iec61850.plant import ref
from tests.iec61850.wires import MemoryRig, Rig

pytestmark = pytest.mark.asyncio(loop_scope="session")
T = BasicType


async def test_leaf_object_and_array_element(rig: Rig) -> None:
    association = await rig.associate()
    found = await association.call(
        GetDataValues(
            (
                ref("MMXU1.TotW.mag.f", "MX"),
                ref("MMXU1.TotW", "MX"),
                ref("MMXU1.HaV.raw", "MX"),
                ref("MMXU1.HaV.raw(1)", "MX"),
                ref("MMXU1.HaV.Har(3).cVal.mag", "MX"),
                ref("LLN0.NamPlt.d", "DC"),
                ref("DGEN1.DEROpSt.stVal", "ST"),
            )
        )
    )
    stamp = Timestamp.of(rig.clock.now())
    assert found == (300.5, [[300.5], Quality(), stamp], [1, 2, 3], 2, [0.0], "Générateur", 2)


async def test_one_unknown_name_does_not_spoil_the_others(rig: Rig) -> None:
    association = await rig.associate()
    missing = ServiceError.INSTANCE_NOT_AVAILABLE
    wanted = (
        ref("MMXU1.Nothing", "MX"), ref("MMXU1.Hz.mag.f", "MX"), ref("MMXU1.TotW", "ST"), ref("NOLN1.Hz", "MX"),
        Reference.parse("NoLD/MMXU1.Hz", "MX"), ref("MMXU1.HaV.raw(3)", "MX"), ref("MMXU1.HaV.Har(4)", "MX"),
    )  # fmt: skip
    assert await association.call(GetDataValues(wanted)) == (missing, 50.0, *[missing] * 5)


async def test_many_values_at_once(rig: Rig) -> None:
    association = await rig.associate()
    wanted = (ref("MMXU1.TotW.mag.f", "MX"),) * 700
    assert await association.call(GetDataValues(wanted)) == (300.5,) * 700


async def test_write_leaf_and_structure(rig: Rig) -> None:
    association = await rig.associate()
    leaf, structure = ref("DGEN1.WMaxRtg.setMag.f", "SP"), ref("DGEN1.WMaxRtg.setMag", "SP")
    assert await association.call(SetDataValues(((leaf, 600.0),))) == (ServiceError.NO_ERROR,)
    assert await association.call(GetDataValues((structure,))) == ([600.0],)
    assert await association.call(SetDataValues(((structure, [500.0]),))) == (ServiceError.NO_ERROR,)
    assert rig.server.read("DGEN1".join(("DG750DER/", ".WMaxRtg"))) == {"f": 500.0}


@pytest.mark.parametrize(
    ("reference", "value", "error"),
    [
        (ref("DGEN1.WMaxRtg.setMag.f", "SP"), True, ServiceError.TYPE_CONFLICT),
        (ref("DGEN1.WMaxRtg.setMag.f", "SP"), 7, ServiceError.TYPE_CONFLICT),
        (ref("DGEN1.WMaxRtg.setMag.f", "SP"), "7", ServiceError.TYPE_CONFLICT),
        (ref("DGEN1.WMaxRtg.setMag.f", "SP"), 1e300, ServiceError.PARAMETER_VALUE_INAPPROPRIATE),
        (ref("DGEN1.WMaxRtg.setMag", "SP"), 7.0, ServiceError.TYPE_CONFLICT),
        (ref("DGEN1.WMaxRtg.setMag", "SP"), [7.0, 8.0], ServiceError.TYPE_CONFLICT),
        (ref("DGEN1.WMaxRtg.setMag", "SP"), [], ServiceError.TYPE_CONFLICT),
        (ref("DGEN1.Strategy.setVal", "SP"), 3, ServiceError.PARAMETER_VALUE_INAPPROPRIATE),
        (ref("DGEN1.Types.vint8", "SP"), 128, ServiceError.PARAMETER_VALUE_INAPPROPRIATE),
        (ref("DGEN1.Types.vint8u", "SP"), -1, ServiceError.PARAMETER_VALUE_INAPPROPRIATE),
        (ref("DGEN1.Types.vvisstring32", "SP"), "x" * 33, ServiceError.PARAMETER_VALUE_INAPPROPRIATE),
        (ref("DGEN1.Types.vdbpos", "SP"), BitString(1, 3), ServiceError.TYPE_CONFLICT),
        (ref("DGEN1.Types.vboolean", "SP"), 1, ServiceError.TYPE_CONFLICT),
        (ref("MMXU1.TotW.mag.f", "MX"), 7.0, ServiceError.ACCESS_VIOLATION),
        (ref("DGEN1.DEROpSt.stVal", "ST"), 1, ServiceError.ACCESS_VIOLATION),
        (ref("DWGC1.Fixed.ctlModel", "CF"), 1, ServiceError.ACCESS_VIOLATION),
        (ref("DGEN1.Nothing.setMag", "SP"), 7.0, ServiceError.INSTANCE_NOT_AVAILABLE),
        (ref("DGEN1.WMaxRtg.setMag.f", "CF"), 7.0, ServiceError.INSTANCE_NOT_AVAILABLE),
    ],
    ids=str,
)
async def test_what_cannot_be_written_is_refused(
    rig: Rig, reference: Reference, value: DataValue, error: ServiceError
) -> None:
    association = await rig.associate()
    before = await association.call(GetDataValues((reference,)))
    assert await association.call(SetDataValues(((reference, value),))) == (error,)
    assert await association.call(GetDataValues((reference,))) == before


async def test_each_write_of_many_has_its_own_answer(rig: Rig) -> None:
    association = await rig.associate()
    writes = (
        (ref("DGEN1.Types.vint8", "SP"), 5),
        (ref("DGEN1.Nothing", "SP"), 5),
        (ref("DGEN1.Types.vint16", "SP"), 6),
    )
    assert await association.call(SetDataValues(writes)) == (
        ServiceError.NO_ERROR, ServiceError.INSTANCE_NOT_AVAILABLE, ServiceError.NO_ERROR,
    )  # fmt: skip
    assert await association.call(GetDataValues((writes[0][0], writes[2][0]))) == (5, 6)


async def test_the_application_sees_a_write_before_it_is_stored_and_may_refuse(rig: Rig) -> None:
    association = await rig.associate()
    seen: list[Change] = []

    @rig.server.on_write("DG750DER/DGEN1.WMaxRtg.setMag.f")
    async def look(change: Change) -> None:
        assert rig.server.read("DG750DER/DGEN1.WMaxRtg.setMag.f") == 750.0
        seen.append(change)
        if change.value == 13.0:
            change.refuse()

    leaf, structure = ref("DGEN1.WMaxRtg.setMag.f", "SP"), ref("DGEN1.WMaxRtg.setMag", "SP")
    refused = ServiceError.ACCESS_NOT_ALLOWED_IN_CURRENT_STATE
    assert await association.call(SetDataValues(((leaf, 13.0),))) == (refused,)
    assert await association.call(SetDataValues(((structure, [13.0]),))) == (refused,)
    assert await association.call(GetDataValues((leaf,))) == (750.0,)
    assert await association.call(SetDataValues(((structure, [14.0]),))) == (ServiceError.NO_ERROR,)
    assert await association.call(GetDataValues((leaf,))) == (14.0,)
    assert [(change.reference, change.value) for change in seen] == [(leaf, 13.0), (leaf, 13.0), (leaf, 14.0)]


async def test_a_hook_that_fails_refuses(rig: Rig) -> None:
    association = await rig.associate()

    @rig.server.on_write("DG750DER/DGEN1.WMaxRtg.setMag")
    def fail(change: Change) -> None:
        raise ZeroDivisionError

    answer = await association.call(SetDataValues(((ref("DGEN1.WMaxRtg.setMag.f", "SP"), 1.0),)))
    assert answer == (ServiceError.FAILED_DUE_TO_SERVER_CONSTRAINT,)


# --- data sets -------------------------------------------------------------------------------------------------------


async def test_data_set_directory_and_values(rig: Rig) -> None:
    association = await rig.associate()
    meas = ref("LLN0.Meas")
    members = (
        ref("MMXU1.TotW", "MX"), ref("MMXU1.Hz", "MX"), ref("DGEN1.DEROpSt", "ST"), ref("DGEN1.DEROpSt.q", "ST"),
    )  # fmt: skip
    assert await association.call(GetDataSetDirectory(meas)) == members
    assert await association.call(GetDataSetValues(meas)) == await association.call(GetDataValues(members))
    single = await association.call(GetDataSetValues(ref("LLN0.Single")))
    assert single == (300.5, ServiceError.INSTANCE_NOT_AVAILABLE)


async def test_data_sets_with_parts_of_arrays(rig: Rig) -> None:
    members = (ref("MMXU1.HaV.Har(1).cVal.mag.f", "MX"), ref("MMXU1.HaV.Har(2)", "MX"))
    rig.server.model.devices["DG750DER"].nodes["LLN0"].data_sets["Single"].members = members
    association = await rig.associate()
    assert await association.call(GetDataSetDirectory(ref("LLN0.Single"))) == members
    stamp = Timestamp.of(rig.clock.now())
    values = await association.call(GetDataSetValues(ref("LLN0.Single")))
    assert values == (0.0, [[[0.0]], Quality.of(Quality.INVALID), stamp])


@pytest.mark.parametrize("service", [GetDataSetDirectory, GetDataSetValues])
@pytest.mark.parametrize("name", ["LLN0.Nothing", "NOLN1.Meas", "MMXU1.Meas"])
async def test_unknown_data_set_is_refused(rig: Rig, service: type[GetDataSetValues], name: str) -> None:
    association = await rig.associate()
    with pytest.raises(ServiceRefused) as refused:
        await association.call(service(ref(name)))
    assert refused.value.error is ServiceError.INSTANCE_NOT_AVAILABLE


# --- any value of any type -------------------------------------------------------------------------------------------


def octets(low: int, high: int) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=low, max_size=high)


def printable(size: int) -> st.SearchStrategy[str]:
    return st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=size)


def bits(size: int) -> st.SearchStrategy[BitString]:
    return st.integers(0, (1 << size) - 1).map(lambda value: BitString(value, size))


VALUES: dict[BasicType, st.SearchStrategy[DataValue]] = {
    T.BOOLEAN: st.booleans(),
    **{getattr(T, f"INT{n}"): st.integers(-(1 << n - 1), (1 << n - 1) - 1) for n in (8, 16, 24, 32, 64, 128)},
    **{getattr(T, f"INT{n}U"): st.integers(0, (1 << n) - 1) for n in (8, 16, 24, 32)},
    T.FLOAT32: st.floats(width=32, allow_nan=False),
    T.FLOAT64: st.floats(allow_nan=False),
    T.ENUM: st.integers(-128, 127),
    **{getattr(T, f"VISSTRING{n}"): printable(n) for n in (32, 64, 65, 129, 255)},
    T.OBJREF: printable(129),
    T.CURRENCY: printable(3),
    # What XML cannot carry, or would turn into something else, is for the codec's own tests.
    T.UNICODE255: st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="￾￿"), max_size=255),
    T.OCTET6: octets(0, 6), T.OCTET16: octets(0, 16), T.OCTET64: octets(0, 64), T.ENTRYID: octets(8, 8),
    T.DBPOS: bits(2), T.TCMD: bits(2), T.CHECK: bits(2), T.TRGOPS: bits(6), T.OPTFLDS: bits(10),
    T.QUALITY: st.integers(0, (1 << 13) - 1).map(Quality),
    T.TIMESTAMP: st.builds(
        Timestamp, st.integers(0, (1 << 32) - 1), st.integers(0, (1 << 24) - 1), st.booleans(), st.booleans(),
        st.booleans(), st.integers(0, 31),
    ),
    T.ENTRYTIME: st.integers(0, (86_400_000 << 16) - 1).map(EntryTime),
}  # fmt: skip


async def test_every_type_has_values() -> None:
    plant_types = Rig().server.model.find(ref("DGEN1.Types"))
    assert isinstance(plant_types, DataObject)
    assert {f"v{kind.name.lower()}" for kind in VALUES} == set(plant_types.children)


@pytest.fixture(scope="module")
def rigs() -> dict[str, Rig]:
    """One rig for each way that needs no network, used for all examples."""
    from .conftest import MEMORY

    return {"local": Rig(), **{name: MemoryRig(wire) for name, wire in MEMORY.items()}}


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
@pytest.mark.parametrize("name", ["local", "ber", "xer 80-3", "xer 2018"])
async def test_any_value_reads_back_as_it_was_written(rigs: dict[str, Rig], name: str, data: st.DataObject) -> None:
    association = await rigs[name].associate()
    written = {
        ref(f"DGEN1.Types.v{kind.name.lower()}", "SP"): data.draw(strategy, kind.name)
        for kind, strategy in VALUES.items()
    }
    answers = await association.call(SetDataValues(tuple(written.items())))
    assert set(answers) == {ServiceError.NO_ERROR}
    assert await association.call(GetDataValues(tuple(written))) == tuple(written.values())
    whole = dict(zip(rigs[name].server.model.find(ref("DGEN1.Types")).children, written.values(), strict=False))  # type: ignore[union-attr]
    structure = [written[ref(f"DGEN1.Types.{name}", "SP")] for name in whole]
    assert await association.call(GetDataValues((ref("DGEN1.Types", "SP"),))) == (structure,)
    await association.release()


async def test_not_a_number_and_infinity(rig: Rig) -> None:
    association = await rig.associate()
    leaf = ref("DGEN1.Types.vfloat32", "SP")
    for value in (math.inf, -math.inf):
        assert await association.call(SetDataValues(((leaf, value),))) == (ServiceError.NO_ERROR,)
        assert await association.call(GetDataValues((leaf,))) == (value,)
    assert await association.call(SetDataValues(((leaf, math.nan),))) == (ServiceError.NO_ERROR,)
    (found,) = await association.call(GetDataValues((leaf,)))
    assert isinstance(found, float)
    assert math.isnan(found)
