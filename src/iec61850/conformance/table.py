"""A table of a conformance statement."""

from __future__ import annotations

from ...common.statement import NO, YES, Table, yes

__all__ = ["NO", "YES", "Table", "yes"]
