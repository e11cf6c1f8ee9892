"""Handlers may be plain functions or coroutines."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
Handler = Callable[P, T | Awaitable[T]]


async def call(handler: Callable[P, T | Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call `handler` and return its result, awaited if it is a coroutine's."""
    result = handler(*args, **kwargs)
    if inspect.isawaitable(result):
        return await result
    return result
