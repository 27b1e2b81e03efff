"""What stops the supervisor; every message says where to look."""


class StackError(RuntimeError):
    """The base of the two."""


class StepError(StackError):
    """A step of the start that failed; the message ends with its output."""


class HomeBusyError(StackError):
    """Another `up` or `down` works on the same folder."""
