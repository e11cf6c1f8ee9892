"""Which running program a command directs: `--at`, or the only one of the right kind in this directory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import attrs
import click

from ...common.config import read
from ...common.errors import JanusGridError, LocalError
from ..control import ask
from .places import socket_of
from .telling import show

F = TypeVar("F", bound=Callable[..., None])

VARIABLE = "JANUSGRID_AT"


@attrs.frozen(slots=True)
class Program:
    """A running program of one of these roles, the first that there is, and how outcomes are printed."""

    roles: tuple[str, ...]
    at: Path | None
    as_json: bool

    def ask(self, do: str, timeout: float = 60.0, **fields: Any) -> Any:
        """Return what it answers; raise what it could not do, `LocalError` if it is not found."""
        return ask(self._socket(), do, timeout, **fields)

    def tell(self, what: Any, *lines: str) -> None:
        """Print the outcome."""
        show(what, self.as_json, list(lines))

    def _socket(self) -> Path:
        if self.at is not None:
            return self.at if self.at.is_socket() or self.at.suffix == ".sock" else _of_config(self.at)
        running = {path: _role(path) for path in sorted(Path().glob("*.sock"))}
        for role in self.roles:
            found = [path for path, its in running.items() if its == role]
            if len(found) == 1:
                return found[0]
            if found:
                raise LocalError(f"several run here: --at {' or '.join(map(str, found))}")
        wanted = " or ".join(role.upper() for role in self.roles)
        raise LocalError(f"no {wanted} runs in this directory: say which with --at CONFIG, or set {VARIABLE}")


def _of_config(config: Path) -> Path:
    data = read(config).data
    control = data.get("control") if isinstance(data, dict) else None
    return socket_of(config, control if isinstance(control, str) else None)


def _role(path: Path) -> str | None:
    try:
        return str(ask(path, "hello", 2.0)["role"])
    except JanusGridError:
        return None


def directs(*roles: str) -> Callable[[F], F]:
    """Give a command the options that say which program it directs, of these roles; it gets a `Program` first."""

    def decorate(command: F) -> F:
        def wrapped(at: Path | None, as_json: bool, **given: Any) -> None:
            command(Program(roles, at, as_json), **given)

        wrapped.__doc__ = command.__doc__
        wrapped.__name__ = command.__name__
        wrapped.__click_params__ = getattr(command, "__click_params__", [])  # type: ignore[attr-defined]
        help_at = "configuration or socket of the running program; the only one in this directory unless given"
        with_json = click.option("--json", "as_json", is_flag=True, help="print JSON")(wrapped)
        return click.option("--at", type=click.Path(path_type=Path), envvar=VARIABLE, help=help_at)(with_json)  # type: ignore[return-value]

    return decorate
