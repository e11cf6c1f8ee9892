"""The requests that wait for their answers, bounded in number.

An answer counts only if both the id and the full JID of the asked peer are right: anybody may send us a result.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections import OrderedDict
from xml.etree.ElementTree import Element

import attrs

from ..errors import RemoteError
from . import jid as jids
from .stanza import refusal

_REMEMBERED = 256
"""How many of the requests that were given up are kept in mind."""


@attrs.frozen(slots=True)
class _Open:
    peer: str
    answer: asyncio.Future[Element]


class Requests:
    """Open requests by id. `slots` bounds them: hold one while a request is open."""

    def __init__(self, limit: int) -> None:
        self.slots = asyncio.Semaphore(limit)
        self._open: dict[str, _Open] = {}
        self._given_up: OrderedDict[str, str] = OrderedDict()
        # An id must not be guessable by other accounts, or they could answer for our own server.
        self._prefix = secrets.token_hex(6)
        self._count = itertools.count(1)

    def __len__(self) -> int:
        return len(self._open)

    def next_id(self) -> str:
        """Return an id that was not used before and that nobody can guess."""
        return f"{self._prefix}-{next(self._count)}"

    def open(self, peer: str) -> tuple[str, asyncio.Future[Element]]:
        """Return a new id and the future of its answer; `peer` is the JID asked, in normal form, or empty."""
        id = self.next_id()
        answer: asyncio.Future[Element] = asyncio.get_running_loop().create_future()
        self._open[id] = _Open(peer, answer)
        return id, answer

    def close(self, id: str) -> None:
        """Wait no longer for the answer to `id`."""
        self._open.pop(id, None)

    def give_up(self, id: str) -> None:
        """Want no answer to `id` any more: should it come, it was asked for all the same."""
        waiting = self._open.pop(id, None)
        if waiting is not None:
            self._given_up[id] = waiting.peer
            if len(self._given_up) > _REMEMBERED:
                self._given_up.popitem(last=False)

    def answer(self, xml: Element, own: str) -> bool:
        """Hand an iq result or error to the one who waits for it; return False if nobody asked this of its sender.

        `own` is our full JID: the account itself is answered for by the server, with our bare JID or with no sender.
        """
        id = xml.get("id", "")
        waiting = self._open.get(id)
        if waiting is None and id in self._given_up and self._is_from(xml.get("from", ""), self._given_up[id], own):
            del self._given_up[id]
            return True
        if waiting is None or not self._is_from(xml.get("from", ""), waiting.peer, own):
            return False
        if waiting.answer.done():
            return False
        if xml.get("type") == "error":
            waiting.answer.set_exception(refusal(xml))
        else:
            waiting.answer.set_result(xml)
        return True

    def fail(self, error: RemoteError, peer: str | None = None) -> None:
        """End with `error` all open requests, or those to the peer with this JID."""
        for id, waiting in tuple(self._open.items()):
            if peer is None or waiting.peer == peer:
                self.give_up(id)
                if not waiting.answer.done():
                    waiting.answer.set_exception(error)

    @staticmethod
    def _is_from(sender: str, peer: str, own: str) -> bool:
        if sender == peer:
            return True
        if peer in ("", jids.bare(own)):
            return sender in ("", jids.bare(own), own)
        return False
