"""The PDUs as Python classes. Generated from schemas/iec61850/mms.asn: change that file and run

    python -m janusgrid.iec61850.mms.generate

A SEQUENCE is a class; its fields that have to be given come first, and those of names cannot be changed. A CHOICE is a
tuple of the alternative's identifier and the value, made for `match`. A SEQUENCE OF is a list. Octet strings are
`bytes`, strings, object identifiers and times in text are `str`, bit strings are `Bits`. A set of codes is an `IntEnum`
for reading and writing code; the fields hold plain `int`, since numbers outside the set are legal.
"""

# fmt: off
from __future__ import annotations

from enum import IntEnum
from typing import Literal, TypeAlias

import attrs

Bits: TypeAlias = tuple[int, int]
"""A bit string: its bits as a number, bit 0 being the most significant, and how many they are."""


MMSpdu: TypeAlias = (
    "tuple[Literal['confirmed-RequestPDU'], ConfirmedRequestPDU]"
    " | tuple[Literal['confirmed-ResponsePDU'], ConfirmedResponsePDU]"
    " | tuple[Literal['confirmed-ErrorPDU'], ConfirmedErrorPDU]"
    " | tuple[Literal['unconfirmed-PDU'], UnconfirmedPDU]"
    " | tuple[Literal['rejectPDU'], RejectPDU]"
    " | tuple[Literal['cancel-RequestPDU'], int]"
    " | tuple[Literal['cancel-ResponsePDU'], int]"
    " | tuple[Literal['cancel-ErrorPDU'], CancelErrorPDU]"
    " | tuple[Literal['initiate-RequestPDU'], InitiateRequestPDU]"
    " | tuple[Literal['initiate-ResponsePDU'], InitiateResponsePDU]"
    " | tuple[Literal['initiate-ErrorPDU'], ServiceError]"
    " | tuple[Literal['conclude-RequestPDU'], None]"
    " | tuple[Literal['conclude-ResponsePDU'], None]"
    " | tuple[Literal['conclude-ErrorPDU'], ServiceError]"
)
"""The root of every message."""


@attrs.define(slots=True)
class ConfirmedRequestPDU:
    """A request that will be answered by a response or an error with the same invokeID."""

    invoke_id: int
    service: ConfirmedServiceRequest


ConfirmedServiceRequest: TypeAlias = (
    "tuple[Literal['status'], bool]"
    " | tuple[Literal['getNameList'], GetNameListRequest]"
    " | tuple[Literal['identify'], None]"
    " | tuple[Literal['read'], ReadRequest]"
    " | tuple[Literal['write'], WriteRequest]"
    " | tuple[Literal['getVariableAccessAttributes'], GetVariableAccessAttributesRequest]"
    " | tuple[Literal['defineNamedVariableList'], DefineNamedVariableListRequest]"
    " | tuple[Literal['getNamedVariableListAttributes'], ObjectName]"
    " | tuple[Literal['deleteNamedVariableList'], DeleteNamedVariableListRequest]"
    " | tuple[Literal['obtainFile'], ObtainFileRequest]"
    " | tuple[Literal['readJournal'], ReadJournalRequest]"
    " | tuple[Literal['initializeJournal'], InitializeJournalRequest]"
    " | tuple[Literal['reportJournalStatus'], ObjectName]"
    " | tuple[Literal['fileOpen'], FileOpenRequest]"
    " | tuple[Literal['fileRead'], int]"
    " | tuple[Literal['fileClose'], int]"
    " | tuple[Literal['fileRename'], FileRenameRequest]"
    " | tuple[Literal['fileDelete'], list[str]]"
    " | tuple[Literal['fileDirectory'], FileDirectoryRequest]"
)
"""The services a client can ask for."""


@attrs.define(slots=True)
class ConfirmedResponsePDU:
    """The positive answer to a confirmed request."""

    invoke_id: int
    service: ConfirmedServiceResponse


ConfirmedServiceResponse: TypeAlias = (
    "tuple[Literal['status'], StatusResponse]"
    " | tuple[Literal['getNameList'], GetNameListResponse]"
    " | tuple[Literal['identify'], IdentifyResponse]"
    " | tuple[Literal['read'], ReadResponse]"
    " | tuple[Literal['write'], list[WriteResult]]"
    " | tuple[Literal['getVariableAccessAttributes'], GetVariableAccessAttributesResponse]"
    " | tuple[Literal['defineNamedVariableList'], None]"
    " | tuple[Literal['getNamedVariableListAttributes'], GetNamedVariableListAttributesResponse]"
    " | tuple[Literal['deleteNamedVariableList'], DeleteNamedVariableListResponse]"
    " | tuple[Literal['obtainFile'], None]"
    " | tuple[Literal['readJournal'], ReadJournalResponse]"
    " | tuple[Literal['initializeJournal'], int]"
    " | tuple[Literal['reportJournalStatus'], ReportJournalStatusResponse]"
    " | tuple[Literal['fileOpen'], FileOpenResponse]"
    " | tuple[Literal['fileRead'], FileReadResponse]"
    " | tuple[Literal['fileClose'], None]"
    " | tuple[Literal['fileRename'], None]"
    " | tuple[Literal['fileDelete'], None]"
    " | tuple[Literal['fileDirectory'], FileDirectoryResponse]"
)
"""What each confirmed service answers."""


@attrs.define(slots=True)
class UnconfirmedPDU:
    """What a server sends without being asked."""

    service: UnconfirmedService


UnconfirmedService: TypeAlias = (
    "tuple[Literal['informationReport'], InformationReport]"
    " | tuple[Literal['unsolicitedStatus'], StatusResponse]"
)
"""The unconfirmed services."""


@attrs.define(slots=True)
class ConfirmedErrorPDU:
    """The negative answer to a confirmed request."""

    invoke_id: int
    service_error: ServiceError
    modifier_position: int | None = None


@attrs.define(slots=True)
class CancelErrorPDU:
    """The negative answer to a cancel request."""

    original_invoke_id: int
    service_error: ServiceError


@attrs.define(slots=True)
class InitiateRequestPDU:
    """Opens an association. localDetailCalling is the largest PDU the client takes, in octets."""

    proposed_max_serv_outstanding_calling: int
    proposed_max_serv_outstanding_called: int
    init_request_detail: InitRequestDetail
    local_detail_calling: int | None = None
    proposed_data_structure_nesting_level: int | None = None


@attrs.define(slots=True)
class InitRequestDetail:
    """What the client proposes: version, conformance building blocks, services."""

    proposed_version_number: int
    proposed_parameter_cbb: Bits
    services_supported_calling: Bits


@attrs.define(slots=True)
class InitiateResponsePDU:
    """Accepts an association. localDetailCalled is the largest PDU of both, in octets."""

    negotiated_max_serv_outstanding_calling: int
    negotiated_max_serv_outstanding_called: int
    init_response_detail: InitResponseDetail
    local_detail_called: int | None = None
    negotiated_data_structure_nesting_level: int | None = None


@attrs.define(slots=True)
class InitResponseDetail:
    """What the server settles: version, conformance building blocks, services."""

    negotiated_version_number: int
    negotiated_parameter_cbb: Bits
    services_supported_called: Bits


class ParameterSupportOptions(IntEnum):
    """Parameter conformance building blocks; sent as 11 bits."""

    STR1 = 0
    STR2 = 1
    VNAM = 2
    VALT = 3
    VADR = 4
    VSCA = 5
    TPY = 6
    VLIS = 7
    REAL = 8
    CEI = 10


class ServiceSupportOptions(IntEnum):
    """Services of an MMS system: the bit of a confirmed service is its tag; sent as 85 bits."""

    STATUS = 0
    GET_NAME_LIST = 1
    IDENTIFY = 2
    RENAME = 3
    READ = 4
    WRITE = 5
    GET_VARIABLE_ACCESS_ATTRIBUTES = 6
    DEFINE_NAMED_VARIABLE = 7
    DEFINE_SCATTERED_ACCESS = 8
    GET_SCATTERED_ACCESS_ATTRIBUTES = 9
    DELETE_VARIABLE_ACCESS = 10
    DEFINE_NAMED_VARIABLE_LIST = 11
    GET_NAMED_VARIABLE_LIST_ATTRIBUTES = 12
    DELETE_NAMED_VARIABLE_LIST = 13
    DEFINE_NAMED_TYPE = 14
    GET_NAMED_TYPE_ATTRIBUTES = 15
    DELETE_NAMED_TYPE = 16
    INPUT = 17
    OUTPUT = 18
    TAKE_CONTROL = 19
    RELINQUISH_CONTROL = 20
    DEFINE_SEMAPHORE = 21
    DELETE_SEMAPHORE = 22
    REPORT_SEMAPHORE_STATUS = 23
    REPORT_POOL_SEMAPHORE_STATUS = 24
    REPORT_SEMAPHORE_ENTRY_STATUS = 25
    INITIATE_DOWNLOAD_SEQUENCE = 26
    DOWNLOAD_SEGMENT = 27
    TERMINATE_DOWNLOAD_SEQUENCE = 28
    INITIATE_UPLOAD_SEQUENCE = 29
    UPLOAD_SEGMENT = 30
    TERMINATE_UPLOAD_SEQUENCE = 31
    REQUEST_DOMAIN_DOWNLOAD = 32
    REQUEST_DOMAIN_UPLOAD = 33
    LOAD_DOMAIN_CONTENT = 34
    STORE_DOMAIN_CONTENT = 35
    DELETE_DOMAIN = 36
    GET_DOMAIN_ATTRIBUTES = 37
    CREATE_PROGRAM_INVOCATION = 38
    DELETE_PROGRAM_INVOCATION = 39
    START = 40
    STOP = 41
    RESUME = 42
    RESET = 43
    KILL = 44
    GET_PROGRAM_INVOCATION_ATTRIBUTES = 45
    OBTAIN_FILE = 46
    DEFINE_EVENT_CONDITION = 47
    DELETE_EVENT_CONDITION = 48
    GET_EVENT_CONDITION_ATTRIBUTES = 49
    REPORT_EVENT_CONDITION_STATUS = 50
    ALTER_EVENT_CONDITION_MONITORING = 51
    TRIGGER_EVENT = 52
    DEFINE_EVENT_ACTION = 53
    DELETE_EVENT_ACTION = 54
    GET_EVENT_ACTION_ATTRIBUTES = 55
    REPORT_EVENT_ACTION_STATUS = 56
    DEFINE_EVENT_ENROLLMENT = 57
    DELETE_EVENT_ENROLLMENT = 58
    ALTER_EVENT_ENROLLMENT = 59
    REPORT_EVENT_ENROLLMENT_STATUS = 60
    GET_EVENT_ENROLLMENT_ATTRIBUTES = 61
    ACKNOWLEDGE_EVENT_NOTIFICATION = 62
    GET_ALARM_SUMMARY = 63
    GET_ALARM_ENROLLMENT_SUMMARY = 64
    READ_JOURNAL = 65
    WRITE_JOURNAL = 66
    INITIALIZE_JOURNAL = 67
    REPORT_JOURNAL_STATUS = 68
    CREATE_JOURNAL = 69
    DELETE_JOURNAL = 70
    GET_CAPABILITY_LIST = 71
    FILE_OPEN = 72
    FILE_READ = 73
    FILE_CLOSE = 74
    FILE_RENAME = 75
    FILE_DELETE = 76
    FILE_DIRECTORY = 77
    UNSOLICITED_STATUS = 78
    INFORMATION_REPORT = 79
    EVENT_NOTIFICATION = 80
    ATTACH_TO_EVENT_CONDITION = 81
    ATTACH_TO_SEMAPHORE = 82
    CONCLUDE = 83
    CANCEL = 84


@attrs.define(slots=True)
class ServiceError:
    """Why a service failed: a class of errors and the code within it."""

    error_class: ErrorClass
    additional_code: int | None = None
    additional_description: str | None = None
    service_specific_info: ServiceSpecificInfo | None = None


ErrorClass: TypeAlias = (
    "tuple[Literal['vmd-state'], int]"
    " | tuple[Literal['application-reference'], int]"
    " | tuple[Literal['definition'], int]"
    " | tuple[Literal['resource'], int]"
    " | tuple[Literal['service'], int]"
    " | tuple[Literal['service-preempt'], int]"
    " | tuple[Literal['time-resolution'], int]"
    " | tuple[Literal['access'], int]"
    " | tuple[Literal['initiate'], int]"
    " | tuple[Literal['conclude'], int]"
    " | tuple[Literal['cancel'], int]"
    " | tuple[Literal['file'], int]"
    " | tuple[Literal['others'], int]"
)
"""Error classes, each with its own set of codes."""


class VmdStateError(IntEnum):
    """Codes of error class vmd-state."""

    OTHER = 0
    VMD_STATE_CONFLICT = 1
    VMD_OPERATIONAL_PROBLEM = 2
    DOMAIN_TRANSFER_PROBLEM = 3
    STATE_MACHINE_ID_INVALID = 4


class ApplicationReferenceError(IntEnum):
    """Codes of error class application-reference."""

    OTHER = 0
    APPLICATION_UNREACHABLE = 1
    CONNECTION_LOST = 2
    APPLICATION_REFERENCE_INVALID = 3
    CONTEXT_UNSUPPORTED = 4


class DefinitionError(IntEnum):
    """Codes of error class definition."""

    OTHER = 0
    OBJECT_UNDEFINED = 1
    INVALID_ADDRESS = 2
    TYPE_UNSUPPORTED = 3
    TYPE_INCONSISTENT = 4
    OBJECT_EXISTS = 5
    OBJECT_ATTRIBUTE_INCONSISTENT = 6


class ResourceError(IntEnum):
    """Codes of error class resource."""

    OTHER = 0
    MEMORY_UNAVAILABLE = 1
    PROCESSOR_RESOURCE_UNAVAILABLE = 2
    MASS_STORAGE_UNAVAILABLE = 3
    CAPABILITY_UNAVAILABLE = 4
    CAPABILITY_UNKNOWN = 5


class ServiceProblem(IntEnum):
    """Codes of error class service."""

    OTHER = 0
    PRIMITIVES_OUT_OF_SEQUENCE = 1
    OBJECT_STATE_CONFLICT = 2
    PDU_SIZE = 3
    CONTINUATION_INVALID = 4
    OBJECT_CONSTRAINT_CONFLICT = 5


class ServicePreemptError(IntEnum):
    """Codes of error class service-preempt."""

    OTHER = 0
    TIMEOUT = 1
    DEADLOCK = 2
    CANCEL = 3


class TimeResolutionError(IntEnum):
    """Codes of error class time-resolution."""

    OTHER = 0
    UNSUPPORTABLE_TIME_RESOLUTION = 1


class AccessError(IntEnum):
    """Codes of error class access."""

    OTHER = 0
    OBJECT_ACCESS_UNSUPPORTED = 1
    OBJECT_NON_EXISTENT = 2
    OBJECT_ACCESS_DENIED = 3
    OBJECT_INVALIDATED = 4


class InitiateError(IntEnum):
    """Codes of error class initiate."""

    OTHER = 0
    VERSION_INCOMPATIBLE = 1
    MAX_SEGMENT_INSUFFICIENT = 2
    MAX_SERVICES_OUTSTANDING_CALLING_INSUFFICIENT = 3
    MAX_SERVICES_OUTSTANDING_CALLED_INSUFFICIENT = 4
    SERVICE_CBB_INSUFFICIENT = 5
    PARAMETER_CBB_INSUFFICIENT = 6
    NESTING_LEVEL_INSUFFICIENT = 7


class ConcludeError(IntEnum):
    """Codes of error class conclude."""

    OTHER = 0
    FURTHER_COMMUNICATION_REQUIRED = 1


class CancelError(IntEnum):
    """Codes of error class cancel."""

    OTHER = 0
    INVOKE_ID_UNKNOWN = 1
    CANCEL_NOT_POSSIBLE = 2


class FileError(IntEnum):
    """Codes of error class file."""

    OTHER = 0
    FILENAME_AMBIGUOUS = 1
    FILE_BUSY = 2
    FILENAME_SYNTAX_ERROR = 3
    CONTENT_TYPE_INVALID = 4
    POSITION_INVALID = 5
    FILE_ACCESS_DENIED = 6
    FILE_NON_EXISTENT = 7
    DUPLICATE_FILENAME = 8
    INSUFFICIENT_SPACE_IN_FILESTORE = 9


ServiceSpecificInfo: TypeAlias = (
    "tuple[Literal['obtainFile'], int]"
    " | tuple[Literal['deleteNamedVariableList'], int]"
    " | tuple[Literal['fileRename'], int]"
)
"""What some services add to their error."""


class ObtainFileError(IntEnum):
    """Which file an obtainFile failed on."""

    SOURCE_FILE = 0
    DESTINATION_FILE = 1


class FileRenameError(IntEnum):
    """Which file a fileRename failed on."""

    SOURCE_FILE = 0
    DESTINATION_FILE = 1


@attrs.define(slots=True)
class RejectPDU:
    """What was received could not be taken as a PDU, or broke a rule."""

    reject_reason: RejectReason
    original_invoke_id: int | None = None


RejectReason: TypeAlias = (
    "tuple[Literal['confirmed-requestPDU'], int]"
    " | tuple[Literal['confirmed-responsePDU'], int]"
    " | tuple[Literal['confirmed-errorPDU'], int]"
    " | tuple[Literal['unconfirmedPDU'], int]"
    " | tuple[Literal['pdu-error'], int]"
    " | tuple[Literal['cancel-requestPDU'], int]"
    " | tuple[Literal['cancel-responsePDU'], int]"
    " | tuple[Literal['cancel-errorPDU'], int]"
    " | tuple[Literal['conclude-requestPDU'], int]"
    " | tuple[Literal['conclude-responsePDU'], int]"
    " | tuple[Literal['conclude-errorPDU'], int]"
)
"""The kind of PDU that was rejected, and why."""


class ConfirmedRequestReject(IntEnum):
    """Why a confirmed request was rejected."""

    OTHER = 0
    UNRECOGNIZED_SERVICE = 1
    UNRECOGNIZED_MODIFIER = 2
    INVALID_INVOKE_ID = 3
    INVALID_ARGUMENT = 4
    INVALID_MODIFIER = 5
    MAX_SERV_OUTSTANDING_EXCEEDED = 6
    MAX_RECURSION_EXCEEDED = 8
    VALUE_OUT_OF_RANGE = 9


class ConfirmedResponseReject(IntEnum):
    """Why a confirmed response was rejected."""

    OTHER = 0
    UNRECOGNIZED_SERVICE = 1
    INVALID_INVOKE_ID = 2
    INVALID_RESULT = 3
    MAX_RECURSION_EXCEEDED = 5
    VALUE_OUT_OF_RANGE = 6


class ConfirmedErrorReject(IntEnum):
    """Why a confirmed error was rejected."""

    OTHER = 0
    UNRECOGNIZED_SERVICE = 1
    INVALID_INVOKE_ID = 2
    INVALID_SERVICE_ERROR = 3
    VALUE_OUT_OF_RANGE = 4


class UnconfirmedReject(IntEnum):
    """Why an unconfirmed PDU was rejected."""

    OTHER = 0
    UNRECOGNIZED_SERVICE = 1
    INVALID_ARGUMENT = 2
    MAX_RECURSION_EXCEEDED = 3
    VALUE_OUT_OF_RANGE = 4


class PduError(IntEnum):
    """Why something was not a PDU at all."""

    UNKNOWN_PDU_TYPE = 0
    INVALID_PDU = 1
    ILLEGAL_ACSE_MAPPING = 2


class CancelRequestReject(IntEnum):
    """Why a cancel request was rejected."""

    OTHER = 0
    INVALID_INVOKE_ID = 1


class CancelResponseReject(IntEnum):
    """Why a cancel response was rejected."""

    OTHER = 0
    INVALID_INVOKE_ID = 1


class CancelErrorReject(IntEnum):
    """Why a cancel error was rejected."""

    OTHER = 0
    INVALID_INVOKE_ID = 1
    INVALID_SERVICE_ERROR = 2
    VALUE_OUT_OF_RANGE = 3


class ConcludeRequestReject(IntEnum):
    """Why a conclude request was rejected."""

    OTHER = 0
    INVALID_ARGUMENT = 1


class ConcludeResponseReject(IntEnum):
    """Why a conclude response was rejected."""

    OTHER = 0
    INVALID_RESULT = 1


class ConcludeErrorReject(IntEnum):
    """Why a conclude error was rejected."""

    OTHER = 0
    INVALID_SERVICE_ERROR = 1
    VALUE_OUT_OF_RANGE = 2


ObjectName: TypeAlias = (
    "tuple[Literal['vmd-specific'], str]"
    " | tuple[Literal['domain-specific'], DomainSpecific]"
    " | tuple[Literal['aa-specific'], str]"
)
"""The name of a variable, a list or a journal."""


@attrs.frozen(slots=True, cache_hash=True)
class DomainSpecific:
    """A name within a domain: the logical device and, say, LLN0$ST$Beh$stVal."""

    domain_id: str
    item_id: str


@attrs.define(slots=True)
class GetNameListRequest:
    """Names of the objects of one class in one scope, after the one given, in the order of their characters."""

    object_class: ObjectClass
    object_scope: ObjectScope
    continue_after: str | None = None


ObjectClass: TypeAlias = (
    "tuple[Literal['basicObjectClass'], int]"
)
"""A class of objects."""


class BasicObjectClass(IntEnum):
    """The classes of objects of MMS. All have a name, because one dialect of XER writes nothing but the name."""

    NAMED_VARIABLE = 0
    SCATTERED_ACCESS = 1
    NAMED_VARIABLE_LIST = 2
    NAMED_TYPE = 3
    SEMAPHORE = 4
    EVENT_CONDITION = 5
    EVENT_ACTION = 6
    EVENT_ENROLLMENT = 7
    JOURNAL = 8
    DOMAIN = 9
    PROGRAM_INVOCATION = 10
    OPERATOR_STATION = 11
    DATA_EXCHANGE = 12
    ACCESS_CONTROL_LIST = 13


ObjectScope: TypeAlias = (
    "tuple[Literal['vmdSpecific'], None]"
    " | tuple[Literal['domainSpecific'], str]"
    " | tuple[Literal['aaSpecific'], None]"
)
"""Where to look for names: the whole server, one domain, or this association."""


@attrs.define(slots=True)
class GetNameListResponse:
    """Names, and whether there are more."""

    list_of_identifier: list[str]
    more_follows: bool = True


@attrs.define(slots=True)
class IdentifyResponse:
    """Who made the server."""

    vendor_name: str
    model_name: str
    revision: str
    list_of_abstract_syntaxes: list[str] | None = None


@attrs.define(slots=True)
class StatusResponse:
    """The state of the server."""

    vmd_logical_status: int  # VmdLogicalStatus
    vmd_physical_status: int  # VmdPhysicalStatus
    local_detail: Bits | None = None


class VmdLogicalStatus(IntEnum):
    """What the server is able to do."""

    STATE_CHANGES_ALLOWED = 0
    NO_STATE_CHANGES_ALLOWED = 1
    LIMITED_SERVICES_PERMITTED = 2
    SUPPORT_SERVICES_ALLOWED = 3


class VmdPhysicalStatus(IntEnum):
    """How the equipment is."""

    OPERATIONAL = 0
    PARTIALLY_OPERATIONAL = 1
    INOPERABLE = 2
    NEEDS_COMMISSIONING = 3


VariableAccessSpecification: TypeAlias = (
    "tuple[Literal['listOfVariable'], list[VariableDef]]"
    " | tuple[Literal['variableListName'], ObjectName]"
)
"""Variables one by one, or a named list of them (a data set)."""


@attrs.frozen(slots=True, cache_hash=True)
class VariableDef:
    """An item of `ListOfVariable`."""

    variable_specification: VariableSpecification
    alternate_access: list[AlternateAccessItem] | None = None


VariableSpecification: TypeAlias = (
    "tuple[Literal['name'], ObjectName]"
    " | tuple[Literal['invalidated'], None]"
)
"""One variable, by its name."""


AlternateAccessItem: TypeAlias = (
    "tuple[Literal['unnamed'], AlternateAccessSelection]"
    " | tuple[Literal['named'], NamedAccess]"
)
"""An item of `AlternateAccess`."""


@attrs.define(slots=True)
class NamedAccess:
    """A part, and the name it gets in the answer."""

    component_name: str
    access: AlternateAccessSelection


AlternateAccessSelection: TypeAlias = (
    "tuple[Literal['selectAlternateAccess'], SelectAlternateAccess]"
    " | tuple[Literal['selectAccess'], SelectAccess]"
)
"""A step into the variable with more steps after it, or the last one."""


@attrs.define(slots=True)
class SelectAlternateAccess:
    """A step, and what to take there."""

    access_selection: AccessSelection
    alternate_access: list[AlternateAccessItem]


AccessSelection: TypeAlias = (
    "tuple[Literal['component'], str]"
    " | tuple[Literal['index'], int]"
    " | tuple[Literal['indexRange'], IndexRange]"
    " | tuple[Literal['allElements'], None]"
)
"""A step that is not the last one."""


SelectAccess: TypeAlias = (
    "tuple[Literal['component'], str]"
    " | tuple[Literal['index'], int]"
    " | tuple[Literal['indexRange'], IndexRange]"
    " | tuple[Literal['allElements'], None]"
)
"""The last step."""


@attrs.define(slots=True)
class IndexRange:
    """Elements of an array from lowIndex on."""

    low_index: int
    number_of_elements: int


@attrs.define(slots=True)
class ReadRequest:
    """Asks for the values of variables."""

    variable_access_specification: VariableAccessSpecification
    specification_with_result: bool = False


@attrs.define(slots=True)
class ReadResponse:
    """Values, or per value why there is none, in the order of the request."""

    list_of_access_result: list[AccessResult]
    variable_access_specification: VariableAccessSpecification | None = None


AccessResult: TypeAlias = (
    "tuple[Literal['failure'], int]"
    " | tuple[Literal['success'], Data]"
)
"""A value, or why there is none."""


class DataAccessError(IntEnum):
    """Why a variable could not be read or written."""

    OBJECT_INVALIDATED = 0
    HARDWARE_FAULT = 1
    TEMPORARILY_UNAVAILABLE = 2
    OBJECT_ACCESS_DENIED = 3
    OBJECT_UNDEFINED = 4
    INVALID_ADDRESS = 5
    TYPE_UNSUPPORTED = 6
    TYPE_INCONSISTENT = 7
    OBJECT_ATTRIBUTE_INCONSISTENT = 8
    OBJECT_ACCESS_UNSUPPORTED = 9
    OBJECT_NON_EXISTENT = 10
    OBJECT_VALUE_INVALID = 11


Data: TypeAlias = (
    "tuple[Literal['array'], list[Data]]"
    " | tuple[Literal['structure'], list[Data]]"
    " | tuple[Literal['boolean'], bool]"
    " | tuple[Literal['bit-string'], Bits]"
    " | tuple[Literal['integer'], int]"
    " | tuple[Literal['unsigned'], int]"
    " | tuple[Literal['floating-point'], bytes]"
    " | tuple[Literal['octet-string'], bytes]"
    " | tuple[Literal['visible-string'], str]"
    " | tuple[Literal['binary-time'], bytes]"
    " | tuple[Literal['bcd'], int]"
    " | tuple[Literal['booleanArray'], Bits]"
    " | tuple[Literal['objId'], str]"
    " | tuple[Literal['mMSString'], str]"
    " | tuple[Literal['utc-time'], bytes]"
)
"""A value of any type. Tag 0 is kept free for the failure of AccessResult."""


@attrs.define(slots=True)
class WriteRequest:
    """Writes values to variables."""

    variable_access_specification: VariableAccessSpecification
    list_of_data: list[Data]


WriteResult: TypeAlias = (
    "tuple[Literal['failure'], int]"
    " | tuple[Literal['success'], None]"
)
"""An item of `Write-Response`."""


@attrs.define(slots=True)
class InformationReport:
    """Values sent unasked: reports and the end of a control."""

    variable_access_specification: VariableAccessSpecification
    list_of_access_result: list[AccessResult]


GetVariableAccessAttributesRequest: TypeAlias = (
    "tuple[Literal['name'], ObjectName]"
)
"""Asks for the type of a variable."""


@attrs.define(slots=True)
class GetVariableAccessAttributesResponse:
    """The type of a variable."""

    mms_deletable: bool
    type_description: TypeDescription


TypeDescription: TypeAlias = (
    "tuple[Literal['array'], ArrayType]"
    " | tuple[Literal['structure'], StructureType]"
    " | tuple[Literal['boolean'], None]"
    " | tuple[Literal['bit-string'], int]"
    " | tuple[Literal['integer'], int]"
    " | tuple[Literal['unsigned'], int]"
    " | tuple[Literal['floating-point'], FloatType]"
    " | tuple[Literal['octet-string'], int]"
    " | tuple[Literal['visible-string'], int]"
    " | tuple[Literal['generalized-time'], None]"
    " | tuple[Literal['binary-time'], bool]"
    " | tuple[Literal['bcd'], int]"
    " | tuple[Literal['objId'], None]"
    " | tuple[Literal['mMSString'], int]"
    " | tuple[Literal['utc-time'], None]"
)
"""The type of a value. Sizes are in bits for numbers and bit strings, in octets for octet strings, in characters for
strings; a negative size is the maximum of a variable one. For binary-time TRUE means the form with the date.
"""


@attrs.define(slots=True)
class ArrayType:
    """An array: how many elements, of which type."""

    number_of_elements: int
    element_type: TypeDescription
    packed: bool = False


@attrs.define(slots=True)
class StructureType:
    """A structure: its components in order."""

    components: list[StructureComponent]
    packed: bool = False


@attrs.define(slots=True)
class StructureComponent:
    """An item of `StructureComponents`."""

    component_type: TypeDescription
    component_name: str | None = None


@attrs.define(slots=True)
class FloatType:
    """A floating-point format: 32 and 8 bits, or 64 and 11."""

    format_width: int
    exponent_width: int


@attrs.define(slots=True)
class DefineNamedVariableListRequest:
    """Defines a named list of variables."""

    variable_list_name: ObjectName
    list_of_variable: list[VariableDef]


@attrs.define(slots=True)
class GetNamedVariableListAttributesResponse:
    """The members of a named list."""

    mms_deletable: bool
    list_of_variable: list[VariableDef]


@attrs.define(slots=True)
class DeleteNamedVariableListRequest:
    """Deletes named lists."""

    scope_of_delete: int = 0  # ScopeOfDelete
    list_of_variable_list_name: list[ObjectName] | None = None
    domain_name: str | None = None


class ScopeOfDelete(IntEnum):
    """Which lists to delete: those named, or all of an association, a domain or the server."""

    SPECIFIC = 0
    AA_SPECIFIC = 1
    DOMAIN = 2
    VMD = 3


@attrs.define(slots=True)
class DeleteNamedVariableListResponse:
    """How many lists there were, and how many of them are gone."""

    number_matched: int
    number_deleted: int


@attrs.define(slots=True)
class ReadJournalRequest:
    """Asks for entries between a start and a stop, or after an entry."""

    journal_name: ObjectName
    range_start_specification: RangeStartSpecification | None = None
    range_stop_specification: RangeStopSpecification | None = None
    list_of_variables: list[str] | None = None
    entry_to_start_after: EntryToStartAfter | None = None


RangeStartSpecification: TypeAlias = (
    "tuple[Literal['startingTime'], bytes]"
    " | tuple[Literal['startingEntry'], bytes]"
)
"""The first entry wanted."""


RangeStopSpecification: TypeAlias = (
    "tuple[Literal['endingTime'], bytes]"
    " | tuple[Literal['numberOfEntries'], int]"
)
"""Where to stop."""


@attrs.define(slots=True)
class EntryToStartAfter:
    """The entry before the first one wanted."""

    time_specification: bytes
    entry_specification: bytes


@attrs.define(slots=True)
class ReadJournalResponse:
    """Entries, and whether there are more."""

    list_of_journal_entry: list[JournalEntry]
    more_follows: bool = False


@attrs.define(slots=True)
class JournalEntry:
    """One entry of a journal."""

    entry_identifier: bytes
    originating_application: ApplicationReference
    entry_content: EntryContent


@attrs.define(slots=True)
class ApplicationReference:
    """The application that made an entry; sent empty by IEC 61850 servers."""

    ap_title: str | None = None
    ap_invocation_id: int | None = None
    ae_qualifier: int | None = None
    ae_invocation_id: int | None = None


@attrs.define(slots=True)
class EntryContent:
    """When it was, and what."""

    occurrence_time: bytes
    entry_form: EntryForm


EntryForm: TypeAlias = (
    "tuple[Literal['data'], EntryData]"
    " | tuple[Literal['annotation'], str]"
)
"""Values, or a remark."""


@attrs.define(slots=True)
class EntryData:
    """The event and the variables of an entry."""

    event: EntryEvent | None = None
    list_of_variables: list[JournalVariable] | None = None


@attrs.define(slots=True)
class EntryEvent:
    """The event condition that caused an entry."""

    event_condition_name: ObjectName
    current_state: int  # ECState


class ECState(IntEnum):
    """State of an event condition."""

    DISABLED = 0
    IDLE = 1
    ACTIVE = 2


@attrs.define(slots=True)
class JournalVariable:
    """A value with the reference it belongs to."""

    variable_tag: str
    value_specification: Data


@attrs.define(slots=True)
class InitializeJournalRequest:
    """Deletes entries up to a limit, all without one."""

    journal_name: ObjectName
    limit_specification: LimitSpecification | None = None


@attrs.define(slots=True)
class LimitSpecification:
    """The last entry to delete."""

    limiting_time: bytes
    limiting_entry: bytes | None = None


@attrs.define(slots=True)
class ReportJournalStatusResponse:
    """How many entries a journal has."""

    current_entries: int
    mms_deletable: bool


@attrs.define(slots=True)
class ObtainFileRequest:
    """Asks the server to fetch a file from the client."""

    source_file: list[str]
    destination_file: list[str]


@attrs.define(slots=True)
class FileOpenRequest:
    """Opens a file for reading from an octet on."""

    file_name: list[str]
    initial_position: int


@attrs.define(slots=True)
class FileOpenResponse:
    """The handle of an open file (frsmID) and its attributes."""

    frsm_id: int
    file_attributes: FileAttributes


@attrs.define(slots=True)
class FileReadResponse:
    """The next part of a file, and whether there is more."""

    file_data: bytes
    more_follows: bool = True


@attrs.define(slots=True)
class FileRenameRequest:
    """Renames a file."""

    current_file_name: list[str]
    new_file_name: list[str]


@attrs.define(slots=True)
class FileDirectoryRequest:
    """Asks for the files that a specification matches, after the one given."""

    file_specification: list[str] | None = None
    continue_after: list[str] | None = None


@attrs.define(slots=True)
class FileDirectoryResponse:
    """Files, and whether there are more. The tag of the list is explicit: A0 and 30 stand on the wire."""

    list_of_directory_entry: list[DirectoryEntry]
    more_follows: bool = False


@attrs.define(slots=True)
class DirectoryEntry:
    """One file."""

    file_name: list[str]
    file_attributes: FileAttributes


@attrs.define(slots=True)
class FileAttributes:
    """Size in octets and time of the last change."""

    size_of_file: int
    last_modified: str | None = None
