"""What a client gets while the far server is gone: what it had last, where the value itself says that it is old."""

from __future__ import annotations

from ..mms import pdu

MOST_KEPT = 10_000
"""Values that are kept of one association."""
_QUALITY = 13
_VALIDITY, _QUESTIONABLE, _INVALID, _OLD = 0b11 << 11, 0b11 << 11, 0b01 << 11, 1 << 5
_PROCESS = frozenset({"ST", "MX"})
GONE: pdu.AccessResult = ("failure", int(pdu.DataAccessError.TEMPORARILY_UNAVAILABLE))


def old(data: pdu.Data) -> pdu.Data | None:
    """Return a value with every quality in it questionable, old data (IEC 61850-7-3, 6.2); None if it has none.

    What was invalid stays so. A bit string of 13 bits in a value of the process is a quality.
    """
    match data:
        case ("bit-string", (value, size)) if size == _QUALITY:
            validity = _INVALID if value & _VALIDITY == _INVALID else _QUESTIONABLE
            return ("bit-string", (value & ~_VALIDITY | validity | _OLD, size))
        case ("structure", parts):
            marked = [old(part) for part in parts]
            if any(part is not None for part in marked):
                return ("structure", [part if new is None else new for part, new in zip(parts, marked, strict=True)])
    return None


class Values:
    """The values of the process that one association has read, as long as it lasts."""

    def __init__(self) -> None:
        self._read: dict[str, list[pdu.AccessResult]] = {}

    def keep(self, access: pdu.VariableAccessSpecification, results: list[pdu.AccessResult]) -> None:
        """Keep what was read."""
        match access:
            case ("listOfVariable", definitions) if len(definitions) == len(results):
                for definition, result in zip(definitions, results, strict=True):
                    if _of_process(definition):
                        self._keep(repr(definition), [result])
            case ("variableListName", name):
                self._keep(repr(name), results)

    def _keep(self, key: str, results: list[pdu.AccessResult]) -> None:
        if key in self._read or len(self._read) < MOST_KEPT:
            self._read[key] = results

    def answer(self, access: pdu.VariableAccessSpecification) -> list[pdu.AccessResult] | None:
        """Return what a read gets while the far server is gone; None for a data set of which nothing is known."""
        match access:
            case ("listOfVariable", definitions):
                return [_marked(self._read.get(repr(definition), [GONE])[0]) for definition in definitions]
            case ("variableListName", name):
                kept = self._read.get(repr(name))
                return None if kept is None else [_marked(result) for result in kept]


def _of_process(definition: pdu.VariableDef) -> bool:
    match definition.variable_specification:
        case ("name", ("domain-specific", name)):
            parts = name.item_id.split("$", 2)
            return len(parts) > 1 and parts[1] in _PROCESS
    return False


def _marked(result: pdu.AccessResult) -> pdu.AccessResult:
    match result:
        case ("success", data):
            new = old(data)
            return GONE if new is None else ("success", new)
    return GONE
