"""What of snapshot and stream is handed on, in which order, and what is missing. No socket here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .message import Message


@dataclass
class _Last:
    seq: int
    has_array: bool


class Order:
    """Follows the seq of every topic over connections and daemons."""

    def __init__(self) -> None:
        self._last: dict[str, _Last] = {}
        self._covered: dict[str, int] = {}  # handed on from the snapshot, and may come once more

    def join(self, snapshot: list[Message], live: Iterable[Message]) -> Iterator[Message]:
        """What a new connection begins with: live is what it had received when the snapshot was complete.

        A message of the snapshot is left to the stream where that has it, or an earlier one of its topic.
        """
        received = list(live)
        arriving: dict[str, int] = {}
        for message in received:
            arriving.setdefault(message.topic, message.seq)
        if self._is_of_another_daemon(snapshot):
            self._last.clear()
        self._covered.clear()
        # status last: it may tell the end
        for message in sorted(snapshot, key=lambda m: (m.body.get("frame", 0), m.topic == "status")):
            last = self._last.get(message.topic)
            if (last is None or message.seq > last.seq) and arriving.get(message.topic, message.seq + 1) > message.seq:
                yield from self.take(message)
                self._covered[message.topic] = message.seq
        for message in received:
            yield from self.take(message)

    def take(self, message: Message) -> Iterator[Message]:
        """The message with its `lost`, or nothing when it has been handed on before."""
        covered = self._covered.get(message.topic)
        if covered is not None and message.seq <= covered:
            return
        self._covered.pop(message.topic, None)
        last = self._last.get(message.topic)
        if last is not None and message.seq <= last.seq:
            self._last.clear()  # another daemon, behind a proxy that has kept the connection
        elif last is not None:
            message.lost = message.seq - last.seq - 1
        self._last[message.topic] = _Last(message.seq, message.array is not None)
        yield message

    def _is_of_another_daemon(self, snapshot: list[Message]) -> bool:
        """A daemon that was started anew counts from 1 again, and has not published every topic yet."""
        now = {message.topic: message.seq for message in snapshot}
        return any(now.get(topic, 0) < last.seq for topic, last in self._last.items() if not last.has_array)
