"""The server engine: a model, its associations, and one room for each class of services (IEC 61850-7-2).

It does no input or output and reads no clock. Requests go in by `call`, new values of the process by `update`, time by
`tick`; what is to be sent unasked comes out of `drain`. `due` says when `tick` is next wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from datetime import datetime
from typing import Any

from ..acsi.blocks import (
    ConfirmEditSGValues,
    GetEditSGValue,
    GetGoCBValues,
    GetMSVCBValues,
    GetSGCBValues,
    GetUSVCBValues,
    SelectActiveSG,
    SelectEditSG,
    SetEditSGValue,
    SetGoCBValues,
    SetMSVCBValues,
    SetUSVCBValues,
)
from ..acsi.errors import ServiceError, ServiceRefused
from ..acsi.files import (
    DeleteFile,
    FileStore,
    GetFile,
    GetFileAttributeValues,
    GetServerFiles,
    RenameFile,
    SetFile,
)
from ..acsi.logs import GetLCBValues, GetLogStatusValues, QueryLogAfter, QueryLogByTime, SetLCBValues
from ..acsi.references import FC, Reference
from ..acsi.services import (
    Cancel,
    CreateDataSet,
    DeleteDataSet,
    GetAllDataValues,
    GetDataDefinition,
    GetDataDirectory,
    GetDataSetDirectory,
    GetDataSetValues,
    GetDataValues,
    GetLogicalDeviceDirectory,
    GetLogicalNodeDirectory,
    GetRCBValues,
    GetServerDataSets,
    GetServerDirectory,
    Notification,
    Operate,
    R,
    Request,
    Select,
    SelectWithValue,
    SetDataSetValues,
    SetDataValues,
    SetRCBValues,
)
from ..acsi.types import DataValue, TimeQuality
from ..model.nodes import Attribute, Model
from ..rights import Doorkeeper
from .association import Association
from .buffer import BufferLimits, BufferStore
from .control import Control
from .data import Data
from .datasets import DataSets
from .directory import Directory
from .files import Files
from .keeping import Keeping, Store
from .log import LogLimits, LogStore
from .logs import Logs
from .publishing import Publishing
from .repeated import CommandStore
from .reporting import Reporting
from .settings import SettingGroups, prepare
from .stamps import Stamps
from .steps import Job, Steps
from .substitution import Substitution
from .tree import Tree
from .values import initialise


class Engine:
    """Serves a model to any number of associations.

    The model belongs to the engine from here on: its leaves hold the present values. `now` is the time of start,
    `time_quality` what is known of the clock that gives it; `stamps` makes every time stamp, and may learn more.
    `store` keeps what clients set beyond the end of the engine; `report_store` the buffers of reports, which `buffers`
    bounds, `log_store` the logs, which `logs` bounds, and `command_store` the commands that are not to be carried out
    twice. `doorkeeper` says what each client may do; without it,
    everything. For whole services it is asked in `call`, and by a mapping that uses the rooms directly; for each
    reference that is written, for members of data sets and for what reports bring, in the rooms.
    """

    def __init__(
        self,
        model: Model,
        now: datetime,
        *,
        max_associations: int = 100,
        store: Store | None = None,
        buffers: BufferLimits | None = None,
        report_store: BufferStore | None = None,
        logs: LogLimits | None = None,
        log_store: LogStore | None = None,
        command_store: CommandStore | None = None,
        time_quality: TimeQuality | None = None,
        doorkeeper: Doorkeeper | None = None,
    ) -> None:
        self.model = model
        self.doorkeeper = doorkeeper
        self.stamps = Stamps(time_quality or TimeQuality())
        prepare(model)
        self.tree = Tree(model)
        self.associations: dict[Association, None] = {}
        self.observers: tuple[Callable[[list[Attribute]], None], ...] = ()
        """Those who are told of the leaves of every update, whoever makes it."""
        self._max_associations = max_associations
        initialise((g for nodes in self.tree.devices.values() for g in nodes.values()), self.stamps(now))
        self.directory = Directory(model, self.tree)
        keeping = Keeping(store)
        self.data_sets = DataSets(model, self.tree, keeping)
        self.data = Data(self.tree, self.update)
        self.data_sets.write = self.data.write
        self.reporting = Reporting(model, self.tree, self.data_sets, now, limits=buffers, store=report_store)
        self.logs = Logs(model, self.tree, self.data_sets, now, limits=logs, store=log_store)
        self.data.claim(FC.LG, self.logs.write)
        self.control = Control(model, self.tree, self.update, self.stamps, now, command_store)
        self.files = Files()
        self.data.claim(FC.RP, self.reporting.write)
        self.data.claim(FC.BR, self.reporting.write)
        self.data.claim(FC.CO, self.control.write)
        self.publishing = Publishing(model, self.tree, self.data_sets)
        for fc in (FC.GO, FC.MS, FC.US):
            self.data.claim(fc, self.publishing.write)
        self.settings = SettingGroups(model, self.tree, self.data, self.update, keeping, now, self.stamps)
        self._substitution = Substitution(model, now, self.stamps)
        self._plain: dict[type[Request[Any]], Callable[[Any], Any]] = {
            GetServerDirectory: self.directory.devices,
            GetLogicalDeviceDirectory: self.directory.nodes,
            GetLogicalNodeDirectory: self.directory.instances,
            GetAllDataValues: self._all_values,
            GetDataDirectory: self.directory.data_directory,
            GetDataDefinition: self.directory.definition,
            GetRCBValues: self.reporting.get,
            GetSGCBValues: self.settings.get,
            GetGoCBValues: self.publishing.get,
            GetMSVCBValues: self.publishing.get,
            GetUSVCBValues: self.publishing.get,
            GetLCBValues: self.logs.get,
            GetLogStatusValues: self.logs.status,
        }
        self._timed: dict[type[Request[Any]], Callable[[Association, Any, datetime], Any]] = {
            GetDataValues: self.data.get,
            GetEditSGValue: self.settings.values,
            SetRCBValues: self.reporting.set,
            SetLCBValues: self.logs.set,
            GetServerDataSets: self.data_sets.names,
            GetDataSetDirectory: self.data_sets.directory,
            GetDataSetValues: self.data_sets.values,
            CreateDataSet: self.data_sets.create,
            DeleteDataSet: self.data_sets.delete,
            SelectEditSG: self.settings.select_edit,
        }
        self._asking: dict[type[Request[Any]], Callable[[Association, Any, datetime], Steps[Any]]] = {
            SetDataValues: self.data.set,
            SetDataSetValues: self.data_sets.set,
            Select: self.control.select,
            SelectWithValue: self.control.select_with_value,
            SelectActiveSG: self.settings.select_active,
            SetEditSGValue: self.settings.set_values,
            ConfirmEditSGValues: self.settings.confirm,
            SetGoCBValues: self.publishing.set,
            SetMSVCBValues: self.publishing.set,
            SetUSVCBValues: self.publishing.set,
            Operate: self.control.operate,
            Cancel: self.control.cancel,
            QueryLogByTime: self.logs.by_time,
            QueryLogAfter: self.logs.after,
        }

    # --- associations -----------------------------------------------------------------------------------------------

    def associate(self, peer: str, identity: str = "") -> Association:
        """Return a new association with this client; raise `ServiceRefused` if there are too many.

        `identity` is what stays the same when the client comes back, where `peer` does not.
        """
        if len(self.associations) >= self._max_associations:
            raise ServiceRefused(
                ServiceError.FAILED_DUE_TO_SERVER_CONSTRAINT,
                f"{self._max_associations} associations are open",
                where=peer,
            )
        association = Association(peer, identity=identity or peer, doorkeeper=self.doorkeeper)
        self.associations[association] = None
        return association

    def end(self, association: Association, now: datetime) -> None:
        """End an association, whether released, aborted or lost: what it had reserved is free again."""
        if association.ended:
            return
        association.ended = True
        self.associations.pop(association, None)
        with ExitStack() as releasing:  # of these, last first, each is called even where another one fails
            releasing.callback(association.behind.clear)
            releasing.callback(association.outbox.clear)
            for part in (self.publishing, self.settings, self.data_sets, self.files):
                releasing.callback(part.release, association)
            releasing.callback(self.control.release, association, now)
            releasing.callback(self.reporting.release, association, now)

    # --- services ---------------------------------------------------------------------------------------------------

    def serve_files(self, store: FileStore) -> None:
        """Have the file services from here on: all of them where the store may be written to, else those that read."""
        self.files.store = store
        self._plain |= {
            GetServerFiles: lambda request: self.files.names(),
            GetFileAttributeValues: self.files.attributes,
            GetFile: self.files.get,
        }
        if store.writable:
            self._plain |= {SetFile: self.files.set, DeleteFile: self.files.delete, RenameFile: self.files.rename}

    @property
    def services(self) -> frozenset[type[Request[Any]]]:
        """The services that `call` knows."""
        return frozenset((*self._plain, *self._timed, *self._asking))

    def call(self, client: Association, request: Request[R], now: datetime) -> Steps[R]:
        """Perform a service; see `Steps`. Raises `ServiceRefused`."""
        kind = type(request)
        if client.permit is not None:
            client.permit.need_for(request)
        plain = self._plain.get(kind)
        if plain is not None:
            return plain(request)  # type: ignore[no-any-return]
        timed = self._timed.get(kind)
        if timed is not None:
            return timed(client, request, now)  # type: ignore[no-any-return]
        asking = self._asking.get(kind)
        if asking is None:
            raise ServiceRefused(ServiceError.CLASS_NOT_SUPPORTED, f"{kind.__name__} is not served here")
        return (yield from asking(client, request, now))  # type: ignore[no-any-return]

    def _all_values(self, request: GetAllDataValues) -> tuple[tuple[Reference, DataValue], ...]:
        self.data.guard(Reference(request.node.device, request.node.node, (), request.fc))
        return self.directory.all_values(request)

    # --- the process ------------------------------------------------------------------------------------------------

    def find(self, reference: Reference) -> Attribute | None:
        """Return the attribute that a reference with its constraint names; None if it names none."""
        found = self.tree.find(reference)
        return found if isinstance(found, Attribute) else None

    def update(self, changes: Iterable[tuple[Attribute, DataValue]], now: datetime) -> None:
        """Give leaves new values, all at once: one report tells of them all.

        The values have to fit (`values.fit`); what raises events is decided by the trigger options of each leaf.
        """
        if self._substitution:
            changes = self._substitution.follow(changes, now)
        events = []
        for leaf, value in changes:
            events.append((leaf, leaf.value != value))
            leaf.value = value
        self.reporting.notify(events, now)
        self.logs.notify(events, now)
        for observer in self.observers:
            observer([leaf for leaf, _ in events])

    # --- time and what comes of it ----------------------------------------------------------------------------------

    def due(self) -> datetime | None:
        """Return when `tick` is wanted next; None for not at all. It changes with any other call."""
        times = (self.reporting.due(), self.logs.due(), self.control.due(), self.settings.due())
        return min((time for time in times if time is not None), default=None)

    def tick(self, now: datetime) -> None:
        """Let time pass: do what has become due, in each part even where another one fails."""
        with ExitStack() as ticking:
            for part in (self.settings, self.control, self.logs, self.reporting):  # last first
                ticking.callback(part.tick, now)

    def jobs(self) -> Iterator[Job]:
        """Yield and forget what the application is to carry out beside any service, one after the other."""
        while self.control.jobs:
            yield self.control.jobs.popleft()

    def drain(self) -> Iterator[tuple[Association, Notification]]:
        """Yield and forget what is to be sent unasked, in order for each association that is not held.

        Buffered blocks give what they have bit by bit, so that it never waits anywhere but in their buffers.
        """
        for association in list(self.associations):
            while not association.held and (
                association.outbox or (association.behind and self.reporting.events.refill(association))
            ):
                yield association, association.outbox.popleft()
