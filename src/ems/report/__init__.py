"""The report page of a reserve service: what was asked, what was delivered, and how it is judged, with plots.

`Record` is what there is to tell; `write` makes a page and pictures of it. Only that needs matplotlib (extra `report`).
"""

from __future__ import annotations

from .page import write
from .record import Check, Mark, Parameter, Record, Settled, Sort, TablePoint, Track

__all__ = ["Check", "Mark", "Parameter", "Record", "Settled", "Sort", "TablePoint", "Track", "write"]
