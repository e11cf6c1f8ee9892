"""Who may do what: rights of roles (after IEC 62351-8), needed by services and functional constraints."""

from .asked import ServiceKind
from .permit import Doorkeeper, Permit
from .table import Access, Right, Rights

__all__ = ["Access", "Doorkeeper", "Permit", "Right", "Rights", "ServiceKind"]
