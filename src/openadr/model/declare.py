"""How a message says, once, what it looks like on the wire.

    @part("ei:EiResponseType")
    class EiResponse:
        response_code: str = child("ei:responseCode", RESPONSE_CODE)
        response_description: str | None = child("ei:responseDescription", default=None)
        request_id: str = child("pyld:requestID")

The order of the fields is the order of the elements. The annotation gives the cardinality (`T`, `T | None`,
`Sequence[T]`) and the type; the path gives the elements, of which the one that repeats is marked `*` (any number) or
`+` (at least one). Fields that follow one another and begin with the same step share that element. From this the codec
compiles its reader and writer, and the schema is produced.

Instances are frozen. Their constructors take keywords, accept what is plainly meant (a `timedelta` for a duration, a
list for a sequence, the text of an enumeration) and raise `TypeConflict` for what is not.
"""

import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar, Union, dataclass_transform, get_args, get_origin

import attrs

from ...common.errors import TypeConflict
from .simple import BY_PYTHON, Simple

T = TypeVar("T")


@attrs.frozen
class Xml:
    """An element that is carried as it is: its text, self-contained (every prefix that it uses is declared in it)."""

    text: str


@attrs.frozen(eq=False)
class Choice:
    """One of several elements, told apart by their names when read and by the type of the value when written.

    Attributes:
        head: the abstract element that stands for the choice in the schema.
        members: paths and the type of their value: a class made by `part`, `float`, or `Xml`.
    """

    head: str
    members: Mapping[str, type]

    def accept(self, value: Any) -> Any:
        if type(value) in self.members.values():
            return value
        if type(value) is int and float in self.members.values():
            return float(value)
        known = ", ".join(sorted({member.__name__ for member in self.members.values()}))
        raise TypeConflict(f"takes one of {known}, not {value!r}")


Content = Simple | Choice | type


@attrs.frozen
class Field:
    """One field of a part, as declared.

    Attributes:
        name: of the field.
        path: the steps `prefix:local`, without marks; one step `@prefix:local` for an attribute; none for a choice.
        repeated: which step repeats; None for a single value.
        content: the type of the value, or of each value.
        optional: whether the value may be None: the first step is then absent.
        least: how many values there are at least, where one step repeats.
        fixed: the only text that the element may hold.
        filler: the element is always there; None means that it is empty.
    """

    name: str
    path: tuple[str, ...]
    repeated: int | None
    content: Content
    optional: bool
    least: int
    fixed: str | None
    filler: bool

    def accept(self, value: Any) -> Any:
        """Return the value to keep for what a caller gave; raise `TypeConflict`, naming the field."""
        if value is None and (self.optional or self.filler):
            return None
        try:
            if self.repeated is None:
                if self.fixed is not None and value != self.fixed:
                    raise TypeConflict(f"is always {self.fixed!r}, not {value!r}")
                return _accept(self.content, value)
            if isinstance(value, str | bytes) or not isinstance(value, Iterable):
                raise TypeConflict(f"takes a sequence, not {value!r}")
            kept = tuple(_accept(self.content, each) for each in value)
        except TypeConflict as error:
            raise TypeConflict(error.message, where=self.name) from None
        if len(kept) < self.least:
            raise TypeConflict(f"takes at least {self.least}", where=self.name)
        return kept


@attrs.frozen(eq=False)
class Declaration:
    """What a part looks like on the wire.

    Attributes:
        type: its type in the schema, `prefix:Name`.
        root: for a message, its element.
        fields: in the order of the wire, attributes first.
    """

    type: str
    root: str | None
    fields: tuple[Field, ...]


DECLARATIONS: dict[type, Declaration] = {}
"""Every part and its declaration."""


def child(path: str, type: Content | None = None, *, default: Any = attrs.NOTHING) -> Any:
    """Declare the element, or nested elements, that hold a field; `type` where the annotation does not say enough."""
    return _field(path, type, default)


def choice(of: Choice, *, mark: str = "", default: Any = attrs.NOTHING) -> Any:
    """Declare a field that is one of several elements; `mark` it `*` or `+` if it repeats."""
    return _field(mark, of, default)


def attribute(name: str, type: Simple | None = None, *, default: Any = attrs.NOTHING) -> Any:
    """Declare an attribute of the element itself."""
    return _field(f"@{name}", type, default)


def fixed(path: str, *, default: str) -> Any:
    """Declare an element whose text is always `default`."""
    return attrs.field(default=default, repr=False, metadata={"path": path, "type": None, "fixed": default})


def filler(path: str, *, default: None) -> Any:
    """Declare an element that has to be there and is nearly always empty; what it held, if not, is kept as `Xml`."""
    return attrs.field(default=default, repr=False, metadata={"path": path, "type": Xml, "filler": True})


@dataclass_transform(
    kw_only_default=True, frozen_default=True, field_specifiers=(child, choice, attribute, fixed, filler)
)
def part(type: str, *, root: str | None = None, kw_only: bool = True) -> Callable[[type[T]], type[T]]:
    """Make a class the Python form of the schema type `type`; `root` is its element if it is a message."""

    def make(cls: Any) -> Any:
        found: list[Field] = []

        def resolve(_: Any, fields: list[Any]) -> list[Any]:
            resolved = [(field, _resolve(field)) for field in fields]
            found.extend(field for _, field in resolved)
            return [field.evolve(converter=wire.accept) for field, wire in resolved]

        made = attrs.define(frozen=True, slots=True, kw_only=kw_only, field_transformer=resolve)(cls)
        found.sort(key=lambda field: not _is_attribute(field))
        DECLARATIONS[made] = Declaration(type, root, tuple(found))
        return made

    return make


def changed(instance: T, **fields: Any) -> T:
    """Return a copy of a part in which these fields are changed."""
    return attrs.evolve(instance, **fields)  # type: ignore[misc]  # every part is an attrs class


def _field(path: str, type: Content | None, default: Any) -> Any:
    return attrs.field(default=default, metadata={"path": path, "type": type})


def _is_attribute(field: Field) -> bool:
    return bool(field.path) and field.path[0].startswith("@")


def _resolve(field: Any) -> Field:
    """Return the wire's view of an attrs field, from its annotation and path."""
    annotation, optional = _without_none(field.type)
    marked = field.metadata["path"]
    steps = [step.strip() for step in marked.split("/")] if marked.strip("*+") else []
    repeats = [position for position, step in enumerate(steps) if step[-1] in "*+"]
    many = get_origin(annotation) is Sequence
    if many:
        (annotation,) = get_args(annotation)
        annotation, _ = _without_none(annotation)
    if many != bool(repeats or (not steps and marked)):
        raise TypeError(f"{field.name}: a Sequence goes with one step marked * or +")
    return Field(
        name=field.name,
        path=tuple(step.rstrip("*+") for step in steps),
        repeated=(repeats[0] if repeats else 0) if many else None,
        content=field.metadata["type"] or _content(annotation),
        optional=optional and not field.metadata.get("filler"),
        least=int("+" in marked),
        fixed=field.metadata.get("fixed"),
        filler=field.metadata.get("filler", False),
    )


def _without_none(annotation: Any) -> tuple[Any, bool]:
    if get_origin(annotation) not in (Union, types.UnionType):
        return annotation, False
    members = [member for member in get_args(annotation) if member is not types.NoneType]
    return members[0], len(members) < len(get_args(annotation))


def _content(annotation: Any) -> Content:
    """Return the content that an annotation means; of `Enumeration | str`, the enumeration."""
    if annotation in DECLARATIONS or annotation is Xml:
        return annotation  # type: ignore[no-any-return]
    return BY_PYTHON[annotation]


def _accept(content: Content, value: Any) -> Any:
    if isinstance(content, Simple | Choice):
        return content.accept(value)
    if isinstance(value, content):
        return value
    raise TypeConflict(f"takes a {content.__name__}, not {value!r}")
