"""What the broker allows a client: sizes, counts and times. Cores take them as they are; nothing is adjusted later."""

from __future__ import annotations

import attrs


@attrs.frozen(slots=True)
class Limits:
    """Bounds of one broker. Sizes are bytes, times are seconds.

    Attributes:
        stanza_bytes: a stanza, once the client is logged in; the same figure as the defaults of Prosody and ejabberd.
        login_bytes: an element before that.
        tag_bytes: characters of all attributes of one tag, and a quarter of the bytes that it may take. It bounds the
            work of reading a tag that arrives byte by byte, which is quadratic.
        depth: levels of elements in a stanza, the stanza itself included.
        elements: elements in a stanza.
        connections: open connections; further ones are closed at once.
        pending: connections not yet logged in; one more, and the oldest of them is dropped.
        login_time: from connecting until a resource is bound.
        login_attempts: failed authentications on one connection.
        sessions: sessions of one account, those that wait for resumption included.
        roster_items: entries of one roster.
        send_buffer: what waits to be sent to one client, and what one client has not acknowledged.
        unacked: stanzas that one client has not acknowledged.
        hibernation: how long a session that lost its connection can be resumed.
        ack_every: stanzas between two requests for acknowledgement.
        ack_delay: from a stanza to the request for its acknowledgement, at most.
        ack_timeout: how long such a request may stay without an answer before the connection is held for dead.
        close_time: how long a client may take to read the end of its stream.
    """

    stanza_bytes: int = 262_144
    login_bytes: int = 10_000
    tag_bytes: int = 16_384
    depth: int = 128
    elements: int = 20_000
    connections: int = 10_000
    pending: int = 512
    login_time: float = 15.0
    login_attempts: int = 3
    sessions: int = 64
    roster_items: int = 2_000
    send_buffer: int = 16 * 1024 * 1024
    unacked: int = 20_000
    hibernation: float = 60.0
    ack_every: int = 32
    ack_delay: float = 1.0
    ack_timeout: float = 30.0
    close_time: float = 2.0
