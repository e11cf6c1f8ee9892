"""The namespaces of OpenADR 2.0b and the prefixes by which this package knows them."""

NAMESPACES = {
    "oadr": "http://openadr.org/oadr-2.0b/2012/07",
    "ei": "http://docs.oasis-open.org/ns/energyinterop/201110",
    "pyld": "http://docs.oasis-open.org/ns/energyinterop/201110/payloads",
    "emix": "http://docs.oasis-open.org/ns/emix/2011/06",
    "power": "http://docs.oasis-open.org/ns/emix/2011/06/power",
    "scale": "http://docs.oasis-open.org/ns/emix/2011/06/siscale",
    "xcal": "urn:ietf:params:xml:ns:icalendar-2.0",
    "strm": "urn:ietf:params:xml:ns:icalendar-2.0:stream",
    "gml": "http://www.opengis.net/gml/3.2",
    "atom": "http://www.w3.org/2005/Atom",
    "espi": "http://naesb.org/espi",
    "ds": "http://www.w3.org/2000/09/xmldsig#",
    "clm": "urn:un:unece:uncefact:codelist:standard:5:ISO42173A:2010-04-07",
}
"""Prefix to namespace. The prefixes are those of the profile's own samples, save for the currency code list."""


def qualified(name: str) -> str:
    """Return `{namespace}local` for `prefix:local`."""
    prefix, _, local = name.partition(":")
    return f"{{{NAMESPACES[prefix]}}}{local}"


def prefixed(tag: str) -> str:
    """Return `prefix:local` for `{namespace}local`; a name in no known namespace comes back as it is."""
    namespace, _, local = tag[1:].partition("}")
    for prefix, known in NAMESPACES.items():
        if known == namespace:
            return f"{prefix}:{local}"
    return tag
