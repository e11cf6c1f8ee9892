"""Type descriptions of the ACSI and of MMS.

MMS says less: an enumeration is an INTEGER of eight bits there, a CODED ENUM two bits. `from_mms` gives back the
nearest type; what it cannot know it takes from the component's name.
"""

from __future__ import annotations

from sys import intern
from weakref import WeakValueDictionary

from ...common.errors import Malformed
from ..acsi.types import Array, Basic, BasicType, Structure, TypeDescription
from ..mms import pdu

_T = BasicType
_SINGLE, _DOUBLE = pdu.FloatType(32, 8), pdu.FloatType(64, 11)

_TO_MMS: dict[BasicType, pdu.TypeDescription] = {
    _T.BOOLEAN: ("boolean", None),
    _T.INT8: ("integer", 8), _T.INT16: ("integer", 16), _T.INT24: ("integer", 24), _T.INT32: ("integer", 32),
    _T.INT64: ("integer", 64), _T.INT128: ("integer", 128), _T.ENUM: ("integer", 8),
    _T.INT8U: ("unsigned", 8), _T.INT16U: ("unsigned", 16), _T.INT24U: ("unsigned", 24), _T.INT32U: ("unsigned", 32),
    _T.FLOAT32: ("floating-point", _SINGLE), _T.FLOAT64: ("floating-point", _DOUBLE),
    _T.DBPOS: ("bit-string", 2), _T.TCMD: ("bit-string", 2), _T.CHECK: ("bit-string", -2),
    _T.QUALITY: ("bit-string", -13), _T.TRGOPS: ("bit-string", -6), _T.OPTFLDS: ("bit-string", -10),
    _T.SVOPTFLDS: ("bit-string", -5),
    _T.TIMESTAMP: ("utc-time", None), _T.ENTRYTIME: ("binary-time", True),
    _T.VISSTRING32: ("visible-string", -32), _T.VISSTRING64: ("visible-string", -64),
    _T.VISSTRING65: ("visible-string", -65), _T.VISSTRING129: ("visible-string", -129),
    _T.VISSTRING255: ("visible-string", -255), _T.OBJREF: ("visible-string", -129), _T.CURRENCY: ("visible-string", -3),
    _T.UNICODE255: ("mMSString", -255),
    _T.OCTET6: ("octet-string", -6), _T.OCTET16: ("octet-string", -16), _T.OCTET64: ("octet-string", -64),
    _T.ENTRYID: ("octet-string", 8), _T.PHYCOMADDR: ("octet-string", -64),
}  # fmt: skip

_INTEGERS = ((8, _T.INT8), (16, _T.INT16), (24, _T.INT24), (32, _T.INT32), (64, _T.INT64), (255, _T.INT128))
_UNSIGNED = ((8, _T.INT8U), (16, _T.INT16U), (24, _T.INT24U), (255, _T.INT32U))
_TEXTS = ((3, _T.CURRENCY), (32, _T.VISSTRING32), (64, _T.VISSTRING64), (65, _T.VISSTRING65), (129, _T.VISSTRING129))
_OCTETS = ((6, _T.OCTET6), (16, _T.OCTET16))
_SIMPLE: dict[str, BasicType] = {
    "boolean": _T.BOOLEAN,
    "mMSString": _T.UNICODE255,
    "utc-time": _T.TIMESTAMP,
    "binary-time": _T.ENTRYTIME,
}
_BASICS = {type_: Basic(type_) for type_ in BasicType}
_STRUCTURES: WeakValueDictionary[tuple[tuple[str, int], ...], Structure] = WeakValueDictionary()
_BITS = {2: _T.DBPOS, 5: _T.SVOPTFLDS, 6: _T.TRGOPS, 10: _T.OPTFLDS, 13: _T.QUALITY}


def to_mms(description: TypeDescription) -> pdu.TypeDescription:
    """Return the MMS type description."""
    match description:
        case Basic(type_):
            return _TO_MMS[type_]
        case Structure(components):
            parts = [pdu.StructureComponent(to_mms(part), name) for name, part in components]
            return ("structure", pdu.StructureType(parts))
        case Array(count, element):
            return ("array", pdu.ArrayType(count, to_mms(element)))


def from_mms(description: pdu.TypeDescription, name: str = "") -> TypeDescription:
    """Return the type that an MMS type description stands for; `name` is that of the component it describes."""
    match description:
        case ("structure", structure):
            named = [(c.component_name or "", c.component_type) for c in structure.components]
            return _shared(tuple((intern(part), from_mms(below, part)) for part, below in named))
        case ("array", array):
            return Array(array.number_of_elements, from_mms(array.element_type, name))
        case ("integer", bits):
            return _BASICS[_at_most(bits, _INTEGERS, _T.INT128)]
        case ("unsigned", bits):
            return _BASICS[_at_most(bits, _UNSIGNED, _T.INT32U)]
        case ("floating-point", form):
            return _BASICS[_T.FLOAT32 if form.format_width == 32 else _T.FLOAT64]
        case ("bit-string", 2) if name == "ctlVal":  # of all control values only a step command is a coded one
            return _BASICS[_T.TCMD]
        case ("bit-string", size):
            return _BASICS[_T.CHECK if size == -2 or name == "Check" else _BITS.get(abs(size), _T.OPTFLDS)]
        case ("octet-string", size):
            return _BASICS[_T.ENTRYID if size == 8 or name == "EntryID" else _at_most(abs(size), _OCTETS, _T.OCTET64)]
        case ("visible-string", size):
            return _BASICS[_at_most(abs(size), _TEXTS, _T.VISSTRING255)]
        case (kind, _) if kind in _SIMPLE:
            return _BASICS[_SIMPLE[kind]]
    raise Malformed(f"a type that IEC 61850 does not have: {description[0]}")


def _shared(components: tuple[tuple[str, TypeDescription], ...]) -> Structure:
    """Return the structure of these components: the same object as long as anybody has it. Servers are much alike."""
    key = tuple((name, id(part)) for name, part in components)  # parts are shared too, and live as long as the whole
    found = _STRUCTURES.get(key)
    if found is None:
        found = _STRUCTURES[key] = Structure(components)
    return found


def _at_most(size: int, choices: tuple[tuple[int, BasicType], ...], otherwise: BasicType) -> BasicType:
    return next((type_ for limit, type_ in choices if size <= limit), otherwise)
