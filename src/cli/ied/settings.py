"""`janusgrid ied settings`: the setting groups of a server."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import Any

import attrs
import click

from ...common.errors import LocalError
from ...iec61850.acsi.services import AcsiClass
from ...iec61850.client import Ied
from ...iec61850.client.settings import SettingGroups
from ..running import run
from . import show
from .data import given
from .target import Target, reaches

_ARGUMENTS = {"list": (0, 0), "show": (0, 1), "activate": (1, 1), "edit": (2, None)}
"""For each action how many arguments it takes, at least and at most."""


@click.command()
@reaches
@click.argument("action", type=click.Choice(list(_ARGUMENTS)), default="list")
@click.argument("arguments", nargs=-1, metavar="[ARGUMENT]...")
@click.option("--device", help="logical device, where several have setting groups")
def settings(target: Target, action: str, arguments: tuple[str, ...], device: str | None) -> None:
    """List, show, edit or activate setting groups.

    \b
    list                      which devices have groups, how many, which is active
    show [GROUP]              the settings of the active group, or of that one
    edit GROUP LN.DO.DA=VALUE...
                              change settings of a group, all of them or none
    activate GROUP            let the device work with that group

    A VALUE is JSON, or plain text where it is none that fits. To show or edit a group reserves it: it is refused while
    another client edits.
    """
    least, most = _ARGUMENTS[action]
    if len(arguments) < least or (most is not None and len(arguments) > most):
        raise click.UsageError(f"{action} takes {_USAGE[action]}")
    group = _group(arguments[0]) if arguments else None
    changes = [_change(text) for text in arguments[1:]]

    async def work() -> None:
        async with target.open() as ied:
            if action == "list":
                await _list(target, ied, device)
                return
            name = await _device(ied, device)
            groups = ied.settings(name)
            if group is not None:
                count = (await groups.status()).get("NumOfSG")
                if isinstance(count, int) and not 1 <= group <= count:
                    raise LocalError(f"its groups are 1 to {count}", where=name)
            await _ACTIONS[action](_Work(target, name, groups, group, changes))

    run(work())


_USAGE = {
    "list": "no argument",
    "show": "the number of a group, or nothing",
    "activate": "the number of a group",
    "edit": "the number of a group and what to change: LN.DO.DA=VALUE",
}


@attrs.frozen(slots=True)
class _Work:
    target: Target
    device: str
    settings: SettingGroups
    group: int | None
    changes: list[tuple[str, str]]


def _group(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise click.UsageError(f"a setting group is a number, not {text!r}")
    return int(text)


def _change(text: str) -> tuple[str, str]:
    reference, equals, value = text.partition("=")
    if not equals or not reference:
        raise click.UsageError(f"write LN.DO.DA=VALUE, not {text!r}")
    return reference, value


async def _devices(ied: Ied) -> list[str]:
    """Return the names of the devices that have setting groups."""
    return [name for name in await ied.devices() if await ied.instances(f"{name}/LLN0", AcsiClass.SGCB)]


async def _device(ied: Ied, wanted: str | None) -> str:
    if wanted is not None:
        return wanted
    found = await _devices(ied)
    if len(found) == 1:
        return found[0]
    if not found:
        raise LocalError("it has no setting groups", where=ied.peer)
    raise LocalError(f"say which is meant: --device {' or '.join(found)}", where=ied.peer)


async def _list(target: Target, ied: Ied, device: str | None) -> None:
    names = [device] if device is not None else await _devices(ied)
    found: dict[str, Any] = {name: show.simple(dict(await ied.settings(name).status())) for name in names}
    lines = []
    for name, status in found.items():
        editing = f", group {status['EditSG']} is being edited" if status.get("EditSG") else ""
        lines.append(f"{name} group {status['ActSG']} of {status['NumOfSG']} is active{editing}")
    target.tell(found, lines)


async def _show(work: _Work) -> None:
    values = await work.settings.values(work.group)
    lines = [line for reference, value in values.items() for line in show.lines(reference, value)]
    work.target.tell({reference: show.simple(value) for reference, value in values.items()}, lines)


async def _activate(work: _Work) -> None:
    assert work.group is not None
    await work.settings.activate(work.group)
    work.target.tell({"device": work.device, "activated": work.group})


async def _edit(work: _Work) -> None:
    assert work.group is not None
    written: list[str] = []
    async with work.settings.edit(work.group) as edit:
        for name, text in work.changes:
            reference = name if "/" in name else f"{work.device}/{name}"
            await given(text, functools.partial(edit.write, reference))
            written.append(reference)
    work.target.tell({"device": work.device, "edited": work.group, "written": written})


_ACTIONS: dict[str, Callable[[_Work], Awaitable[None]]] = {"show": _show, "activate": _activate, "edit": _edit}
