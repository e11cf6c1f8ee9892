"""What tests of tables share: all that are shipped, and values that a conversion can carry."""

from __future__ import annotations

from pathlib import Path

from hypothesis import strategies as st
from janusgrid.common.data.conversion import Conversion, Field, Linear, Stepped
from janusgrid.common.data.point import ValueType
from janusgrid.common.data.tables import COMMON
from janusgrid.common.data.value import Scalar
from janusgrid.common.resources import mappings_dir


def _is_table(path: Path) -> bool:
    with path.open(encoding="utf-8") as stream:
        return set(COMMON) <= {column.strip() for column in stream.readline().split(",")}


SHIPPED = tuple(sorted(path for path in mappings_dir().glob("*/*.csv") if _is_table(path)))
"""Every conversion table of the package."""


def shown(path: Path) -> str:
    """Return a table's name as a site file has it."""
    return path.relative_to(mappings_dir()).as_posix()


def common_values(there: Conversion) -> st.SearchStrategy[Scalar]:
    """Return the values that fit a conversion, in the unit of the point; a number on an integer wire is one of its."""
    inner = there.inner if isinstance(there, Field) else there
    if there.type is ValueType.ENUM:
        return st.sampled_from(there.literals)
    if isinstance(inner, Stepped):
        return st.sampled_from([there.from_wire(code << (there.shift if isinstance(there, Field) else 0))
                                for code in inner.codes.values()])  # fmt: skip
    if there.type is ValueType.BOOL:
        return st.booleans()
    if there.type is ValueType.TEXT:
        return st.text(max_size=20)
    low, high = there.wire_type.range or (None, None)
    if low is not None and high is not None:
        shift, most = (there.shift, there.mask >> there.shift) if isinstance(there, Field) else (0, 1 << 52)
        return st.integers(max(low, -most), min(high, most)).map(lambda wire: there.from_wire(wire << shift))
    if there.type is ValueType.INT:
        return st.integers(-(10**6), 10**6)
    assert isinstance(there, Linear)
    return st.floats(-1e6, 1e6)
