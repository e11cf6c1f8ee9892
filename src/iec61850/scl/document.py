"""The document: its root, edition, and the servers that it describes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import attrs

from ...common.errors import ConfigError, Malformed
from ...common.xml import FILES, Element, Limits, read, read_file
from . import codes
from .diagnostics import Log
from .values import flag

NAMESPACE_URI = "http://www.iec.ch/61850/2003/SCL"

_UNSIGNED = re.compile(r"\+?[0-9]{1,10}")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_EDITION = re.compile(r"(2007)([A-C])?([0-9]{1,2})?")


@attrs.frozen(slots=True)
class Edition:
    """Version, revision and release of the language; `str` is the usual short form: 2003, 2007B, 2007B4."""

    version: int = 2003
    revision: str = ""
    release: int = 0

    def __str__(self) -> str:
        return f"{self.version}{self.revision}{self.release or ''}"


@attrs.frozen(slots=True, eq=False)
class Server:
    """A server of the document: an access point of an IED, and the Server element that it has or points to."""

    ied: str
    access_point: str
    ied_element: Element
    point_element: Element
    element: Element

    def __str__(self) -> str:
        return f"{self.ied}/{self.access_point}"


class Document:
    """An SCL document with typed access to its attributes; everything odd goes to the log."""

    def __init__(self, source: Path | str | bytes, file: str, limits: Limits = FILES) -> None:
        self.log = Log(file)
        self.root = _root(source, self.log, limits)
        namespace, _, name = str(self.root.tag).rpartition("}")
        if name != "SCL":
            raise self.log.stop(
                codes.NOT_SCL, self.root, f"the root element is {name!r}, not SCL: is this an SCL file?"
            )
        self.prefix = namespace + "}" if namespace else ""
        if namespace[1:] != NAMESPACE_URI:
            self.log.add(codes.NAMESPACE, self.root, f"the namespace should be {NAMESPACE_URI}, not {namespace[1:]!r}")
        self.edition = self._edition()

    # --- elements ----------------------------------------------------------------------------------------------------

    def children(self, element: Element, *names: str) -> Iterator[Element]:
        """Yield the children of these names, in order."""
        return element.iterchildren(*[self.prefix + name for name in names])

    def child(self, element: Element, name: str) -> Element | None:
        """Return the first child of this name, None if there is none."""
        return element.find(self.prefix + name)

    def kind(self, element: Element) -> str:
        """Return the local name of an element of the language."""
        return str(element.tag)[len(self.prefix) :]

    # --- attributes --------------------------------------------------------------------------------------------------

    def name(self, element: Element, attribute: str = "name") -> str:
        """Return an attribute that is a name; empty (and noted) if it is missing or cannot be part of a reference."""
        text = self.text(element, attribute)
        if text and not _NAME.fullmatch(text):
            self.log.add(
                codes.BAD_NAME, element, f"{quoted(text)} cannot be the name of a {self.kind(element)}: left out"
            )
            return ""
        return text

    def text(self, element: Element, attribute: str) -> str:
        """Return an attribute that must be there; empty (and noted) if it is not."""
        text = element.get(attribute, "").strip()
        if not text:
            self.log.add(codes.MISSING_ATTRIBUTE, element, f"{self.kind(element)} has no {attribute}")
        return text

    def truth(self, element: Element, attribute: str, default: bool = False) -> bool:
        """Return a boolean attribute."""
        text = element.get(attribute)
        if text is None:
            return default
        value = flag(text.strip())
        if value is None:
            self._bad(element, attribute, text, "true or false", str(default).lower())
            return default
        return value

    def number(self, element: Element, attribute: str, default: int = 0) -> int:
        """Return an unsigned 32-bit attribute."""
        text = element.get(attribute)
        if text is None:
            return default
        if not _UNSIGNED.fullmatch(text.strip()) or (value := int(text)) >= 1 << 32:
            self._bad(element, attribute, text, "a number of at most 32 bits", str(default))
            return default
        return value

    def _bad(self, element: Element, attribute: str, text: str, wanted: str, default: str) -> None:
        kind = self.kind(element)
        self.log.add(
            codes.BAD_ATTRIBUTE, element, f"{kind} {attribute}={quoted(text)} should be {wanted}; {default} holds"
        )

    def _edition(self) -> Edition:
        """Return the edition that the root declares; without any it is the first, 2003."""
        given = [self.root.get(part) or "" for part in ("version", "revision", "release")]
        match = _EDITION.fullmatch("".join(given))
        if match:
            return Edition(2007, match[2] or "", int(match[3] or 0))
        undeclared = not any(given) and "version" not in self.root.attrib
        if undeclared or given in (["2003", "", ""], ["2003", "A", ""]):
            return Edition()
        nearest = Edition() if given[0] < "2007" else Edition(2007, "C", 5)
        shown = " ".join(given).strip() or "empty"
        self.log.add(codes.VERSION, self.root, f"version, revision and release are {quoted(shown)}; read as {nearest}")
        return nearest

    # --- servers -----------------------------------------------------------------------------------------------------

    def servers(self) -> list[Server]:
        """Return every access point that has a server, or shares that of another by ServerAt."""
        found = []
        for ied_name, ied in self._named(self.children(self.root, "IED")).items():
            points = self._named(self.children(ied, "AccessPoint"))
            for name, point in points.items():
                element = self.child(point, "Server")
                shared = self.child(point, "ServerAt")
                if element is None and shared is not None:
                    other = points.get(shared.get("apName", "").strip())
                    element = self.child(other, "Server") if other is not None else None
                    if element is None:
                        where = quoted(shared.get("apName", ""))
                        self.log.add(codes.BAD_SERVER_AT, shared, f"no server at access point {where}")
                if element is not None:
                    found.append(Server(ied_name, name, ied, point, element))
        return found

    def _named(self, elements: Iterator[Element]) -> dict[str, Element]:
        """Return elements by name; the second of a name is noted and left out."""
        found: dict[str, Element] = {}
        for element in elements:
            name = element.get("name", "").strip()
            if name in found:
                message = (
                    f"{self.kind(element)} {quoted(name)} is there already, in line {found[name].sourceline}: left out"
                )
                self.log.add(codes.DUPLICATE_IED, element, message)
            else:
                found[name] = element
        return found

    def server(self, ied: str | None, access_point: str | None) -> Server:
        """Return the one server of these names; raise `SclError` listing those there are if it is not just one."""
        every = self.servers()
        if not every:
            raise self.log.stop(
                codes.NO_SERVER, self.root, "no access point of this file has a server: there is no model in it"
            )
        named = [one for one in every if ied in (None, one.ied) and access_point in (None, one.access_point)]
        listed = ", ".join(map(str, every[:20])) + (f" and {len(every) - 20} more" if len(every) > 20 else "")
        if not named:
            wanted = "/".join(part or "*" for part in (ied, access_point))
            raise self.log.stop(
                codes.UNKNOWN_SERVER, self.root, f"no server {wanted} here; there are (IED/access point) {listed}"
            )
        if len(named) > 1:
            raise self.log.stop(
                codes.WHICH_SERVER, self.root, f"several servers here: name the IED and access point, one of {listed}"
            )
        return named[0]


def _root(source: Path | str | bytes, log: Log, limits: Limits) -> Element:
    try:
        if isinstance(source, bytes):
            return read(source, limits=limits, source=log.file)
        return read_file(Path(source), limits=limits)
    except (Malformed, ConfigError) as error:
        position = (error.where or "").removeprefix(log.file).strip(":").split(":")[0]
        raise log.stop(codes.NOT_READ, int(position) if position.isdecimal() else 0, error.message) from None


def quoted(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:60] + "…")
