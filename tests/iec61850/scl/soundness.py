"""What holds of every model, whatever file it came from."""

from __future__ import annotations

from collections.abc import Iterator

from janusgrid.iec61850.acsi.references import Reference
from janusgrid.iec61850.acsi.types import BasicType, BitString, DataValue, EntryTime, Quality, Timestamp
from janusgrid.iec61850.model.nodes import Attribute, DataObject, Model
from janusgrid.iec61850.scl import CODES, Diagnostic, describe
from janusgrid.iec61850.scl.values import INTEGERS, OCTETS, STRINGS

_CLASSES: dict[BasicType, type | tuple[type, ...]] = {
    **dict.fromkeys(INTEGERS, int),
    **dict.fromkeys(STRINGS, str),
    **dict.fromkeys(OCTETS, bytes),
    BasicType.BOOLEAN: bool,
    BasicType.FLOAT32: float,
    BasicType.FLOAT64: float,
    BasicType.ENUM: int,
    BasicType.DBPOS: BitString,
    BasicType.TCMD: BitString,
    BasicType.CHECK: BitString,
    BasicType.TRGOPS: BitString,
    BasicType.OPTFLDS: BitString,
    BasicType.SVOPTFLDS: BitString,
    BasicType.QUALITY: Quality,
    BasicType.TIMESTAMP: Timestamp,
    BasicType.ENTRYTIME: EntryTime,
    BasicType.PHYCOMADDR: (),
}


def leaves(model: Model) -> Iterator[tuple[Reference, Attribute]]:
    """Yield every leaf of a model with its reference."""
    for device in model.devices.values():
        for node in device.nodes.values():
            here = Reference(device.name, node.name)
            for name, data in node.objects.items():
                assert data.name == name
                yield from _of_object(data, here.child(name))


def _of_object(data: DataObject, here: Reference) -> Iterator[tuple[Reference, Attribute]]:
    assert len(data.elements) == data.count
    assert not (data.count and data.children)
    for element in data.elements:
        yield from _of_object(element, Reference(here.device, here.node, (*here.path[:-1], element.name)))
    for name, child in data.children.items():
        assert child.name == name
        if isinstance(child, DataObject):
            yield from _of_object(child, here.child(name))
        else:
            yield from _of_attribute(child, here.child(name).with_fc(child.fc))


def _of_attribute(attribute: Attribute, here: Reference) -> Iterator[tuple[Reference, Attribute]]:
    if attribute.type is not None:
        assert not attribute.children
        assert not attribute.elements
        yield here, attribute
        return
    assert attribute.value is None
    assert attribute.children
    assert len(attribute.elements) == attribute.count
    for element in attribute.elements:
        yield from _of_attribute(element, Reference(here.device, here.node, (*here.path[:-1], element.name), here.fc))
    if not attribute.count:
        for name, child in attribute.children.items():
            assert child.name == name
            assert child.fc is attribute.fc
            yield from _of_attribute(child, here.child(name))


def assert_sound(model: Model) -> None:
    """Check names, types of values, arrays, data sets and reports of a model, and that it can be described."""
    for number, (reference, attribute) in enumerate(leaves(model)):
        if number % 7 == 0:
            assert model.find(reference) is attribute
            assert len(str(reference)) > 129 or Reference.parse(str(reference)) == reference
        if attribute.count and attribute.value is not None:
            assert isinstance(attribute.value, list)
            assert len(attribute.value) == attribute.count
        for value in attribute.value if isinstance(attribute.value, list) else [attribute.value]:
            _assert_fits(value, attribute)
    for device in model.devices.values():
        for node in device.nodes.values():
            for data_set in node.data_sets.values():
                assert data_set.members
                assert all(model.find(member.with_fc(None)) is not None for member in data_set.members)
            for report in node.reports.values():
                assert report.data_set == "" or report.data_set in node.data_sets
                assert 1 <= report.max_instances <= 99
                assert 0 <= report.optional_fields < 1 << 9
    assert describe(model).startswith(f"{model.ied}/")
    assert describe(model, attributes=True).count("\n") >= describe(model).count("\n")


def _assert_fits(value: DataValue, attribute: Attribute) -> None:
    if value is None:
        return
    assert attribute.type is not None
    assert isinstance(value, _CLASSES[attribute.type])
    assert isinstance(value, bool) is (attribute.type is BasicType.BOOLEAN)
    if attribute.type in INTEGERS:
        low, high = INTEGERS[attribute.type]
        assert isinstance(value, int)
        assert low <= value <= high


def assert_told(diagnostics: tuple[Diagnostic, ...], document: bytes, file: str) -> None:
    """Check that every diagnostic is of the table, names the file, and a line that the document has."""
    lines = document.count(b"\n") + 1
    for one in diagnostics:
        code = CODES[one.code]
        assert one.severity is code.severity
        assert one.rule == code.rule
        assert one.file == file
        assert 0 <= one.line <= lines
        assert one.message
        assert len(one.message) < 1500
        assert str(one).startswith(one.where)


__all__ = ["leaves", "assert_sound", "assert_told"]
