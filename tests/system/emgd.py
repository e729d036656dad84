"""Starts the real programs for the system tests, and talks to them as any client outside would.

    with emgd.Daemon("--source", "synth:rest", settings={"source.duration_s": 5}) as daemon:
        with daemon.subscribe("") as stream:
            messages = stream.collect()                # until state "ended"
        daemon.wait()                                  # its exit code

A test program takes the directory with the built programs as its first argument and ends with emgd.main().
Nothing of the user's own is read, written or ended: configuration, endpoints and files live in a temporary
directory, and what was started is ended by its process id.
"""

import collections
import contextlib
import json
import math
import os
import random
import re
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import warnings
import wave
from pathlib import Path

import jsonschema
import zmq

SOURCE_DIR = Path(__file__).resolve().parents[2]
SCHEMA_DIR = SOURCE_DIR / "clients" / "schema"
RECORDINGS = SOURCE_DIR.parent / "shared" / "recordings"

# For what should happen at once. Only a hanging program waits so long, so that a busy machine and a sanitizer
# may take their time.
PATIENCE_S = 150

# What differs between two runs over the same recording.
TIMING_FIELDS = ("session", "latency_ms", "load_percent")

SANITIZER_REPORT = re.compile(r"Sanitizer|runtime error:|Assertion .* failed")
SANITIZER_EXIT = 99  # no exit code of ours

Message = collections.namedtuple("Message", "topic body array")


def main():
    if len(sys.argv) < 2 or not Path(sys.argv[1], "emgd").is_file():
        sys.exit("usage: %s DIRECTORY_WITH_THE_PROGRAMS [TEST]..." % sys.argv[0])
    global programs
    programs = Path(sys.argv.pop(1)).resolve()
    warnings.simplefilter("ignore", DeprecationWarning)  # newer jsonschema on RefResolver
    unittest.main(verbosity=2)


# --- programs ---


def environment(home):
    """Without a configuration of the user's, and with sanitizers that have an exit code of their own."""
    directory = Path(home, "emgd")
    directory.mkdir(exist_ok=True)
    (directory / "emgd.conf").touch()
    result = dict(os.environ, XDG_CONFIG_HOME=str(home), HOME=str(home), LC_ALL="C.UTF-8")
    for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS"):
        result[name] = ":".join(filter(None, [os.environ.get(name), "exitcode=%d" % SANITIZER_EXIT]))
    return result


def describe(arguments, code, out, err):
    def cut(text):
        return text if len(text) < 4000 else text[:2000] + "\n[...]\n" + text[-2000:]

    return "%s\nexit code: %s\nstdout: %s\nstderr: %s" % (
        " ".join(map(str, arguments)), code, cut(out), cut(err))


Result = collections.namedtuple("Result", "code out err text")


def run(program, *arguments):
    """Runs a program to its end; `text` of the result tells all of it."""
    with tempfile.TemporaryDirectory() as home:
        command = [str(programs / program), *map(str, arguments)]
        done = subprocess.run(command, env=environment(home), stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=PATIENCE_S)
        out, err = (text.decode("utf-8", "backslashreplace") for text in (done.stdout, done.stderr))
        return Result(done.returncode, out, err, describe(command, done.returncode, out, err))


class Process:
    """A program in the background, its output in files."""

    def __init__(self, program, *arguments, variables=(), prefix=()):
        self.directory = tempfile.TemporaryDirectory()
        self.arguments = [*prefix, str(programs / program), *map(str, arguments)]
        self.files = [Path(self.directory.name, name) for name in ("stdout", "stderr")]
        with open(self.files[0], "wb") as out, open(self.files[1], "wb") as err:
            self.process = subprocess.Popen(self.arguments, env={**environment(self.directory.name), **dict(variables)},
                                            stdin=subprocess.DEVNULL, stdout=out, stderr=err)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.end()
        err = self.err()
        self.directory.cleanup()
        if kind is None and SANITIZER_REPORT.search(err):
            raise AssertionError("a sanitizer reports:\n" + err)
        if kind is not None:
            print("--- %s said:\n%s---" % (" ".join(self.arguments), err), file=sys.stderr)

    def out(self):
        return self.files[0].read_text("utf-8", "backslashreplace")

    def err(self):
        return self.files[1].read_text("utf-8", "backslashreplace")

    def describe(self):
        return describe(self.arguments, self.process.poll(), self.out(), self.err())

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self):
        """Its exit code, once it has ended by itself."""
        try:
            return self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            raise AssertionError("does not end\n" + self.describe()) from None

    def end(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Daemon(Process):
    """emgd with endpoints of its own. A replay waits for its first subscriber, and would not wait for a second."""

    def __init__(self, *arguments, settings=(), variables=(), prefix=()):
        self.sockets = tempfile.TemporaryDirectory()
        self.data, self.control = ("ipc://%s/%s" % (self.sockets.name, name) for name in ("data", "control"))
        settings = {"publish.data": self.data, "publish.control": self.control,
                    "publish.wait_s": 3600, **dict(settings)}
        self.data, self.control = settings["publish.data"], settings["publish.control"]
        words = [word for key, value in settings.items() for word in ("--set", "%s=%s" % (key, value))]
        super().__init__("emgd", *arguments, *words, variables=variables, prefix=prefix)
        self.context = zmq.Context()

    def __exit__(self, *exception):
        try:
            super().__exit__(*exception)
        finally:
            self.context.destroy(linger=0)
            self.sockets.cleanup()

    def subscribe(self, *prefixes, receive_hwm=0):
        return Stream(self, prefixes, receive_hwm)

    def socket(self, kind):
        socket = self.context.socket(kind)
        socket.linger = 0
        socket.connect(self.control)
        return socket

    def receive(self, socket):
        """The parts of the next message, as long as the daemon lives."""
        deadline = time.monotonic() + PATIENCE_S
        while not socket.poll(200):
            # what it had sent before it ended may still be on its way
            if self.process.poll() is not None and not socket.poll(2000):
                raise AssertionError("emgd has ended\n" + self.describe())
            if time.monotonic() > deadline:
                raise AssertionError("nothing comes from emgd\n" + self.describe())
        return socket.recv_multipart()

    def request(self, command, **arguments):
        with contextlib.closing(self.socket(zmq.REQ)) as socket:
            socket.send_json({"command": command, **arguments})
            return parse(self.receive(socket)[0])

    def wait_until(self, condition):
        """The first status message for which the condition holds, by the control socket."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            status = self.request("status")["status"]
            if status is not None and condition(status):
                return status
            time.sleep(0.05)
        raise AssertionError("this state is never reached; last: %s\n%s" % (status, self.describe()))


class Stream:
    """A subscriber. Without a limit of its own (receive_hwm 0) it loses nothing."""

    def __init__(self, daemon, prefixes, receive_hwm):
        self.daemon = daemon
        self.socket = daemon.context.socket(zmq.SUB)
        self.socket.rcvhwm = receive_hwm
        for prefix in prefixes:
            self.socket.subscribe(prefix)
        self.socket.connect(daemon.data)  # now, so that all subscriptions arrive together

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close(linger=0)

    def next(self):
        return message_of_parts(self.daemon.receive(self.socket))

    def until(self, condition):
        """All messages up to the first one for which the condition holds."""
        messages = [self.next()]
        while not condition(messages[-1]):
            messages.append(self.next())
        return messages

    def collect(self):
        """All messages up to the end of the stream; status or everything must be subscribed to."""
        return self.until(is_end)


def is_end(message):
    return message.topic == "status" and message.body["state"] == "ended"


# --- messages ---


def parse(text, **options):
    """Strict JSON: no NaN, no infinity, no key twice."""

    def refuse(constant):
        raise AssertionError("%s is not JSON: %s" % (constant, text))

    def unique(pairs):
        result = dict(pairs)
        if len(result) != len(pairs):
            raise AssertionError("a key twice: %s" % text)
        return result

    return json.loads(text, parse_constant=refuse, object_pairs_hook=unique, **options)


def message_of_parts(parts):
    topic, body = parts[0].decode("ascii"), parse(parts[1])
    if len(parts) != (3 if "array" in body else 2):
        raise AssertionError("%s has %d parts: %s" % (topic, len(parts), body))
    if len(parts) == 2:
        return Message(topic, body, None)
    if len(parts[2]) != 4 * math.prod(body["array"]["shape"]):
        raise AssertionError("%s: %d bytes for %s" % (topic, len(parts[2]), body["array"]))
    return Message(topic, body, struct.unpack("<%df" % (len(parts[2]) // 4), parts[2]))


def lines_without_timing(text):
    """The JSON lines as (topic, line), numbers as they are written, without what differs between two runs."""
    result = []
    for line in text.splitlines():
        fields = parse(line, parse_float=str)
        result.append((fields["topic"], json.dumps({k: v for k, v in fields.items() if k not in TIMING_FIELDS})))
    return result


class Schemas:
    """The schemas of clients/schema/, by file name."""

    def __init__(self):
        # They refer to each other by relative file names. A resolver that knows them all by their addresses
        # never looks for one on disk or, worse, on the net.
        self.store = {path.as_uri(): json.loads(path.read_text("utf-8")) for path in SCHEMA_DIR.glob("*.json")}
        self.validators = {}

    def names(self):
        return sorted(address.rsplit("/", 1)[1] for address in self.store)

    def schema(self, name):
        return self.store[(SCHEMA_DIR / name).as_uri()]

    def validator(self, name):
        if name not in self.validators:
            address = (SCHEMA_DIR / name).as_uri()
            resolver = jsonschema.RefResolver(address, self.store[address], store=self.store)
            self.validators[name] = jsonschema.Draft202012Validator(self.store[address], resolver=resolver)
        return self.validators[name]

    def problems(self, name, instance):
        return ["%s: %s" % (error.json_path, error.message) for error in self.validator(name).iter_errors(instance)]

    def check(self, name, instance):
        problems = self.problems(name, instance)
        if problems:
            raise AssertionError("%s: %s\nin %s" % (name, "; ".join(problems), json.dumps(instance)))

    def check_message(self, message):
        self.check(schema_of_topic(message.topic), message.body)


def schema_of_topic(topic):
    event = topic.startswith("event.")
    return (topic if event else topic.split(".")[0]) + ".json"


def by_topic(messages):
    result = {}
    for message in messages:
        result.setdefault(message.topic, []).append(message)
    return result


# --- recordings ---


def emg(seconds, rate_hz, rms_uv, seed, peak_hz=90.0):
    """Something like EMG of a muscle that contracts for 0.6 s each second: noise with a spectral peak that falls
    by a third over the recording, on a floor of 2 uV. A list of microvolts."""
    rng = random.Random(seed)
    n = int(seconds * rate_hz)
    damping = math.exp(-math.pi * 80.0 / rate_hz)
    floor_uv = 2 * math.sqrt(rate_hz / 1000)
    result, y1, y2 = [], 0.0, 0.0
    for start in range(0, n, max(1, int(rate_hz / 10))):
        angle = 2 * math.pi * peak_hz * (1 - start / n / 3) / rate_hz
        a1, a2 = 2 * damping * math.cos(angle), -damping * damping
        variance = (1 - a2) / ((1 + a2) * ((1 - a2) ** 2 - a1**2))  # of the autoregressive noise y
        scale = rms_uv / math.sqrt(variance) if start / rate_hz % 1.0 < 0.6 else 0.0
        for _ in range(start, min(n, start + max(1, int(rate_hz / 10)))):
            y1, y2 = a1 * y1 + a2 * y2 + rng.gauss(0, 1), y1
            result.append(scale * y1 + rng.gauss(0, floor_uv))
    return result


def write_wav(path, rate_hz, channels, full_scale_uv=5000, width=3):
    """channels: lists of microvolts of one length."""
    limit = 1 << (8 * width - 1)
    scale = limit / full_scale_uv
    frames = bytearray()
    for frame in zip(*channels):
        for value in frame:
            frames += max(-limit, min(limit - 1, round(value * scale))).to_bytes(width, "little", signed=True)
    with wave.open(str(path), "wb") as out:
        out.setparams((len(channels), width, rate_hz, 0, "NONE", ""))
        out.writeframes(bytes(frames))


def write_bdf(path, rate_hz, channels, labels):
    """A plain BDF with records of one second; channels as above, in whole seconds."""
    n = len(channels)
    fields = [(16, labels), (80, [""] * n), (8, ["uV"] * n), (8, ["-5000"] * n), (8, ["4999.999"] * n),
              (8, ["-8388608"] * n), (8, ["8388607"] * n), (80, [""] * n), (8, [rate_hz] * n), (32, [""] * n)]
    seconds = len(channels[0]) // rate_hz
    header = b"\xffBIOSEMI" + b"".join(
        str(value).encode().ljust(width)
        for width, values in [(80, ["", ""]), (8, ["03.05.24", "14.15.16", 256 * (n + 1)]), (44, ["24BIT"]),
                              (8, [seconds, 1]), (4, [n]), *fields]
        for value in values)
    with open(path, "wb") as out:
        out.write(header)
        for k in range(seconds):
            for channel in channels:
                for value in channel[k * rate_hz : (k + 1) * rate_hz]:
                    digital = max(-8388608, min(8388607, round(value * 8388608 / 5000)))
                    out.write(digital.to_bytes(3, "little", signed=True))
