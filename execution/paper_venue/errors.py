"""What can go wrong at the venue: refusals that a client reads, and reasons not to start.

Keep out: how an error becomes an answer (answers.py).
"""

from http import HTTPStatus

BAD_REQUEST = 40010001
UNAUTHORIZED = 40110000
FORBIDDEN = 40310000
NOT_FOUND = 40410000
CONFLICT = 40910000
UNPROCESSABLE = 42210000
TOO_MANY = 42910000
INTERNAL = 50010000
"""Alpaca's codes: the status and a number."""


class RefusalError(Exception):
    """A request that changes nothing: HTTP status, Alpaca's code, and a sentence."""

    def __init__(self, status: HTTPStatus, code: int, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


def unprocessable(message: str, code: int = UNPROCESSABLE) -> RefusalError:
    """What was asked cannot be."""
    return RefusalError(HTTPStatus.UNPROCESSABLE_ENTITY, code, message)


def not_found(message: str) -> RefusalError:
    """What was asked for is not there."""
    return RefusalError(HTTPStatus.NOT_FOUND, NOT_FOUND, message)


class VenueError(Exception):
    """The venue cannot start; the message says what to do."""


class SettingError(VenueError):
    """A setting cannot be used: correct it."""


class KeysError(VenueError):
    """The key file cannot be used: correct it, or remove it and new keys are made."""


class StoreError(VenueError):
    """The store cannot be used: stop the other process, or use the program that made it."""


class PortTakenError(VenueError):
    """Another program listens on the port: choose another."""
