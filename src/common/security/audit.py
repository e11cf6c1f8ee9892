"""The audit log: what was refused to whom, in one place for all that is refused for security.

Each line has its facts as fields of the record too: `event` (the event code), `peer`, `service`, `object`, `roles`,
`count`, and `owner`, who refused. Give the logger `janusgrid.audit` a handler of its own to keep them.
"""

from __future__ import annotations

import logging
import re
from collections import Counter, OrderedDict
from collections.abc import Iterable

from .role import role_name

_log = logging.getLogger("janusgrid.audit")

_PORT = re.compile(r":\d{1,5}$")
_LONGEST = 200


class Trail:
    """Writes the audit log of one owner (a server, a session) without ever filling it.

    Of each event code and peer it writes 1 to 10, then each 100th; a peer is an account or an IP address, whatever
    resource or port it comes from. `counts` has all of them, by event code.
    """

    remembered = 1000
    """Event codes and peers that are counted apart; of those that were quiet longest counting begins anew."""

    def __init__(self, owner: str) -> None:
        self.owner = owner
        self.counts: Counter[str] = Counter()
        self._of_peers: OrderedDict[tuple[str, str], int] = OrderedDict()

    def note(
        self,
        code: str,
        peer: str,
        detail: str = "",
        *,
        service: str = "",
        object: object = "",
        roles: Iterable[int] | None = None,
    ) -> None:
        """Count that something of `peer` was refused for the reason `code`, and write it where it is its turn.

        `service` and `object` say what it wanted, `roles` what it has proved to be; None where it has proved nothing.
        """
        self.counts[code] += 1
        key = code, _PORT.sub("", peer.partition("/")[0])
        count = self._of_peers[key] = self._of_peers.pop(key, 0) + 1
        if len(self._of_peers) > self.remembered:
            self._of_peers.popitem(last=False)
        if count > 10 and count % 100:
            return
        names = None if roles is None else sorted(map(role_name, roles))
        what = " ".join(filter(None, (service, _line(object))))
        said = [_line(detail)] if detail else []
        if what:
            said.append(what if names is None else f"{what}, its roles are {', '.join(names) or 'none'}")
        _log.warning(
            "%s refused %s from %s (%d so far)%s",
            self.owner, code, _line(peer), count, f": {'; '.join(said)}" if said else "",
            extra={
                "event": code, "owner": self.owner, "peer": _line(peer), "service": service, "object": _line(object),
                "roles": names, "count": count,
            },
        )  # fmt: skip


def _line(text: object) -> str:
    """Return what a peer may have chosen as a part of one line: its words shall not forge lines of the log."""
    return " ".join(str(text).split())[:_LONGEST]
