"""A state machine is a table that can be printed.

Protocol cores declare their machines as rows and keep the state themselves; the documentation draws the same rows. An
event that the table does not know in a state is an error of the protocol, never a silent pass.

    DOOR = StateMachine("door", [("closed", "open", "opened"), ("opened", "close", "closed")], initial="closed")
    state = DOOR.next(state, "open")
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Generic, Literal, TypeVar

from .errors import LocalError, RemoteError

State = TypeVar("State", bound=str | Enum)
Event = TypeVar("Event", bound=str | Enum)

Form = Literal["text", "markdown", "mermaid"]


class UnexpectedEvent(RemoteError):
    """An event that has no place in the present state; `code` is what the protocol answers to that."""

    def __init__(self, machine: str, state: str, event: str, expected: Iterable[str], code: str | None) -> None:
        allowed = ", ".join(expected) or "none"
        super().__init__(f"{machine}: {event!r} is not expected in state {state!r} (expected: {allowed})", code=code)
        self.machine = machine
        self.state = state
        self.event = event


class StateMachine(Generic[State, Event]):
    """An immutable table of transitions.

    Args:
        name: of the machine, for errors and headings.
        rows: `(state, event, next state)` in reading order; a tuple of states stands for a row each.
        initial: the first state.
        final: states that need no way out.
        code: the protocol's own code for an event out of place.

    Raises `LocalError` for a pair given twice, a state that cannot be reached, and a dead end that is not final.
    """

    def __init__(
        self,
        name: str,
        rows: Iterable[tuple[State | tuple[State, ...], Event, State]],
        *,
        initial: State,
        final: Iterable[State] = (),
        code: str | None = None,
    ) -> None:
        self.name = name
        self.initial = initial
        self.final = frozenset(final)
        self.code = code
        self._next: dict[tuple[State, Event], State] = {}
        for sources, event, target in rows:
            for source in sources if isinstance(sources, tuple) else (sources,):
                if (source, event) in self._next:
                    raise LocalError(f"{name}: two rows for {_label(event)!r} in state {_label(source)!r}")
                self._next[source, event] = target
        self._check()

    def next(self, state: State, event: Event) -> State:
        """Return the state after `event`; raise `UnexpectedEvent` if the table has no row for the pair."""
        try:
            return self._next[state, event]
        except KeyError:
            expected = map(_label, self.events(state))
            raise UnexpectedEvent(self.name, _label(state), _label(event), expected, self.code) from None

    @property
    def states(self) -> tuple[State, ...]:
        """Every state, in the order of the rows, the initial one first."""
        return tuple(
            dict.fromkeys([self.initial, *(s for (source, _), to in self._next.items() for s in (source, to))])
        )

    def events(self, state: State) -> tuple[Event, ...]:
        """Return the events that are expected in `state`."""
        return tuple(event for source, event in self._next if source == state)

    def table(self, form: Form = "text") -> str:
        """Return the table as aligned text, as a Markdown table, or as a mermaid state diagram."""
        rows = [(_label(source), _label(event), _label(to)) for (source, event), to in self._next.items()]
        if form == "mermaid":
            ids = {_label(state): f"s{number}" for number, state in enumerate(self.states)}
            names = [f'    state "{label}" as {key}' for label, key in ids.items()]
            arrows = [f"    {ids[source]} --> {ids[to]}: {event}" for source, event, to in rows]
            ends = [f"    {ids[_label(state)]} --> [*]" for state in self.states if state in self.final]
            return "\n".join(["stateDiagram-v2", *names, f"    [*] --> {ids[_label(self.initial)]}", *arrows, *ends])
        header = ("state", "event", "next state")
        widths = [max(len(row[column]) for row in (header, *rows)) for column in range(3)]
        ruled = [header, ("-" * widths[0], "-" * widths[1], "-" * widths[2]), *rows]
        cells = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in ruled]
        if form == "markdown":
            return "\n".join(f"| {' | '.join(row)} |" for row in cells)
        return "\n".join("  ".join(row).rstrip() for row in cells)

    def _check(self) -> None:
        reached, todo = {self.initial}, [self.initial]
        while todo:
            state = todo.pop()
            for event in self.events(state):
                if (target := self._next[state, event]) not in reached:
                    reached.add(target)
                    todo.append(target)
        for state in self.states:
            if state not in reached:
                raise LocalError(
                    f"{self.name}: state {_label(state)!r} cannot be reached from {_label(self.initial)!r}"
                )
            if not self.events(state) and state not in self.final:
                raise LocalError(f"{self.name}: no way out of {_label(state)!r}, and it is not final")


def _label(item: str | Enum) -> str:
    return str(item.value) if isinstance(item, Enum) else item
