"""A WebSocket client for the tests of emgweb: as much of RFC 6455 as they need."""

import base64
import json
import os
import socket
import struct
import time

import emgd

Message = emgd.Message


class Refused(Exception):
    """The server does not open a WebSocket; the argument is the status line."""


class Closed(Exception):
    pass


class Browser:
    """One page. With takes=True it says at once that it has taken each frame, as the page does."""

    def __init__(self, port, host=None, origin=None, protocol="emgweb-1", cookie=None, takes=True):
        host = host or "127.0.0.1:%d" % port
        origin = "http://" + host if origin is None else origin
        self.takes, self.taken, self.buffer, self.messages = takes, 0, b"", []
        self.socket = socket.create_connection(("127.0.0.1", port), emgd.PATIENCE_S)
        fields = {"Host": host, "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
                  "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode()}
        for name, value in (("Origin", origin), ("Sec-WebSocket-Protocol", protocol), ("Cookie", cookie)):
            if value:
                fields[name] = value
        request = "GET / HTTP/1.1\r\n" + "".join("%s: %s\r\n" % field for field in fields.items()) + "\r\n"
        self.socket.sendall(request.encode())
        while b"\r\n\r\n" not in self.buffer:
            data = self.socket.recv(65536)
            if not data:
                break
            self.buffer += data
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        status = head.split(b"\r\n")[0].decode()
        if " 101 " not in status + " ":
            self.socket.close()
            raise Refused(status)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, text):
        payload, mask = text.encode() if isinstance(text, str) else text, os.urandom(4)
        n = len(payload)
        head = struct.pack("!BB", 0x81, 0x80 | n) if n < 126 else (
            struct.pack("!BBH", 0x81, 0xfe, n) if n < 65536 else struct.pack("!BBQ", 0x81, 0xff, n))
        self.socket.sendall(head + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(payload)))

    def fileno(self):
        return self.socket.fileno()

    def frames(self, data):
        """The whole frames in what has come, data being the newest: (opcode, payload)."""
        self.buffer += data
        while len(self.buffer) >= 2:
            n, at = self.buffer[1] & 0x7f, 2
            if n >= 126:
                size = 2 if n == 126 else 8
                if len(self.buffer) < 2 + size:
                    return
                n, at = int.from_bytes(self.buffer[2:2 + size], "big"), 2 + size
            if len(self.buffer) < at + n:
                return
            opcode, payload = self.buffer[0] & 0x0f, self.buffer[at:at + n]
            self.buffer = self.buffer[at + n:]
            yield opcode, payload

    def read(self):
        """Reads what is there; returns the messages in it."""
        data = self.socket.recv(1 << 20)
        if not data:
            raise Closed
        found = []
        for opcode, payload in self.frames(data):
            if opcode == 8:
                raise Closed
            if opcode not in (1, 2):
                continue
            self.taken += 1
            found += messages_of_text(payload) if opcode == 1 else [message_of_binary(payload)]
        if self.takes and found:
            self.send(str(self.taken))
        return found

    def next(self):
        deadline = time.monotonic() + emgd.PATIENCE_S
        while not self.messages:
            if time.monotonic() > deadline:
                raise AssertionError("nothing comes from emgweb")
            self.messages += self.read()
        return self.messages.pop(0)

    def until(self, condition):
        messages = [self.next()]
        while not condition(messages[-1]):
            messages.append(self.next())
        return messages

    def request(self, command, **arguments):
        """The reply; messages that come before it are kept for next()."""
        number = int.from_bytes(os.urandom(4), "big")
        self.send(json.dumps({"id": number, "command": command, **arguments}))
        kept = []
        while True:
            message = self.next()
            if message.topic is None and message.body["id"] == number:
                self.messages = kept + self.messages
                return message.body["reply"]
            kept.append(message)


def message_of_line(fields, array):
    topic = fields.pop("topic", None)
    return Message(topic, fields, array)


def messages_of_text(payload):
    return [message_of_line(fields, None) for fields in emgd.parse(payload)]


def message_of_binary(payload):
    n = struct.unpack("<I", payload[:4])[0]
    array = payload[4 + n:]
    return message_of_line(emgd.parse(payload[4:4 + n]), struct.unpack("<%df" % (len(array) // 4), array))
