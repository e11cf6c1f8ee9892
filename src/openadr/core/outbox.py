"""Letters to peers: in order for each peer, kept until they are answered, sent again after a growing pause.

A letter goes one of two ways: it is carried to its peer (`due`), one at a time, or the peer comes for it (`fetch`).
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import TypeVar

import attrs

from ...common.errors import LocalError
from ..codec import read
from ..model import Message, Poll
from . import spelling
from .shelf import Shelf

JITTER = 0.5
"""The part of a pause that is left to chance: many peers of one that was away do not all come back at once."""

FIRST_FETCH_PAUSE = timedelta(seconds=10)

MOST_FETCHES = 20
"""How often a letter is given to a peer that comes for it and never answers, before it is given up."""

M = TypeVar("M", bound=Message)

Maker = Callable[[datetime], Message]
"""Makes a message as it is to be at the time it is sent."""


@attrs.frozen(slots=True)
class Retry:
    """When what did not go through is sent again: after a pause that doubles each time, half of it left to chance.

    Attributes:
        first: the pause after the first failure.
        longest: the pause at which they stop growing.
    """

    first: timedelta = timedelta(seconds=1)
    longest: timedelta = timedelta(seconds=120)

    def __attrs_post_init__(self) -> None:
        if not timedelta() < self.first <= self.longest:
            raise LocalError(f"pauses are above zero and grow: not from {self.first} to {self.longest}")


@attrs.define(slots=True, eq=False)
class Letter:
    """A message on its way to a peer.

    Attributes:
        to: the peer: its venID, or `VTN`.
        content: the message, or what makes it each time the letter is sent.
        number: by which it is kept; letters are numbered as they are written.
        key: a later letter with the same key takes the place of this one while it has not been sent.
        weight: how much room it takes.
        expendable: it may be dropped, the oldest first, where there is no room.
        attempts: how often it was sent.
    """

    to: str
    content: Message | Maker
    number: int = 0
    key: str | None = None
    weight: int = 1
    expendable: bool = False
    in_flight: bool = False
    attempts: int = 0
    again: datetime | None = None
    """Of a letter that was fetched: when it is given out once more if it was not answered."""
    _made: Message | None = None

    @property
    def message(self) -> Message:
        """The message, as it was sent last."""
        if isinstance(self.content, Message):
            return self.content
        if self._made is None and self.again is not None:
            self._made = self.content(self.again)  # it was another process of ours that sent it
        if self._made is None:
            raise LocalError("the letter has not been sent yet: its message is made when it is")
        return self._made

    def spelled(self) -> str:
        """Return the letter as it is kept."""
        fetched = {"attempts": self.attempts, "again": spelling.time(self.again)} if self.again else {}
        return spelling.document(
            to=self.to,
            number=self.number,
            key=self.key,
            weight=self.weight,
            expendable=self.expendable,
            message=spelling.message(self.content) if isinstance(self.content, Message) else None,
            **fetched,
        )

    @classmethod
    def unspelled(cls, text: str, makers: Mapping[str, Callable[[str], Maker]]) -> Letter:
        """Return what `spelled` has returned the text of; `makers` give by key what makes a message for a peer."""
        kept = spelling.values(text)
        message, again = kept.pop("message"), spelling.time_of(kept.pop("again", None))
        content = read(message) if message is not None else makers[kept["key"]](kept["to"])
        return cls(content=content, again=again, in_flight=again is not None, **kept)

    def depart(self, now: datetime) -> None:
        """Count the letter as on its way."""
        self.in_flight = True
        self.attempts += 1
        if not isinstance(self.content, Message):
            self._made = self.content(now)


@attrs.define(slots=True, eq=False)
class _Queue:
    letters: deque[Letter] = attrs.Factory(deque)
    weight: int = 0
    not_before: datetime | None = None
    listed: datetime | None = None
    """For when it stands among those that pause."""
    failures: int = 0

    def remove(self, letter: Letter) -> None:
        self.letters.remove(letter)
        self.weight -= letter.weight


class Outbox:
    """Letters by peer; one at a time is on its way to each.

    A letter leaves when it is answered (`done`); after a failure it stays first in line. `capacity` bounds the weight
    of the letters that wait for one peer. Letters with a key do not count: they take each other's place. `chance` says,
    from 0 to 1, how much shorter than `JITTER` allows a pause is.
    """

    def __init__(
        self, capacity: int = 100_000, chance: Callable[[], float] = random.random, retry: Retry | None = None
    ) -> None:
        self._chance = chance
        self._retry = retry or Retry()
        self._queues: dict[str, _Queue] = {}
        self._calling: dict[str, None] = {}
        """Those in whose queues something has changed: who is not among these has no letter that is due."""
        self._pausing: list[tuple[datetime, str]] = []
        """A heap: when whose pause is over. What is not (any more) so is passed over when it comes to the top."""
        self._capacity = capacity
        self._number = 0
        self.makers: dict[str, Callable[[str], Maker]] = {}
        """By the key of a letter: what makes its content for a peer."""
        self.shelf = Shelf("letter", Letter.spelled, lambda text: Letter.unspelled(text, self.makers))
        self.shared = False
        """Other processes have the same letters: what they must know of each is kept."""
        self.dropped = 0
        """How many letters were dropped for want of room."""

    def put(
        self, to: str, content: Message | Maker, *, key: str | None = None, weight: int = 1, expendable: bool = False
    ) -> Letter:
        """Add a letter; raise `LocalError` if too many wait for that peer and none of them may be dropped."""
        self._number += 1
        letter = Letter(to, content, self._number, key, 0 if key else weight, expendable)
        queue = self._queue(to)
        if key is not None:
            for position, waiting in enumerate(queue.letters):
                if waiting.key == key and (not waiting.in_flight or waiting.again is not None):
                    queue.letters[position] = letter
                    self._forget(waiting)
                    self._keep(letter)
                    return letter
        while queue.weight and queue.weight + letter.weight > self._capacity:
            oldest = next((old for old in queue.letters if old.expendable and not old.in_flight), None)
            if oldest is None:
                raise LocalError(f"{len(queue.letters)} messages wait for {to}: it has been away for too long")
            queue.remove(oldest)
            self._forget(oldest)
            self.dropped += 1
        queue.letters.append(letter)
        queue.weight += letter.weight
        self._keep(letter)
        return letter

    def unsent(self, to: str, kind: type[M]) -> M | None:
        """Return the message of the last letter to a peer, if it is of that kind and was never sent; else None."""
        queue = self._queues.get(to)
        last = queue.letters[-1] if queue and queue.letters else None
        if last is None or last.in_flight or last.attempts or last.key is not None:
            return None
        return last.content if isinstance(last.content, kind) else None

    def amend(self, to: str, message: Message) -> None:
        """Let the last letter to a peer, which is `unsent`, say this instead."""
        last = self._queues[to].letters[-1]
        last.content = message
        self.shelf.touch(str(last.number))

    def restore(self) -> None:
        """Put the letters that were kept in line again, in the order in which they were written."""
        for letter in sorted(self.shelf.values(), key=lambda each: each.number):
            queue = self._queue(letter.to)
            queue.letters.append(letter)
            queue.weight += letter.weight
            self._number = max(self._number, letter.number)

    def renewed(self, numbers: Iterable[str]) -> None:
        """Put in line, or take out of it, what another process has written, sent or settled: it is on the shelf."""
        standing = {str(letter.number): letter for queue in self._queues.values() for letter in queue.letters}
        for number in sorted(numbers, key=int):
            old, new = standing.get(number), self.shelf.get(number)
            if old is not None and new is not None and old.again is None and new.again is None:
                self.shelf.put_back(number, old)  # it may be on its way
                continue
            if old is not None:
                if new is not None:
                    letters = self._queue(old.to).letters
                    letters[letters.index(old)] = new
                elif not old.in_flight or old.again is not None:
                    self._remove(old)  # what is being carried goes first until it has arrived: nothing overtakes it
            elif new is not None:
                queue = self._queue(new.to)
                queue.letters.append(new)
                queue.weight += new.weight
                self._number = max(self._number, new.number)

    def waits(self, to: str, key: str) -> bool:
        """Return whether a letter of this key is on its way to a peer."""
        queue = self._queues.get(to)
        return queue is not None and any(letter.key == key for letter in queue.letters)

    def stands(self, letter: Letter) -> bool:
        """Return whether a letter is (still) to be delivered, for all that other processes have done."""
        return not self.shared or str(letter.number) in self.shelf

    def _queue(self, to: str) -> _Queue:
        """Return the queue of a peer, in which something changes."""
        self._calling[to] = None
        return self._queues.setdefault(to, _Queue())

    def _list(self, to: str, queue: _Queue) -> None:
        """Look at a queue again when its pause is over."""
        if queue.not_before is not None and queue.listed != queue.not_before:
            heapq.heappush(self._pausing, (queue.not_before, to))
            queue.listed = queue.not_before

    def _unlist(self) -> str:
        """Return the peer whose pause ends first, and list it no more."""
        when, to = heapq.heappop(self._pausing)
        queue = self._queues.get(to)
        if queue is not None and queue.listed == when:
            queue.listed = None
        return to

    def _remove(self, letter: Letter) -> None:
        queue = self._queue(letter.to)
        queue.remove(letter)
        if not queue.letters:
            del self._queues[letter.to]

    def _keep(self, letter: Letter) -> None:
        """Keep a letter; what is made anew each time it is sent, and a poll, follow from what is kept elsewhere."""
        made = isinstance(letter.content, Message)
        if (made or (self.shared and letter.key in self.makers)) and not isinstance(letter.content, Poll):
            self.shelf[str(letter.number)] = letter

    def _forget(self, letter: Letter) -> None:
        self.shelf.pop(str(letter.number), None)

    def due(self, now: datetime, carried: Callable[[str], bool] = lambda to: True) -> list[Letter]:
        """Return the letters to send now, to peers that are `carried` to, and count them as on their way.

        Whether a peer is carried to is asked when there is something new for it, and after `kick`.
        """
        while self._pausing and self._pausing[0][0] <= now:
            self._calling[self._unlist()] = None
        calling, self._calling = self._calling, {}
        found = []
        for to in calling:
            queue = self._queues.get(to)
            first = queue.letters[0] if queue and queue.letters else None
            if queue is None or first is None or first.in_flight:
                continue
            if queue.not_before is not None and queue.not_before > now:
                self._list(to, queue)
            elif carried(to):
                first.depart(now)
                found.append(first)
        return found

    def fetch(self, to: str, now: datetime) -> Letter | None:
        """Return the next letter to a peer that comes for it, None if nothing waits.

        What it got before and has not answered comes again after a growing pause; what is behind it is not held up.
        """
        queue = self._queues.get(to)
        for letter in queue.letters if queue else ():
            if letter.again is None or letter.again <= now:
                letter.depart(now)
                letter.again = now + min(FIRST_FETCH_PAUSE * 2 ** min(letter.attempts - 1, 8), self._retry.longest)
                if self.shared:
                    self.shelf.touch(str(letter.number))
                return letter
        return None

    def fetched(self, to: str) -> tuple[Letter, ...]:
        """Return the letters that a peer has come for and not answered yet, in order."""
        queue = self._queues.get(to)
        return tuple(letter for letter in queue.letters if letter.in_flight) if queue else ()

    def waiting(self, to: str) -> tuple[Letter, ...]:
        """Return every letter to a peer that is not answered yet, in order."""
        queue = self._queues.get(to)
        return tuple(queue.letters) if queue else ()

    def done(self, letter: Letter) -> bool:
        """The letter was answered; return False if it was dropped meanwhile, so that its answer means nothing."""
        queue = self._queues.get(letter.to)
        if queue is None or letter not in queue.letters:
            return False
        stood = self.stands(letter)
        queue.not_before, queue.failures = None, 0
        self._remove(letter)
        self._forget(letter)
        return stood

    def failed(self, letter: Letter, now: datetime) -> None:
        """The letter did not get through, or its answer did not: it will be sent again."""
        letter.in_flight = False
        queue = self._queues.get(letter.to)
        if queue is not None and letter in queue.letters and not self.stands(letter):
            self._remove(letter)
        elif queue is not None and letter in queue.letters:
            pause = min(self._retry.first * 2 ** min(queue.failures, 32), self._retry.longest)
            queue.not_before = now + pause * (1 - JITTER * self._chance())
            self._list(letter.to, queue)
            queue.failures += 1

    def moved(self, to: str) -> None:
        """Another process has registered a peer anew: whether it is carried to may have changed."""
        self._calling[to] = None

    def kick(self, to: str | None = None) -> None:
        """The peer (or everybody) is back: send at once what waits."""
        for peer in self._queues if to is None else {to} & self._queues.keys():
            queue = self._queue(peer)
            queue.not_before, queue.failures = None, 0
            for letter in queue.letters:
                if letter.again is not None and not self.shared:
                    letter.in_flight, letter.again = False, None

    def take_back(self, to: str, key: str) -> None:
        """Forget what was written to a peer under a key, sent or not: an answer to it means nothing any more."""
        queue = self._queues.get(to)
        for letter in [each for each in queue.letters if each.key == key] if queue else ():
            self.done(letter)

    def drop(self, to: str) -> list[Letter]:
        """Forget everything for a peer that is gone for good; return it."""
        queue = self._queues.pop(to, None)
        letters = list(queue.letters) if queue else []
        for letter in letters:
            self._forget(letter)
        return letters

    def wake(self) -> datetime | None:
        """Return when something may be due again; None if nothing waits for a time.

        What can be sent at once is no matter of time: call `due` after every `put`, `done` and `kick`.
        """
        while self._pausing:
            when, to = self._pausing[0]
            queue = self._queues.get(to)
            if queue is not None and queue.not_before == when and queue.letters and not queue.letters[0].in_flight:
                return when
            self._unlist()
        return None

    @property
    def peers(self) -> tuple[str, ...]:
        """Those for whom letters wait."""
        return tuple(self._queues)

    def __len__(self) -> int:
        return sum(len(queue.letters) for queue in self._queues.values())
