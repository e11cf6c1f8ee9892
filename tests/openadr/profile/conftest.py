"""Every test of the profile runs twice: with VENs that poll, and with VENs that are reached."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from .line import Pair, a_pair


@pytest_asyncio.fixture(params=["polls", "is reached"])
async def pair(request: pytest.FixtureRequest) -> AsyncIterator[Pair]:
    async with a_pair(polls=request.param == "polls") as made:
        yield made
