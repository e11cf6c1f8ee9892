"""Files that were damaged, or made to do damage: an `SclError` with file and line, or a sound model; nothing else."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from janusgrid.common.resources import resource
from janusgrid.iec61850.model.nodes import Model
from janusgrid.iec61850.scl import SclError, Severity, check, read
from lxml import etree

from .soundness import assert_sound, assert_told
from .texts import BASE, changed, line_of

MUTANTS = 2000
SEED = 61850


def judged(document: bytes) -> bool:
    """Check a document and return whether it gives a model; whatever comes out must be sound and told."""
    models, diagnostics = check(document, name="bad.scd")
    assert_told(diagnostics, document, "bad.scd")
    for model in models:
        assert_sound(model)
    assert models or any(one.severity is Severity.FATAL for one in diagnostics)
    outcome = read_or_error(document)
    if isinstance(outcome, Model):
        assert_sound(outcome)
    else:
        assert outcome.where is not None
        assert outcome.where.startswith("bad.scd")
        assert outcome.diagnostics
    return bool(models)


def read_or_error(document: bytes, access_point: str | None = None) -> Model | SclError:
    """Return the model of a document, or the one error with which it may be refused."""
    try:
        return read(document, name="bad.scd", access_point=access_point).model
    except SclError as error:
        return error


# --- documents that no parser should open ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "where", "words"),
    [
        (b"", "x:1", "not well-formed"),
        (b"\xff\xfe\x00", "x", "not utf-16"),
        (b"<SCL", "x:1", "not well-formed"),
        (BASE[:-8].encode(), f"x:{BASE[:-8].count(chr(10)) + 1}", "not well-formed"),
        (b"<SCL>\n<IED>&xxe;</IED></SCL>", "x:2", "not well-formed"),
        (b'<?xml version="1.0"?>\n<!DOCTYPE S [<!ENTITY x SYSTEM "file:///etc/hosts">]><S>&x;</S>', "x:2", "DOCTYPE"),
        (b"<!DOCTYPE SCL SYSTEM 'http://example.org/evil.dtd'><SCL/>", "x:1", "DOCTYPE"),
        (b"<!--" + b" " * 5000 + b"--><!DOCTYPE a><SCL/>", "x:1", "DOCTYPE"),
        (b"<SCL>" + b"<a>" * 300 + b"</a>" * 300 + b"</SCL>", "x:1", "deeper"),
    ],
)  # fmt: skip
def test_not_read(document: bytes, where: str, words: str) -> None:
    with pytest.raises(SclError, match=words) as caught:
        read(document, name="x")
    assert caught.value.code == "SCL101"
    assert caught.value.where == where
    models, diagnostics = check(document, name="x")
    assert models == ()
    assert [one.code for one in diagnostics] == ["SCL101"]


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    for path in (tmp_path / "none.cid", tmp_path):
        with pytest.raises(SclError, match="cannot read") as caught:
            read(path)
        assert caught.value.where == str(path)
        assert [one.code for one in check(path)[1]] == ["SCL101"]


# --- templates that unfold to too much -------------------------------------------------------------------------------


def nested(levels: int, wide: int = 1) -> bytes:
    """Return a document in which each of `levels` types has `wide` parts of the next."""
    types = "".join(
        f'<DAType id="s{n}">'
        + "".join(f'<BDA name="b{k}" bType="Struct" type="s{n + 1}"/>' for k in range(wide))
        + "</DAType>"
        for n in range(levels)
    )
    last = f'<DAType id="s{levels}"><BDA name="f" bType="FLOAT32"/></DAType>'
    here = '<DA name="db"'
    return changed(
        ('<DAType id="Analogue">', f'{types}{last}<DAType id="Analogue">'),
        (here, f'<DA name="big" bType="Struct" type="s0" fc="CF"/>{here}'),
    )


def test_types_nested_too_deep_are_left_out() -> None:
    assert check(nested(12))[1][-1].code == "SCL701"
    for levels in (20, 5000):
        document = nested(levels)
        loaded = read(document, access_point="S1", name="bad.scd")
        assert "SCL207" in {one.code for one in loaded.diagnostics}
        assert "big" not in loaded.model.devices["XD"].nodes["GGIO1"].objects["AnIn1"].children
        assert_sound(loaded.model)
        with pytest.raises(SclError):
            read(document, access_point="S1", strict=True)


def test_types_that_double_at_each_level_are_refused_before_they_are_built() -> None:
    document = nested(17, wide=8)  # 8 ** 17 leaves
    with pytest.raises(SclError, match="more than 1000000 attributes") as caught:
        read(document, access_point="S1", name="x")
    assert caught.value.code == "SCL114"
    assert caught.value.where == f"x:{line_of(document, 'LN lnClass')}"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('count="5"', 'count="4294967295"'),
        ('count="4"', 'count="4294967295"'),
        ('name="numPts"><Val>3', 'name="numPts"><Val>999999999'),
        ('fc="SP"><Val>2</Val>', 'fc="SP"><Val>1234</Val>'),
    ],
)
def test_huge_arrays(old: str, new: str) -> None:
    document = changed((old, new))
    outcome = read_or_error(document, "S1")
    if "1234" in new:
        assert isinstance(outcome, Model)
        assert_sound(outcome)
    else:
        assert isinstance(outcome, SclError)
        assert outcome.code == "SCL114"


def test_a_circle_through_a_long_way_is_cut() -> None:
    end, back = b'<BDA name="f" bType="FLOAT32"/>', b'<BDA name="f" bType="Struct" type="s2"/>'
    document = nested(6).replace(end, back, 1)
    loaded = read(document, access_point="S1")
    circles = [one for one in loaded.diagnostics if one.code == "SCL206"]
    assert len(circles) == 1
    assert "s2 > s3 > s4 > s5 > s6 > s2" in circles[0].message


def test_very_many_literals_and_devices() -> None:
    many = "".join(f'<EnumVal ord="{n}">l{n}</EnumVal>' for n in range(2, 20_000))
    devices = "".join(f'<LDevice inst="N{n}"><LN0 lnClass="LLN0" inst="" lnType="LN0"/></LDevice>' for n in range(2000))
    document = changed(
        ('<EnumVal ord="5">', f'{many}<EnumVal ord="5">'), ('<LDevice inst="E"', f'{devices}<LDevice inst="E"')
    )
    loaded = read(document, access_point="S1")
    assert len(loaded.model.devices) == 2002


# --- damage at random ------------------------------------------------------------------------------------------------

JUNK = (
    "",
    "0",
    "-1",
    "1",
    "4294967296",
    "true",
    "LN0",
    "G",
    "Mode",
    "Struct",
    "Enum",
    "ds",
    "a b",
    "ß",
    "x" * 300,
    "@",
    "(1)",
)


def originals(shared: Path) -> list[bytes]:
    """Return documents to damage: our own, and small real ones."""
    names = ("libiec61850_mhai_array.cid", "libiec61850_sg_demo.cid", "otfabric_interop.icd")
    real = [(shared / "reference" / "iec61850" / "scl" / name).read_bytes() for name in names]
    return [BASE.encode(), *real, resource("mappings/sites/microgrid/PCC.cid").read_bytes()]


def damaged(root: etree._Element, chance: random.Random) -> None:
    """Drop, double, move or change one element or attribute."""
    elements = [one for one in root.iter(etree.Element) if one is not root]
    one = chance.choice(elements)
    parent = one.getparent()
    assert parent is not None
    what = chance.randrange(7)
    if what == 0:
        parent.remove(one)
    elif what == 1:
        parent.insert(chance.randrange(len(parent) + 1), etree.fromstring(etree.tostring(one)))
    elif what == 2:
        chance.choice(elements).append(etree.fromstring(etree.tostring(one)))
    elif what == 3 and one.attrib:
        del one.attrib[chance.choice(list(one.attrib))]
    elif what == 4 and one.attrib:
        one.set(chance.choice(list(one.attrib)), chance.choice(JUNK))
    elif what == 5 and one.attrib:
        other = chance.choice(elements)
        one.set(chance.choice(list(one.attrib)), chance.choice([*map(str, other.attrib.values()), "1"]))
    else:
        one.text = chance.choice(JUNK)


def mutants(documents: list[bytes], number: int) -> Iterator[bytes]:
    chance = random.Random(SEED)
    for _ in range(number):
        root = etree.fromstring(chance.choice(documents))
        for _ in range(chance.randrange(1, 6)):
            damaged(root, chance)
        yield etree.tostring(root)


def test_elements_and_attributes_damaged_at_random(shared: Path) -> None:
    models = sum(judged(document) for document in mutants(originals(shared), MUTANTS))
    assert MUTANTS // 2 < models < MUTANTS  # the damage is neither harmless nor total


def test_octets_damaged_at_random(shared: Path) -> None:
    chance = random.Random(SEED)
    documents = originals(shared)
    for _ in range(500):
        octets = bytearray(chance.choice(documents))
        for _ in range(chance.randrange(1, 4)):
            at = chance.randrange(len(octets))
            octets[at : at + chance.randrange(3)] = chance.randbytes(chance.randrange(4))
        judged(bytes(octets))


def test_cut_anywhere() -> None:
    document = BASE.encode()
    for end in range(0, len(document) - 8, 23):
        assert not judged(document[:end])
