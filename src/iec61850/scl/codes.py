"""The table of all that can be found wrong with an SCL file, and its page in the documentation.

The clauses are those of IEC 61850-6; names in quotes are constraints of its schema (release 2007B4).
"""

from __future__ import annotations

from enum import Enum

import attrs


class Severity(Enum):
    """How much a finding matters."""

    FATAL = "fatal"
    """There can be no model."""
    ERROR = "error"
    """Against the standard: the part named is left out, or read in the way the message says."""
    WARNING = "warning"
    """Not as the standard says, but it is clear what is meant."""
    NOTE = "note"
    """Worth knowing, nothing wrong."""


@attrs.frozen(slots=True)
class Code:
    """One kind of finding."""

    id: str
    name: str
    severity: Severity
    rule: str
    meaning: str


CODES: dict[str, Code] = {}
"""Every kind of finding by its code."""


def _code(id: str, name: str, severity: Severity, rule: str, meaning: str) -> Code:
    if id in CODES:
        raise ValueError(id)
    CODES[id] = Code(id, name, severity, rule, meaning)
    return CODES[id]


_F, _E, _W, _N = Severity.FATAL, Severity.ERROR, Severity.WARNING, Severity.NOTE

# --- the document ----------------------------------------------------------------------------------------------------
NOT_READ = _code(
    "SCL101", "not-read", _F, "XML 1.0", "The file cannot be read, is not well-formed, has a DOCTYPE, or is too large."
)
NOT_SCL = _code("SCL102", "not-scl", _F, "clause 8", "The root element is not SCL.")
NAMESPACE = _code(
    "SCL103",
    "namespace",
    _E,
    "clause 8",
    "The document is not in the namespace of SCL; it is read as if it were.",
)
VERSION = _code(
    "SCL104",
    "version",
    _W,
    "clause 8",
    "version, revision and release name no known edition; the file is read as the nearest.",
)
BAD_ATTRIBUTE = _code(
    "SCL105",
    "bad-attribute",
    _E,
    "type of the attribute",
    "The text of an XML attribute is not of its type; its default holds.",
)
MISSING_ATTRIBUTE = _code(
    "SCL106", "missing-attribute", _E, "required attribute", "An element lacks an XML attribute that it must have."
)
BAD_NAME = _code(
    "SCL107",
    "bad-name",
    _E,
    "IEC 61850-7-2 clause 22",
    "A name holds characters that an object reference cannot hold; the part is left out.",
)
LONG_NAME = _code(
    "SCL108",
    "long-name",
    _W,
    "IEC 61850-7-2 clause 22",
    "A logical device has more than 64 characters, or references below a logical node more than 129.",
)

# --- which server ----------------------------------------------------------------------------------------------------
NO_SERVER = _code("SCL110", "no-server", _F, "clause 9.3", "No access point of the file has a server.")
WHICH_SERVER = _code(
    "SCL111", "which-server", _F, "clause 9.3", "The file has several servers, and none or too little was named."
)
UNKNOWN_SERVER = _code(
    "SCL112", "unknown-server", _F, "clause 9.3", "The IED or access point that was named has no server in the file."
)
NOTHING_LEFT = _code("SCL113", "nothing-left", _F, "clause 9.3.5", "No logical node of the server could be built.")
TOO_LARGE = _code(
    "SCL114", "too-large", _F, "limit of the reader", "The templates unfold to more attributes than are accepted."
)
BAD_SERVER_AT = _code(
    "SCL115", "bad-server-at", _E, "'ServerAtRef2AccessPoint'", "ServerAt names an access point that has no server."
)
DUPLICATE_IED = _code(
    "SCL116", "duplicate-ied", _E, "'IEDKey'", "Two IEDs or two access points of one have one name; the first is used."
)

# --- data type templates ---------------------------------------------------------------------------------------------
DUPLICATE_TYPE = _code(
    "SCL201", "duplicate-type", _E, "'uniqueDTT_ID'", "Two templates have one id; the first is used."
)
NO_LNODE_TYPE = _code(
    "SCL202", "no-lnode-type", _E, "'ref2LNodeTypeDomain2'", "A logical node names an LNodeType that does not exist."
)
NO_DO_TYPE = _code("SCL203", "no-do-type", _E, "'ref2DOType'", "A DO or SDO names a DOType that does not exist.")
NO_DA_TYPE = _code(
    "SCL204", "no-da-type", _E, "'ref2EnumTypeDAType'", "A DA or BDA of type Struct names a DAType that does not exist."
)
NO_ENUM_TYPE = _code(
    "SCL205",
    "no-enum-type",
    _E,
    "'ref2EnumTypeDAType'",
    "A DA or BDA of type Enum names an EnumType that does not exist; it is kept, its values only as numbers.",
)
CIRCULAR = _code(
    "SCL206", "circular", _E, "clause 9.5", "A type contains itself; the part that closes the circle is left out."
)
TOO_DEEP = _code("SCL207", "too-deep", _E, "limit of the reader", "Types are nested deeper than is accepted.")
DUPLICATE_PART = _code(
    "SCL208",
    "duplicate-part",
    _E,
    "'uniqueDAorSDOInDOType'",
    "Two parts of a type have one name; the first is used.",
)
EMPTY_TYPE = _code("SCL209", "empty-type", _E, "clause 9.5", "A type has no usable part, so what is of it is left out.")
BAD_CONSTRAINT = _code(
    "SCL210", "bad-constraint", _E, "'tFCEnum'", "A DA has no functional constraint, or one that does not exist."
)
BAD_BASIC_TYPE = _code(
    "SCL211", "bad-basic-type", _E, "'tBasicTypeEnum'", "A DA or BDA has no bType, or one that does not exist."
)
BAD_COUNT = _code(
    "SCL212",
    "bad-count",
    _E,
    "'tDACount'",
    "A count is neither a number nor the name of a sibling attribute that holds one.",
)
BAD_ENUM_VALUE = _code(
    "SCL213",
    "bad-enum-value",
    _E,
    "clause 9.5.6",
    "A literal of an EnumType has no ordinal, one that is no number, or one that is taken; it is left out.",
)
UNKNOWN_CDC = _code(
    "SCL214",
    "unknown-cdc",
    _W,
    "'tPredefinedCDCEnum'",
    "A DOType has no common data class, or one that 7-3 does not define.",
)

# --- logical devices and nodes ---------------------------------------------------------------------------------------
DUPLICATE_DEVICE = _code(
    "SCL301", "duplicate-device", _E, "'LDeviceInIEDKey'", "Two logical devices have one name; the first is used."
)
DUPLICATE_NODE = _code(
    "SCL302",
    "duplicate-node",
    _E,
    "'uniqueLNInLDevice'",
    "Two logical nodes of a device have one name; the first is used.",
)
NO_LN0 = _code("SCL303", "no-ln0", _E, "clause 9.3.5", "A logical device has no LN0.")
OTHER_CLASS = _code(
    "SCL304",
    "other-class",
    _E,
    "'LNodeTypeKey'",
    "A logical node and its LNodeType are of different classes; the node's own class is kept.",
)

# --- instance values -------------------------------------------------------------------------------------------------
NO_SUCH_PART = _code(
    "SCL401", "no-such-part", _E, "clause 9.3.6", "A DOI, SDI or DAI names what its type does not have."
)
WRONG_PART = _code(
    "SCL402",
    "wrong-part",
    _E,
    "clause 9.3.6",
    "An SDI stands for what has a value of its own, or a DAI for what has parts.",
)
BAD_VALUE = _code(
    "SCL403", "bad-value", _E, "clause 9.5.4", "A Val is not of the type of its attribute; it is not set."
)
LOOSE_VALUE = _code(
    "SCL404", "loose-value", _W, "clause 9.5.4", "A Val is not written as it should be, but can mean only one thing."
)
BAD_INDEX = _code(
    "SCL405",
    "bad-index",
    _E,
    "clause 9.3.6",
    "ix is missing at an array, out of its range, or stands where there is none.",
)
DUPLICATE_INSTANCE = _code(
    "SCL406", "duplicate-instance", _E, "'uniqueSDI_DAIinDOI'", "A part is instantiated twice; the first is used."
)
NO_COUNT = _code(
    "SCL407",
    "no-count",
    _E,
    "'tDACount'",
    "The attribute that holds the length of an array has no value; the array is left out.",
)
BAD_GROUP = _code(
    "SCL408",
    "bad-group",
    _W,
    "clause 9.3.12",
    "sGroup stands at a value that is not under FC SG or SE, or is no group.",
)

# --- data sets -------------------------------------------------------------------------------------------------------
BAD_MEMBER = _code(
    "SCL501",
    "bad-member",
    _E,
    "clause 9.3.7",
    "An FCDA names nothing that the model has; it is left out of the data set.",
)
EMPTY_DATA_SET = _code(
    "SCL502", "empty-data-set", _E, "clause 9.3.7", "A data set has no usable member; it is left out."
)
DUPLICATE_DATA_SET = _code(
    "SCL503", "duplicate-data-set", _E, "'DataSetKeyInLN'", "Two data sets of a node have one name; the first is used."
)

# --- control blocks --------------------------------------------------------------------------------------------------
DUPLICATE_CONTROL = _code(
    "SCL601",
    "duplicate-control",
    _E,
    "'uniqueReportControlInLN'",
    "Two control blocks of a kind have one name; the first is used.",
)
NO_DATA_SET = _code(
    "SCL602", "no-data-set", _E, "'ref2DataSetReport'", "A control block names a data set that its node does not have."
)
BAD_INSTANCES = _code(
    "SCL603",
    "bad-instances",
    _E,
    "clause 9.3.8",
    "The number of instances of a report control block is not from 1 to 99.",
)
NO_OPTIONAL_FIELDS = _code(
    "SCL604", "no-optional-fields", _W, "clause 9.3.8", "A report control block has no OptFields; none is switched on."
)
NO_PERIOD = _code(
    "SCL605",
    "no-period",
    _N,
    "clause 9.3.8",
    "Integrity reports are asked for without a period, or a period is given without asking for them.",
)
MISPLACED = _code(
    "SCL606", "misplaced", _E, "clause 9.3.5", "A control block stands in a node other than LLN0, where it cannot be."
)
NO_LOG = _code(
    "SCL607", "no-log", _W, "clause 9.3.9", "A log control block names a log that no Log element of its node declares."
)

# --- communication ---------------------------------------------------------------------------------------------------
NO_ADDRESS = _code("SCL701", "no-address", _N, "clause 9.4", "The access point has no address in the file.")
TWO_ADDRESSES = _code(
    "SCL702", "two-addresses", _W, "clause 9.4", "One type of address is given twice, differently; the first is used."
)
UNKNOWN_IED = _code(
    "SCL703", "unknown-ied", _W, "'refConnectedAP2IED'", "A ConnectedAP names an IED that the file does not have."
)
BAD_ADDRESS = _code(
    "SCL704",
    "bad-address",
    _W,
    "'tP_OSI-TSEL' and others",
    "Part of an address is not what its type says: no IP address, no port, no hexadecimal selector of a length that "
    "the layer can take, no AP title. It is passed over.",
)

# --- official schema -------------------------------------------------------------------------------------------------
SCHEMA = _code(
    "SCL801", "schema", _E, "official schema", "The document is not valid against the schema that was given."
)

# --- classes of the standards ----------------------------------------------------------------------------------------
UNKNOWN_CLASS = _code(
    "SCL901",
    "unknown-class",
    _W,
    "IEC 61850-7-1 clause 14",
    "A logical node is of a class that neither 7-4 nor 7-420 has, and lnNs names no other namespace.",
)
MISSING_OBJECT = _code(
    "SCL902",
    "missing-object",
    _E,
    "IEC 61850-7-4, 7-420",
    "An LNodeType lacks a data object that its class asks for.",
)
EXCLUDED_OBJECT = _code(
    "SCL903",
    "excluded-object",
    _E,
    "IEC 61850-7-4, 7-420",
    "An LNodeType has a data object that its class excludes, or excludes beside another.",
)
UNKNOWN_OBJECT = _code(
    "SCL904",
    "unknown-object",
    _W,
    "IEC 61850-7-1 clause 14",
    "An LNodeType has a data object that its class does not have, and dataNs names no other namespace.",
)
WRONG_CDC = _code(
    "SCL905",
    "wrong-cdc",
    _E,
    "IEC 61850-7-4, 7-420",
    "A data object is of another common data class than its logical-node class says.",
)
MISSING_PART = _code(
    "SCL906",
    "missing-part",
    _E,
    "IEC 61850-7-3, 8-1",
    "A DOType or DAType lacks an attribute or component that its common data class or structure asks for.",
)
EXCLUDED_PART = _code(
    "SCL907",
    "excluded-part",
    _E,
    "IEC 61850-7-3, 8-1",
    "A DOType or DAType has an attribute or component that is excluded, or excluded beside another.",
)
UNKNOWN_PART = _code(
    "SCL908",
    "unknown-part",
    _W,
    "IEC 61850-7-1 clause 14",
    "A DOType or DAType has an attribute or component that its class lacks, and cdcNs names no other namespace.",
)
WRONG_CONSTRAINT = _code(
    "SCL909",
    "wrong-constraint",
    _E,
    "IEC 61850-7-3, 8-1",
    "An attribute is under another functional constraint than its common data class says.",
)
WRONG_TYPE = _code(
    "SCL910",
    "wrong-type",
    _E,
    "IEC 61850-7-3, 8-1",
    "An attribute or component is of another type than its class says, or is an array where it should be none.",
)
WRONG_TRIGGER = _code(
    "SCL911",
    "wrong-trigger",
    _W,
    "IEC 61850-7-3",
    "An attribute has a trigger option that its common data class does not give it, or lacks dchg or qchg.",
)
WRONG_ORDINAL = _code(
    "SCL912",
    "wrong-ordinal",
    _E,
    "IEC 61850-7-3, 7-4, 7-420",
    "An enumeration gives a literal another ordinal than the standard, or has an ordinal that the standard has not; "
    "negative ones are free.",
)
WRONG_LITERAL = _code(
    "SCL913",
    "wrong-literal",
    _W,
    "IEC 61850-7-3, 7-4, 7-420",
    "An enumeration spells a literal otherwise than the standard.",
)
OTHER_NAMESPACE = _code(
    "SCL914",
    "other-namespace",
    _N,
    "IEC 61850-7-1 clause 14",
    "A class, data object or attribute is of another namespace, as the file says; it is not judged.",
)
FIRST_EDITION = _code(
    "SCL915",
    "first-edition",
    _N,
    "tables of edition 2",
    "The file, or a logical node, is of the first edition: only functional constraints are compared.",
)
DEPRECATED = _code(
    "SCL916",
    "deprecated",
    _N,
    "IEC 61850-7-4, 7-420",
    "A data object is there that the standard keeps only for older devices.",
)

OTHER_EDITION = _code(
    "SCL917",
    "other-edition",
    _N,
    "tables of 7-4:2007B, 7-420:2019A",
    "Logical devices name another edition of the standard than that of the tables, with which they are compared.",
)
WRONG_ORDER = _code(
    "SCL918",
    "wrong-order",
    _W,
    "IEC 61850-8-1",
    "The components of SBOw, Oper or Cancel are in another order than the mapping sends them, and clients expect them.",
)

_GROUPS = {
    "SCL1": "The document and its servers",
    "SCL2": "Data type templates",
    "SCL3": "Logical devices and nodes",
    "SCL4": "Instance values",
    "SCL5": "Data sets",
    "SCL6": "Control blocks",
    "SCL7": "Communication",
    "SCL8": "Official schema",
    "SCL9": "Classes of the standards",
}


def markdown() -> str:
    """Return the table of all codes as Markdown, for the documentation."""
    lines = []
    for group, title in _GROUPS.items():
        lines += [f"## {title}", "", "| code | name | severity | rule | meaning |", "|---|---|---|---|---|"]
        lines += [
            f"| {code.id} | {code.name} | {code.severity.value} | {code.rule} | {code.meaning} |"
            for code in CODES.values()
            if code.id.startswith(group)
        ]
        lines.append("")
    return "\n".join(lines)
