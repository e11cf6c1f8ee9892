"""The states of an end-to-end session, at either end."""

from __future__ import annotations

from ...statemachine import StateMachine

CALLING: StateMachine[str, str] = StateMachine(
    "end-to-end session, calling",
    [
        ("idle", "HandshakeReq sent", "requested"),
        ("requested", "HandshakeAcc believed", "established"),
        ("requested", "refused", "ended"),
        ("established", "aborted", "ended"),
    ],
    initial="idle",
    final=("ended",),
)
"""The end that asks for the association. In `ended` the keys are gone: there is no way back."""

CALLED: StateMachine[str, str] = StateMachine(
    "end-to-end session, called",
    [
        ("idle", "HandshakeReq believed", "established"),
        ("idle", "refused", "ended"),
        ("established", "aborted", "ended"),
    ],
    initial="idle",
    final=("ended",),
)
"""The end that is asked."""
