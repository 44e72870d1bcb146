"""What can go wrong on the wire and in the central router, as typed errors.

Belongs here: error classes that carry their facts as fields.
Keep out: handling, logging, and reasons for dead letters (routing.py): those are data.
"""


class RouterError(Exception):
    """Something about the wire that a caller may want to tell apart."""


class SettingsError(RouterError):
    """A variable of the environment has a value that cannot be used."""


class ConnectError(RouterError):
    """No NATS server let us in within the time allowed."""


class UnsafeServerError(RouterError):
    """The server could lose what it acknowledged: correct its configuration."""


class StreamDriftError(RouterError):
    """A stream or consumer exists with another setting than the declared one."""

    def __init__(self, stream: str, field: str, wanted: object, found: object) -> None:
        super().__init__(
            f"{stream} on the NATS server has {field} {found!r} where {wanted!r} is declared: "
            "correct it there, or remove it and it is created anew"
        )
        self.stream = stream
        self.field = field
        self.wanted = wanted
        self.found = found


class StreamRefusedError(RouterError):
    """The server does not let a declared stream be created."""


class PublishError(RouterError):
    """A message was not acknowledged; it may or may not be stored: send the same id again.

    `permanent` says that sending the same bytes again cannot succeed.
    """

    def __init__(self, subject: str, message_id: str, reason: str, *, permanent: bool) -> None:
        super().__init__(f"{subject} did not take message {message_id}: {reason}")
        self.subject = subject
        self.message_id = message_id
        self.reason = reason
        self.permanent = permanent
