"""The two ways in which MMS is written in XML.

A dialect says how the same values look; both are written from, and read into, the same classes. Writing follows the
dialect to the letter. Reading takes every form that any dialect or edition uses, as long as it is in the dialect's
namespace or in none.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

import attrs

from ...common.errors import UnknownName


class Defaults(Enum):
    """How a component with a default value is written."""

    OMITTED = "left out where it has its default value, else an element"
    ATTRIBUTE = "always, as an attribute of the element around it"


class Numbers(Enum):
    """How a number that has a name is written."""

    DIGITS = "as a number"
    ELEMENT = "as an empty element with its name; in an attribute, the name"


@attrs.frozen(slots=True, eq=False)
class Dialect:
    """How values look in XML.

    Attributes:
        name: as it stands in configuration, and in the name of the schema's file.
        namespace: of every element.
        source: where the form is written down; how sure it is.
        root: the element around the PDU; None where the PDU stands by itself.
        renamed: elements named unlike the component, by `Type.component`.
        item_elements: items that are a CHOICE have an element of their own around the alternative.
        defaults: how components with a default value are written.
        numbers: how numbers with a name are written.
        levels_left_out: alternatives of which only the content is written, by `Type.alternative`.
        ieee_floats: floating-point numbers are written without the octet that says the width of the exponent.
        schema_times: times in text are written as `xsd:dateTime`.
    """

    name: str
    namespace: str
    source: str
    root: str | None
    renamed: Mapping[str, str]
    item_elements: bool
    defaults: Defaults
    numbers: Numbers
    levels_left_out: frozenset[str]
    ieee_floats: bool
    schema_times: bool

    def element(self, type_name: str | None, component: str) -> str:
        """Return the name of the element for a component (local part)."""
        return self.renamed.get(f"{type_name}.{component}", component)


# A component without an identifier in the edition of 1990 takes the name of its type. The TR prints these three; the
# edition of 2018 kept them (second-hand for the first two, inferred for the third).
_SERVICES = {
    "Confirmed-RequestPDU.service": "ConfirmedServiceRequest",
    "Confirmed-ResponsePDU.service": "ConfirmedServiceResponse",
    "Unconfirmed-PDU.service": "UnconfirmedService",
}

DIALECT_80_3 = Dialect(
    name="80-3",
    namespace="http://www.iec.ch/61850/2015/SCSM_8_2",
    source="IEC TR 61850-80-3, clause 7.4, figures 9 to 11; where it shows nothing, basic XER (X.693) of ISO 9506-2",
    root="MMSpdu",
    # The short word of the edition of 1990, which has it in Read and Write only. The TR prints it in a Read request.
    renamed=_SERVICES
    | {
        "Read-Request.variableAccessSpecification": "variableAccessSpecificatn",
        "Read-Response.variableAccessSpecification": "variableAccessSpecificatn",
        "Write-Request.variableAccessSpecification": "variableAccessSpecificatn",
    },
    item_elements=False,
    defaults=Defaults.OMITTED,
    numbers=Numbers.DIGITS,
    levels_left_out=frozenset(),
    ieee_floats=False,
    schema_times=False,
)
"""IEC TR 61850-80-3, the report this project follows by default."""

DIALECT_2018 = Dialect(
    name="2018",
    namespace="http://www.iec.ch/61850/2018/SCSM_8_2",
    source="PROVISIONAL: IEC 61850-8-2:2018 as far as publicly known. Neither its text nor its schema was at hand; all "
    "of this is second-hand, from two sources or from one of them",
    root=None,  # second-hand, two sources
    renamed=_SERVICES,  # second-hand, two sources
    item_elements=True,  # second-hand, two sources
    defaults=Defaults.ATTRIBUTE,  # second-hand, two sources
    numbers=Numbers.ELEMENT,  # second-hand, two sources
    levels_left_out=frozenset({"ObjectClass.basicObjectClass"}),  # second-hand, one source
    ieee_floats=True,  # second-hand, one source
    schema_times=True,  # second-hand, one source
)
"""IEC 61850-8-2:2018, provisional. Not known at all, and therefore as in 80-3: the text of BOOLEAN and of bits."""

DIALECTS: Mapping[str, Dialect] = {dialect.name: dialect for dialect in (DIALECT_80_3, DIALECT_2018)}

ALSO_READ: Mapping[str, tuple[str, ...]] = {
    "Read-Request.variableAccessSpecification": ("variableAccessSpecificatn",),
    "Read-Response.variableAccessSpecification": ("variableAccessSpecificatn",),
    "Write-Request.variableAccessSpecification": ("variableAccessSpecificatn",),
    "Initiate-RequestPDU.initRequestDetail": ("mmsInitRequestDetail",),
    "Initiate-ResponsePDU.initResponseDetail": ("mmsInitResponseDetail",),
    "ServiceError.serviceSpecificInfo": ("serviceSpecificInformation",),
    "GetNameList-Request.objectClass": ("extendedObjectClass",),
    "ObjectClass.basicObjectClass": ("objectClass",),
    "GetVariableAccessAttributes-Response.typeDescription": ("typeSpecification",),
    "NamedAccess.access": ("accesst",),
}
"""Names of elements that other editions of ISO 9506-2 use, read in every dialect beside the component's own name."""

ALSO_AROUND: Mapping[str, tuple[str, ...]] = {"TypeDescription": ("typeDescription",)}
"""Elements that other editions have around the alternatives of a CHOICE, read in every dialect."""


def dialect_named(name: str) -> Dialect:
    """Return the dialect of this name; raise `UnknownName`, with what there is."""
    if name not in DIALECTS:
        raise UnknownName(f"there is no XER dialect {name!r} (there is: {', '.join(DIALECTS)})")
    return DIALECTS[name]
