#!/usr/bin/python3
"""The guide for subscribers (clients/schema/guide.md): its programs run as they stand, but for the endpoints, and what
it says of ZeroMQ and of emgd is shown with the real ones.

Usage: test_guide.py DIRECTORY_WITH_THE_PROGRAMS [TEST]...
"""

import contextlib
import json
import re
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import zmq

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "system"))

import emgd  # noqa: E402

GUIDE = (emgd.SCHEMA_DIR / "guide.md").read_text("utf-8")
ENDLESS = {"source.duration_s": 3600, "publish.wait_s": 0}  # it ends by itself, should this program not come to it
HWM = 20  # of a subscriber; emgd's own is to hold what a busy machine delays


def program(heading, daemon=None):
    """The program under a heading of the guide; with the daemon's endpoints, where there is one."""
    section = re.search(r"^## %s$(.*?)(?=^## |\Z)" % heading, GUIDE, re.DOTALL | re.MULTILINE).group(1)
    text, = re.findall(r"^```python\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    if daemon is not None:
        text = text.replace("tcp://127.0.0.1:5556", daemon.data).replace("tcp://127.0.0.1:5557", daemon.control)
    return text


def functions(heading):
    names = {}
    exec(program(heading), names)
    return names


def start(test, text):
    process = subprocess.Popen([sys.executable, "-c", text], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
    test.addCleanup(end, process)
    return process


def end(process):
    if process.poll() is None:
        process.kill()
    process.communicate()


def finish(process):
    """What a program prints; it must end well."""
    try:
        out, err = process.communicate(timeout=emgd.PATIENCE_S)
    except subprocess.TimeoutExpired:
        raise AssertionError("does not end: %s" % process.args[2]) from None
    if process.returncode != 0:
        raise AssertionError("exit code %d\n%s\n%s" % (process.returncode, out, err))
    return out


def sequences(messages):
    return {topic: [m.body["seq"] for m in found] for topic, found in emgd.by_topic(messages).items()}


def until_frame(daemon, frame):
    return daemon.wait_until(lambda status: status["frame"] >= frame)


class Programs(unittest.TestCase):
    def replay(self, heading, epilogue="", **settings):
        """Messages of a short simulation, which waits for the program and for this test, and what the program printed."""
        settings = {"source.rate_hz": 4000, "source.duration_s": 15, "publish.wait_s": 3600,
                    **{k.replace("__", "."): v for k, v in settings.items()}}
        with emgd.Daemon("--source", "synth:treadmill", "--speed", "5", settings=settings) as daemon:
            process = start(self, program(heading, daemon) + epilogue)
            with daemon.subscribe("") as stream:
                messages = stream.collect()
            return messages, finish(process)

    def test_connect(self):
        messages, out = self.replay("Connect")
        lines = out.splitlines()
        self.assertTrue(lines[-1].startswith("status 59999 "), lines[-1])
        fatigue = [m for m in messages if m.topic == "fatigue.left.soleus"][-1].body
        self.assertIn("fatigue.left.soleus %d %s undetermined" % (fatigue["frame"], fatigue["mdf_hz"]), lines)

    def test_a_snapshot_first_gives_the_state_with_nothing_missing(self):
        messages, out = self.replay("Snapshot first", "import sys\njson.dump(state, sys.stdout)\n")
        state = json.loads(out.split("topics\n")[1])
        newest = {m.topic: m.body for m in messages}
        subscribed = ("status", "activation.", "fatigue.", "event.")
        self.assertEqual({t: b for t, b in newest.items() if t.startswith(subscribed)},
                         {t: b for t, b in state.items() if t.startswith(subscribed)})

    def test_after_a_snapshot_every_message_comes_once(self):
        text = program("Snapshot first").replace("    state[topic] = message\n",
                                                 "    state[topic] = message\n    print(topic, message['seq'])\n")
        # A machine that stands still for seconds lets messages pile up: none may be thrown away for that.
        settings = {"source.rate_hz": 4000, "publish.hwm": 100000, **ENDLESS}
        with emgd.Daemon("--source", "synth:treadmill", settings=settings) as daemon:
            until_frame(daemon, 4000)  # so that there is something behind the program's beginning
            text = text.replace("tcp://127.0.0.1:5556", daemon.data).replace("tcp://127.0.0.1:5557", daemon.control)
            text = text.replace("known = {", "print(json.dumps([[t, b['seq']] for t, b in state.items()]))\nknown = {")
            process = start(self, text)
            first = process.stdout.readline()
            frame = daemon.request("status")["status"]["frame"]
            until_frame(daemon, frame + 8000)
            daemon.request("shutdown")
            lines = finish(process).splitlines()[:-1]
        last = dict(json.loads(first))
        self.assertGreater(last["activation.left.soleus"], 50)
        for line in lines:
            topic, seq = line.split()
            self.assertEqual(last.get(topic, 0) + 1, int(seq), topic)
            last[topic] = int(seq)
        self.assertGreater(len(lines), 100)

    def test_keep_up(self):
        _, out = self.replay("Keep up", "print(sorted(latest)[-1], latest['status'][0].decode())\n")
        self.assertEqual("ended", json.loads(out.split(" ", 1)[1])["state"])

    def test_arrays(self):
        _, out = self.replay("Arrays")
        peak_hz = float(re.search(r"most power at (\S+) Hz", out).group(1))
        self.assertTrue(20 <= peak_hz <= 200, out)

    def test_time_of_a_frame(self):
        time_of = functions("Time and frames")["time_of"]
        messages, _ = self.replay("Connect")
        rate_hz = messages[0].body["rate_hz"]
        timed = [m.body for m in messages if m.body["t"] is not None]
        for one, other in zip(timed, timed[50:]):
            self.assertAlmostEqual(other["t"], time_of(other["frame"], one, rate_hz), delta=1e-5)
        fatigue = {m.body["frame"] for m in messages if m.topic == "fatigue.left.soleus"}
        self.assertLessEqual({m.body["frame"] for m in messages if m.topic == "spectrum.left.soleus"}, fatigue)

    def test_elements_of_a_waveform_stand_where_it_is_told(self):
        messages, _ = self.replay("Connect", source__rate_hz=48000, source__duration_s=3)
        rate_hz = messages[0].body["rate_hz"]
        waveforms = [m for m in messages if m.topic == "waveform.left.soleus"]
        for one, other in zip(waveforms, waveforms[1:]):
            end = one.body["first_frame"] + len(one.array) * rate_hz / one.body["rate_hz"]
            self.assertEqual(other.body["first_frame"], end)

    def test_commands(self):
        with emgd.Daemon("--source", "synth:rest", settings=ENDLESS) as daemon, daemon.subscribe("event.", "status") as stream:
            stream.until(lambda m: m.topic == "status" and m.body["state"] == "running")
            frame = int(finish(start(self, program("Commands", daemon))))
            marker = stream.until(lambda m: m.topic == "event.marker")[-1].body
            self.assertEqual(("lap 2", frame - 1), (marker["label"], marker["frame"]))
            end_frame = daemon.request("rest.start", seconds=1)["end_frame"]
            self.assertEqual(end_frame - 1, stream.until(lambda m: m.topic == "event.rest")[-1].body["frame"])
            refused = start(self, program("Commands", daemon).replace('label="lap 2"', "label=2"))
            _, err = refused.communicate(timeout=emgd.PATIENCE_S)
            self.assertIn('RuntimeError: "label" must be a string', err)
            elsewhere = program("Commands").replace("tcp://127.0.0.1:5557", daemon.control + "-none")
            nobody = start(self, elsewhere.replace("=15000", "=100"))
            _, err = nobody.communicate(timeout=emgd.PATIENCE_S)
            self.assertIn("TimeoutError: emgd does not answer", err)


class ZeroMq(unittest.TestCase):
    def test_conflate_keeps_the_last_part_alone(self):
        with emgd.Daemon("--source", "synth:treadmill", settings={"source.rate_hz": 4000, **ENDLESS}) as daemon:
            kinds = set()
            with self.conflated(daemon, "") as socket:
                while len(kinds) < 2:
                    part, = daemon.receive(socket)
                    kinds.add("array" if part[:1] != b"{" else "body")
                    self.assertFalse(part.startswith(b"waveform") or part[:1] == b"{" and b"topic" in part)
            with self.conflated(daemon, "activation.") as socket:
                until_frame(daemon, daemon.request("status")["status"]["frame"] + 2 * 4000)
                self.assertEqual(0, socket.poll(0))

    @contextlib.contextmanager
    def conflated(self, daemon, prefix):
        with contextlib.closing(daemon.context.socket(zmq.SUB)) as socket:
            socket.conflate = 1
            socket.subscribe(prefix)
            socket.connect(daemon.data)
            yield socket

    def test_a_subscription_is_a_beginning(self):
        with emgd.Daemon("--source", "synth:treadmill", settings={"source.rate_hz": 4000, **ENDLESS}) as daemon:
            with daemon.subscribe("fatigue.left.") as stream:
                topics = {stream.next().topic for _ in range(4)}
        self.assertEqual({"fatigue.left.soleus", "fatigue.left.gastrocnemius_medialis"}, topics)

    def test_a_slow_subscriber_loses_the_newest_and_seq_tells_it(self):
        """One reads one topic; two with a limit stand still for some seconds, of which one has subscribed to events alone."""
        settings = {"source.rate_hz": 4000, "source.channels": 16, "analysis.activation_hz": 100, "publish.hwm": 2000,
                    "publish.wait_s": 0}  # without an end: what has one waits for subscribers
        with emgd.Daemon("--source", "synth:treadmill", settings=settings) as daemon, contextlib.ExitStack() as stack:
            reader, slow, events = (stack.enter_context(daemon.subscribe(prefix, receive_hwm=hwm)) for prefix, hwm in (
                ("activation.left.soleus", 0), ("", HWM), ("event.", HWM)))
            for stream in (reader, slow):
                stream.next()  # its subscription has arrived
            begin = daemon.request("status")["status"]["frame"]
            until_frame(daemon, begin + 6 * 4000)
            markers = [daemon.request("marker", label=str(k))["frame"] for k in range(3)]
            until_frame(daemon, max(markers) + 4000)
            end = daemon.request("status")["status"]["frame"]
            heard = slow.until(lambda m: m.topic == "status" and m.body["frame"] > end + 8000)
            read = reader.until(lambda m: m.body["frame"] > end)
            told = [m.body["frame"] + 1 for m in events.until(lambda m: m.body.get("label") == "2") if m.topic == "event.marker"]
        self.assertEqual(markers, told)
        self.assertEqual([], [m for m in heard if m.topic == "event.marker"])
        numbers = [m.body["seq"] for m in read]
        self.assertEqual(list(range(numbers[0], numbers[0] + len(numbers))), numbers)
        lost = functions("Loss")["lost"]
        missing = {}
        for message in heard:
            missing.setdefault(message.topic, []).append(lost(message.topic, message.body["seq"]))
        for topic, numbers in missing.items():
            found = [m.body["seq"] for m in heard if m.topic == topic]
            self.assertEqual(found[-1] - found[0] + 1, len(found) + sum(numbers), topic)
            if topic.startswith("activation."):
                self.assertGreater(numbers.index(max(numbers)), 20, topic)  # what waited comes first
                self.assertGreater(max(numbers), 100, topic)
        self.assertEqual({0}, {m.body["messages_dropped"] for m in heard if m.topic == "status"})

    def test_without_a_limit_what_is_not_read_waits_in_the_subscriber(self):
        kept = {}
        for hwm in (0, HWM):
            settings = {"source.rate_hz": 4000, "source.channels": 16, "publish.hwm": 1000000, **ENDLESS}
            with emgd.Daemon("--source", "synth:treadmill", settings=settings) as daemon:
                with daemon.subscribe("", receive_hwm=hwm) as stream:
                    first = stream.next().body["frame"]
                    until_frame(daemon, first + 6 * 4000)
                    daemon.signal(signal.SIGKILL)  # nothing comes from there any more
                    daemon.wait()
                    messages = []
                    while stream.socket.poll(1000):
                        messages.append(emgd.message_of_parts(stream.socket.recv_multipart()))
                    kept[hwm] = messages
        for topic, numbers in sequences(kept[0]).items():
            self.assertEqual(list(range(numbers[0], numbers[0] + len(numbers))), numbers, topic)
        self.assertGreater(kept[0][-1].body["frame"], 5 * 4000)
        self.assertLess(len(kept[HWM]), 0.7 * len(kept[0]))


class Restart(unittest.TestCase):
    def test_it_shows_in_seq_and_frame_and_the_session_goes_on(self):
        with tempfile.TemporaryDirectory() as directory:
            settings = {"source.rate_hz": 4000, "recording.directory": directory,
                        **{"publish." + name: "ipc://%s/%s" % (directory, name) for name in ("data", "control")}, **ENDLESS}
            lost = functions("Loss")["lost"]
            with emgd.Daemon("--source", "synth:rest", settings=settings) as daemon:
                session = daemon.wait_until(lambda status: status["state"] == "running") and daemon.request(
                    "session.start", participant="P07")["session"]
                daemon.request("reference.set", muscle="left.soleus", uv=100)
                context = zmq.Context()
                socket = context.socket(zmq.SUB)
                socket.subscribe("status")
                socket.subscribe("activation.left.soleus")
                socket.connect(daemon.data)
                before = {}
                while len(before) < 2 or before["status"]["seq"] < 4:
                    message = emgd.message_of_parts(daemon.receive(socket))
                    before[message.topic] = message.body
                    lost(message.topic, message.body["seq"])
                daemon.signal(signal.SIGKILL)
                daemon.wait()
                while socket.poll(1000):  # what was on its way
                    message = emgd.message_of_parts(socket.recv_multipart())
                    lost(message.topic, message.body["seq"])
            with emgd.Daemon("--source", "synth:rest", settings=settings) as daemon:
                message = emgd.message_of_parts(daemon.receive(socket))  # the same socket
                self.assertIsNone(lost(message.topic, message.body["seq"]))
                self.assertLess(message.body["frame"], before[message.topic]["frame"])
                self.assertGreater(message.body["t"], before[message.topic]["t"])
                self.assertEqual(session, message.body["session"])
                snapshot = {m["topic"]: m["body"] for m in daemon.request("snapshot")["messages"]}
                self.assertEqual(("resumed", session), tuple(snapshot["event.session"][k] for k in ("state", "session")))
                self.assertEqual(100, snapshot["activation.left.soleus"]["reference"]["uv"])
            socket.close(linger=0)
            context.term()


class Bytes(unittest.TestCase):
    def test_they_are_what_the_table_says(self):
        sent, seconds = {}, 60
        with emgd.Daemon("--source", "synth:treadmill", "--speed", "max", settings={"source.duration_s": seconds}) as daemon:
            with daemon.subscribe("") as stream:
                ended = False
                while not ended:
                    parts = daemon.receive(stream.socket)
                    kind = parts[0].decode().split(".")[0]
                    for key in (kind, "all"):
                        count, size = sent.get(key, (0, 0))
                        sent[key] = count + 1, size + sum(map(len, parts))
                    ended = kind == "status" and json.loads(parts[1])["state"] == "ended"
        rows = re.findall(r"^\| `?(\w+)\.?`? \| ([\d.]+) \| (\d+) \|$", GUIDE, re.MULTILINE)
        self.assertEqual(set(sent) - {"event"}, {kind for kind, _, _ in rows})
        for kind, messages, size in rows:
            self.assertAlmostEqual(1, sent[kind][0] / seconds / float(messages), delta=0.05, msg=kind)
            self.assertAlmostEqual(1, sent[kind][1] / seconds / float(size), delta=0.05, msg=kind)


if __name__ == "__main__":
    emgd.main()
