"""The data-access port: one suite for all adapters."""

import pytest

pytest.register_assert_rewrite("janusgrid.common.data.suite")
