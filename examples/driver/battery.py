"""A battery that speaks lines of text: python examples/driver/battery.py [PORT]"""

import asyncio
import sys


class Battery:
    """Its words and values, in watts and per cent."""

    def __init__(self):
        self.values = {"power": 0.0, "charge": 50.0, "setpoint": 0.0, "limit": 100_000.0}
        self.done, self.locked, self.talks = [], False, set()

    async def serve(self, port=0):
        """Listen; return where."""
        self.server = await asyncio.start_server(self._talk, "127.0.0.1", port)
        return self.server.sockets[0].getsockname()[1]

    async def stop(self):
        """Hang up, and listen no more."""
        self.server.close()
        for writer in self.talks:
            writer.close()
        await self.server.wait_closed()

    async def _talk(self, reader, writer):
        self.talks.add(writer)
        try:
            async for line in reader:
                writer.write(f"{self.answer(*line.decode().split())}\n".encode())
        except ConnectionError:
            pass
        finally:
            self.talks.discard(writer)
            writer.close()

    def answer(self, verb="", word="", value=""):
        """Return the answer to a line."""
        if word not in self.values:
            return f"ERR I do not know {word}"
        if verb == "GET":
            return self.values[word]
        if self.locked:
            return "ERR I am locked"
        self.values[word] = float(value)
        self.done.append(float(value))
        return "OK"


async def main():
    battery = Battery()
    print("listening at port", await battery.serve(int(sys.argv[1]) if len(sys.argv) > 1 else 7070))
    await battery.server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
