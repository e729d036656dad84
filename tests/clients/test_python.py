"""The Python package against a real emgd, and against one of the test's own where that has to misbehave.

Usage: test_python.py DIRECTORY_WITH_THE_PROGRAMS [TEST]...
"""

import copy
import json
import os
import pickle
import subprocess
import sys
import tempfile
import threading
import unittest
import unittest.mock
from pathlib import Path

import numpy
import zmq

import system

sys.path.insert(0, str(system.PACKAGE_DIR))
import emgd  # noqa: E402
from emgd.order import Order  # noqa: E402

PATIENCE_S = system.emgd.PATIENCE_S
SHORT_S = 0.3
MUSCLES = ["left.soleus", "left.gastrocnemius_medialis", "right.soleus", "right.gastrocnemius_medialis"]


def endpoints(daemon):
    return {"data": daemon.data, "control": daemon.control}


def take(stream, n):
    return [next(stream) for _ in range(n)]


def until(stream, condition):
    messages = []
    while not messages or not condition(messages[-1]):
        messages.append(next(stream))
    return messages


class Case(unittest.TestCase):
    def stream(self, daemon, *topics, **options):
        stream = emgd.stream(*topics, **{"timeout": PATIENCE_S, **endpoints(daemon), **options})
        self.addCleanup(stream.close)
        return stream

    def assert_in_order(self, messages):
        """Every topic counts up by one, without a loss and without a repetition."""
        for topic, of_topic in system.emgd.by_topic(messages).items():
            self.assertEqual([m.seq for m in of_topic], list(range(of_topic[0].seq, of_topic[0].seq + len(of_topic))), topic)
            self.assertEqual({m.lost for m in of_topic}, {0}, topic)


class Running(Case):
    """A daemon that runs for all tests of the class."""

    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.directory.cleanup)
        cls.daemon = system.emgd.Daemon("--source", "synth:treadmill", settings={
            "source.rate_hz": 2000, "recording.directory": cls.directory.name})
        cls.addClassCleanup(lambda: cls.daemon.__exit__(None, None, None))
        cls.daemon.wait_until(lambda s: s["frames"] > 4000)

    def test_the_snapshot_comes_first_and_nothing_twice(self):
        known = {m.topic for m in emgd.Control(self.daemon.control).snapshot()}
        for _ in range(5):
            with self.stream(self.daemon) as stream:
                messages = take(stream, 300)
            first_live = next(k for k, m in enumerate(messages) if m.live)
            snapshot = messages[:first_live]
            self.assertTrue(all(m.live for m in messages[first_live:]))
            self.assertGreater(len(snapshot), 10)
            self.assertEqual(sorted(m["frame"] for m in snapshot), [m["frame"] for m in snapshot])
            self.assertLessEqual(known, {m.topic for m in messages})
            self.assert_in_order(messages)

    def test_topics_are_prefixes_and_status_stays_away_unless_asked_for(self):
        messages = take(self.stream(self.daemon, "fatigue."), 12)
        self.assertEqual({m.topic for m in messages}, {"fatigue." + muscle for muscle in MUSCLES})
        self.assertEqual(len({m.topic for m in messages[:4]}), 4)
        self.assertTrue(all(m.live for m in messages[4:]))
        self.assert_in_order(messages)
        self.assertEqual({m.kind for m in take(self.stream(self.daemon, "status", "leg."), 6)}, {"status", "leg"})

    def test_a_message_says_what_it_is_about(self):
        message = next(self.stream(self.daemon, "fatigue.left.soleus"))
        self.assertEqual((message.topic, message.kind, message.muscle), ("fatigue.left.soleus", "fatigue", "left.soleus"))
        self.assertEqual((message["verdict"], message.verdict), ("undetermined", "undetermined"))
        self.assertIsNone(message["slope_hz_per_min"])
        self.assertIsNone(message.array)
        with self.assertRaisesRegex(KeyError, "fatigue.left.soleus has no 'mdf'; there are v, seq.*mdf_hz"):
            message["mdf"]
        with self.assertRaisesRegex(AttributeError, "has no 'mdf'"):
            message.mdf
        self.assertFalse(hasattr(message, "mdf"))
        for other in (copy.copy(message), pickle.loads(pickle.dumps(message))):
            self.assertEqual(other.body, message.body)
        for topic, body, expected in (("status", {}, ("status", None)), ("leg.left", {}, ("leg", None)), ("symmetry.soleus", {}, ("symmetry", None)),
                                      ("event.rest", {"muscle": "left.soleus"}, ("event.rest", "left.soleus")),
                                      ("event.gap", {}, ("event.gap", None))):
            message = emgd.Message(topic, body)
            self.assertEqual((message.kind, message.muscle), expected)

    def test_arrays_are_those_that_were_sent(self):
        raw = self.daemon.subscribe("waveform.left.soleus", "spectrum.left.soleus")
        with raw, self.stream(self.daemon, "waveform.left.soleus", "spectrum.left.soleus") as stream:
            sent = {(m.topic, m.body["seq"]): m.array for m in (raw.next() for _ in range(60))}
            compared = set()
            for message in take(stream, 60):
                self.assertEqual((message.array.dtype, list(message.array.shape)), (numpy.float32, message.body["array"]["shape"]))
                if (message.topic, message.seq) in sent:
                    self.assertEqual(tuple(message.array.tolist()), sent[message.topic, message.seq])
                    compared.add(message.kind)
                message.array *= 2  # it is the receiver's own
        self.assertEqual(compared, {"waveform", "spectrum"})

    def test_without_numpy_arrays_are_of_the_standard_library(self):
        script = ("import sys; sys.modules['numpy'] = None\nimport emgd\n"
                  "m = next(emgd.stream('waveform.', timeout=%d, data=%r, control=%r))\n"
                  "print(type(m.array).__name__, m.array.typecode, [len(m.array)] == m.body['array']['shape'], any(m.array))"
                  % (PATIENCE_S, self.daemon.data, self.daemon.control))
        done = subprocess.run([sys.executable, "-B", "-c", script], env=dict(os.environ, PYTHONPATH=str(system.PACKAGE_DIR)),
                              capture_output=True, text=True, timeout=PATIENCE_S)
        self.assertEqual((done.returncode, done.stdout), (0, "array f True True\n"), done.stderr)

    def test_a_test_from_session_to_report(self):
        events = self.stream(self.daemon, "event.")
        control = emgd.Control(self.daemon.control)
        self.assertEqual((control.ping()["protocol"], control.status()["state"]), (1, "running"))
        self.assertEqual(control.config()["source"]["rate_hz"], 2000)
        self.assertIn("devices", control.devices())
        recording = control.record_start()["path"]
        session = control.session_start("P07", notes="second visit")["session"]
        control.stage("10 km/h", speed_m_s=2.78)
        marked = control.marker("lap 2")
        control.reference_set("left.soleus", 320.0, method="submaximal")
        self.assertEqual(control.reference_start(MUSCLES[:2], seconds=1, method="dynamic_mean")["muscles"], MUSCLES[:2])
        seen = until(events, lambda m: m.kind == "event.reference" and m.muscle == MUSCLES[1])
        control.rest_start(seconds=1)
        seen += until(events, lambda m: m.kind == "event.rest")
        control.baseline_start(seconds=1)
        control.session_stop()
        seen += until(events, lambda m: m.kind == "event.session" and m["state"] == "stopped")
        self.assertEqual(control.record_stop()["path"], recording)
        by_kind = system.emgd.by_topic([m for m in seen if m.live])
        self.assertEqual((by_kind["event.stage"][0]["label"], by_kind["event.stage"][0]["incline_percent"]), ("10 km/h", None))
        self.assertEqual((by_kind["event.marker"][0]["label"], by_kind["event.marker"][0]["frame"]), ("lap 2", marked["frame"] - 1))
        self.assertEqual(by_kind["event.marker"][0].session, session)

    def test_a_refusal_has_code_and_message(self):
        control = emgd.Control(self.daemon.control)
        with self.assertRaises(emgd.Refused) as caught:
            control.session_start("Jane Doe")
        self.assertEqual(caught.exception.code, "bad_argument")
        self.assertIn("code", caught.exception.message)
        self.assertIn(caught.exception.message, str(caught.exception))
        with self.assertRaises(emgd.Refused) as caught:
            control.request("levitate", height_m=2)
        self.assertEqual(caught.exception.code, "unknown_command")
        with self.assertRaises(ValueError):
            control.reference_set("left.soleus", float("nan"))  # is no JSON, and is not sent
        self.assertEqual(control.ping()["protocol"], 1)

    def test_a_stream_that_stays_silent_says_why_and_goes_on(self):
        stream = self.stream(self.daemon, "event.marker", timeout=SHORT_S)
        for message in iter(lambda: stream.receive(1), None):
            pass  # a marker of another test, by the snapshot
        with self.assertRaises(emgd.NoAnswer) as caught:
            next(stream)
        self.assertIn("'event.marker'", str(caught.exception))
        self.assertIn(self.daemon.data, str(caught.exception))
        self.assertIsInstance(caught.exception, TimeoutError)
        emgd.Control(self.daemon.control).marker("now")
        self.assertEqual(stream.receive(PATIENCE_S)["label"], "now")
        self.assertFalse(stream.ended)


class Ending(Case):
    def test_a_replay_as_fast_as_it_goes_is_seen_whole_and_ends(self):
        for topics in ((), ("fatigue.",)):
            with system.emgd.Daemon("--source", "synth:treadmill", "--speed", "max",
                                    settings={"source.rate_hz": 2000, "source.duration_s": 120}) as daemon:
                stream = self.stream(daemon, *topics)
                messages = list(stream)
                self.assertEqual(daemon.wait(), 0)
            self.assertTrue(stream.ended)
            self.assertIsNone(stream.receive(SHORT_S))
            self.assert_in_order(messages)
            for topic, of_topic in system.emgd.by_topic(messages).items():
                self.assertEqual(of_topic[0].seq, 1, topic)
            self.assertEqual(len([m for m in messages if m.kind == "fatigue"]), 4 * 120)
            self.assertEqual([m["state"] for m in messages if m.kind == "status"][-1:], [] if topics else ["ended"])

    def test_a_daemon_that_is_killed_and_started_again(self):
        with tempfile.TemporaryDirectory() as directory:
            settings = {"source.rate_hz": 2000, "publish.data": "ipc://%s/data" % directory, "publish.control": "ipc://%s/control" % directory}
            with system.emgd.Daemon("--source", "synth:treadmill", settings=settings) as daemon:
                stream = self.stream(daemon, "activation.left.soleus", "event.")
                before = until(stream, lambda m: m.kind == "activation" and m.seq >= 100)
                daemon.process.kill()
                daemon.process.wait()
            self.assert_in_order(before)
            with system.emgd.Daemon("--source", "synth:treadmill", settings=settings) as daemon:
                messages = until(stream, lambda m: m.kind == "event.device")  # of the new daemon, though its seq is that of the old one
                self.assertEqual((messages[-1].seq, messages[-1].lost), (1, 0))
                after = until(stream, lambda m: m.kind == "activation" and m.seq >= 120)
                self.assert_in_order(after)
                self.assertLess(next(m for m in after if m.kind == "activation").seq, 100)

    def test_follow_goes_on_where_a_stream_else_ends(self):
        with tempfile.TemporaryDirectory() as directory:
            settings = {"source.rate_hz": 2000, "publish.data": "ipc://%s/data" % directory, "publish.control": "ipc://%s/control" % directory}
            with system.emgd.Daemon("--source", "synth:treadmill", settings=settings) as daemon:
                follower, other = self.stream(daemon, "", follow=True), self.stream(daemon, "activation.")
                take(follower, 5), take(other, 5)
                emgd.Control(daemon.control).shutdown()
                self.assertEqual(daemon.wait(), 0)
                self.assert_in_order(list(other))
                self.assertTrue(other.ended)
            with system.emgd.Daemon("--source", "synth:treadmill", settings=settings):
                until(follower, lambda m: m.kind == "status" and m["state"] == "ended")
                until(follower, lambda m: m.kind == "event.device" and m["state"] == "running")
                self.assert_in_order(take(follower, 40))


class Fake:
    """An XPUB, and a ROUTER that gives the snapshot, in a thread of its own."""

    def __init__(self, snapshot=(), answers=True, directory=None):
        self.own_directory = None if directory else tempfile.TemporaryDirectory()
        self.directory = directory or self.own_directory
        self.context = zmq.Context()
        self.data, self.control = ("ipc://%s/%s" % (self.directory.name, name) for name in ("data", "control"))
        self.publisher, self.router = self.context.socket(zmq.XPUB), self.context.socket(zmq.ROUTER)
        self.publisher.bind(self.data)
        self.router.bind(self.control)
        self.snapshot, self.answers, self.requests = list(snapshot), answers, []
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self):
        while not self.stop.is_set():
            if not self.router.poll(20):
                continue
            *envelope, request = self.router.recv_multipart()
            self.requests.append(json.loads(request))
            reply = {"ok": True, "messages": [{"topic": topic, "body": body} for topic, body in self.snapshot]}
            if self.answers:
                self.router.send_multipart([*envelope, json.dumps(reply).encode()])
        self.router.close(linger=100)

    def close(self):
        self.stop.set()
        self.thread.join()
        self.context.destroy(linger=100)
        if self.own_directory:
            self.own_directory.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, topic, seq, **fields):
        self.publisher.send_multipart([topic.encode(), json.dumps(dict(fields, seq=seq)).encode()])

    def send_parts(self, *parts):
        self.publisher.send_multipart(list(parts))


def told(messages):
    return [(m.topic, m.seq, m.lost, m.live) for m in messages]


class Losses(Case):
    def test_a_jump_of_seq_is_a_loss_and_a_fall_is_not(self):
        with Fake([("a.x", {"seq": 4, "frame": 7}), ("b", {"seq": 9, "frame": 3})]) as fake:
            stream = self.stream(fake, "a.", "b")
            self.assertEqual(told(take(stream, 2)), [("b", 9, 0, False), ("a.x", 4, 0, False)])
            for topic, seq in (("a.x", 4), ("a.x", 5), ("a.x", 8), ("b", 12), ("c", 1), ("a.x", 1), ("b", 50), ("a.x", 3)):
                fake.send(topic, seq)
            self.assertEqual(told(take(stream, 6)), [("a.x", 5, 0, True), ("a.x", 8, 2, True), ("b", 12, 2, True), ("a.x", 1, 0, True),
                                                     ("b", 50, 0, True), ("a.x", 3, 1, True)])

    def test_what_was_missed_while_the_connection_was_broken_is_told(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        with Fake([("event.stage", {"seq": 1}), ("status", {"seq": 5, "state": "running"}), ("fatigue.l.x", {"seq": 5})], directory=directory) as fake:
            stream = self.stream(fake, "event.", "fatigue.")
            take(stream, 2)
            fake.send("fatigue.l.x", 6)
            take(stream, 1)
        with Fake([("event.stage", {"seq": 3}), ("status", {"seq": 9, "state": "running"}), ("fatigue.l.x", {"seq": 6})],
                  directory=directory) as fake:
            self.assertEqual(told(take(stream, 1)), [("event.stage", 3, 1, False)])
            fake.send("fatigue.l.x", 9)
            self.assertEqual(told(take(stream, 1)), [("fatigue.l.x", 9, 2, True)])

    def test_what_is_no_message_is_an_error_and_the_next_one_is_none(self):
        for arrays in (numpy, None):
            with self.subTest(arrays), Fake() as fake, unittest.mock.patch("emgd.message.numpy", arrays):
                stream = self.stream(fake)
                self.assertIsNone(stream.receive(1))
                for parts in ((b"x",), (b"x", b"{"), (b"x", b"[1]"), (b"x", b"{}"), (b"\xff", b'{"seq": 1}'), (b"x", b'{"seq": 1}', b"1234"),
                              (b"x", b'{"seq": 1, "array": {"dtype": "<f4", "shape": [2]}}', b"1234"), (b"x", b"{}", b"", b"")):
                    fake.send_parts(*parts)
                    with self.assertRaises(emgd.BadMessage, msg=parts):
                        next(stream)
                fake.send("x", 1)
                self.assertEqual(next(stream).seq, 1)

    def test_messages_that_come_before_the_snapshot_are_left_to_the_stream(self):
        def message(topic, seq, live=True):
            return emgd.Message(topic, {"seq": seq, "frame": seq}, live=live)

        order = Order()
        joined = order.join([message("a", 7, False), message("b", 2, False)], [message("a", 6), message("a", 7), message("b", 3)])
        self.assertEqual(told(joined), [("b", 2, 0, False), ("a", 6, 0, True), ("a", 7, 0, True), ("b", 3, 0, True)])
        self.assertEqual(told(order.take(message("a", 8))), [("a", 8, 0, True)])
        order = Order()
        self.assertEqual(told(order.join([message("a", 7, False)], [])), [("a", 7, 0, False)])
        self.assertEqual([told(order.take(message("a", seq))) for seq in (6, 7, 8, 2)],
                         [[], [], [("a", 8, 0, True)], [("a", 2, 0, True)]])


class Silence(Case):
    def test_no_answer_names_the_endpoint_and_the_next_command_works(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        control = emgd.Control("ipc://%s/control" % directory.name, timeout=SHORT_S)
        for _ in range(2):
            with self.assertRaises(emgd.NoAnswer) as caught:
                control.record_start()
            self.assertIn(control.endpoint, str(caught.exception))
            self.assertIn("is emgd running", str(caught.exception))
        with Fake(directory=directory) as fake:
            control.timeout = PATIENCE_S
            self.assertEqual(control.request("ping"), {"messages": []})
            fake.answers = False
            control.timeout = SHORT_S
            with self.assertRaises(emgd.NoAnswer):
                control.ping()
            fake.answers = True
            control.timeout = PATIENCE_S
            control.ping()
            self.assertEqual([r["command"] for r in fake.requests], ["ping"] * 3)  # what had got no answer does not come late

    def test_what_answers_but_is_no_daemon(self):
        with Fake([("x", 1)]) as fake, self.assertRaisesRegex(emgd.BadMessage, fake.control):
            emgd.Control(fake.control).snapshot()
        for text in (b"", b"[1]", b"{", b"{}", b"\xff", b'{"ok": false}'):
            with self.assertRaisesRegex(emgd.BadMessage, "tcp://there"):
                emgd.control.decode_reply(text, "tcp://there")

    def test_a_daemon_that_is_not_there(self):
        with tempfile.TemporaryDirectory() as directory:
            data, control = ("ipc://%s/%s" % (directory, name) for name in ("data", "control"))
            with self.assertRaisesRegex(emgd.NoAnswer, "cannot connect to %s: is emgd running" % data):
                next(emgd.stream("fatigue.", data=data, control=control, timeout=SHORT_S))

    def test_streams_that_close_as_their_daemon_goes_hold_up_no_other_socket(self):
        for _ in range(15):
            with Fake([("a", {"seq": 1})]) as fake:
                streams = [self.stream(fake) for _ in range(6)]
                for stream in streams:
                    next(stream)
                fake.publisher.close(linger=0)
                for stream in streams:
                    stream.close()
                self.assertTrue(emgd.Control(fake.control, timeout=PATIENCE_S).request("ping"))

    def test_wrong_arguments(self):
        for how in ({"data": "no endpoint"}, {"server_key": "x"}, {"server_key": "/dev/null", "secret_key": "/dev/null"}):
            with self.assertRaises(ValueError, msg=how):
                emgd.stream(**how)
        with self.assertRaises(FileNotFoundError):
            emgd.Control(server_key="/nonexistent", secret_key="/nonexistent")
        with self.assertRaises(ValueError):
            emgd.Control("no endpoint").ping()


class Guarded(Case):
    """A daemon with CURVE, and one client whose key it knows."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = lambda name: str(Path(directory.name, name))
        for name in ("server", "friend", "stranger"):
            done = system.emgd.run("emgctl", "keygen", "--secret", self.path(name + ".secret"), "--public", self.path(name + ".key"))
            self.assertEqual(done.code, 0, done.text)
        Path(self.path("allowed")).write_text(self.text("friend.key") + " friend\n")
        self.daemon = system.emgd.Daemon("--source", "synth:treadmill", settings={
            "source.rate_hz": 2000, "security.mode": "curve", "security.secret_key_file": self.path("server.secret"),
            "security.allowed_keys": self.path("allowed")})
        self.addCleanup(lambda: self.daemon.__exit__(None, None, None))

    def text(self, name):
        return [line for line in Path(self.path(name)).read_text().splitlines() if not line.startswith("#")][0]

    def test_with_the_right_keys_as_files_and_as_text(self):
        for keys in ({"server_key": self.path("server.key"), "secret_key": Path(self.path("friend.secret"))},
                     {"server_key": self.text("server.key"), "secret_key": self.text("friend.secret")}):
            take(self.stream(self.daemon, "activation.", **keys), 30)
            self.assertEqual(emgd.Control(self.daemon.control, timeout=PATIENCE_S, **keys).ping()["protocol"], 1)

    def test_with_other_keys_and_without(self):
        for keys in ({}, {"server_key": self.path("server.key"), "secret_key": self.path("stranger.secret")}):
            with self.assertRaises(emgd.NoAnswer) as caught:
                next(self.stream(self.daemon, timeout=1.0, **keys))
            self.assertRegex(str(caught.exception), "does not let this client in.*allowed_keys" if keys else "is emgd running|does not let")
            self.assertNotIn(self.text("stranger.secret"), str(caught.exception))
            with self.assertRaises(emgd.NoAnswer):
                emgd.Control(self.daemon.control, timeout=SHORT_S, **keys).ping()

    def test_a_secret_key_that_others_can_read_is_refused(self):
        os.chmod(self.path("friend.secret"), 0o644)
        with self.assertRaisesRegex(ValueError, "chmod 600"):
            emgd.Control(self.daemon.control, server_key=self.path("server.key"), secret_key=self.path("friend.secret"))


class Types(unittest.TestCase):
    def test_the_package_and_what_uses_it_are_typed(self):
        user = ("import emgd\n"
                "for m in emgd.stream('spectrum.', timeout=1.0):\n"
                "    reveal_type(m.muscle)\n"
                "    reveal_type(m.lost)\n"
                "reveal_type(emgd.Control().snapshot())\n")
        with tempfile.TemporaryDirectory() as directory:
            Path(directory, "user.py").write_text(user)
            for version in ("3.9", "3.11"):
                done = subprocess.run([sys.executable, "-m", "mypy", "--strict", "--python-version", version, "--cache-dir", directory + "/cache",
                                       str(system.PACKAGE_DIR / "emgd"), directory + "/user.py"], cwd=directory,
                                      env=dict(os.environ, MYPYPATH=str(system.PACKAGE_DIR)), capture_output=True, text=True)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        for revealed in ('"Union[builtins.str, None]"', '"builtins.int"', '"builtins.list[emgd.message.Message]"'):
            self.assertIn(revealed, done.stdout)


if __name__ == "__main__":
    system.emgd.main()
