"""The server's behaviour, one room for each ACSI class, without input, output or a clock."""

from .association import Association
from .control import ControlModel
from .engine import Engine
from .steps import Change, Command, Outcome, Question, Steps, settle

__all__ = ["Association", "Change", "Command", "ControlModel", "Engine", "Outcome", "Question", "Steps", "settle"]
