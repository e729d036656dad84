"""One message of the stream."""

from __future__ import annotations

import array
import json
import math
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Optional, Union

from .errors import BadMessage

try:
    import numpy
except ImportError:
    numpy = None  # type: ignore[assignment]

if TYPE_CHECKING:
    Array = Union["numpy.ndarray[Any, numpy.dtype[numpy.float32]]", "array.array[float]"]


class Message:
    """A message, as in `m.topic`, `m.lost`; a field of its body is `m["mdf_hz"]` or `m.mdf_hz`, None where not known.

    topic: as in "fatigue.left.soleus".
    body:  dict of the fields; clients/schema/ has a schema for each kind.
    array: of spectrum, waveform and profile: float32, a numpy array where numpy is there, else an array.array("f"); else None.
    lost:  how many messages of this topic were missed just before this one.
    live:  False for what the snapshot gave: it was published before this stream began, maybe long ago (see `m.t`).
    """

    __slots__ = ("array", "body", "live", "lost", "topic")

    def __init__(self, topic: str, body: dict[str, Any], array: Optional[Array] = None, live: bool = True) -> None:
        self.topic = topic
        self.body = body
        self.array = array
        self.lost = 0
        self.live = live

    @property
    def kind(self) -> str:
        """What stands before muscle or side: "fatigue", "status", "event.stage"; the name of its schema."""
        words = self.topic.split(".")
        return ".".join(words[:2]) if words[0] == "event" else words[0]

    @property
    def muscle(self) -> Optional[str]:
        """As in "left.soleus"; None where the message is about no muscle, or about two."""
        words = self.topic.split(".")
        if words[0] == "event":
            named = self.body.get("muscle")
            return named if isinstance(named, str) else None
        return ".".join(words[1:]) if len(words) == 3 else None

    @property
    def seq(self) -> int:
        """Number of the message within its topic, from 1."""
        return int(self.body["seq"])

    def __getitem__(self, field: str) -> Any:
        try:
            return self.body[field]
        except KeyError:
            raise KeyError("%s has no %r; there are %s" % (self.topic, field, ", ".join(self.body))) from None

    def __getattr__(self, field: str) -> Any:
        if field.startswith("__") or field in Message.__slots__:  # while it is being copied or unpickled
            raise AttributeError(field)
        try:
            return self[field]
        except KeyError as error:
            raise AttributeError(error.args[0]) from None

    def __repr__(self) -> str:
        size = "" if self.array is None else ", array of %d" % len(self.array)
        return "<%s %r%s, lost %d>" % (self.topic, self.body, size, self.lost)


def decode(parts: Sequence[bytes]) -> Message:
    """The message of these parts: topic, JSON object, and the array where the JSON describes one."""
    try:
        if not 2 <= len(parts) <= 3:
            raise ValueError("it has %d parts, not 2 or 3" % len(parts))
        message = checked(Message(parts[0].decode("ascii"), json.loads(parts[1])))
        if ("array" in message.body) != (len(parts) == 3):
            raise ValueError("its third part and what it says about an array do not agree")
        if len(parts) == 3:
            message.array = _floats(parts[2], message.body["array"])
    except (ValueError, TypeError, KeyError) as error:
        raise BadMessage("a message of %r is none of emgd: %s" % (parts[0][:80], error)) from None
    return message


def checked(message: Message) -> Message:
    if not isinstance(message.body, dict) or not isinstance(message.body.get("seq"), int):
        raise ValueError("its body is not a JSON object with a seq")
    return message


def _floats(part: bytes, description: dict[str, Any]) -> Array:
    shape = description["shape"]
    if description["dtype"] != "<f4" or len(part) != 4 * math.prod(shape):
        raise ValueError("%d bytes for %s" % (len(part), description))
    if numpy is not None:
        return numpy.frombuffer(part, dtype="<f4").astype(numpy.float32).reshape(shape)
    floats = array.array("f", part)
    if sys.byteorder == "big":
        floats.byteswap()
    return floats
