"""The programs of OpenADR within the test's own process, in a thread: what they say is read from them directly."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Coroutine, Iterator
from concurrent.futures import Future
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from janusgrid.cli.control import ask
from janusgrid.cli.openadr import ven_config, ven_program, vtn_config, vtn_program
from janusgrid.cli.openadr.telling import Teller
from janusgrid.common.clock import RealClock
from janusgrid.common.xmpp.login import Login

from tests.brokers import start_broker
from tests.cli.programs import call
from tests.openadr.binding.ways import Certificates
from tests.postgres import Postgres, postgres

__all__ = ["postgres"]

SECONDS = 60.0


class House:
    """Programs in a folder, on an event loop of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said: list[tuple[str, dict[str, Any]]] = []
        self._new = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._running: list[Future[Any]] = []
        self._stack = AsyncExitStack()

    def tell(self, teller: Teller, event: str, text: str, /, **fields: Any) -> None:
        """Take note of what a program says."""
        json.dumps(fields)  # it can be said to machines
        with self._new:
            self.said.append((event, {**fields, "text": text}))
            self._new.notify_all()

    def wait(self, event: str, **fields: Any) -> dict[str, Any]:
        """Return the first thing that was said of this event with these fields, once it is."""
        until = time.monotonic() + SECONDS
        with self._new:
            while True:
                for name, said in self.said:
                    if name == event and fields.items() <= said.items():
                        return said
                for one in self._running:
                    if one.done():
                        one.result()
                assert self._new.wait(max(until - time.monotonic(), 0)), f"no {event} {fields}: {self.said[-20:]}"

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Return what something has come to that is done where the programs run."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(SECONDS)

    def run(self, name: str, text: str) -> dict[str, Any]:
        """Run the program of a configuration; return what it says when it is up."""
        path, clock = self.folder / f"{name}.yaml", RealClock()
        path.write_text(text)
        if text.startswith("vtn"):
            work = vtn_program.serve(vtn_config.load(path, clock), clock, True)
        else:
            work = ven_program.serve(ven_config.load(path, clock), clock, True)
        self._running.append(asyncio.run_coroutine_threadsafe(work, self._loop))
        return self.wait("up", control=str(path.with_suffix(".sock")))

    def broker(self, *users: str) -> Any:
        return self.do(self._stack.enter_async_context(start_broker("embedded", *users)))

    def ask(self, *words: str, at: str) -> Any:
        code, out = call("openadr", *words, "--json", "--at", str(self.folder / f"{at}.yaml"))
        assert code == 0, out
        return json.loads(out)

    def answered(self, event_id: str, at: str) -> Any:
        """Return an event when all have answered it."""
        return ask(self.folder / f"{at}.sock", "event.wait", 2 * SECONDS, id=event_id, seconds=SECONDS)

    def close(self) -> None:
        for one in reversed(self._running):
            one.cancel()
        self.do(self._ended())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _ended(self) -> None:
        tasks = [task for task in asyncio.all_tasks() if getattr(task.get_coro(), "__name__", "") == "serve"]
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._stack.aclose()


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    made = House(tmp_path)
    monkeypatch.setattr(
        Teller, "tell", lambda teller, event, text, /, **fields: made.tell(teller, event, text, **fields)
    )
    yield made
    made.close()


# --- reports of every kind, by configuration alone -------------------------------------------------------------------

FEED = """\
<?xml version="1.0"?>
<feed xmlns="http://www.w3.org/2005/Atom" xmlns:espi="http://naesb.org/espi"><id>urn:a</id><title>a</title>
<updated>2026-03-25T12:00:00Z</updated><entry><id>urn:b</id><title>b</title><updated>2026-03-25T12:00:00Z</updated>
<content><espi:IntervalBlock><espi:interval><espi:duration>900</espi:duration><espi:start>START</espi:start>
</espi:interval></espi:IntervalBlock></content></entry></feed>
"""

VTN = """\
vtn: utility
http: {listen: "127.0.0.1:0", plain: true}
parties: [{name: site, identity: "*", parties: [grid]}]
telemetry: {names: []}
reports:
  - {id: feeder, points: [{rid: feeder.p, unit: MW, value: 42}]}
"""

VEN = """\
ven: site
vtn: ADDRESS
http: {plain: true, listen: "127.0.0.1:0"}
retry: {first: 1s, longest: 5s}
parties: [grid]
reports:
  - {id: meter, points: [{rid: pcc.p, unit: kW, on_change: true}]}
  - {id: state, name: TELEMETRY_STATUS, points: [{rid: site, status: true, on_change: true, value: 1}]}
  - {id: past, name: HISTORY_USAGE, kept: 24h, points: [{rid: pcc.p, unit: kW}, {rid: pv.p, unit: kW}]}
  - {id: green, name: HISTORY_GREENBUTTON, kept: 24h, points: [{rid: gb}]}
readings: {csv: course.csv}
history: {csv: past.csv, greenbutton: {gb: feed.xml}}
telemetry: {granularity: 1s, every: 1s}
"""


def test_every_kind_of_report_goes_both_ways(house: House) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    times = [now - timedelta(minutes=minutes) for minutes in (60, 45, 30)]
    rows = zip(times, ("1,10", "2,", "3,30"), strict=True)
    (house.folder / "past.csv").write_text("time,pcc.p,pv.p\n" + "".join(f"{at:%FT%TZ},{row}\n" for at, row in rows))
    (house.folder / "feed.xml").write_text(FEED.replace("START", str(int(times[0].timestamp()))))
    (house.folder / "course.csv").write_text("seconds,pcc.p\n0,5\n2,7\n")
    (address,) = house.run("vtn", VTN)["addresses"]
    house.run("ven", VEN.replace("ADDRESS", address))
    house.wait("offered", ven="site", asked=[])
    house.wait("offered", offers=["feeder"], asked=["feeder"])
    assert house.wait("asked", ven="site")["report"] == "feeder"
    assert house.wait("sample", rid="feeder.p")["value"] == 42.0

    (row,) = house.ask("report", "list", at="ven")
    assert (row["ven"], row["report"], row["points"]) == ("utility", "feeder", {"feeder.p": "MW"})
    once = house.ask("report", "request", "utility", "feeder", "--every", "1h", at="ven")
    house.wait("asked", ven="site", request=once["request"])
    house.ask("report", "cancel", "utility", once["request"], at="ven")
    code, out = call("openadr", "report", "request", "site", "feeder", "--at", str(house.folder / "ven.yaml"))
    assert (code, "its VTN, which is utility" in out) == (1, True)
    house.ask("report", "request", "site", "state", at="vtn")
    assert house.wait("sample", rid="site")["value"] == "online"
    house.ask("report", "request", "site", "past", "--from", "-2h", "--for", "2h", at="vtn")
    assert house.wait("sample", rid="pcc.p", at=times[2].astimezone().isoformat())["value"] == 3.0
    found = [(said["rid"], said["value"]) for event, said in house.said if event == "sample" and said["unit"] == "kW"]
    assert sorted(found) == [("pcc.p", 1.0), ("pcc.p", 2.0), ("pcc.p", 3.0), ("pv.p", 10.0), ("pv.p", 30.0)]
    house.ask("report", "request", "site", "green", "--from", "-2h", "--for", "2h", at="vtn")
    assert "<espi:duration>900<" in house.wait("sample", rid="gb")["value"]
    house.ask("report", "request", "site", "meter", "--granularity", "0s", "--every", "1s", at="vtn")
    assert house.wait("sample", rid="pcc.p", value=7.0)["unit"] == "kW"


# --- several programs that are one VTN -------------------------------------------------------------------------------

ONE_OF_MANY = """\
vtn: utility
http: {{listen: "127.0.0.1:0", plain: true, limits: {{body: 100000, request: 20s}}}}
parties: [{{name: near, identity: "*"}}, {{name: far, identity: "*"}}]
store: "{store}"
shared: true
poll: 1s
telemetry: {{names: []}}
"""

OF_MANY = """\
ven: {name}
vtn: {vtn}
http: {{plain: true}}
answer: optIn
reports: [{{id: meter, points: [{{rid: pcc.p, unit: kW, value: 7}}]}}]
"""


def test_two_programs_are_one_vtn(house: House, postgres: Postgres) -> None:
    """Each has a VEN; what is asked at either is done for both, and either is told what is, not what was."""
    store = postgres.database()
    for program, name in (("one", "near"), ("two", "far")):
        (address,) = house.run(program, ONE_OF_MANY.format(store=store))["addresses"]
        house.run(name, OF_MANY.format(name=name, vtn=address))
        house.wait("offered", ven=name)
    names = {ven["name"] for ven in house.ask("ven", "list", at="one")}
    assert names == {"near", "far"}
    house.ask("event", "create", "near", "far", "--value", "1", "--start", "+1h", "--id", "EV1", at="one")
    waited = house.answered("EV1", at="two")
    assert (waited["answered"], waited["opt"]) == (True, {"near": "optIn", "far": "optIn"})
    changed = house.ask("event", "modify", "EV1", "--value", "2", at="two")
    assert changed["modification"] == 1
    assert house.answered("EV1", at="one")["modification"] == 1
    assert house.ask("event", "cancel", "EV1", at="one")["status"] == "cancelled"
    (listed,) = house.ask("event", "list", "--all", at="two")
    assert (listed["status"], listed["modification"]) == ("cancelled", 2)
    asked = house.ask("report", "request", "near", "meter", "--granularity", "1s", "--every", "1s", at="two")
    assert house.wait("sample", rid="pcc.p")["value"] == 7.0
    assert asked["request"] in _requested(house.ask("report", "list", at="one"))
    house.ask("report", "cancel", "near", asked["request"], at="one")
    house.ask("ven", "reregister", "far", at="one")
    house.ask("ven", "cancel", "near", at="two")
    house.wait("deregistered", ven="near")
    assert [ven["name"] for ven in house.ask("ven", "list", at="one")] == ["far"]


def _requested(rows: list[dict[str, Any]]) -> set[str]:
    return {each["request"] for row in rows for each in row["requests"]}


# --- HTTP and XMPP at once, and any message to either ----------------------------------------------------------------

QUERY = """\
<oadrPayload xmlns="http://openadr.org/oadr-2.0b/2012/07"><oadrSignedObject>
<oadrQueryRegistration xmlns:ei="http://docs.oasis-open.org/ns/energyinterop/201110" ei:schemaVersion="2.0b">
<requestID xmlns="http://docs.oasis-open.org/ns/energyinterop/201110/payloads">Q1</requestID>
</oadrQueryRegistration></oadrSignedObject></oadrPayload>"""


def test_one_vtn_over_https_and_xmpp_at_once(house: House) -> None:
    folder, certificates = house.folder, Certificates(house.folder)
    for user in ("vtn", "ems"):
        certificates.of(user)
    broker = house.broker("vtn", "far", "tester")
    for user in ("vtn", "far", "tester"):
        login = Login(f"{user}@{broker.domain}/{user}", f"secret of {user}", broker.host, broker.port, broker.ca)
        login.save(folder / f"{user}-account.yaml")
    tls = "certificate: {0}.pem, key: {0}.key, authorities: authority.pem"
    up = house.run("vtn", f"""\
vtn: utility
http: {{{tls.format("vtn")}, listen: "127.0.0.1:0"}}
xmpp: vtn-account.yaml
poll: 1s
parties:
  - {{name: near, identity: "{certificates.fingerprint("ems")}"}}
  - {{name: far, identity: "far@{broker.domain}"}}
""")  # fmt: skip
    https, jid = up["addresses"]
    house.run("near", f"ven: near\nvtn: {https}\nhttp: {{{tls.format('ems')}}}\nanswer: optIn\n"
                      f"fingerprint: '{certificates.fingerprint('vtn')}'\n")  # fmt: skip
    house.run("far", f"ven: far\nvtn: {jid}\nxmpp: far-account.yaml\nanswer: ask\n")
    for name in ("near", "far"):
        house.wait("registered", ven=name)
        house.wait("offered", ven=name)
    (made,) = house.ask("event", "create", "near", "far", "--value", "1", "--start", "+1h", "--id", "EV1", at="vtn")
    assert made["opt"].keys() == {"near", "far"}
    house.wait("opted", ven="near", opt="optIn")
    house.wait("event", event_id="EV1", opt=None)
    house.ask("opt", "in", "EV1", at="far")
    house.wait("opted", ven="far", opt="optIn")
    vens = {ven["name"]: ven["transport"] for ven in house.ask("ven", "list", at="vtn")}
    assert vens == {"near": "simpleHttp", "far": "xmpp"}
    (folder / "query.xml").write_text(QUERY)
    _send_to_either(house, https, jid)


def _send_to_either(house: House, https: str, jid: str) -> None:
    folder = house.folder

    def send(*words: str) -> tuple[int, str]:
        return call("openadr", "send", str(folder / "query.xml"), *words)

    ours = ("--cert", str(folder / "ems.pem"), "--key", str(folder / "ems.key"), "--ca", str(folder / "authority.pem"))
    over_xmpp = send("--to", jid, "--account", str(folder / "tester-account.yaml"))
    for code, out in (send("--to", https, *ours), over_xmpp):
        assert (code, "vtnID>utility<" in out, "requestID>Q1<" in out) == (0, True, True), out
    code, out = send("--to", https, *ours, "--fingerprint", "00:11:22:33:44:55:66:77:88:99")
    assert (code, "not that of the peer" in out) == (1, True), out
    code, out = send("--to", https, *ours[:4])
    assert (code, "certificate" in out) == (1, True), out
    code, out = send("--to", "nobody@" + jid.partition("@")[2], "--account", str(folder / "tester-account.yaml"))
    assert code == 1, out
