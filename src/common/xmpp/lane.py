"""From a stanza to the handler of its payload, and back with the answer.

Handlers are found by the name of the payload in one look-up, however many there are. They start in the order in which
the stanzas came. How many requests may run at once is bounded, in all and for each sender. The messages of one sender
are handled one after the other, so that a burst of them waits its turn instead of being lost; how many may wait is
bounded, too.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Coroutine, Iterable
from xml.etree.ElementTree import Element

from ..errors import LocalError, RemoteError
from . import stanza
from .guard import Limits, Refusals
from .session import Handler, Incoming, StanzaKind, StanzaRefused

Own = Callable[[Incoming], str]
"""A handler of our own: answers at once, and raises `StanzaRefused`."""


class Lane:
    """Dispatches iq requests and messages to handlers, and sends their answers through `reply`."""

    def __init__(
        self,
        reply: Callable[[str], None],
        limits: Limits,
        refusals: Refusals,
        total: int = 1024,
        each: int = 128,
        backlog: int = 4096,
    ) -> None:
        self._reply = reply
        self._limits = limits
        self._refusals = refusals
        self._total = total
        self._each = each
        self._backlog = backlog
        self._messages: dict[str, deque[tuple[Handler, Incoming]]] = {}
        self._handlers: dict[tuple[str, str], Handler] = {}
        self._own: dict[tuple[str, str], Own] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._answering: dict[tuple[str, str], Element] = {}
        self._by_sender: Counter[str] = Counter()

    def handle(self, name: str, handler: Handler, kinds: Iterable[StanzaKind]) -> None:
        """Route payloads called `name` to `handler`; raise `LocalError` if they are routed already."""
        keys = [(name, kind) for kind in kinds]
        for key in keys:
            if key in self._handlers or key in self._own:
                raise LocalError(f"{name} in a stanza of kind {key[1]} has a handler already; unhandle it first")
        self._handlers.update(dict.fromkeys(keys, handler))

    def unhandle(self, name: str) -> None:
        """Stop routing payloads called `name`."""
        for key in [key for key in self._handlers if key[0] == name]:
            del self._handlers[key]

    def own(self, name: str, kind: StanzaKind, answer: Own) -> None:
        """Answer payloads called `name` ourselves."""
        self._own[name, kind] = answer

    async def close(self) -> None:
        """End the handlers that still run."""
        running = tuple(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        self._answering.clear()

    def request(self, xml: Element, sender: str) -> None:
        """Take an iq of type get or set."""
        id, kind = xml.get("id", ""), xml.get("type", "")
        if len(xml) != 1:
            self.refuse(id, sender, StanzaRefused("bad-request", "a request has one payload", kind="modify"))
            return
        payload = xml[0]
        key = (payload.tag, kind)
        incoming = Incoming(sender, "get" if kind == "get" else "set", payload, id)
        if (own := self._own.get(key)) is not None:
            try:
                self._reply(stanza.iq("result", id, sender, own(incoming)))
            except StanzaRefused as refused:
                self.refuse(id, sender, refused)
        elif (handler := self._handlers.get(key)) is None:
            self.refuse(id, sender, StanzaRefused("service-unavailable"))
        elif self._is_full(sender):
            self._refusals.note("flood", sender)
            self.refuse(id, sender, StanzaRefused("resource-constraint", "too many requests at once", kind="wait"))
        elif self._comes_again(id, sender, payload):
            self._refusals.note("repeated-request", sender)  # the answer to the first is the answer to both
        else:
            self._answering[sender, id] = payload
            self._start(self._answer(handler, incoming), sender)

    def message(self, xml: Element, sender: str) -> None:
        """Take a message: the first payload that somebody handles counts, the rest of it is decoration."""
        kind = xml.get("type", "normal")
        for payload in xml:
            handler = self._handlers.get((payload.tag, kind))
            if handler is None:
                continue
            waiting = self._messages.get(sender)
            if self._is_full(sender) if waiting is None else len(waiting) >= self._backlog:
                self._refusals.note("flood", sender)
                return
            incoming = Incoming(sender, "chat" if kind == "chat" else "normal", payload, xml.get("id", ""))
            if waiting is None:
                waiting = self._messages[sender] = deque()
                self._start(self._take_all(sender, waiting), sender)
            waiting.append((handler, incoming))
            return

    def refuse(self, id: str, to: str, refused: StanzaRefused) -> None:
        """Answer the iq `id` of `to` with a stanza error."""
        condition = refused.code if refused.code in stanza.CONDITIONS else "undefined-condition"
        kind = refused.kind if refused.kind in stanza.KINDS else "cancel"
        text = refused.message if refused.message != condition else ""
        self._reply(stanza.error(id, to, condition or "", kind, text[:500]))

    def _comes_again(self, id: str, sender: str, payload: Element) -> bool:
        """Return whether this request is being answered: somebody between has delivered it twice."""
        first = self._answering.get((sender, id))
        return first is not None and id != "" and stanza.fingerprint(first) == stanza.fingerprint(payload)

    def _is_full(self, sender: str) -> bool:
        return len(self._running) >= self._total or self._by_sender[sender] >= self._each

    def _start(self, work: Coroutine[None, None, None], sender: str) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        self._by_sender[sender] += 1
        task.add_done_callback(lambda done: self._done(done, sender))

    def _done(self, task: asyncio.Task[None], sender: str) -> None:
        self._running.discard(task)
        self._by_sender[sender] -= 1
        if not self._by_sender[sender]:
            del self._by_sender[sender]

    async def _answer(self, handler: Handler, incoming: Incoming) -> None:
        try:
            answer = stanza.iq("result", incoming.id, incoming.sender, await handler(incoming) or "")
            if len(answer) > self._limits.size:
                raise LocalError(f"an answer of {len(answer)} characters is larger than a stanza may be")
        except StanzaRefused as refused:
            self.refuse(incoming.id, incoming.sender, refused)
        except Exception:
            self._refusals.failed("handler-failed", incoming.sender)
            self.refuse(incoming.id, incoming.sender, StanzaRefused("internal-server-error"))
        else:
            self._reply(answer)
        finally:
            self._answering.pop((incoming.sender, incoming.id), None)

    async def _take_all(self, sender: str, waiting: deque[tuple[Handler, Incoming]]) -> None:
        try:
            while waiting:
                await self._take(*waiting.popleft())
        finally:
            del self._messages[sender]

    async def _take(self, handler: Handler, incoming: Incoming) -> None:
        try:
            await handler(incoming)
        except RemoteError as error:
            self._refusals.note("message-refused", incoming.sender, str(error))
        except Exception:
            self._refusals.failed("handler-failed", incoming.sender)
