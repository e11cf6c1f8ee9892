"""Elements of arrays, ranges of them and components of elements: read, written, in data sets and reports, every way."""

from __future__ import annotations

import pytest
from janusgrid.common.errors import TypeConflict, UnknownName
from janusgrid.iec61850.acsi.errors import ServiceError
from janusgrid.iec61850.acsi.references import BadReference, Reference
from janusgrid.iec61850.acsi.services import (
    CreateDataSet,
    GetDataDefinition,
    GetDataSetDirectory,
    GetDataSetValues,
    GetDataValues,
    Report,
    SetDataSetValues,
    SetDataValues,
    SetRCBValues,
)
from janusgrid.iec61850.acsi.types import Array, Basic, BasicType, BitString, DataValue, Structure, TypeDescription
from janusgrid.iec61850.client import Ied
from janusgrid.iec61850.engine import Change

from tests.iec61850.plant import ref
from tests.iec61850.wires import Rig, until

pytestmark = pytest.mark.asyncio(loop_scope="session")

E = ServiceError
RAW, CURVE = "DG750DER/MMXU1.HaV.raw", "DG750DER/DGEN1.Curve"
FLOAT = Basic(BasicType.FLOAT32)


def magnitude(value: float) -> DataValue:
    return [[value]]


@pytest.fixture
def harmonics(rig: Rig) -> Rig:
    rig.server.update_many({f"DG750DER/MMXU1.HaV.Har({n}).cVal.mag.f": n + 0.5 for n in range(4)})
    return rig


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("MMXU1.HaV.Har(3).cVal.mag.f[MX]", 3.5, FLOAT),
        ("MMXU1.HaV.Har(2).cVal[MX]", [[2.5]], Structure((("mag", Structure((("f", FLOAT),))),))),
        ("MMXU1.HaV.Har(1-2).cVal.mag.f[MX]", [1.5, 2.5], Array(2, FLOAT)),
        ("MMXU1.HaV.Har(0-3).cVal.mag[MX]", [[0.5], [1.5], [2.5], [3.5]], Array(4, Structure((("f", FLOAT),)))),
        ("MMXU1.HaV.Har(3-3).cVal.mag.f[MX]", [3.5], Array(1, FLOAT)),
        ("MMXU1.HaV.raw(2)[MX]", 3, Basic(BasicType.INT16)),
        ("MMXU1.HaV.raw(0-1)[MX]", [1, 2], Array(2, Basic(BasicType.INT16))),
        ("DGEN1.Curve.crvPts(1).yVal[SP]", 20.0, FLOAT),
        ("DGEN1.Curve.crvPts(1-2).yVal[SP]", [20.0, 30.0], Array(2, FLOAT)),
    ],
)
async def test_read_with_their_types(harmonics: Rig, name: str, value: DataValue, kind: TypeDescription) -> None:
    association = await harmonics.associate()
    assert await association.call(GetDataValues((ref(name),))) == (value,)
    assert await association.call(GetDataDefinition(ref(name))) == kind


@pytest.mark.parametrize(
    "name",
    [
        "MMXU1.HaV.raw(3)[MX]", "MMXU1.HaV.raw(1-3)[MX]", "MMXU1.HaV.Har(4)[MX]", "MMXU1.HaV.Har(0-4)[MX]",
        "MMXU1.HaV.Har(0).nothing[MX]", "MMXU1.HaV.Har(0-1).nothing[MX]", "MMXU1.TotW(0)[MX]", "MMXU1.TotW(0-1)[MX]",
        "MMXU1.HaV.raw(999999999)[MX]", "MMXU1.HaV.raw(0).x[MX]",
    ],
)  # fmt: skip
async def test_what_is_not_there(rig: Rig, name: str) -> None:
    association = await rig.associate()
    assert await association.call(GetDataValues((ref(name),))) == (E.INSTANCE_NOT_AVAILABLE,)
    (error,) = await association.call(SetDataValues(((ref(name), 0),)))
    assert error is E.INSTANCE_NOT_AVAILABLE


@pytest.mark.parametrize(
    "text", ["A/B.c(2-1)", "A/B.c(-1)", "A/B.c(1-)", "A/B.c(1-2-3)", "A/B.c()", "A/B.c(1234567890)"]
)
async def test_what_is_no_reference(text: str) -> None:
    with pytest.raises(BadReference):
        Reference.parse(text)


@pytest.mark.parametrize(
    ("name", "value", "points", "numbers"),
    [
        ("Curve.crvPts(1).yVal", -1.0, [[1.0, 10.0], [2.0, -1.0], [3.0, 30.0]], [1, 2, 3]),
        ("Curve.crvPts(2)", [9.0, 8.0], [[1.0, 10.0], [2.0, 20.0], [9.0, 8.0]], [1, 2, 3]),
        ("Curve.crvPts(0-1).xVal", [5.0, 6.0], [[5.0, 10.0], [6.0, 20.0], [3.0, 30.0]], [1, 2, 3]),
        ("Curve.crvPts(1-2)", [[0.0, 0.0], [1.0, 1.0]], [[1.0, 10.0], [0.0, 0.0], [1.0, 1.0]], [1, 2, 3]),
        ("Curve.numbers(0)", 7, [[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]], [7, 2, 3]),
        ("Curve.numbers(1-2)", [8, 9], [[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]], [1, 8, 9]),
    ],
)
async def test_written_and_the_rest_stays(
    rig: Rig, name: str, value: DataValue, points: DataValue, numbers: DataValue
) -> None:
    association = await rig.associate()
    target = ref(f"DGEN1.{name}", "SP")
    assert await association.call(SetDataValues(((target, value),))) == (E.NO_ERROR,)
    whole = tuple(ref(f"DGEN1.Curve.{part}", "SP") for part in ("crvPts", "numbers"))
    assert await association.call(GetDataValues((target, *whole))) == (value, points, numbers)


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("DGEN1.Curve.numbers(0)[SP]", True, E.TYPE_CONFLICT),
        ("DGEN1.Curve.numbers(0-1)[SP]", [1], E.TYPE_CONFLICT),
        ("DGEN1.Curve.numbers(0-1)[SP]", 1, E.TYPE_CONFLICT),
        ("DGEN1.Curve.numbers(0)[SP]", [1], E.TYPE_CONFLICT),
        ("DGEN1.Curve.crvPts(0-1).yVal[SP]", [1.0, True], E.TYPE_CONFLICT),
        ("MMXU1.HaV.raw(0)[MX]", 5, E.ACCESS_VIOLATION),
        ("MMXU1.HaV.Har(0).cVal.mag.f[MX]", 5.0, E.ACCESS_VIOLATION),
    ],
)
async def test_what_is_not_written(rig: Rig, name: str, value: DataValue, error: ServiceError) -> None:
    association = await rig.associate()
    before = await association.call(GetDataValues((ref("DGEN1.Curve", "SP"),)))
    assert await association.call(SetDataValues(((ref(name), value),))) == (error,)
    assert await association.call(GetDataValues((ref("DGEN1.Curve", "SP"),))) == before


async def test_the_application_sees_a_part_and_what_it_changes_meanwhile_stays(rig: Rig) -> None:
    association, seen = await rig.associate(), []

    @rig.server.on_write(f"{CURVE}.numbers")
    def look(change: Change) -> None:
        seen.append((change.reference.path[-1], change.value))
        rig.server.update(f"{CURVE}.numbers", [100, 200, 300])

    await association.call(SetDataValues(((ref("DGEN1.Curve.numbers(1)", "SP"), 7),)))
    assert seen == [("numbers", [1, 7, 3])]
    assert rig.server.read(f"{CURVE}.numbers") == [100, 7, 300]


async def test_in_data_sets(harmonics: Rig) -> None:
    association = await harmonics.associate()
    members = tuple(
        ref(name)
        for name in (
            "MMXU1.HaV.Har(1).cVal[MX]", "MMXU1.HaV.Har(0-1).cVal.mag.f[MX]", "DGEN1.Curve.numbers(2)[SP]",
            "DGEN1.Curve.crvPts(0-1).yVal[SP]",
        )
    )  # fmt: skip
    await association.call(CreateDataSet(Reference("@parts"), members))
    assert await association.call(GetDataSetDirectory(Reference("@parts"))) == members
    assert await association.call(GetDataSetValues(Reference("@parts"))) == ([[1.5]], [0.5, 1.5], 3, [10.0, 20.0])
    answers = await association.call(SetDataSetValues(Reference("@parts"), ([[0.0]], [0.0, 0.0], 30, [1.0, 2.0])))
    assert answers == (E.ACCESS_VIOLATION, E.ACCESS_VIOLATION, E.NO_ERROR, E.NO_ERROR)
    assert await association.call(GetDataSetValues(Reference("@parts"))) == ([[1.5]], [0.5, 1.5], 30, [1.0, 2.0])


async def test_in_reports_only_what_has_changed(harmonics: Rig) -> None:
    association, told = await harmonics.associate(), []
    association.on_notification(lambda one: told.append(one) if isinstance(one, Report) else None)
    names = ("HaV.raw(1)[MX]", "HaV.raw(0-1)[MX]", "HaV.Har(2).cVal.mag.f[MX]", "HaV.Har(1-2).cVal.mag[MX]")
    members = tuple(ref(f"MMXU1.{name}") for name in names)
    await association.call(CreateDataSet(ref("LLN0.parts"), members))
    values = (("DatSet", "DG750DER/LLN0.parts"), ("TrgOps", BitString.of(1, 5, size=6)))
    options = ("OptFlds", BitString.of(3, 5, size=10))
    await association.call(SetRCBValues(ref("LLN0.urcbOne", "RP"), (*values, options, ("RptEna", True))))
    for change, expected in (
        ({RAW: [9, 2, 3]}, {1: [9, 2]}),
        ({RAW: [9, 2, 4]}, None),
        ({RAW: [9, 5, 4]}, {0: 5, 1: [9, 5]}),
        ({"DG750DER/MMXU1.HaV.Har(1).cVal.mag.f": -1.0}, {3: [[-1.0], [2.5]]}),
        ({"DG750DER/MMXU1.HaV.Har(2).cVal.mag.f": -2.0}, {2: -2.0, 3: [[-1.0], [-2.0]]}),
        ({"DG750DER/MMXU1.HaV.Har(0).cVal.mag.f": -2.0}, None),
    ):
        told.clear()
        harmonics.server.update_many(change)
        if expected is None:
            await harmonics.quiet(association)
            assert told == []
        else:
            await until(lambda: bool(told))
            assert {entry.index: entry.value for entry in told[0].entries} == expected
            assert {entry.reference for entry in told[0].entries} == {members[index] for index in expected}


async def test_by_name(harmonics: Rig) -> None:
    ied = Ied(await harmonics.associate())
    assert await ied.read("DG750DER/MMXU1.HaV.Har(3).cVal.mag.f") == 3.5
    assert await ied.read("DG750DER/MMXU1.HaV.Har(2-3).cVal") == [{"mag": {"f": 2.5}}, {"mag": {"f": 3.5}}]
    assert await ied.read(f"{RAW}(1-2)") == [2, 3]
    await ied.write(f"{CURVE}.crvPts(1)", {"xVal": 4, "yVal": 5})
    await ied.write(f"{CURVE}.numbers(0-1)", [6, 7])
    found = await ied.read(CURVE)
    assert found["crvPts"][1] == {"xVal": 4.0, "yVal": 5.0}
    assert found["numbers"] == [6, 7, 3]
    for name in (f"{RAW}(3)", f"{RAW}(2-3)", "DG750DER/MMXU1.HaV.Har(4).cVal"):
        with pytest.raises(UnknownName):
            await ied.read(name)
    with pytest.raises(TypeConflict):
        await ied.write(f"{CURVE}.numbers(0-1)", 6)
