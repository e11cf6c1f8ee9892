"""The one suite of the data-access port, over every adapter of this repository."""

from __future__ import annotations

import pytest
from janusgrid.common.data.suite import AccessSuite

pytestmark = pytest.mark.asyncio(loop_scope="session")


class TestEveryAccess(AccessSuite):
    """On all of `tests.data.rigs`."""
