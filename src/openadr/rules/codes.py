"""Application response codes."""

from __future__ import annotations

from enum import StrEnum


class Code(StrEnum):
    """Application response codes (rule 48; meanings as the public implementations agree on them, second-hand)."""

    OK = "200"
    OUT_OF_SEQUENCE = "450"
    NOT_ALLOWED = "451"
    INVALID_ID = "452"
    NOT_RECOGNIZED = "453"
    INVALID_DATA = "454"
    COMPLIANCE_ERROR = "459"
    SIGNAL_NOT_SUPPORTED = "460"
    REPORT_NOT_SUPPORTED = "461"
    TARGET_MISMATCH = "462"
    NOT_REGISTERED = "463"
    DEPLOYMENT_ERROR = "469"
