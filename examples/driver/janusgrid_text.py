"""A driver for devices that speak lines of text over TCP: `GET p` is answered by `12.5`, `SET p 12.5` by `OK`.

What a device objects to it answers by `ERR` and the reason. The table has one column of its own, `word`.
"""

import asyncio

from janusgrid.common.errors import ConfigError, Malformed, NotReachable, Refused, TimedOut
from janusgrid.ems.drivers import KEPT, KeptLink, Settings, common

TIMEOUT = 2.0


class TextDriver:
    """What the entry point names."""

    def link(self, device, surroundings):
        """Return a link to a device, not open yet; say at once what is wrong with its address and its rows."""
        given = Settings(device, ("host", "port", "poll"))
        host, port = given.text("host"), given.whole("port", 7070, 1, 65535)
        poll = given.seconds("poll", 1.0, 0.05, 3600.0)
        for binding in device.bindings:
            if not binding.address.get("word", "").isidentifier():
                raise ConfigError(f"word: {binding.address.get('word')!r} is no word", where=binding.row.where)

        async def connect():
            wire = TextWire(device, surroundings.clock, poll)
            await wire.open(host, port)
            return wire

        return KeptLink(
            device.name, device.bindings, connect, surroundings.clock, renew_s=surroundings.renew_s, services=KEPT
        )


class TextWire:
    """One connection to a device."""

    def __init__(self, device, clock, poll):
        self._name = device.name
        self._bindings = {binding.point.name: binding for binding in device.bindings}
        self._clock = clock
        self._poll = poll
        self._turn = asyncio.Lock()

    async def open(self, host, port):
        """Connect, and see that the device knows every word of the table."""
        try:
            async with asyncio.timeout(TIMEOUT):
                self._reader, self._writer = await asyncio.open_connection(host, port, limit=1000)
        except (OSError, TimeoutError):
            raise NotReachable(f"no connection to {host}:{port}", where=self._name) from None
        try:
            for binding in self._bindings.values():
                try:
                    await self._ask(f"GET {binding.address['word']}")
                except Refused as refused:
                    raise ConfigError(refused.message, where=binding.row.where) from None
        except BaseException:
            await self.close()
            raise

    async def read(self, names):
        """Return the present values."""
        return {name: await self._read(self._bindings[name]) for name in names}

    async def write(self, name, value):
        """Give the device a value."""
        binding = self._bindings[name]
        await self._ask(f"SET {binding.address['word']} {binding.to_wire(value)}")

    async def follow(self, tell):
        """Ask for everything again and again; the first error ends it."""
        while True:
            await self._clock.sleep(self._poll)
            tell(await self.read(self._bindings))

    async def close(self):
        """End the connection."""
        self._writer.close()

    async def _read(self, binding):
        answer = await self._ask(f"GET {binding.address['word']}")
        try:
            return common(binding, float(answer), origin=self._name)
        except ValueError:
            raise Malformed(f"{answer!r} is no number", where=self._name) from None

    async def _ask(self, line):
        """Return the answer to a line. What has no answer in time will not have one that can be told apart later."""
        async with self._turn:
            try:
                async with asyncio.timeout(TIMEOUT):
                    self._writer.write(f"{line}\n".encode())
                    answer = (await self._reader.readuntil(b"\n")).decode().strip()
            except TimeoutError:
                self._writer.close()
                raise TimedOut(f"no answer to {line!r}", where=self._name) from None
            except (OSError, asyncio.IncompleteReadError):
                raise NotReachable("the device has gone", where=self._name) from None
            except (asyncio.LimitOverrunError, UnicodeDecodeError):
                self._writer.close()
                raise Malformed("the device says what is no line", where=self._name) from None
        if answer.startswith("ERR"):
            raise Refused(answer[4:] or "no reason given", where=self._name, code="ERR")
        return answer
