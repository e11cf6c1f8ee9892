"""The grammars of what a message carries as it is: Green Button data in an Atom feed, and XML signatures.

They are not turned into classes, but a document is held to them all the same. The notation is that of a DTD, and types:

    name=type       an element; with `?`, `*` or `+` as usual        prefix:name     one that stands by itself
    ( a b )  ( a | b )                                               sequence, choice
    ANY, OTHER      any element; any of another namespace            LAX, ALIEN      the same, unknown ones too
    @name=type      an attribute; with `!` one that is required      @OTHER          any of another namespace

A type is declared as `Name`, `Name mixed`, `Name < Base` (it goes on where the base ends) or `Name : type` (text with
attributes). Facts from: xmldsig-core 1.1, RFC 4287 as the profile narrows it, and ESPI as the profile narrows it.
"""

from __future__ import annotations

_COMMON = "@xml:base @xml:lang @OTHER"

TYPES = {
    "ds": {
        "SignatureType": "ds:SignedInfo ds:SignatureValue ds:KeyInfo? ds:Object* @Id=xs:ID",
        "SignatureValueType : xs:base64Binary": "@Id=xs:ID",
        "SignedInfoType": "ds:CanonicalizationMethod ds:SignatureMethod ds:Reference+ @Id=xs:ID",
        "CanonicalizationMethodType mixed": "ANY* @Algorithm=xs:anyURI!",
        "SignatureMethodType mixed": "HMACOutputLength=xs:integer? OTHER* @Algorithm=xs:anyURI!",
        "ReferenceType": "ds:Transforms? ds:DigestMethod ds:DigestValue @Id=xs:ID @URI=xs:anyURI @Type=xs:anyURI",
        "TransformsType": "ds:Transform+",
        "TransformType mixed": "( ALIEN | XPath=xs:string )* @Algorithm=xs:anyURI!",
        "DigestMethodType mixed": "ALIEN* @Algorithm=xs:anyURI!",
        "KeyInfoType mixed": (
            "( ds:KeyName | ds:KeyValue | ds:RetrievalMethod | ds:X509Data | ds:PGPData | ds:SPKIData | ds:MgmtData"
            " | ALIEN )+ @Id=xs:ID"
        ),
        "KeyValueType mixed": "( ds:DSAKeyValue | ds:RSAKeyValue | ALIEN )",
        "RetrievalMethodType": "ds:Transforms? @URI=xs:anyURI @Type=xs:anyURI",
        "X509DataType": (
            "( X509IssuerSerial=ds:X509IssuerSerialType | X509SKI=xs:base64Binary | X509SubjectName=xs:string"
            " | X509Certificate=xs:base64Binary | X509CRL=xs:base64Binary | ALIEN )+"
        ),
        "X509IssuerSerialType": "X509IssuerName=xs:string X509SerialNumber=xs:integer",
        "PGPDataType": (
            "( ( PGPKeyID=xs:base64Binary PGPKeyPacket=xs:base64Binary? ALIEN* )"
            " | ( PGPKeyPacket=xs:base64Binary ALIEN* ) )"
        ),
        "SPKIDataType": "( SPKISexp=xs:base64Binary ALIEN? )+",
        "ObjectType mixed": "LAX* @Id=xs:ID @MimeType=xs:string @Encoding=xs:anyURI",
        "ManifestType": "ds:Reference+ @Id=xs:ID",
        "SignaturePropertiesType": "ds:SignatureProperty+ @Id=xs:ID",
        "SignaturePropertyType mixed": "ALIEN+ @Target=xs:anyURI! @Id=xs:ID",
        "DSAKeyValueType": (
            "( P=xs:base64Binary Q=xs:base64Binary )? G=xs:base64Binary? Y=xs:base64Binary J=xs:base64Binary?"
            " ( Seed=xs:base64Binary PgenCounter=xs:base64Binary )?"
        ),
        "RSAKeyValueType": "Modulus=xs:base64Binary Exponent=xs:base64Binary",
    },
    "ds11": {
        "ECKeyValueType": (
            "( ECParameters=ds11:ECParametersType | NamedCurve=ds11:NamedCurveType ) PublicKey=xs:base64Binary"
            " @Id=xs:ID"
        ),
        "NamedCurveType": "@URI=xs:anyURI!",
        "ECParametersType": (
            "FieldID=ds11:FieldIDType Curve=ds11:CurveType Base=xs:base64Binary Order=xs:base64Binary"
            " CoFactor=xs:integer? ValidationData=ds11:ECValidationDataType?"
        ),
        "FieldIDType": "( ds11:Prime | ds11:TnB | ds11:PnB | ds11:GnB | ALIEN )",
        "CurveType": "A=xs:base64Binary B=xs:base64Binary",
        "ECValidationDataType": "seed=xs:base64Binary @hashAlgorithm=xs:anyURI!",
        "PrimeFieldParamsType": "P=xs:base64Binary",
        "CharTwoFieldParamsType": "M=xs:positiveInteger",
        "TnBFieldParamsType < ds11:CharTwoFieldParamsType": "K=xs:positiveInteger",
        "PnBFieldParamsType < ds11:CharTwoFieldParamsType": (
            "K1=xs:positiveInteger K2=xs:positiveInteger K3=xs:positiveInteger"
        ),
        "DEREncodedKeyValueType : xs:base64Binary": "@Id=xs:ID",
        "KeyInfoReferenceType": "@URI=xs:anyURI! @Id=xs:ID",
        "X509DigestType : xs:base64Binary": "@Algorithm=xs:anyURI!",
    },
    "atom": {
        "feedType": (
            "( author=atom:personType | category=atom:categoryType | contributor=atom:personType"
            " | generator=atom:generatorType | icon=atom:uriType | id=atom:uriType | link=atom:linkType"
            " | logo=atom:uriType | rights=atom:textType | subtitle=atom:textType | title=atom:textType"
            f" | updated=atom:dateTimeType | entry=atom:entryType | OTHER )* {_COMMON}"
        ),
        "entryType": (
            "( author=atom:personType | category=atom:categoryType | content=atom:contentType"
            " | contributor=atom:personType | id=atom:uriType | link=atom:linkType | published=atom:dateTimeType"
            " | rights=atom:textType | source=atom:textType | summary=atom:textType | title=atom:textType"
            f" | updated=atom:dateTimeType | OTHER )* {_COMMON}"
        ),
        "personType": f"( name=xs:string | uri=atom:uriType | email=atom:emailType | OTHER )* {_COMMON}",
        "textType mixed": f"XHTML? @type=atom:textKind {_COMMON}",
        "contentType mixed": f"OTHER* @type=xs:string @src=xs:anyURI {_COMMON}",
        "categoryType": f"@term=xs:string! @scheme=xs:anyURI @label=xs:string {_COMMON}",
        "generatorType : xs:string": f"@uri=xs:anyURI @version=xs:string {_COMMON}",
        "uriType : xs:anyURI": _COMMON,
        "dateTimeType : xs:dateTime": _COMMON,
        "linkType mixed": (
            "@href=xs:anyURI! @rel=xs:string @type=xs:string @hreflang=xs:NMTOKEN @title=xs:string"
            f" @length=xs:positiveInteger {_COMMON}"
        ),
    },
    "espi": {
        "Object": "extension=xs:anyType*",
        "IdentifiedObject < espi:Object": "batchItemInfo=espi:BatchItemInfo?",
        "IntervalBlock < espi:IdentifiedObject": (
            "interval=espi:DateTimeInterval? IntervalReading=espi:IntervalReading*"
        ),
        "MeterReading < espi:IdentifiedObject": "",
        "ReadingType < espi:IdentifiedObject": (
            "accumulationBehaviour=xs:unsignedShort? commodity=xs:unsignedShort? consumptionTier=xs:short?"
            " currency=xs:unsignedShort? dataQualifier=xs:unsignedShort? defaultQuality=xs:unsignedShort?"
            " flowDirection=xs:unsignedShort? intervalLength=xs:unsignedInt? kind=xs:unsignedShort?"
            " phase=xs:unsignedShort? powerOfTenMultiplier=xs:short? timeAttribute=xs:unsignedShort? tou=xs:short?"
            " uom=xs:unsignedShort? cpp=xs:short? interharmonic=espi:RationalNumber?"
            " measuringPeriod=xs:unsignedShort? argument=espi:RationalNumber?"
        ),
        "UsagePoint < espi:IdentifiedObject": (
            "roleFlags=espi:HexBinary16? ServiceCategory=espi:ServiceCategory? status=xs:unsignedByte?"
            " ServiceDeliveryPoint=espi:ServiceDeliveryPoint?"
        ),
        "ElectricPowerQualitySummary < espi:IdentifiedObject": (
            "flickerPlt=espi:Int48? flickerPst=espi:Int48? harmonicVoltage=espi:Int48? longInterruptions=espi:Int48?"
            " mainsVoltage=espi:Int48? measurementProtocol=xs:unsignedByte? powerFrequency=espi:Int48?"
            " rapidVoltageChanges=espi:Int48? shortInterruptions=espi:Int48? summaryInterval=espi:DateTimeInterval"
            " supplyVoltageDips=espi:Int48? supplyVoltageImbalance=espi:Int48? supplyVoltageVariations=espi:Int48?"
            " tempOvervoltage=espi:Int48?"
        ),
        "ElectricPowerUsageSummary < espi:IdentifiedObject": (
            "billingPeriod=espi:DateTimeInterval? billLastPeriod=espi:Int48? billToDate=espi:Int48?"
            " costAdditionalLastPeriod=espi:Int48? costAdditionalDetailLastPeriod=espi:LineItem*"
            " currency=xs:unsignedShort? overallConsumptionLastPeriod=espi:SummaryMeasurement?"
            " currentBillingPeriodOverAllConsumption=espi:SummaryMeasurement?"
            " currentDayLastYearNetConsumption=espi:SummaryMeasurement?"
            " currentDayNetConsumption=espi:SummaryMeasurement? currentDayOverallConsumption=espi:SummaryMeasurement?"
            " peakDemand=espi:SummaryMeasurement? previousDayLastYearOverallConsumption=espi:SummaryMeasurement?"
            " previousDayNetConsumption=espi:SummaryMeasurement?"
            " previousDayOverallConsumption=espi:SummaryMeasurement? qualityOfReading=xs:unsignedShort?"
            " ratchetDemand=espi:SummaryMeasurement? ratchetDemandPeriod=espi:DateTimeInterval?"
            " statusTimeStamp=xs:long"
        ),
        "TimeConfiguration < espi:IdentifiedObject": (
            "dstEndRule=espi:HexBinary32 dstOffset=xs:long dstStartRule=espi:HexBinary32 tzOffset=xs:long"
        ),
        "IntervalReading < espi:Object": (
            "cost=espi:Int48? ReadingQuality=espi:ReadingQuality* timePeriod=espi:DateTimeInterval? value=espi:Int48?"
        ),
        "ReadingQuality < espi:Object": "quality=xs:unsignedShort",
        "ServiceCategory < espi:Object": "kind=xs:unsignedShort",
        "SummaryMeasurement < espi:Object": (
            "powerOfTenMultiplier=xs:short? timeStamp=xs:long? uom=xs:unsignedShort? value=espi:Int48?"
        ),
        "BatchItemInfo < espi:Object": (
            "name=espi:HexBinary16? operation=xs:unsignedShort? statusCode=xs:unsignedShort?"
            " statusReason=espi:String256?"
        ),
        "ServiceDeliveryPoint < espi:Object": (
            "name=espi:String256? tariffProfile=espi:String256? customerAgreement=espi:String256?"
        ),
        "DateTimeInterval < espi:Object": "duration=xs:unsignedInt? start=xs:long?",
        "ServiceStatus < espi:Object": "currentStatus=xs:unsignedShort",
        "RationalNumber": "numerator=xs:integer? denominator=xs:anyType?",
        "LineItem": "amount=espi:Int48 rounding=espi:Int48? dateTime=xs:long note=espi:String256",
    },
}
"""Complex types by namespace. The enumerations of ESPI are open to any number of their base, so they are left out."""

RESTRICTIONS = {
    "atom:emailType": ("xs:normalizedString", (("pattern", r"\w+@(\w+\.)+\w+"),)),
    "atom:textKind": ("xs:token", tuple(("enumeration", kind) for kind in ("text", "html", "xhtml"))),
    "espi:HexBinary16": ("xs:hexBinary", (("maxLength", "2"),)),
    "espi:HexBinary32": ("xs:hexBinary", (("maxLength", "4"),)),
    "espi:String256": ("xs:string", (("maxLength", "256"),)),
    "espi:Int48": ("xs:long", (("minInclusive", "-140737488355328"), ("maxInclusive", "140737488355328"))),
}
"""Simple types: base and facets."""

ELEMENTS = {
    "ds": (
        "Signature SignatureValue SignedInfo CanonicalizationMethod SignatureMethod Reference Transforms Transform"
        " DigestMethod DigestValue=xs:base64Binary KeyInfo KeyName=xs:string MgmtData=xs:string KeyValue"
        " RetrievalMethod X509Data PGPData SPKIData Object Manifest SignatureProperties SignatureProperty DSAKeyValue"
        " RSAKeyValue"
    ),
    "ds11": (
        "ECKeyValue Prime=ds11:PrimeFieldParamsType GnB=ds11:CharTwoFieldParamsType TnB=ds11:TnBFieldParamsType"
        " PnB=ds11:PnBFieldParamsType DEREncodedKeyValue KeyInfoReference X509Digest"
    ),
    "atom": "feed=atom:feedType entry=atom:entryType",
    "espi": (
        "IntervalBlock=espi:IntervalBlock IntervalReading=espi:IntervalReading MeterReading=espi:MeterReading"
        " ReadingQuality=espi:ReadingQuality ReadingType=espi:ReadingType IdentifiedObject=espi:IdentifiedObject"
        " UsagePoint=espi:UsagePoint ElectricPowerQualitySummary=espi:ElectricPowerQualitySummary"
        " ElectricPowerUsageSummary=espi:ElectricPowerUsageSummary DateTimeInterval=espi:DateTimeInterval"
        " SummaryMeasurement=espi:SummaryMeasurement BatchItemInfo=espi:BatchItemInfo Object=espi:Object"
        " ServiceStatus=espi:ServiceStatus LocalTimeParameters=espi:TimeConfiguration"
    ),
}
"""Global elements by namespace; `Name` is short for `Name=prefix:NameType`."""

ATTRIBUTES = {"xml:base": "xs:anyURI", "xml:lang": "xs:language"}
"""Global attributes."""

NAMESPACES = {"ds11": "http://www.w3.org/2009/xmldsig11#", "xml": "http://www.w3.org/XML/1998/namespace"}
"""Namespaces that only these grammars know."""
