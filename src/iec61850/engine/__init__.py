"""The server's behaviour, one room for each ACSI class, without input, output or a clock."""

from .association import Association
from .control_states import ControlModel
from .engine import Engine
from .steps import Change, Command, Job, Outcome, Question, Step, Steps, settle

__all__ = [
    "Association", "Change", "Command", "ControlModel", "Engine", "Job", "Outcome", "Question", "Step", "Steps",
    "settle",
]  # fmt: skip
