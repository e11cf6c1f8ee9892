"""The one hardened door for XML that comes from outside, and schema validation behind it.

element = read(data)            # refuses DOCTYPE, entities, too much, too deep, before anything is built
faults = schema.faults(element) # second step: never a parser with a schema
"""

from .reader import FILES, WIRE, Element, Limits, from_element, line, place, read, read_file
from .schema import Fault, Schema
from .writer import canonical, child, data, document, escape, escape_value, root, text

__all__ = [
    "read",
    "read_file",
    "from_element",
    "place",
    "line",
    "Limits",
    "WIRE",
    "FILES",
    "Element",
    "Schema",
    "Fault",
    "text",
    "data",
    "document",
    "canonical",
    "root",
    "child",
    "escape",
    "escape_value",
]
