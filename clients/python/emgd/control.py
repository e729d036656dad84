"""Commands to emgd, by its control socket."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Optional, Union

import zmq

from .errors import BadMessage, NoAnswer, Refused
from .message import Message, checked
from .sockets import CONTROL, Key, connect, open_socket, read_keys

Reply = dict[str, Any]


class Control:
    """A client of the control socket.

    endpoint: publish.control of the daemon. timeout: seconds to wait for an answer.
    server_key, secret_key: for security.mode "curve", each a file of `emgctl keygen` or the key itself.

    Every command gives the reply of emgd without its "ok", but where it says otherwise. All raise Refused when emgd refuses, and
    NoAnswer when it does not answer; after either the next command works as ever. An argument that is None is left to emgd.
    """

    def __init__(self, endpoint: str = CONTROL, *, server_key: Optional[Key] = None, secret_key: Optional[Key] = None,
                 timeout: float = 15.0) -> None:
        self.endpoint = endpoint
        self.timeout = timeout
        self._keys = read_keys(server_key, secret_key)

    def request(self, command: str, /, **arguments: Any) -> Reply:
        """Any command by its name on the wire, as in request("session.start", participant="P07")."""
        # a socket for each request: one that got no answer could not ask again, and would ask a daemon that starts later
        socket = open_socket(zmq.REQ, self._keys)
        try:
            connect(socket, self.endpoint)
            socket.send(encode(command, arguments))
            if not socket.poll(int(self.timeout * 1000)):
                raise NoAnswer(silence(self.endpoint, self.timeout, command))
            return decode_reply(socket.recv(), self.endpoint)
        finally:
            socket.close()

    def ping(self) -> Reply:
        """`version` of the program and `protocol`."""
        return self.request("ping")

    def status(self) -> Optional[dict[str, Any]]:
        """The body of the last status message; None while there has been none."""
        status: Optional[dict[str, Any]] = self.request("status")["status"]
        return status

    def config(self) -> dict[str, Any]:
        """The configuration in effect, by section, then key."""
        config: dict[str, Any] = self.request("config")["config"]
        return config

    def devices(self) -> Reply:
        """`devices` for capture, and `backends`: the sound systems."""
        return self.request("devices")

    def snapshot(self) -> list[Message]:
        """The last message of every topic without an array."""
        return snapshot_of(self.request("snapshot"), self.endpoint)

    def session_events(self) -> list[Message]:
        """What has been told of the session, the oldest first."""
        return snapshot_of(self.request("session.events"), self.endpoint)

    def session_start(self, participant: str, notes: Optional[str] = None) -> Reply:
        """Begins a test of one participant: a code, never a name. Gives `session`, `frame`, `t` and `recording`."""
        return self.request("session.start", participant=participant, notes=notes)

    def session_stop(self) -> Reply:
        """Ends the test."""
        return self.request("session.stop")

    def stage(self, label: str, speed_m_s: Optional[float] = None, incline_percent: Optional[float] = None) -> Reply:
        """Begins the next stage of the session: trends and verdicts begin anew."""
        return self.request("stage", label=label, speed_m_s=speed_m_s, incline_percent=incline_percent)

    def marker(self, label: str) -> Reply:
        """Marks this moment. Gives its `frame` and `t`."""
        return self.request("marker", label=label)

    def rest_start(self, seconds: Optional[float] = None) -> Reply:
        """Measures the noise of each muscle at rest; the results come as event.rest."""
        return self.request("rest.start", seconds=seconds)

    def reference_start(self, muscles: Union[str, Sequence[str]], seconds: Optional[float] = None,
                        method: Optional[str] = None) -> Reply:
        """Measures what 100 percent of these muscles is; the results come as event.reference.

        muscles: names, or "all". method: mvc, submaximal, dynamic_peak or dynamic_mean.
        """
        names = muscles if isinstance(muscles, str) else list(muscles)
        return self.request("reference.start", muscles=names, seconds=seconds, method=method)

    def reference_set(self, muscle: str, uv: float, method: Optional[str] = None) -> Reply:
        """Tells a reference that was measured elsewhere: the RMS in microvolts that counts as 100 percent."""
        return self.request("reference.set", muscle=muscle, uv=uv, method=method)

    def baseline_start(self, seconds: Optional[float] = None) -> Reply:
        """Measures the median frequency of the fresh muscles; the results come as event.baseline."""
        return self.request("baseline.start", seconds=seconds)

    def record_start(self, path: Optional[str] = None) -> Reply:
        """Begins a recording inside recording.directory of the daemon. Gives its `path` and first `frame`."""
        return self.request("record.start", path=path)

    def record_stop(self) -> Reply:
        """Ends it. Gives `path`, `seconds`, `frames` and `gaps`."""
        return self.request("record.stop")

    def shutdown(self) -> Reply:
        """Ends the daemon."""
        return self.request("shutdown")


def encode(command: str, arguments: dict[str, Any]) -> bytes:
    given = {name: value for name, value in arguments.items() if value is not None}
    return json.dumps({**given, "command": command}, allow_nan=False).encode()


def silence(endpoint: str, seconds: float, command: str) -> str:
    return ('no answer to "%s" from %s within %g s: is emgd running, is this its publish.control, and, with security.mode "curve", '
            "are the keys right? Whether the command has had an effect is not known" % (command, endpoint, seconds))


def decode_reply(text: bytes, endpoint: str) -> Reply:
    """The reply without its "ok"; raises Refused."""
    try:
        reply = json.loads(text)
        if reply.pop("ok"):
            return dict(reply)
        code, message = str(reply["error"]["code"]), str(reply["error"]["message"])
    except (ValueError, TypeError, KeyError, AttributeError):
        raise BadMessage("the answer from %s is none of emgd: %r" % (endpoint, text[:200])) from None
    raise Refused(code, message)


def snapshot_of(reply: Reply, endpoint: str) -> list[Message]:
    try:
        return [checked(Message(m["topic"], m["body"], live=False)) for m in reply["messages"]]
    except (ValueError, TypeError, KeyError):
        raise BadMessage("the answer from %s to snapshot is none of emgd" % endpoint) from None
