"""What can go wrong."""

from __future__ import annotations


class Error(Exception):
    """Any error of this package, but for wrong arguments: these are ValueError, and files that cannot be read OSError."""


class NoAnswer(Error, TimeoutError):
    """Nothing came in time; the text names the endpoint and what to do."""


class Refused(Error):
    """emgd has refused a command, and nothing has changed.

    code: a word for programs, as in "no_session"; message: the reason, for people.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return "%s (%s)" % (self.message, self.code)


class BadMessage(Error):
    """What came is no message of emgd: another program listens at this endpoint, or publishes there."""
