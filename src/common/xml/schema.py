"""Schema validation, always a second step after `read`.

lxml judges on the wire; xmlschema, a hundred times slower, says why in better words and is loaded only when asked.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import attrs
from lxml import etree

from ..errors import ConfigError, Malformed
from .reader import FILES, Element, familiar, line, place, read_file
from .writer import escape_value

_XS = "{http://www.w3.org/2001/XMLSchema}"
_STEP = re.compile(r"(?:(?P<prefix>[^:\[]+):)?(?P<name>[^\[]+)(?:\[(?P<index>\d+)\])?$")
_SUBJECT = re.compile(r"^Element '[^']*'(?:, attribute '(?P<attribute>[^']*)')?: (?:\[[^\]]*\] )?")
_SHOWN = 3


@attrs.frozen(slots=True)
class Fault:
    """One way in which a document breaks its schema.

    Attributes:
        path: of the element, local names with a position where there are several, e.g. `/payload/item[2]/@id`.
        line: of the element; 0 where it was not read from text.
        reason: what is wrong.
        rule: the kind of rule broken, e.g. `ELEMENT_CONTENT`.
    """

    path: str
    line: int
    reason: str
    rule: str


class Schema:
    """An XML schema from a file, or from a directory whose files belong together.

    Includes and imports resolve to files beside the schema, never to the network: a remote location is looked up by
    its last part. Raises `ConfigError` with the file and line of what is wrong with the schema itself.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._files = _closure(path)
        for root in self._files.values():
            familiar(_vocabulary(root))
        try:
            document = etree.fromstring(_driver(path, self._files), _parser(), base_url=_base(path))
            self._schema = etree.XMLSchema(document)
        except etree.XMLSchemaParseError as error:
            last = error.error_log[0] if len(error.error_log) else None
            where = f"{Path(last.filename).name}:{last.line}" if last is not None else str(path)
            raise ConfigError(f"schema does not load: {_cut(str(error))}", where=where) from None

    def faults(self, element: Element) -> tuple[Fault, ...]:
        """Return what is wrong with the element as a document of this schema, in document order; nothing if valid."""
        with self._lock:  # the log belongs to the schema, and libxml2 runs without the interpreter's lock
            if self._schema.validate(element):
                return ()
            log: list[Any] = list(cast(Iterable[Any], self._schema.error_log))
        return tuple(_fault(element, entry) for entry in log)

    def check(self, element: Element, source: str | None = None) -> None:
        """Raise `Malformed` with the path, line and reason of the first faults if the element is not valid."""
        if faults := self.faults(element):
            more = f" (and {len(faults) - _SHOWN} more)" if len(faults) > _SHOWN else ""
            first = "; ".join(f"{fault.path}: {fault.reason}" for fault in faults[:_SHOWN])
            where = source or element.getroottree().docinfo.URL or "document"
            where = f"{where}:{faults[0].line}" if faults[0].line else where
            raise Malformed(f"against the schema: {first}{more}", where=where)

    def explain(self, element: Element) -> tuple[Fault, ...]:
        """Return the faults in the words of xmlschema; those of `faults` where xmlschema sees none. Slow."""
        faults = self.faults(element)
        if not faults:
            return ()
        explained = tuple(
            Fault(
                _path(element, error.elem) if error.elem is not None else error.path or "/",
                line(error.elem) if error.elem is not None else 0,
                _cut(error.reason or str(error)),
                type(error.validator).__name__.removeprefix("Xsd"),
            )
            for error in self._explainer.iter_errors(element)
        )
        return explained or faults

    @cached_property
    def _explainer(self) -> Any:
        import xmlschema

        source = _driver(self.path, self._files).decode()
        base = str(self.path if self.path.is_dir() else self.path.parent)
        return xmlschema.XMLSchema(source, base_url=base, allow="sandbox", defuse="always")


def _driver(path: Path, files: dict[Path, Element]) -> bytes:
    """Return the schema document to compile: the file, or for a directory one that imports every entry file."""
    if path.is_file():
        return path.read_bytes()
    used = {target for file, root in files.items() for target in _references(file, root)}
    entries: dict[str | None, Path] = {}
    for file, root in files.items():
        namespace = root.get("targetNamespace")
        if file in used:
            continue
        if namespace in entries:
            raise ConfigError(
                f"two entry schemas for namespace {namespace!r}: {entries[namespace].name} and {file.name}; "
                "name one of them, or include one in the other",
                where=str(path),
            )
        entries[namespace] = file
    imports = "".join(
        f'<xs:import {_attribute("namespace", namespace)}schemaLocation="{escape_value(file.name)}"/>'
        for namespace, file in entries.items()
    )
    return f'<xs:schema xmlns:xs="{_XS[1:-1]}">{imports}</xs:schema>'.encode()


def _closure(path: Path) -> dict[Path, Element]:
    """Read every schema file that `path` needs, checking that each reference is to a file beside it."""
    todo = [path] if path.is_file() else sorted(path.glob("*.xsd"))
    if not todo:
        raise ConfigError("no schema here: give an .xsd file or a directory of them", where=str(path))
    files: dict[Path, Element] = {}
    while todo:
        file = todo.pop()
        if file not in files:
            files[file] = _schema_file(file)
            todo += _references(file, files[file])
    return files


def _schema_file(file: Path) -> Element:
    try:
        root = read_file(file, limits=FILES)
    except Malformed as error:
        raise ConfigError(error.message, where=error.where) from None
    if root.tag != f"{_XS}schema":
        raise ConfigError(f"not an XML schema but {root.tag}", where=place(root))
    return root


def _vocabulary(root: Element) -> Iterable[str]:
    """Yield the names that documents of a schema are made of: those of elements, attributes, namespaces, prefixes."""
    yield from ("xml", "xmlns", "xsi", "type", "schemaLocation", "nil", "http://www.w3.org/2001/XMLSchema-instance")
    for prefix, namespace in root.nsmap.items():
        yield from (prefix or "", namespace)
    for declared in root.iter(f"{_XS}element", f"{_XS}attribute"):
        name = declared.get("name") or declared.get("ref")
        yield from (name or "").split(":")


def _references(file: Path, root: Element) -> Iterable[Path]:
    """Yield the files that a schema includes or imports, all beside it."""
    for reference in root.iter(f"{_XS}include", f"{_XS}import", f"{_XS}redefine"):
        location = reference.get("schemaLocation")
        if location is None:
            continue
        target = file.parent / location
        if ":" in location or location.startswith("/"):
            raise ConfigError(
                f"{location!r} is not a file beside this schema: give a relative path", where=place(reference)
            )
        if not target.is_file():
            raise ConfigError(f"the schema {location!r} that this one needs is not there", where=place(reference))
        yield target


def _parser() -> etree.XMLParser:
    return etree.XMLParser(resolve_entities=False, load_dtd=False, no_network=True, huge_tree=False)


def _base(path: Path) -> str:
    return str(path / "driver.xsd" if path.is_dir() else path)


def _attribute(name: str, value: str | None) -> str:
    return f'{name}="{escape_value(value)}" ' if value else ""


def _fault(root: Element, entry: Any) -> Fault:
    subject = _SUBJECT.match(entry.message)
    reason = _cut(entry.message[subject.end() :] if subject else entry.message)
    element = _found(root, entry.path)
    if entry.type_name == "SCHEMAV_CVC_ELT_1" and element is root:
        reason = "no document begins with this element"
    path = _path(root, element)
    if subject and subject["attribute"]:
        path += f"/@{subject['attribute'].rpartition('}')[2]}"
    return Fault(path, line(element), reason, entry.type_name.removeprefix("SCHEMAV_"))


def _found(root: Element, path: str | None) -> Element:
    """Return the element at libxml2's node path, which counts unprefixed elements as `*[n]`."""
    element = root
    for step in (path or "").strip("/").split("/")[1:]:
        match = _STEP.match(step)
        if match is None or step.startswith("@"):
            break
        every = match["name"] == "*"
        same = [
            c for c in element if every or (c.prefix == match["prefix"] and etree.QName(c).localname == match["name"])
        ]
        index = int(match["index"] or 1) - 1
        if index >= len(same):
            break
        element = same[index]
    return element


def _path(root: Element, element: Element) -> str:
    """Return the path of an element by local names, with a position among several of the same name."""
    steps: list[str] = []
    for step in (element, *element.iterancestors()):
        parent = step.getparent()
        same = [] if parent is None else [sibling for sibling in parent if sibling.tag == step.tag]
        position = f"[{same.index(step) + 1}]" if len(same) > 1 else ""
        steps.append(etree.QName(step).localname + position)
        if step is root:
            break
    return "/" + "/".join(reversed(steps))


def _cut(text: str, length: int = 300) -> str:
    text = " ".join(text.split())
    return text if len(text) <= length else f"{text[:length]}…"
