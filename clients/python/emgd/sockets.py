"""Endpoints, keys, and sockets that have both."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional, Union

import zmq
from zmq.utils import z85

DATA = "tcp://127.0.0.1:5556"
CONTROL = "tcp://127.0.0.1:5557"

KEY_LENGTH = 40

Key = Union[str, "os.PathLike[str]"]


@dataclass(frozen=True)
class Keys:
    """Of CURVE, in Z85: the server's public one, and this client's pair."""

    server: bytes
    public: bytes
    secret: bytes = field(repr=False)


def read_keys(server_key: Optional[Key], secret_key: Optional[Key]) -> Optional[Keys]:
    """Each key is a file of `emgctl keygen` or the key itself. None without keys."""
    if server_key is None and secret_key is None:
        return None
    if server_key is None or secret_key is None:
        raise ValueError("server_key and secret_key go together")
    secret = _key(secret_key, secret=True)
    return Keys(_key(server_key, secret=False), zmq.curve_public(secret), secret)


def _key(key: Key, secret: bool) -> bytes:
    if isinstance(key, str) and _is_key(key):
        return key.encode()
    path = Path(key)
    with open(path, encoding="utf-8") as file:
        mode = os.fstat(file.fileno()).st_mode
        if secret and os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise ValueError("%s: its mode %04o lets others use it; chmod 600" % (path, stat.S_IMODE(mode)))
        found = [line.split()[0] for line in file if line.strip() and not line.lstrip().startswith("#")]
    if len(found) != 1 or not _is_key(found[0]):
        raise ValueError("%s: not a file with one key of %d characters (Z85)" % (path, KEY_LENGTH))
    return found[0].encode()


def _is_key(text: str) -> bool:
    return len(text) == KEY_LENGTH and all(c in z85.Z85CHARS for c in text.encode())


def open_socket(kind: int, keys: Optional[Keys], **options: int) -> zmq.Socket[Any]:
    """Not connected yet. Without keepalive it would never notice a host that has gone without a word."""
    socket: zmq.Socket[Any] = zmq.Context.instance().socket(kind)
    defaults = {"linger": 0, "tcp_keepalive": 1, "tcp_keepalive_idle": 10, "tcp_keepalive_intvl": 5, "tcp_keepalive_cnt": 3}
    for name, value in {**defaults, **options}.items():
        setattr(socket, name, value)
    if keys is not None:
        socket.curve_serverkey, socket.curve_publickey, socket.curve_secretkey = keys.server, keys.public, keys.secret
    return socket


def connect(socket: zmq.Socket[Any], endpoint: str) -> None:
    try:
        socket.connect(endpoint)
    except zmq.ZMQError as error:
        raise ValueError("cannot use the endpoint %r (%s): one looks like %s" % (endpoint, error, DATA)) from None
