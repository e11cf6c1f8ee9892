"""libiec61850 as PyPI `pyiec61850-ng` brings it, called through ctypes in a process of its own.

The binding itself holds the interpreter during requests, so that a report or a termination which comes meanwhile stops
everything for ever, and it has no way to answer a control as a server. ctypes lets go of the interpreter.
"""

import ctypes
import sys
from pathlib import Path

from talk import No

(_FILE,) = (Path(sys.prefix) / "lib").glob("python*/site-packages/pyiec61850_ng.libs/libiec61850*")
_LIBRARY = ctypes.CDLL(str(_FILE))
P, TEXT, BOOL, FLOAT, DOUBLE = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_bool, ctypes.c_float, ctypes.c_double
INT, UINT, LONG = ctypes.c_int, ctypes.c_uint, ctypes.c_uint64
FCS = ("ST", "MX", "SP", "SV", "CF", "DC", "SG", "SE", "SR", "OR", "BL", "EX", "CO", "US", "MS", "RP", "BR", "LG", "GO")
_ENUM = ("NONE", "DATA_OBJECT", "DATA_SET", "BRCB", "URCB", "LCB", "LOG", "SGCB", "GOCB", "GSCB", "MSVCB", "USVCB")
CLASSES = {name: number - 1 for number, name in enumerate(_ENUM)}
_KEPT: list[object] = []


def call(name: str, *arguments, gives=None):
    """Call a function. Whole numbers and pointers go as they are, text as UTF-8; `gives` is the type of its result."""
    function = getattr(_LIBRARY, name)
    function.restype = gives
    return function(*map(_argument, arguments))


def _argument(value):
    if isinstance(value, str):
        return ctypes.c_char_p(value.encode())
    return ctypes.c_longlong(value) if isinstance(value, int) else value


def ask(name: str, connection, *arguments, gives=None):
    """Call a function that tells its error through its second argument; raise `No` with the number of the error."""
    error = ctypes.c_int(0)
    result = call(name, connection, ctypes.byref(error), *arguments, gives=gives)
    if error.value:
        raise No(error.value)
    return result


def callback(function, gives, *takes):
    """Return a function of ours for the library to call; it lives as long as the process."""
    made = ctypes.CFUNCTYPE(gives, *takes)(function)
    _KEPT.append(made)
    return made


def text(pointer) -> str | None:
    return ctypes.string_at(pointer).decode() if pointer else None


def listed(pointer) -> list[int]:
    """Return the pointers of a LinkedList."""
    found = []
    element = call("LinkedList_getNext", pointer, gives=P) if pointer else None
    while element:
        found.append(call("LinkedList_getData", element, gives=P))
        element = call("LinkedList_getNext", element, gives=P)
    return found


def names(pointer) -> list[str]:
    return [text(item) for item in listed(pointer)]


def value(pointer):
    """Return an MmsValue: structures and arrays as lists, octets as hexadecimal text, bit strings as 0 and 1."""
    if not pointer:
        return None
    kind = call("MmsValue_getType", pointer, gives=INT)
    if kind in (0, 1):
        size = call("MmsValue_getArraySize", pointer, gives=INT)
        return [value(call("MmsValue_getElement", pointer, at, gives=P)) for at in range(size)]
    if kind == 2:
        return call("MmsValue_getBoolean", pointer, gives=BOOL)
    if kind == 3:
        size = call("MmsValue_getBitStringSize", pointer, gives=INT)
        return "".join(str(int(call("MmsValue_getBitStringBit", pointer, at, gives=BOOL))) for at in range(size))
    if kind in (4, 5):
        return call("MmsValue_toInt64", pointer, gives=ctypes.c_int64)
    if kind == 6:
        return call("MmsValue_toDouble", pointer, gives=DOUBLE)
    if kind == 7:
        size = call("MmsValue_getOctetStringSize", pointer, gives=INT)
        return ctypes.string_at(call("MmsValue_getOctetStringBuffer", pointer, gives=P), size).hex()
    if kind in (8, 13):
        return text(call("MmsValue_toString", pointer, gives=P))
    if kind == 10:
        return call("MmsValue_getBinaryTimeAsUtcMs", pointer, gives=LONG)
    if kind == 14:
        return call("MmsValue_getUtcTimeInMs", pointer, gives=LONG)
    if kind == 15:
        return {"error": call("MmsValue_getDataAccessError", pointer, gives=INT)}
    return f"kind {kind}"


def made(kind: str, given):
    """Return a new MmsValue."""
    if kind == "bool":
        return call("MmsValue_newBoolean", int(given), gives=P)
    if kind == "int":
        return call("MmsValue_newIntegerFromInt32", given, gives=P)
    if kind == "unsigned":
        return call("MmsValue_newUnsignedFromUint32", given, gives=P)
    if kind == "float":
        return call("MmsValue_newFloat", FLOAT(given), gives=P)
    if kind == "text":
        return call("MmsValue_newVisibleString", given, gives=P)
    if kind == "octets":
        octets = bytes.fromhex(given)
        new = call("MmsValue_newOctetString", len(octets), max(8, len(octets)), gives=P)
        call("MmsValue_setOctetString", new, octets, len(octets))
        return new
    if kind == "bits":
        new = call("MmsValue_newBitString", len(given), gives=P)
        for at, bit in enumerate(given):
            call("MmsValue_setBitStringBit", new, at, int(bit))
        return new
    if kind == "structure":
        new = call("MmsValue_createEmptyStructure", len(given), gives=P)
        for at, (part, content) in enumerate(given):
            call("MmsValue_setElement", new, at, made(part, content))
        return new
    raise ValueError(kind)


def tls(ca: str, certificate: str, key: str):
    """Return a TLSConfiguration that shows a certificate and asks for one that the authority has signed."""
    made = call("TLSConfiguration_create", gives=P)
    call("TLSConfiguration_setChainValidation", made, 1)
    call("TLSConfiguration_setAllowOnlyKnownCertificates", made, 0)
    for name, *arguments in (
        ("setOwnKeyFromFile", key, None),
        ("setOwnCertificateFromFile", certificate),
        ("addCACertificateFromFile", ca),
    ):
        if not call(f"TLSConfiguration_{name}", made, *arguments, gives=BOOL):
            raise ValueError(f"{name} {arguments[0]}")
    return made
