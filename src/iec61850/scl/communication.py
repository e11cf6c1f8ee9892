"""Addresses and services: how a server is reached, and what it offers (clauses 9.3.2 and 9.4)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from ipaddress import ip_address

from ...common.xml import Element
from . import codes
from .document import Document, Server, quoted


def _ip(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _selector(octets: int) -> Callable[[str], bool]:
    return lambda text: re.fullmatch(rf"(\s*[0-9A-Fa-f]{{2}}){{0,{octets}}}", text) is not None


_KINDS: dict[str, Callable[[str], bool]] = {
    "IP": _ip,
    "IPv6": _ip,
    "MMS-Port": lambda text: re.fullmatch(r"[0-9]{1,5}", text) is not None and 0 < int(text) < 65536,
    "OSI-TSEL": _selector(32),
    "OSI-SSEL": _selector(16),
    "OSI-PSEL": _selector(16),
    "OSI-AP-Title": lambda text: re.fullmatch(r"[0-2]([,.\s]+[0-9]{1,10}){1,15}", text) is not None,
    "OSI-AE-Qualifier": lambda text: re.fullmatch(r"[0-9]{1,10}", text) is not None,
}
"""Parts of an address that are used, and what holds for them."""


class Communication:
    """What the Communication section says of one server."""

    def __init__(self, document: Document, server: Server) -> None:
        self._document = document
        self._server = server
        self._points = [point for point in self._connected() if self._is_ours(point)]

    def addresses(self) -> dict[str, str]:
        """Return the address of the access point: P type to text."""
        found: dict[str, str] = {}
        for point in self._points:
            for p in self._parameters(point):
                kind, text = p.get("type", "").strip(), (p.text or "").strip()
                if kind in found and found[kind] != text:
                    message = f"{kind} of {self._server} is {found[kind]!r} already, not {text!r}: passed over"
                    self._document.log.add(codes.TWO_ADDRESSES, p, message)
                elif kind in _KINDS and text and not _KINDS[kind](text):
                    message = f"{kind} of {self._server}: {quoted(text)} is none: passed over"
                    self._document.log.add(codes.BAD_ADDRESS, p, message)
                elif kind and text:
                    found[kind] = text
        if not found:
            self._document.log.add(
                codes.NO_ADDRESS, self._server.point_element, f"{self._server} has no address in Communication"
            )
        return found

    def blocks(self) -> dict[tuple[str, str], dict[str, str]]:
        """Return the addresses of GOOSE and sampled-value control blocks, by device inst and block name."""
        found: dict[tuple[str, str], dict[str, str]] = {}
        for point in self._points:
            for block in self._document.children(point, "GSE", "SMV"):
                texts = {f"Address.{p.get('type', '')}": (p.text or "").strip() for p in self._parameters(block)}
                for time in self._document.children(block, "MinTime", "MaxTime"):
                    texts[self._document.kind(time)] = (time.text or "").strip()
                found.setdefault((block.get("ldInst", ""), block.get("cbName", "")), texts)
        return found

    def _connected(self) -> Iterator[Element]:
        for section in self._document.children(self._document.root, "Communication"):
            for network in self._document.children(section, "SubNetwork"):
                yield from self._document.children(network, "ConnectedAP")

    def _is_ours(self, point: Element) -> bool:
        return (point.get("iedName", "").strip(), point.get("apName", "").strip()) == (
            self._server.ied,
            self._server.access_point,
        )

    def _parameters(self, element: Element) -> Iterator[Element]:
        for address in self._document.children(element, "Address"):
            yield from self._document.children(address, "P")


def unknown_ieds(document: Document) -> None:
    """Note each ConnectedAP of an IED that the document does not have."""
    known = {ied.get("name", "").strip() for ied in document.children(document.root, "IED")}
    for section in document.children(document.root, "Communication"):
        for network in document.children(section, "SubNetwork"):
            for point in document.children(network, "ConnectedAP"):
                if (name := point.get("iedName", "").strip()) not in known:
                    document.log.add(
                        codes.UNKNOWN_IED, point, f"ConnectedAP names IED {name!r}, which is not in this file"
                    )


def services(document: Document, server: Server) -> dict[str, dict[str, str]]:
    """Return what Services of the IED declares, overridden by that of the access point: name to attributes, as text.

    Children of a service stand under a dotted name; the attributes of Services itself under `Services`. What a child
    says as its text stands under `text`, and where it comes several times, as sampling rates do, with blanks between.
    """
    found: dict[str, dict[str, str]] = {}
    for owner in (server.ied_element, server.point_element):
        element = document.child(owner, "Services")
        if element is None:
            continue
        if element.attrib:
            found["Services"] = _texts(element)
        for service in element.iterchildren(f"{document.prefix}*"):
            name = document.kind(service)
            found[name] = _texts(service)
            parts: dict[str, dict[str, str]] = {}
            for part in service.iterchildren(f"{document.prefix}*"):
                texts = parts.setdefault(f"{name}.{document.kind(part)}", {})
                said = " ".join([texts.get("text", ""), *(part.text or "").split()]).strip()
                texts |= _texts(part) | ({"text": said} if said else {})
            found |= parts
    return found


def _texts(element: Element) -> dict[str, str]:
    return {str(key): str(value) for key, value in element.attrib.items()}
