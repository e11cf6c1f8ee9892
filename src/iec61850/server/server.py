"""The server facade: a model, the application's hooks, and a session to serve it on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from ssl import SSLContext
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

import attrs

from ...common.clock import Clock, RealClock
from ...common.errors import LocalError, TypeConflict, UnknownName
from ...common.sntp import TimeClient
from ...common.store import Durability
from ...common.xmpp.session import Session
from ..acsi.files import FileStore
from ..acsi.plain import Plain, plain, shape
from ..acsi.references import FC, Reference
from ..acsi.timing import quality
from ..acsi.types import DataValue, Quality, TimeQuality, Timestamp, TypeDescription
from ..engine import Engine, Step
from ..engine.buffer import BufferLimits
from ..engine.decisions import Activation, Confirmation, Decision, Publication
from ..engine.log import LogLimits
from ..engine.values import read, spread
from ..mapping.server import Identity
from ..model.nodes import Attribute, DataObject, Model
from ..rights import Doorkeeper, Rights
from .buffers import JournalStore
from .commands import CommandJournal
from .documents import Documents
from .folder import Folder
from .host import ChangeHook, CommandHook, ConditionHook, DecisionHook, Host
from .local import LocalAssociation
from .logs import LogJournal
from .timekeeping import Timekeeping, time_client

if TYPE_CHECKING:
    from ..registry.client import Registration
    from ..registry.entries import Nameplate
    from ..scsm81.address import Address
    from ..scsm81.server import ServerLimits, TcpServer
    from ..scsm82.protection import Security
    from ..scsm82.server import ServerLimits as XmppLimits
    from ..scsm82.validation import Validation

C = TypeVar("C", bound=CommandHook)
B = TypeVar("B", bound=ConditionHook)
H = TypeVar("H", bound=ChangeHook)
D = TypeVar("D", bound=DecisionHook)

_MAIN = ("stVal", "mxVal", "mag", "cVal", "actVal", "setVal", "setMag", "valWTr", "general")
"""The attribute that is meant when a whole data object is given one value."""


@attrs.frozen(slots=True, eq=False)
class _Target:
    """Where `update` puts a value: the attribute, and the quality and time that go with it."""

    attribute: Attribute
    quality: Attribute | None
    time: Attribute | None
    description: TypeDescription = attrs.Factory(lambda self: self.attribute.describe(), takes_self=True)
    behaviour: Attribute | None = attrs.field(default=None, kw_only=True)


class Server:
    """An IEC 61850 server::

        server = Server.from_scl("dg750.cid")

        @server.on_operate("DG750DER/DWGC1.WSpt")
        async def set_power(command):
            ...

        server.update("DG750DER/MMXU1.TotW", 412.0)
        await server.serve(session)

    Args:
        model: what it serves; it belongs to the server from here on, and holds the present values.
        clock: gives the time of reports, time stamps and integrity periods.
        identity: what it says of itself to MMS clients.
        max_associations: in all; more are refused.
        state: a directory in which buffered reports, logs, setting groups, the data sets that clients make, and which
            commands were carried out, outlive the process; without it they end with it.
        buffers: what each buffered report control block may hold, and for whom.
        logs: what each log may hold.
        durability: what the state survives: the death of the process, or the loss of power too (slower).
        time_servers: SNTP servers that keep its clock right, from when it serves on; or a `TimeClient`, which others
            may use too and which you open and close. Without them its time is that of the machine, and said to be
            right: see `time_quality`.
        rights: who may do what (`Rights.load()`); without it, every client everything. See `iec61850.rights`.
        anonymous: the roles of clients that have proved none; by default they may do nothing.
        clients: who may have an association at all: bare JIDs, subjects of certificates, IP addresses; `*` stands for
            any part of them. Without it, everybody.
    """

    def __init__(
        self,
        model: Model,
        *,
        clock: Clock | None = None,
        identity: Identity | None = None,
        max_associations: int = 100,
        state: Path | str | None = None,
        buffers: BufferLimits | None = None,
        logs: LogLimits | None = None,
        durability: Durability = Durability.PROCESS,
        time_servers: Iterable[str] | TimeClient = (),
        rights: Rights | None = None,
        anonymous: Iterable[int] = (),
        clients: Iterable[str] | None = None,
    ) -> None:
        if rights is None and anonymous:
            raise LocalError("`anonymous` gives roles, which mean nothing without `rights`")
        self.time = time_client(time_servers, clock) if time_servers else None
        self.clock: Clock = self.time.clock if self.time else clock or RealClock()
        documents = Documents(state) if state is not None else None
        self._reports = JournalStore(Path(state) / "reports.journal", durability) if state is not None else None
        self._logs = LogJournal(Path(state) / "logs.journal", durability) if state is not None else None
        self._commands = CommandJournal(Path(state) / "commands.journal", durability) if state is not None else None
        self.engine = Engine(
            model,
            self.clock.now(),
            max_associations=max_associations,
            store=documents,
            buffers=buffers,
            report_store=self._reports,
            logs=logs,
            log_store=self._logs,
            command_store=self._commands,
            time_quality=quality(self.time.state) if self.time else None,
            doorkeeper=None if rights is None else Doorkeeper(rights, model.ied, anonymous),
        )
        self.host = Host(self.engine, self.clock, clients)
        self.identity = identity or Identity(model=model.ied)
        self._targets: dict[str, _Target] = {}
        self._stops: list[Callable[[], None]] = []
        self._closed = asyncio.Event()
        self._timekeeping: Timekeeping | None = None
        if self.time is not None:
            own = self.time is not time_servers
            self._timekeeping = Timekeeping(self.time, self.engine.stamps, model, self.update_many, own=own)

    @classmethod
    def from_scl(
        cls,
        source: Path | str | bytes,
        *,
        ied: str | None = None,
        access_point: str | None = None,
        strict: bool = False,
        clock: Clock | None = None,
        identity: Identity | None = None,
        **options: Any,
    ) -> Self:
        """Return a server for one access point of an SCL file (ICD, CID, IID or SCD).

        Raises `SclError` for a file that cannot be served; with `strict`, for every fault that the file has.
        `options` are those of the class.
        """
        from ..scl import read as read_scl

        loaded = read_scl(source, ied=ied, access_point=access_point, strict=strict)
        return cls(loaded.model, clock=clock, identity=identity, **options)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.model.ied}, {len(self.engine.associations)} associations>"

    @property
    def model(self) -> Model:
        """The model that is served."""
        return self.engine.model

    @property
    def time_quality(self) -> TimeQuality:
        """What its time stamps say of its clock. Set it where something else than `time_servers` keeps the time."""
        return self.engine.stamps.quality

    @time_quality.setter
    def time_quality(self, quality: TimeQuality) -> None:
        self.engine.stamps.quality = quality

    # --- hooks ------------------------------------------------------------------------------------------------------

    def on_operate(self, reference: str, *, follow: bool = True) -> Callable[[C], C]:
        """Return a decorator: the function, plain or async, carries out each `Command` for `LD/LN.DO`.

        It has succeeded when it returns, and fails by `command.refuse(AddCause...)`. With normal security the client
        is answered then; with enhanced security it was answered before, and gets a CommandTermination. With `follow`,
        the status (stVal, mxVal) takes the control value once it has returned; where the process decides, pass False
        and `update` it. A controllable object without this hook refuses commands as not supported. An async hook is
        cancelled when the command is broken off (`on_cancel`, operTimeout). Raises `UnknownName`.
        """
        where = self._controllable(reference)

        def register(hook: C) -> C:
            self.host.commands[where] = (hook, follow)
            return hook

        return register

    def on_select(self, reference: str) -> Callable[[C], C]:
        """Return a decorator: the function is asked whether a client may select `LD/LN.DO`; refuse as ever.

        Without it, every client may that is the first.
        """
        return self._asked_of(reference, Step.SELECT)

    def on_check(self, reference: str) -> Callable[[C], C]:
        """Return a decorator: the function is asked for the conditions of a command, before the client is answered.

        It refuses what process or authority forbid; interlocking and synchronism have hooks of their own. A command
        for a later time is checked when it comes, and again when its time has come.
        """
        return self._asked_of(reference, Step.CHECK)

    def interlock(self, reference: str) -> Callable[[B], B]:
        """Return a decorator: the function, plain or async, says whether the interlocking conditions let a command be.

        It is asked only if the client wants them checked (Check, bit 1): before a command is granted, and before an
        object is selected with a value. False refuses as blocked-by-interlocking; `command.refuse` may name another
        cause. Without it, they are met.
        """
        return self._asked_of(reference, Step.INTERLOCK)

    def synchrocheck(self, reference: str) -> Callable[[B], B]:
        """Return a decorator: the function, plain or async, says whether both sides are in synchronism.

        It is asked only if the client wants that checked (Check, bit 0), after the interlocking, and not on selecting:
        by the time of the command it may be another. False refuses as blocked-by-synchrocheck.
        """
        return self._asked_of(reference, Step.SYNCHROCHECK)

    def on_cancel(self, reference: str) -> Callable[[C], C]:
        """Return a decorator: the function breaks off what is being carried out, and refuses where it cannot be.

        Without it, only selections and commands for a later time can be cancelled.
        """
        return self._asked_of(reference, Step.CANCEL)

    def _asked_of(self, reference: str, step: Step) -> Callable[[B], B]:
        where = self._controllable(reference)

        def register(hook: B) -> B:
            self.host.steps[where, step] = hook
            return hook

        return register

    def _controllable(self, reference: str) -> Reference:
        where = Reference.parse(reference).with_fc(None)
        if not isinstance(self.engine.tree.find(where.with_fc(FC.CO).child("Oper")), Attribute):
            raise UnknownName("there is no controllable object of that name", where=reference)
        return where

    def on_write(self, reference: str) -> Callable[[H], H]:
        """Return a decorator: the function, plain or async, is called with each `Change` that a client writes.

        It accepts by returning, and then the value is stored; it refuses by `change.refuse(...)`. The reference is
        the one that clients write; its functional constraint may be left out. Raises `UnknownName`.
        """
        where, attribute = self._find(reference)
        if not isinstance(attribute, Attribute):
            raise UnknownName("only attributes are written, not whole data objects", where=reference)
        where = where.with_fc(attribute.fc)

        def register(hook: H) -> H:
            self.host.changes[where] = hook
            return hook

        return register

    # --- files ------------------------------------------------------------------------------------------------------

    def serve_files(self, files: FileStore | Path | str, *, writable: bool = False) -> None:
        """Have the file services, from the next association on.

        Args:
            files: a directory, out of which no name leads (`Folder`); or a `FileStore` of your own.
            writable: for a directory: whether clients may write, rename and delete.

        Raises `LocalError` if there is no such directory.
        """
        store = Folder(files, writable=writable) if isinstance(files, Path | str) else files
        self.engine.serve_files(store)

    # --- setting groups and publishers ------------------------------------------------------------------------------

    def on_activate_group(self, device: str) -> Callable[[D], D]:
        """Return a decorator: the function, plain or async, is called with each `Activation` of a setting group.

        It accepts by returning: then the group is active. It refuses by `activation.refuse(...)`. Raises `UnknownName`
        for a logical device without setting groups.
        """
        return self._on_decision(Activation, Reference(device, "LLN0", ("SGCB",)), FC.SP)

    def on_confirm_group(self, device: str) -> Callable[[D], D]:
        """Return a decorator: the function is called with each `Confirmation` of edited settings, see above."""
        return self._on_decision(Confirmation, Reference(device, "LLN0", ("SGCB",)), FC.SP)

    def on_publish(self, reference: str) -> Callable[[D], D]:
        """Return a decorator: the function, plain or async, is called when a client enables or disables a control
        block of GOOSE or sampled values, `LD/LLN0.name`, with a `Publication`. It is the application that publishes.
        """
        return self._on_decision(Publication, Reference.parse(reference).with_fc(None), FC.GO, FC.MS, FC.US)

    def _on_decision(self, kind: type[Decision], where: Reference, *constraints: FC) -> Callable[[D], D]:
        if not any(self.engine.tree.find(where.with_fc(fc)) for fc in constraints):
            raise UnknownName(f"{self.model.ied} has no such control block", where=str(where))

        def register(hook: D) -> D:
            self.host.decisions[kind, where] = hook
            return hook

        return register

    # --- values -----------------------------------------------------------------------------------------------------

    def update(
        self,
        reference: str,
        value: Plain,
        *,
        quality: Quality | None = None,
        time: datetime | Timestamp | None = None,
    ) -> None:
        """Give an attribute a new value, as the process has it now; reports that it triggers go out by themselves.

        `reference` is `LD/LN.DO.DA`; of a data object (`LD/LN.DO`) its main attribute is meant (stVal, mag, mxVal).
        The quality and the time of the data object go with it: good and now, where they are not given. The quality is
        marked as test where the behaviour of the node (Beh) is test or test/blocked, and invalid where it is off.
        Raises `UnknownName`, or `TypeConflict` for a value that does not fit, or a quality that contradicts itself.
        """
        self.update_many({reference: value}, quality=quality, time=time)

    def update_many(
        self,
        values: Mapping[str, Plain],
        *,
        quality: Quality | None = None,
        time: datetime | Timestamp | None = None,
    ) -> None:
        """Give many attributes new values at once: one report tells of them all. See `update`."""
        now = self.clock.now()
        stamp = time if isinstance(time, Timestamp) else self.engine.stamps(time or now)
        common = quality or Quality()
        self._update({reference: (value, common, stamp) for reference, value in values.items()}, now)

    def update_each(self, values: Mapping[str, tuple[Plain, Quality, datetime | None]]) -> None:
        """Give many attributes new values at once, each with its own quality and its own time (None: now).

        One report tells of them all. See `update`.
        """
        now, stamps = self.clock.now(), self.engine.stamps
        self._update(
            {text: (value, quality, stamps(time or now)) for text, (value, quality, time) in values.items()}, now
        )

    def _update(self, values: Mapping[str, tuple[Plain, Quality, Timestamp]], now: datetime) -> None:
        changes: dict[Attribute, DataValue] = {}
        for reference, (value, bits, stamp) in values.items():
            if bits.contradicts:
                raise TypeConflict(f"{bits} gives a reason why a good value is not, or has no validity")
            target = self._targets.get(reference)
            if target is None:
                target = self._targets[reference] = self._target(reference)
            changes.update(spread(target.attribute, _shaped(target, value, reference)))
            if target.quality is not None:
                mode = target.behaviour.value if target.behaviour is not None else None
                changes[target.quality] = bits.under(mode) if isinstance(mode, int) else bits
            if target.time is not None:
                changes[target.time] = stamp
        self.engine.update(changes.items(), now)
        self.host.flush()

    def observe(self, observer: Callable[[list[Attribute]], None]) -> Callable[[], None]:
        """Call `observer` with the attributes of each update, changed or not, by the process or by a client.

        Returns what ends that.
        """
        self.engine.observers = (*self.engine.observers, observer)

        def end() -> None:
            self.engine.observers = tuple(each for each in self.engine.observers if each is not observer)

        return end

    def read(self, reference: str) -> Plain:
        """Return the present value of an attribute, or of a data object's main attribute; raise `UnknownName`."""
        target = self._targets.get(reference) or self._target(reference)
        return plain(read(target.attribute), target.attribute.describe())

    def _find(self, reference: str) -> tuple[Reference, DataObject | Attribute]:
        where = Reference.parse(reference)
        found = self.model.find(where)
        if not isinstance(found, DataObject | Attribute):
            raise UnknownName(f"{self.model.ied} has no data of that name", where=reference)
        return where, found

    def _target(self, reference: str) -> _Target:
        where, found = self._find(reference)
        path = where.path
        if isinstance(found, DataObject):
            main = next((found.children[name] for name in _MAIN if name in found.children), None)
            if not isinstance(main, Attribute):
                raise UnknownName("it has no main attribute; name the one that is meant", where=reference)
            return _Target(main, *_beside(found, main), behaviour=self._behaviour(where))
        for length in range(len(path) - 1, 0, -1):
            above = self.model.find(Reference(where.device, where.node, path[:length]))
            if isinstance(above, DataObject):
                return _Target(found, *_beside(above, found), behaviour=self._behaviour(where))
        return _Target(found, None, None)

    def _behaviour(self, where: Reference) -> Attribute | None:
        """Return the behaviour of a node; None for mode and behaviour themselves, which are to be trusted always."""
        found = self.model.find(Reference(where.device, where.node, ("Beh", "stVal")))
        return found if isinstance(found, Attribute) and where.path[0] not in ("Mod", "Beh") else None

    # --- serving ----------------------------------------------------------------------------------------------------

    def start(
        self,
        session: Session,
        *,
        limits: XmppLimits | None = None,
        security: Security | None = None,
        validation: Validation | None = None,
    ) -> None:
        """Serve on an XMPP session from now on (SCSM 8-2), in every dialect; return at once.

        `limits` bounds PDU size, associations of one account, and what may wait for a slow client. `security` is for
        associations that are safe from the XMPP servers between (`scsm82.protection.Security`). With `validation`
        (`scsm82.validation.Validation`) every PDU is held against its schema, which is slow: for finding faults.
        """
        from ..scsm82.server import XmppServer

        self._keep_time()
        served = XmppServer(
            self.host, session, limits=limits, identity=self.identity, security=security, validation=validation
        )
        self._stops.append(served.stop)

    async def serve(
        self,
        session: Session,
        *,
        limits: XmppLimits | None = None,
        security: Security | None = None,
        validation: Validation | None = None,
    ) -> None:
        """Serve on an XMPP session (SCSM 8-2), until `close` is called or the caller is cancelled; see `start`."""
        self.start(session, limits=limits, security=security, validation=validation)
        await self._closed.wait()

    async def start_tcp(
        self,
        host: str = "127.0.0.1",
        port: int | None = None,
        *,
        address: Address | None = None,
        password: str | bytes | None = None,
        tls: SSLContext | None = None,
        limits: ServerLimits | None = None,
        area: str = "",
    ) -> TcpServer:
        """Serve on a TCP port from now on (SCSM 8-1); return what listens, which knows its port.

        Args:
            host: the address to listen on; "0.0.0.0" or "::" for all.
            port: 102 where none is given, 3782 with TLS; 0 takes a free one.
            address: who we are: clients that call other selectors or another AP title are refused. Without it, as
                the SCL file says with `Address.from_scl(server.model.addresses)`, any are taken.
            password: that clients have to know (ACSE authentication).
            tls: a context that shows our certificate and asks for the client's (`scsm81.tls.server_context`).
            limits: of connections, times and buffers.
            area: where the server is: roles that a client's certificate gives for another area do not hold here.

        Raises `NotReachable` if that address cannot be listened on.
        """
        from ..scsm81.address import ANY
        from ..scsm81.client import PORT, TLS_PORT
        from ..scsm81.server import TcpServer

        listener = TcpServer(
            self.host, address=address or ANY, password=password, tls=tls, limits=limits, identity=self.identity,
            area=area,
        )  # fmt: skip
        self._keep_time()
        await listener.listen(host, port if port is not None else TLS_PORT if tls else PORT)
        self._stops.append(listener.stop)
        return listener

    async def serve_tcp(self, host: str = "127.0.0.1", port: int | None = None, **options: Any) -> None:
        """Serve on a TCP port (SCSM 8-1), until `close` is called or the caller is cancelled; see `start_tcp`."""
        await self.start_tcp(host, port, **options)
        await self._closed.wait()

    async def register(
        self,
        session: Session,
        registry: str,
        *,
        nameplate: Nameplate | None = None,
        with_model: bool = True,
        timeout: float = 10.0,
    ) -> Registration:
        """Register at a registry of DERs, by its JID: nameplate, dialects, and the CID file of the model.

        The registration outlives this process, and is renewed as long as the session lasts; `deregister` ends it. Where
        the registry is not there yet it is made as soon as it is: see `Registration.complete`.

        Args:
            session: on which it is served.
            registry: its JID, whose resource is `IEC` where none is given.
            nameplate: what to say of the device; by default what the model has (`registry.nameplate`).
            with_model: without it others have to browse.
            timeout: real seconds to wait for each answer.

        Raises `StanzaRefused` for what the registry refuses (`forbidden` if this account may not register), and
        `LocalError` for a model of which no CID file can be written.
        """
        from ..registry.client import register

        return await register(
            self.model, session, registry, nameplate=nameplate, with_model=with_model, timeout=timeout
        )

    async def wait_closed(self) -> None:
        """Return when `close` has been called."""
        await self._closed.wait()

    def connect(self, name: str = "local", *, roles: Iterable[int] | None = None) -> LocalAssociation:
        """Return an association from within this process; wrap it in an `Ied` for reading and writing by name.

        `roles` is what its client is, where the server has `rights`; None: it is anonymous.
        """
        return LocalAssociation(self.host, name, None if roles is None else frozenset(roles))

    def _keep_time(self) -> None:
        if self._timekeeping is not None:
            self._timekeeping.start()

    async def close(self) -> None:
        """End every association, take no more, and let `serve` return."""
        if self._timekeeping is not None:
            await self._timekeeping.close()
        for stop in self._stops:
            stop()
        self._stops.clear()
        await self.host.close()
        for journal in (self._reports, self._logs, self._commands):
            if journal is not None:
                journal.close()
        self._closed.set()

    async def __aenter__(self) -> Self:
        self._keep_time()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def _beside(data: DataObject, attribute: Attribute) -> tuple[Attribute | None, Attribute | None]:
    """Return the quality and the time that go with an attribute of a data object; for itself, none."""
    found = [data.children.get(name) for name in ("q", "t")]
    quality, time = (
        a if isinstance(a, Attribute) and a.fc is attribute.fc and a is not attribute else None for a in found
    )
    return quality, time


def _shaped(target: _Target, value: Plain, where: str) -> DataValue:
    attribute = target.attribute
    if isinstance(value, str) and attribute.enum is not None and not attribute.count:
        ordinal = attribute.enum.ordinals.get(value)
        if ordinal is None:
            raise TypeConflict(f"{value!r} is none of {', '.join(attribute.enum.ordinals)}", where=where)
        value = ordinal
    return shape(value, target.description, where)
