"""The messages of emgd as an iterator."""

from __future__ import annotations

import time
from collections.abc import Iterator
from types import TracebackType
from typing import Optional

from .errors import NoAnswer
from .feed import Begin, Feed
from .message import Message, decode
from .order import Order
from .sockets import CONTROL, DATA, Key, read_keys


class Stream:
    """An iterator of messages, and a context manager; for one thread at a time. See stream()."""

    def __init__(self, *topics: str, data: str = DATA, control: str = CONTROL, server_key: Optional[Key] = None,
                 secret_key: Optional[Key] = None, timeout: Optional[float] = None, follow: bool = False) -> None:
        self.topics = topics or ("",)
        self.timeout = timeout
        self.follow = follow
        self.ended = False
        self._order = Order()
        self._waiting: Iterator[Message] = iter(())
        # status tells the end, and, as the last subscription, comes when all have taken hold
        self._feed = Feed(data, control, (*self.topics, "status"), read_keys(server_key, secret_key))

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, kind: Optional[type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        self.close()

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> Message:
        message = self.receive(self.timeout)
        if message is not None:
            return message
        if self.ended:
            raise StopIteration
        raise NoAnswer("no message of %s within %g s: %s" % (
            " or ".join(map(repr, self.topics)) if self.topics != ("",) else "any topic", self.timeout or 0, self._feed.why_silent()))

    def receive(self, timeout: Optional[float] = None) -> Optional[Message]:
        """The next message; None when none has come within so many seconds, or the stream has ended (then `ended` is True)."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self.ended:
            for message in self._waiting:
                if message.topic == "status" and message["state"] == "ended" and not self.follow:
                    self.close()
                if message.topic.startswith(self.topics):
                    return message
            if self.ended:
                break
            event = self._feed.next(deadline)
            if event is None:
                return None
            if isinstance(event, Begin):
                self._waiting = self._order.join(event.snapshot, map(decode, event.received))
            else:
                self._waiting = self._order.take(decode(event))
        return None

    def close(self) -> None:
        """Ends the stream."""
        self.ended = True
        self._waiting = iter(())
        self._feed.close()


def stream(*topics: str, data: str = DATA, control: str = CONTROL, server_key: Optional[Key] = None,
           secret_key: Optional[Key] = None, timeout: Optional[float] = None, follow: bool = False) -> Stream:
    """The messages of all topics that begin so, as in stream("fatigue.", "event."); without a topic, all messages.

    First comes the last message of every such topic without an array, then each one as it is published, and none twice. A message's
    `lost` tells how many of its topic were missed before it. When the connection breaks it is made again, for as long as it takes, and the
    last messages come again where they are new.

    data, control: publish.data and publish.control of the daemon.
    server_key, secret_key: for security.mode "curve", each a file of `emgctl keygen` or the key itself.
    timeout: seconds without a message of these topics after which NoAnswer is raised; None: never.
    follow: go on when emgd has ended, with the next one that is started. Otherwise the iteration ends with it.

    Raises NoAnswer also when the control socket does not answer, and BadMessage for what is no message of emgd.
    """
    return Stream(*topics, data=data, control=control, server_key=server_key, secret_key=secret_key, timeout=timeout, follow=follow)
