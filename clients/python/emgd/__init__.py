"""The stream of emgd, the surface-EMG daemon, and its commands.

    import emgd

    for m in emgd.stream("fatigue."):
        print(m.muscle, m["mdf_hz"], m["verdict"])

    emgd.Control().marker("lap 2")

A quantity that is not known is None, never 0. Units stand in the names of the fields.
"""

from .control import Control
from .errors import BadMessage, Error, NoAnswer, Refused
from .message import Message
from .sockets import CONTROL, DATA
from .stream import Stream, stream

__all__ = ["CONTROL", "DATA", "BadMessage", "Control", "Error", "Message", "NoAnswer", "Refused", "Stream", "stream"]
__version__ = "0.1.0"
