"""What can go wrong on the command line, each with its exit code.

Belongs here: error classes whose text is one sentence for a person, and exit codes.
Keep out: printing, and anything that decides.
"""


class DeployError(Exception):
    """Something that a person must act on; the text is one clear sentence."""

    exit_code = 1


class BadInputError(DeployError):
    """What was asked for cannot be: nothing was started or written."""

    exit_code = 2


class NotRunningError(DeployError):
    """The command needs a running stack and there is none."""

    exit_code = 3


class AlreadyRunningError(DeployError):
    """A stack already runs on this state folder."""

    exit_code = 4


class PortTakenError(DeployError):
    """Another program listens on a port that the stack needs."""

    exit_code = 5


class HomeError(DeployError):
    """The state folder cannot be used as it is."""

    exit_code = 6


class ChildFailedError(DeployError):
    """A part of the stack did not start, or died again and again."""

    exit_code = 7


class InterruptedRunError(DeployError):
    """Somebody asked to stop before the job was done."""

    exit_code = 130


class RunFailedError(DeployError):
    """The job ran and failed."""

    exit_code = 1
