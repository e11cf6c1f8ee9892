"""Derive the class tables from the namespace files (NSD, IEC 61850-7-7) that the IEC publishes as code components.

::

    python -m janusgrid.iec61850.model.derive NSD_DIR [TARGET_DIR]

The tables hold the facts of the files and nothing of their texts: names, types, constraints, presence conditions and
ordinals. `classes` reads them; how a line is built is said there.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from ...common.errors import ConfigError
from ...common.resources import resource
from ...common.xml import Element, read_file

SOURCES = {
    "7-2": "IEC_61850-7-2_2007B5.nsd",
    "7-3": "IEC_61850-7-3_2007B5.nsd",
    "7-4": "IEC_61850-7-4_2007B5.nsd",
    "7-420": "IEC_61850-7-420_2019A4.nsd",
    "8-1": "IEC_61850-8-1_2003A2.nsd",
}
"""Table to namespace file, the basic namespaces first."""

_NS = "{http://www.iec.ch/61850/2016/NSD}"
_HEAD = """\
# Facts derived from the code component {file} of the IEC (see NOTICE) by janusgrid.iec61850.model.derive.
# How a line is built: janusgrid/iec61850/model/classes.py. Do not edit.
namespace {namespace}
"""


def derive(source: Path, target: Path) -> list[Path]:
    """Write one table for each namespace file in `source` to `target`, and return the tables.

    Raises `ConfigError` naming the file that is missing or that says what no table can hold.
    """
    written = []
    for name, file in SOURCES.items():
        root = read_file(source / file)
        edition = "".join(root.get(part, "") for part in ("version", "revision", "release"))
        namespace = f"{root.get('id')}:{edition}"
        text = _HEAD.format(file=file, namespace=namespace)
        for block in _blocks(root, file):
            text += "\n" + "\n".join(block) + "\n"
        path = target / f"{name}.txt"
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return written


def _blocks(root: Element, file: str) -> Iterator[list[str]]:
    """Yield the blocks of a table: lists of lines."""
    if basic := [one.get("name", "") for one in root.iter(f"{_NS}BasicType")]:
        yield ["basic", *basic]
    if constraints := [_constraint(one) for one in root.iter(f"{_NS}FunctionalConstraint")]:
        yield ["constraints", *constraints]
    if conditions := [_condition(one) for one in root.iter(f"{_NS}PresenceCondition")]:
        yield ["conditions", *conditions]
    variants: dict[str, list[str]] = {}
    for one in root.iter(f"{_NS}*"):
        kind = str(one.tag).removeprefix(_NS)
        if kind == "CDC":
            yield _cdc(one, variants, file)
        elif kind in _BLOCKS:
            yield _BLOCKS[kind](one)


def _constraint(element: Element) -> str:
    services = [one.get("name", "") for one in element.iter(f"{_NS}Service")]
    blocks = [one.get("cb", "") for one in element.iter(f"{_NS}DataSetMemberOf")]
    return " ".join([element.get("abbreviation", ""), *services, "/", *blocks]).removesuffix(" /")


def _condition(element: Element) -> str:
    argument = element.get("argument", "").replace(" ", "")
    return f"{element.get('name')}({argument})" if argument else element.get("name", "")


def _enumeration(element: Element) -> list[str]:
    base = element.get("inheritedFrom")
    lines = [f"enum {element.get('name')}" + (f" : {base}" if base else "")]
    lines += [f"{one.get('literalVal')} {one.get('name')}".strip() for one in element.iter(f"{_NS}Literal")]
    return lines


def _structure(element: Element) -> list[str]:
    name = element.get("name", "")
    if element.get("titleID", "").endswith("PhyComAddrIP"):
        name = "PhyComAddrIP"  # 8-1 has two realisations of one name
    return [f"struct {name}", *[_attribute(one) for one in element.iterchildren(f"{_NS}SubDataAttribute")]]


def _cdc(element: Element, seen: dict[str, list[str]], file: str) -> list[str]:
    """Return a common data class; of its variants for setting groups only the lines in which they differ."""
    name, variant = element.get("name", ""), element.get("variant", "SP")
    marks = [mark for mark in ("statistics", "deprecated") if element.get(mark) == "true"]
    parts = [_attribute(one) for one in element.iterchildren(f"{_NS}SubDataObject", f"{_NS}DataAttribute")]
    control = element.find(f"{_NS}ServiceParameter")
    if control is not None:
        marks.append(f"control={_type(control)}")
    if variant == "SP":
        seen[name] = parts
        return [" ".join(["cdc", name, *marks]), *parts]
    if [one.split()[0] for one in parts] != [one.split()[0] for one in seen.get(name, [])]:
        raise ConfigError(f"variant {variant} of {name} has other attributes than {name}", where=file)
    return [f"variant {name} {variant}", *[one for one, plain in zip(parts, seen[name], strict=True) if one != plain]]


def _service_cdc(element: Element) -> list[str]:
    return [f"service {element.get('cdc')}", *[_attribute(one) for one in element]]


def _ln_class(element: Element) -> list[str]:
    kind = "abstract" if element.tag == f"{_NS}AbstractLNClass" else "class"
    kind = "extension" if element.get("isExtension") == "true" else kind
    base = element.get("base")
    head = f"{kind} {element.get('name')}" + (f" : {base}" if base else "")
    return [head, *[_object(one) for one in element.iterchildren(f"{_NS}DataObject")]]


def _object(element: Element) -> str:
    """Return a data object: name, type, presence, presence in a node of derived statistics, marks."""
    underlying = element.get("underlyingType")
    parts = [
        element.get("name", ""),
        element.get("type", "") + (f"<{underlying}>" if underlying else ""),
        _presence(element, "presCond"),
        _presence(element, "dsPresCond"),
        *[mark for mark in ("transient", "deprecated") if element.get(mark) == "true"],
    ]
    return " ".join(parts)


def _attribute(element: Element) -> str:
    """Return a part of a CDC or structure: name, constraint (`-` for a sub data object), type, presence, marks."""
    get = element.get
    size = f"[{get('sizeAttribute', '')}]" if get("isArray") == "true" else ""
    parts = [get("name", "")]
    if element.getparent().tag in (f"{_NS}CDC", f"{_NS}ServiceCDC"):  # type: ignore[union-attr]  # it has a parent
        parts.append(get("fc", "-"))
    parts += [_type(element) + size, _presence(element, "presCond")]
    parts += [mark for mark in ("dchg", "qchg", "dupd", "deprecated") if get(mark) == "true"]
    if get("defaultValue"):
        parts.append(f"={get('defaultValue')}")
    if get("minValue") or get("maxValue"):
        parts.append(f"{get('minValue', '')}..{get('maxValue', '')}")
    return " ".join(parts)


def _type(element: Element) -> str:
    """Return `BOOLEAN`, `<EnumKind>`, `{Structure}`; `<>` where the data object tells, `?` where the mapping does."""
    kind, name = element.get("typeKind", "BASIC"), element.get("type", "")
    under = element.get("underlyingType", "")
    if kind == "ENUMERATED":
        return f"<{name}>"
    if kind == "CONSTRUCTED":
        return f"{{{name}}}" + (f"({under})" if under else "")
    return name or "?"


def _presence(element: Element, attribute: str) -> str:
    condition = element.get(attribute, "O")
    arguments = element.get(f"{attribute}Args", "").replace(" ", "")
    return f"{condition}({arguments})" if arguments else condition


_BLOCKS: dict[str, Callable[[Element], list[str]]] = {
    "Enumeration": _enumeration,
    "ConstructedAttribute": _structure,
    "ServiceConstructedAttribute": _structure,
    "ServiceTypeRealization": _structure,
    "ServiceCDC": _service_cdc,
    "AbstractLNClass": _ln_class,
    "LNClass": _ln_class,
}


def main(arguments: list[str]) -> int:
    """Run the command; return its exit status."""
    if len(arguments) not in (1, 2):
        print("usage: python -m janusgrid.iec61850.model.derive NSD_DIR [TARGET_DIR]", file=sys.stderr)
        return 2
    target = Path(arguments[1]) if len(arguments) == 2 else resource("schemas/iec61850/classes")
    try:
        for path in derive(Path(arguments[0]), target):
            print(path)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
