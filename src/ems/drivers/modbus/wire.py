"""One Modbus TCP connection: the door to pymodbus. What it answers is believed only where it answers the question."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import NoReturn

import attrs
from pymodbus.client.base import ModbusBaseClient
from pymodbus.exceptions import ConnectionException, ModbusException
from pymodbus.framer import FramerType
from pymodbus.pdu import ExceptionResponse, ModbusPDU
from pymodbus.transport import CommParams, CommType

from ....common.config import together
from ....common.data.tables import Binding
from ....common.data.value import LOST, Scalar, Value
from ....common.errors import (
    ConfigError,
    JanusGridError,
    LocalError,
    Malformed,
    NotReachable,
    Refused,
    RemoteError,
    TimedOut,
    TypeConflict,
)
from ..kept import BAD_REFERENCE, UNFIT, Tell, Values, common, is_shown
from ..parts import TRIES, fit_together
from .blocks import Block, Slot, Span, blocks
from .codecs import Joined
from .sunspec import BASES, Reference, discover, slot

EXCEPTIONS = {
    1: "illegal function", 2: "illegal data address", 3: "illegal data value", 4: "server device failure",
    5: "acknowledge", 6: "server device busy", 8: "memory parity error", 10: "gateway path unavailable",
    11: "gateway target device failed to respond",
}  # fmt: skip
"""Modbus Application Protocol V1.1b3, clause 7."""
_FOR_GOOD = frozenset({"1", "2", "3"})
"""Codes of what will not be otherwise the next time: the table does not fit the device."""
_VERIFY = (0.0, 0.1, 0.3, 0.6)
"""Seconds between the looks at what was written, until the device shows it."""


@attrs.frozen(slots=True, kw_only=True)
class ModbusSettings:
    """How a device is reached; see the how-to page for each."""

    host: str
    port: int
    unit: int
    tls: ssl.SSLContext | None
    poll: float
    timeout: float
    gap: int
    base: int | None


class ModbusWire:
    """A `Wire` over one connection. An answer that is missing or mixed up closes it, so that no late one is met."""

    def __init__(self, name: str, bindings: Iterable[Binding], places: Mapping[str, Slot | Reference],
                 settings: ModbusSettings, sleep: Callable[[float], Awaitable[None]]) -> None:  # fmt: skip
        self._name = name
        self._bindings = {binding.point.name: binding for binding in bindings}
        self._places = places
        self._slots = {point: place for point, place in places.items() if isinstance(place, Slot)}
        self._settings = settings
        self._sleep = sleep
        self._lock = asyncio.Lock()
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._plans: dict[tuple[str, ...], tuple[Block, ...]] = {}
        self._parted: dict[Span, tuple[Block, ...]] = {}
        kind = CommType.TCP if settings.tls is None else CommType.TLS
        params = CommParams(comm_name=name, comm_type=kind, host=settings.host, port=settings.port,
                            sslctx=settings.tls, timeout_connect=settings.timeout, reconnect_delay=0)  # fmt: skip
        # The client class for TLS frames by the record, which splits and joins at will: MBAP says where a frame ends.
        self._client = ModbusBaseClient(FramerType.SOCKET, 0, params, None, None, self._connection)

    # --- life -------------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Connect, find the models, and see that every row is there; raises as `KeptLink`'s `connect` does."""
        try:
            if not await self._client.connect():
                what = "no TLS connection" if self._settings.tls else "no connection"
                raise NotReachable(f"{what} to {self._settings.host}:{self._settings.port}", where=self._name)
            await self._find_models()
            await self._check()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Close the connection."""
        self._end(NotReachable("the connection is closed", where=self._name))

    def _connection(self, up: bool) -> None:
        if not up:
            self._end(NotReachable("the device has closed the connection", where=self._name))

    def _end(self, error: RemoteError) -> None:
        if not self._ended.done():
            self._ended.set_exception(error)
            self._ended.exception()  # seen, also where nobody waits
        self._client.close()

    async def _find_models(self) -> None:
        places = {name: place for name, place in self._places.items() if isinstance(place, Reference)}
        if not places:
            return
        bases = BASES if self._settings.base is None else (self._settings.base,)
        wanted = frozenset(place.model for place in places.values())
        try:
            models = await discover(self._words, bases, wanted)
        except ConfigError as error:
            error.where = self._bindings[next(iter(places))].row.where
            raise
        faults = []
        for name, place in places.items():
            try:
                self._slots[name] = slot(place, models)
            except LocalError as error:
                faults.append(ConfigError(error.message, where=self._bindings[name].row.where))
        if faults:
            raise together(faults)

    async def _check(self) -> None:
        """See that the device lets every point be read that is to be."""
        names = [name for name, binding in self._bindings.items() if is_shown(binding)]
        faults = []
        for name, found in (await self._runs(names)).items():
            if isinstance(found, Refused) and found.code in _FOR_GOOD:
                spans = " and ".join(map(str, self._slots[name].spans))
                reason = f"{name}: the device refuses {spans}: {found.message}"
                faults.append(ConfigError(reason, where=self._bindings[name].row.where, code=found.code))
        if faults:
            raise together(faults)

    # --- Wire -------------------------------------------------------------------------------------------------------

    async def read(self, names: Sequence[str]) -> Values:
        """Read registers, as few times as can be."""
        wanted = [name for name in names if is_shown(self._bindings[name])]
        found = await self._runs(wanted)
        for name in wanted:
            codec, runs = self._slots[name].codec, found[name]
            if isinstance(codec, Joined) and not isinstance(runs, Refused) and len(self._plan([name])) > 1:
                found[name] = await self._settled(name, codec, runs)
        return {name: self._value(name, runs) for name, runs in found.items()}

    async def write(self, name: str, value: Scalar) -> None:
        """Write registers, and see that they show what was written if they can be read."""
        binding, place = self._bindings[name], self._slots[name]
        raw = binding.to_wire(value)
        runs: list[Sequence[int]] = [await self._words(span) for span in place.spans[1:]]
        try:
            words = place.codec.encode(raw, [[], *runs])
        except TypeConflict as conflict:
            raise TypeConflict(conflict.message, where=name) from None
        span = place.spans[0]
        await self._write(span, words)
        if not is_shown(binding):
            return
        shown: list[int] = []
        for pause in _VERIFY:  # of the network, so in real time
            await asyncio.sleep(pause)
            shown = list(await self._words(span))
            if shown == words:
                return
        raise Refused(f"the device shows {shown} in {span} after {words} were written", where=name)

    async def follow(self, tell: Tell) -> None:
        """Read everything every `poll` seconds of the application's clock."""
        names = [name for name, binding in self._bindings.items() if is_shown(binding)]
        polling = asyncio.create_task(self._poll(names, tell))
        try:
            await asyncio.wait((polling, self._ended), return_when=asyncio.FIRST_COMPLETED)
            (self._ended if self._ended.done() else polling).result()
        finally:
            polling.cancel()

    async def history(self, name: str, start: datetime, end: datetime) -> Sequence[Value]:
        """Raise `Refused`: Modbus has no history."""
        raise Refused("a Modbus device keeps no history", where=name)

    # --- underneath -------------------------------------------------------------------------------------------------

    async def _poll(self, names: Sequence[str], tell: Tell) -> None:
        while True:
            await self._sleep(self._settings.poll)
            tell(await self.read(names))

    def _value(self, name: str, runs: Sequence[Sequence[int]] | Refused) -> Value:
        if isinstance(runs, Refused):
            return Value(None, BAD_REFERENCE if runs.code in _FOR_GOOD else LOST, origin=self._name)
        try:
            raw = self._slots[name].codec.decode(runs)
        except Malformed:
            return Value(None, UNFIT, origin=self._name)
        if raw is None:
            return Value(None, BAD_REFERENCE, origin=self._name)
        return common(self._bindings[name], raw, origin=self._name)

    async def _settled(
        self, name: str, codec: Joined, first: Sequence[Sequence[int]]
    ) -> Sequence[Sequence[int]] | Refused:
        """Return the parts of one instant, for those that no single request can hold."""
        for _ in range(TRIES):
            second = (await self._runs([name]))[name]
            if isinstance(second, Refused) or fit_together(codec.values(first), codec.values(second)):
                return second
            first = second
        return Refused("its parts never fit together", where=name)

    def _plan(self, names: Sequence[str]) -> tuple[Block, ...]:
        key = tuple(names)
        if key not in self._plans:
            if len(self._plans) > 100:
                self._plans.clear()
            self._plans[key] = blocks((self._slots[name] for name in names), self._settings.gap)
        return self._plans[key]

    async def _runs(self, names: Sequence[str]) -> dict[str, Sequence[Sequence[int]] | Refused]:
        """Return the words of each point, or what the device says against it."""
        found: dict[Span, Sequence[int] | Refused] = {}
        for block in self._plan(names):
            found.update(await self._block(block))
        return {name: _of(self._slots[name], found) for name in names}

    async def _block(self, block: Block) -> dict[Span, Sequence[int] | Refused]:
        """Return what one request reads; what the device refuses to tell together, it is asked for in parts."""
        if block.span in self._parted:
            smaller = self._parted[block.span]
        else:
            try:
                return {block.span: await self._words(block.span)}
            except Refused as refused:
                if len(block.units) == 1 or refused.code not in _FOR_GOOD:
                    return {block.span: refused}
            smaller = self._parted[block.span] = block.parted()
        found: dict[Span, Sequence[int] | Refused] = {}
        for part in smaller:
            found.update(await self._block(part))
        return found

    async def _words(self, span: Span) -> Sequence[int]:
        """Read a span; raise `Refused` with the exception code if the device refuses."""
        ask, code = {
            "holding": (self._client.read_holding_registers, 3),
            "input": (self._client.read_input_registers, 4),
            "coil": (self._client.read_coils, 1),
            "discrete": (self._client.read_discrete_inputs, 2),
        }[span.table]
        unit = self._settings.unit
        answer = await self._answer(lambda: ask(span.address, count=span.count, device_id=unit), code)
        if span.table in ("coil", "discrete"):
            octets = (span.count + 7) // 8
            if len(answer.bits) != 8 * octets:
                self._mixed_up(f"{len(answer.bits)} bits for {span}")
            return [int(bit) for bit in answer.bits[: span.count]]
        if len(answer.registers) != span.count:
            self._mixed_up(f"{len(answer.registers)} registers for {span}")
        return answer.registers

    async def _write(self, span: Span, words: list[int]) -> None:
        client, unit, address = self._client, self._settings.unit, span.address
        several = partial(client.write_registers, address, words, device_id=unit)
        if span.table == "coil":
            answer = await self._answer(lambda: client.write_coil(address, bool(words[0]), device_id=unit), 5)
        elif len(words) > 1:
            answer = await self._answer(several, 16)
        else:
            try:
                answer = await self._answer(lambda: client.write_register(address, words[0], device_id=unit), 6)
            except Refused as refused:
                if refused.code != "1":
                    raise
                answer = await self._answer(several, 16)  # some devices know the function for several alone
        if answer.address != span.address:
            self._mixed_up(f"register {answer.address} written instead of {span.address}")

    async def _answer(self, ask: Callable[[], Awaitable[ModbusPDU]], code: int) -> ModbusPDU:
        """Return the answer to one request, after those before it; raise what is wrong with it."""
        asking = asyncio.ensure_future(self._asked(ask))
        try:
            await asyncio.wait((asking, self._ended), return_when=asyncio.FIRST_COMPLETED)
            if not asking.done():
                self._ended.result()
            answer = await asking
        finally:
            asking.cancel()
            with suppress(asyncio.CancelledError, JanusGridError, ModbusException):
                await asking
        if isinstance(answer, ExceptionResponse) and answer.function_code == code | 0x80:
            number = answer.exception_code
            raise Refused(EXCEPTIONS.get(number, "an unknown reason"), where=self._name, code=str(number))
        if answer.function_code != code:
            self._mixed_up(f"function {answer.function_code} for {code}")
        return answer

    async def _asked(self, ask: Callable[[], Awaitable[ModbusPDU]]) -> ModbusPDU:
        async with self._lock:
            if self._ended.done():
                self._ended.result()
            try:
                answer = await ask()
            except ConnectionException as error:
                raise NotReachable(f"no connection ({error.string})", where=self._name) from None
            except ModbusException:
                late = TimedOut(f"no answer within {self._settings.timeout:g} s", where=self._name)
                self._end(late)
                raise late from None
            except asyncio.CancelledError:
                self._end(NotReachable("a request was given up", where=self._name))
                raise
            if answer.transaction_id != self._client.ctx.request_transaction_id:
                self._mixed_up(f"transaction {answer.transaction_id}, which was not asked")
            return answer

    def _mixed_up(self, what: str) -> NoReturn:
        error = Malformed(f"the device answers with {what}", where=self._name)
        self._end(error)
        raise error


def _of(place: Slot, found: Mapping[Span, Sequence[int] | Refused]) -> Sequence[Sequence[int]] | Refused:
    runs = []
    for span in place.spans:
        whole = next(each for each in found if each.holds(span))
        words = found[whole]
        if isinstance(words, Refused):
            return words
        runs.append(words[span.address - whole.address : span.end - whole.address])
    return runs
