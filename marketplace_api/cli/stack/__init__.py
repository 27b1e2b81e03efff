"""The supervisor behind `gpubourse up`, `status`, `down` and `doctor`: all parts on one machine."""

from marketplace_api.cli.stack.home import Home
from marketplace_api.cli.stack.state import StackState, load_state, register_process

__all__ = ["Home", "StackState", "load_state", "register_process"]
