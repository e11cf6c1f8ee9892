"""The configuration language (IEC 61850-6): SCL files of every edition become models, with coded diagnostics.

loaded = read("DG750.cid")
print(describe(loaded.model))
models, diagnostics = check("substation.scd")
write_cid(loaded.model, "again.cid")
"""

from .codes import CODES, Code, Severity
from .describe import describe
from .diagnostics import Diagnostic, SclError
from .document import Edition
from .reader import Loaded, check, read, servers
from .writer import write_cid

__all__ = [
    "read",
    "check",
    "servers",
    "describe",
    "write_cid",
    "Loaded",
    "Edition",
    "Diagnostic",
    "Severity",
    "SclError",
    "Code",
    "CODES",
]
