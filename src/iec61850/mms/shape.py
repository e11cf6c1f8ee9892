"""What the two encodings have in common: the closures that follow the shape of a type.

BER and XER differ in how a primitive value is written and in what stands around it, not in how components, items and
alternatives follow each other. Encoders of both return their piece (`bytes` or `str`), which the level above joins.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any

import attrs

from .errors import MmsDecodeError, MmsEncodeError, located
from .names import field_name, field_order
from .tree import Component, Type

Encoder = Callable[[Any], Any]
"""Takes a value, returns its piece of the PDU."""


@attrs.frozen(slots=True)
class Limits:
    """How much is accepted of a peer.

    Attributes:
        size: octets of a PDU in BER. (The size of XML text is for its reader to limit.)
        depth: levels of types within themselves: structures in structures, accesses in accesses.
        elements: items of all lists together.
    """

    size: int = 1 << 20
    depth: int = 32
    elements: int = 50_000


DEFAULT_LIMITS = Limits()


@attrs.define(slots=True)
class Budget:
    """What is left of the limits while one PDU is decoded."""

    depth: int
    elements: int


def too_deep() -> MmsDecodeError:
    """Return the error of a PDU that is nested beyond the limit."""
    return MmsDecodeError("nested too deeply")


def too_many() -> MmsDecodeError:
    """Return the error of a PDU with more elements than the limit."""
    return MmsDecodeError("too many elements")


class Place(dict[Any, Any]):
    """A place in a SEQUENCE: what can stand there, by tag or element name.

    A SEQUENCE is read as by a small automaton: each component leads to the place after it, and what may be absent is
    stepped over by being in the tables of several places. So the order is checked by one look-up per component.
    """

    __slots__ = ("missing",)
    missing: str | None
    """The component that has to come here or later; None where the SEQUENCE may end."""


def first_place(sequence: Type, tables: Sequence[Mapping[Any, tuple[Any, ...]]]) -> Place:
    """Return the first place of a SEQUENCE.

    `tables` says for each component what it can look like, and how to decode that. The places then hold for each
    look: the index of the field, what `tables` says, and the place after it.
    """
    components = sequence.components
    index = {component.name: at for at, component in enumerate(field_order(sequence))}
    places = [Place() for _ in range(len(components) + 1)]
    for at, place in enumerate(places):
        place.missing = None
        for component, table, after in zip(components[at:], tables[at:], places[at + 1 :], strict=True):
            for look, how in table.items():
                place.setdefault(look, (index[component.name], *how, after))
            if component.required:
                place.missing = component.name
                break
    return places[0]


def blank(sequence: Type) -> list[Any]:
    """Return the fields of a SEQUENCE in which only what may be absent is set."""
    return [component.default for component in field_order(sequence)]


class Memo(dict[Any, Any]):
    """A function that remembers its results for small arguments; called as `memo[argument]`."""

    __slots__ = ("_function", "_small")
    CAPACITY = 2048

    def __init__(self, function: Callable[[Any], Any], small: Callable[[Any], bool]) -> None:
        super().__init__()
        self._function = function
        self._small = small

    def __missing__(self, argument: Any) -> Any:
        result = self._function(argument)
        if len(self) < self.CAPACITY and self._small(argument):
            self[argument] = result
        return result


REMEMBERED = 8192
"""Names that the codec remembers in each form, at most."""
LONGEST_REMEMBERED = 200


# --- encoders --------------------------------------------------------------------------------------------------------

_NEVER = object()


def encode_sequence(sequence: Type, encoders: Mapping[str, Encoder], empty: Any) -> Encoder:
    """Return the encoder of a SEQUENCE's content; `encoders` are those of its components."""
    fields = [field_name(component) for component in sequence.components]
    get = attrgetter(*fields) if len(fields) > 1 else _single(attrgetter(*fields))
    steps = [(c.name, *_absent(c, encoders[c.name], empty)) for c in sequence.components]

    def encode(value: Any) -> Any:
        pieces = []
        name = ""
        try:
            for (name, absent, piece), field in zip(steps, get(value), strict=True):  # noqa: B007  # used in `except`
                if field is not absent:
                    pieces.append(piece(field))
        except Exception as error:
            raise located(error, name, MmsEncodeError) from None
        return empty.join(pieces)

    return encode


def _single(get: attrgetter[Any]) -> Callable[[Any], tuple[Any]]:
    return lambda value: (get(value),)


def _absent(component: Component, encode: Encoder, empty: Any) -> tuple[Any, Encoder]:
    """Return the value that stands for absence, and the encoder of the others."""
    if component.required:
        return _NEVER, encode
    if component.default is None:
        return None, encode
    default = component.default
    return None, lambda value: empty if value == default else encode(value)


def maker(cls: Callable[..., Any], *, remember: bool) -> Callable[[list[Any]], Any]:
    """Return what makes a value of a class from its fields; one that cannot be changed is made once, if it may be."""
    if not remember:
        return lambda fields: cls(*fields)
    made: dict[tuple[Any, ...], Any] = {}

    def make(fields: list[Any]) -> Any:
        key = tuple(fields)
        try:
            value = made.get(key)
        except TypeError:  # it has a part that can be changed: an alternate access
            return cls(*fields)
        if value is None:
            value = cls(*fields)
            if len(made) < REMEMBERED and len(repr(key)) <= 2 * LONGEST_REMEMBERED:
                made[key] = value
        return value

    return make


def remembering(encode: Encoder) -> Encoder:
    """Return the encoder of values that cannot be changed: it remembers their pieces, of as many as it may."""
    pieces: dict[Any, Any] = {}

    def encode_known(value: Any) -> Any:
        try:
            piece = pieces.get(value)
        except TypeError:  # it has a part that can be changed: an alternate access
            return encode(value)
        if piece is None:
            piece = encode(value)
            if len(pieces) < REMEMBERED and len(piece) <= LONGEST_REMEMBERED:
                pieces[value] = piece
        return piece

    return encode_known


def encode_list(item: Encoder, empty: Any) -> Encoder:
    """Return the encoder of a list's content."""

    def encode(value: Any) -> Any:
        pieces: list[Any] = []
        try:
            for element in value:
                pieces.append(item(element))
        except Exception as error:
            if not isinstance(value, list | tuple):
                raise MmsEncodeError("not a list") from None
            raise located(error, f"[{len(pieces)}]", MmsEncodeError) from None
        return empty.join(pieces)

    return encode


def encode_choice(alternatives: Mapping[str, Encoder]) -> Encoder:
    """Return the encoder of a CHOICE, from those of its alternatives (which may be filled in later)."""

    def encode(value: Any) -> Any:
        try:
            name, chosen = value
            return alternatives[name](chosen)
        except Exception as error:
            raise in_alternative(error, value, alternatives) from None

    return encode


def encode_choices(alternatives: Mapping[str, Encoder], empty: Any) -> Encoder:
    """Return the encoder of a list of CHOICEs: `encode_list` of `encode_choice`, in one step for speed."""

    def encode(value: Any) -> Any:
        pieces: list[Any] = []
        try:
            for name, chosen in value:
                pieces.append(alternatives[name](chosen))
        except Exception as error:
            if not isinstance(value, list | tuple):
                raise MmsEncodeError("not a list") from None
            error = in_alternative(error, value[len(pieces)], alternatives)
            raise located(error, f"[{len(pieces)}]", MmsEncodeError) from None
        return empty.join(pieces)

    return encode


def in_alternative(error: Exception, value: Any, alternatives: Mapping[str, Encoder]) -> MmsEncodeError:
    """Return the error of a CHOICE: it is in the alternative chosen, if one was chosen at all."""
    match value:
        case (str() as name, _) if name in alternatives:
            return located(error, name, MmsEncodeError)
    names = ", ".join(list(alternatives)[:20])
    return MmsEncodeError(f"not a tuple of an alternative ({names}) and its value")
