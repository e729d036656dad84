"""The two sockets of a stream: connects, asks for the snapshot, and connects anew when the connection breaks.

A connection is replaced, never mended by ZeroMQ itself, so that a queue never holds messages of two daemons. On one connection:
wait until the handshake is done; let the subscriptions arrive; ask for the snapshot; let arrive what was under way meanwhile.
"""

from __future__ import annotations

import enum
import itertools
import math
import time
from dataclasses import dataclass
from typing import Any, Optional, Union

import zmq
from zmq.utils.monitor import recv_monitor_message

from .control import decode_reply, encode, silence, snapshot_of
from .errors import NoAnswer
from .message import Message
from .sockets import Keys, connect, open_socket

SETTLE_S = 0.05  # subscriptions take hold
COLLECT_S = 0.02  # what is under way arrives
ANSWER_S = 10.0
PAUSE_S = 0.2  # between two attempts to connect
NEVER_MS = 24 * 3600 * 1000

HANDSHAKE_FAILED = zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_HANDSHAKE_FAILED_AUTH
BROKEN = HANDSHAKE_FAILED | zmq.EVENT_DISCONNECTED | zmq.EVENT_CONNECT_RETRIED


_monitor_numbers = itertools.count()


class _State(enum.Enum):
    PAUSING = enum.auto()
    CONNECTING = enum.auto()
    SETTLING = enum.auto()
    ASKING = enum.auto()
    COLLECTING = enum.auto()
    LIVE = enum.auto()


def _monitor(socket: zmq.Socket[Any]) -> zmq.Socket[Any]:
    """A socket that gives the events of another. pyzmq's own names it after a descriptor, which may come again too soon."""
    address = "inproc://emgd-monitor-%d" % next(_monitor_numbers)
    socket.monitor(address, BROKEN | zmq.EVENT_HANDSHAKE_SUCCEEDED)
    monitor: zmq.Socket[Any] = zmq.Context.instance().socket(zmq.PAIR)
    monitor.linger = 0
    monitor.connect(address)
    return monitor


@dataclass
class Begin:
    """A connection begins: the snapshot, and the parts of each message that had come by then."""

    snapshot: list[Message]
    received: list[list[bytes]]


class Feed:
    _subscriber: Optional[zmq.Socket[Any]] = None
    _asker: Optional[zmq.Socket[Any]] = None

    def __init__(self, data: str, control: str, prefixes: tuple[str, ...], keys: Optional[Keys]) -> None:
        self._endpoint, self._control, self._prefixes, self._keys = data, control, prefixes, keys
        self._snapshot: list[Message] = []
        self._handshake_failed = False
        self._connect()

    def next(self, deadline: Optional[float]) -> Union[Begin, list[bytes], None]:
        """What comes next: a connection's beginning or the parts of a message; None when nothing has come until the deadline."""
        while True:
            if self._state is _State.LIVE:
                parts = self._receive()
                if parts is not None:
                    return parts
            now = time.monotonic()
            begin = self._move_on() if self._until is not None and now >= self._until else self._look(deadline, now)
            if begin is not None:
                return begin
            if deadline is not None and time.monotonic() >= deadline and self._is_quiet():
                return None

    def why_silent(self) -> str:
        """In words, for an error message."""
        if self._state is _State.LIVE:
            return "connected to %s, and nothing comes" % self._endpoint
        if self._state is _State.ASKING:
            return "connected to %s, and no answer to \"snapshot\" yet from %s: is this its publish.control?" % (self._endpoint, self._control)
        if self._handshake_failed:
            return ("%s does not let this client in: security.mode of emgd and the keys do not go together (server_key, secret_key; is the "
                    "public key in its allowed_keys?), or no emgd listens there" % self._endpoint)
        return "cannot connect to %s: is emgd running, and is this its publish.data?" % self._endpoint

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        if self._subscriber is not None:
            # in this order: an event that nobody takes any more would hold up the thread of ZeroMQ, and with it every socket
            self._subscriber.disable_monitor()
            self._monitor.close()
            self._subscriber.close()
        if self._asker is not None:
            self._asker.close()
        self._asker = self._subscriber = None

    def _is_quiet(self) -> bool:
        return self._state is not _State.LIVE or self._subscriber is None or not self._subscriber.poll(0)

    def _enter(self, state: _State, seconds: Optional[float] = None) -> None:
        self._state = state
        self._until = None if seconds is None else time.monotonic() + seconds

    def _connect(self) -> None:
        self.close()
        socket = open_socket(zmq.SUB, self._keys, rcvhwm=0, reconnect_ivl=NEVER_MS, connect_timeout=5000)
        for prefix in self._prefixes:
            socket.subscribe(prefix)
        self._monitor = _monitor(socket)
        self._subscriber = socket
        self._enter(_State.CONNECTING)
        connect(socket, self._endpoint)

    def _receive(self) -> Optional[list[bytes]]:
        assert self._subscriber is not None
        try:
            return self._subscriber.recv_multipart(zmq.NOBLOCK)
        except zmq.Again:
            return None

    def _drain(self) -> list[list[bytes]]:
        return list(iter(self._receive, None))

    def _look(self, deadline: Optional[float], now: float) -> Optional[Begin]:
        """Waits until something happens on a socket, or a time is up."""
        poller = zmq.Poller()
        if self._state is not _State.PAUSING:
            poller.register(self._monitor, zmq.POLLIN)
        if self._state is _State.LIVE:
            poller.register(self._subscriber, zmq.POLLIN)
        if self._asker is not None:
            poller.register(self._asker, zmq.POLLIN)
        times = [t for t in (deadline, self._until) if t is not None]
        ready = dict(poller.poll(math.ceil(max(0.0, min(times) - now) * 1000) if times else None))
        if self._subscriber in ready:
            return None  # before what the monitor says: a connection may have ended behind its last message
        if self._asker in ready:
            self._take_snapshot()
        elif self._monitor in ready:
            return self._hear(recv_monitor_message(self._monitor)["event"])
        return None

    def _hear(self, event: int) -> Optional[Begin]:
        if event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
            self._handshake_failed = False
            self._enter(_State.SETTLING, SETTLE_S)
            return None
        self._handshake_failed = self._handshake_failed or bool(event & HANDSHAKE_FAILED)
        received = self._drain()
        self.close()
        self._enter(_State.PAUSING, PAUSE_S)
        return Begin([], received) if received else None  # it has ended before it had begun

    def _take_snapshot(self) -> None:
        assert self._asker is not None
        reply = self._asker.recv()
        self._asker.close()
        self._asker = None
        self._snapshot = snapshot_of(decode_reply(reply, self._control), self._control)
        self._enter(_State.COLLECTING, COLLECT_S)

    def _move_on(self) -> Optional[Begin]:
        """The time of this state is up."""
        if self._state is _State.PAUSING:
            self._connect()
        elif self._state is _State.SETTLING:
            self._asker = open_socket(zmq.REQ, self._keys)
            connect(self._asker, self._control)
            self._asker.send(encode("snapshot", {}))
            self._enter(_State.ASKING, ANSWER_S)
        elif self._state is _State.ASKING:
            self.close()
            self._enter(_State.PAUSING, PAUSE_S)
            raise NoAnswer(silence(self._control, ANSWER_S, "snapshot"))
        elif self._state is _State.COLLECTING:
            self._enter(_State.LIVE)
            return Begin(self._snapshot, self._drain())
        return None
