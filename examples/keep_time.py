"""Keep a clock right by SNTP: ask the time servers named on the command line, and say how right the clock is."""

import asyncio
import sys

from janusgrid.common.sntp import TimeClient


async def main(servers: list[str]) -> None:
    async with TimeClient(servers, poll=(16, 64)) as time:
        state = await time.synchronized()
        print(f"synchronized to {', '.join(state.sources)}, stratum {state.stratum}")
        print(f"right within {state.accuracy:.6f} s; this machine is {state.offset:+.6f} s from it")
        print(time.clock.now())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
