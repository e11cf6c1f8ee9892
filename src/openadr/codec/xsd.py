"""The declarations as an XML schema: one document for each namespace.

Types have the names of the profile, so that an `xsi:type` in a document means the same to both.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ..model.declare import DECLARATIONS, Choice, Content, Field, Xml
from ..model.names import NAMESPACES
from ..model.simple import ID, Simple
from . import carried
from .markup import Tag, restriction, tag
from .notation import complex_type
from .shape import Node, branches, shape

_NAMESPACES = NAMESPACES | carried.NAMESPACES
_KINDS = ("xs:element", "xs:attribute", "xs:complexType", "xs:simpleType")


def documents() -> dict[str, str]:
    """Return the text of every schema document by its file name."""
    schemas = _Schemas()
    roots = {declaration.root: part for part, declaration in DECLARATIONS.items() if declaration.root}
    for root, part in roots.items():
        schemas.declare(root, tag("element", name=_local(root), type=schemas.content(part)))
    schemas.envelope(roots)
    schemas.carried()
    return {
        f"{prefix}.xsd": _document(prefix, components.values())
        for prefix, components in schemas.components.items()
        if components
    }


class _Schemas:
    """Global components by prefix, kind and name. Declaring one twice is fine as long as it says the same."""

    def __init__(self) -> None:
        self.components: dict[str, dict[tuple[str, str], Tag]] = {prefix: {} for prefix in _NAMESPACES}
        self.known = {
            f"{prefix}:{element.partition('=')[0]}"
            for prefix, elements in carried.ELEMENTS.items()
            for element in elements.split()
        }
        self.heads = {path.partition("/")[0]: choice.head for choice in _choices() for path in choice.members}

    def declare(self, name: str, made: Tag) -> bool:
        """Add a global component; return whether the name now stands for this very one."""
        prefix, _, local = name.partition(":")
        return self.components[prefix].setdefault((made.name, local), made) == made

    def envelope(self, roots: Iterable[str]) -> None:
        """Add what messages travel in: `oadrPayload` with a signature and the signed object, which is one message."""
        messages = [tag("element", ref=root) for root in roots]
        self.declare("oadr:Id", tag("attribute", name="Id", type=ID.name))
        signed = tag("complexType", tag("choice", *messages), tag("attribute", ref="oadr:Id"))
        self.declare("oadr:oadrSignedObject", tag("element", signed, name="oadrSignedObject"))
        both = tag(
            "sequence", tag("element", ref="ds:Signature", minOccurs="0"), tag("element", ref="oadr:oadrSignedObject")
        )
        self.declare("oadr:oadrPayload", tag("element", tag("complexType", both), name="oadrPayload"))

    def carried(self) -> None:
        """Add the grammars of what is carried as it is."""
        for prefix, types in carried.TYPES.items():
            for head, model in types.items():
                made = complex_type(head, model)
                self.declare(f"{prefix}:{dict(made.attributes)['name']}", made)
        for prefix, elements in carried.ELEMENTS.items():
            for element in elements.split():
                name, _, type = element.partition("=")
                self.declare(f"{prefix}:{name}", tag("element", name=name, type=type or f"{prefix}:{name}Type"))
        for name, (base, facets) in carried.RESTRICTIONS.items():
            self.declare(name, tag("simpleType", restriction(base, facets), name=_local(name)))
        for name, type in carried.ATTRIBUTES.items():
            self.declare(name, tag("attribute", name=_local(name), type=type))

    def content(self, content: Content) -> str:
        """Declare the type of a value and return its name."""
        if isinstance(content, Simple):
            self.simple(content)
            return content.name
        assert isinstance(content, type)
        name = DECLARATIONS[content].type
        prefix = name.partition(":")[0]
        attributes = [self.attribute(field) for field in shape(content).attributes]
        sequence = self.sequence(shape(content).nodes, prefix)
        if not self.declare(name, tag("complexType", sequence, *attributes, name=_local(name))):
            raise TypeError(f"two parts of type {name} that do not look the same")
        return name

    def attribute(self, field: Field) -> Tag:
        name = field.path[0][1:]
        self.declare(name, tag("attribute", name=_local(name), type=self.content(field.content)))
        return tag("attribute", ref=name)

    def sequence(self, nodes: Sequence[Node], prefix: str) -> Tag:
        return tag("sequence", *[self.particle(node, prefix) for node in nodes])

    def particle(self, node: Node, prefix: str) -> Tag:
        """Return what stands for an element in a type of the namespace `prefix`.

        An element of another namespace has to be global; so is, where its name is free, one that only holds others.
        """
        occurs = {
            "minOccurs": None if node.low == 1 else str(node.low),
            "maxOccurs": None if node.high == 1 else "unbounded",
        }
        if isinstance(node.content, Choice):
            self.choice(node.content)
        if isinstance(node.content, Choice) or node.name in self.known:
            return tag("element", ref=node.name, **occurs)
        foreign = not node.name.startswith(f"{prefix}:")
        if foreign or (node.inner and node.box is None):
            if self.declare(node.name, self.element(node, substitutionGroup=self.heads.get(node.name))):
                return tag("element", ref=node.name, **occurs)
            if foreign:
                raise TypeError(f"two elements {node.name} that do not look the same")
        return self.element(node, **occurs)

    def element(self, node: Node, **attributes: str | None) -> Tag:
        """Return the declaration of an element."""
        name, field = _local(node.name), node.field
        if node.box is not None:
            return tag("element", name=name, type=self.box(node.box, node.inner), **attributes)
        if node.inner:
            sequence = self.sequence(node.inner, node.name.partition(":")[0])
            return tag("element", tag("complexType", sequence), name=name, **attributes)
        if node.content is Xml:
            nillable = "true" if field is not None and field.filler else None
            return tag("element", name=name, nillable=nillable, **attributes)
        assert node.content is not None
        fixed = field.fixed if field is not None else None
        return tag("element", name=name, type=self.content(node.content), fixed=fixed, **attributes)

    def box(self, box: Simple, inner: Sequence[Node]) -> str:
        sequence = self.sequence(inner, box.name.partition(":")[0])
        self.declare(box.name, tag("complexType", sequence, name=_local(box.name)))
        return box.name

    def choice(self, choice: Choice) -> None:
        """Declare the head of a choice and its members, which stand wherever the head is allowed."""
        self.declare(choice.head, tag("element", name=_local(choice.head), abstract="true"))
        field = Field("value", (), None, choice, False, 1, None, False)
        for node in branches(choice, field):
            if not self.declare(node.name, self.element(node, substitutionGroup=choice.head)):
                raise TypeError(f"{node.name} is a member of {choice.head} and something else too")

    def simple(self, simple: Simple) -> None:
        """Declare a simple type that XML Schema itself does not have."""
        if simple.name.startswith("xs:"):
            return
        local = _local(simple.name)
        texts = [("enumeration", choice.value) for choice in simple.choices or ()]
        if simple.list_of is not None:
            made = tag("simpleType", tag("list", itemType=simple.list_of), name=local)
        elif simple.extension is not None:
            self.simple(simple.extension)
            listed = tag("simpleType", restriction(simple.base or "", texts))
            made = tag("simpleType", tag("union", listed, memberTypes=simple.extension.name), name=local)
        else:
            made = tag("simpleType", restriction(simple.base or "", (*simple.facets, *texts)), name=local)
        self.declare(simple.name, made)


def _choices() -> Iterator[Choice]:
    for declaration in DECLARATIONS.values():
        for field in declaration.fields:
            if isinstance(field.content, Choice):
                yield field.content


def _local(name: str) -> str:
    return name.partition(":")[2]


def _document(prefix: str, components: Iterable[Tag]) -> str:
    """Return a schema document; its components stand in the order of their kinds and names."""
    ordered = sorted(components, key=lambda made: (_KINDS.index(made.name), dict(made.attributes)["name"]))
    used = {name.partition(":")[0] for made in ordered for name in made.names()} - {"xs"}
    if prefix == "oadr":  # the document to begin with: Green Button data is met only through a wildcard
        used = set(_NAMESPACES)
    others = sorted(used - {prefix})
    spaces = {f"xmlns:{other}": _NAMESPACES[other] for other in sorted({*used, prefix})}
    head = {
        "xmlns:xs": "http://www.w3.org/2001/XMLSchema",
        **spaces,
        "targetNamespace": _NAMESPACES[prefix],
        "elementFormDefault": "qualified",
    }
    imports = [tag("import", namespace=_NAMESPACES[other], schemaLocation=f"{other}.xsd") for other in others]
    schema = Tag("xs:schema", tuple(head.items()), (*imports, *ordered))
    note = (
        "<!-- Produced by `python -m janusgrid.openadr.codec.generate_schema`: change the declarations, not this. -->"
    )
    return "\n".join(['<?xml version="1.0" encoding="UTF-8"?>', note, *schema.lines(0), ""])
