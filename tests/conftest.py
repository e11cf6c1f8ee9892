"""Fixtures for every test: where the reference data is."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes depends on the machine: no test of ours fails for that.
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")

pytest_plugins = ("tests.iec61850.proof.plugin",)

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The reference data beside the checkout; tests that need it are skipped with this reason where it is absent."""
    if not (SHARED / "reference").is_dir():
        pytest.skip("reference data (../shared) is not beside this checkout")
    return SHARED
