"""Who may connect, and what those who may not can do: nobody gets in, nothing stops."""

import os
import socket
import sys
import tempfile
import time
import unittest
from pathlib import Path

import zmq

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import emgd  # noqa: E402

SHORT_MS = 700  # a reply would be here by then


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Guarded(unittest.TestCase):
    """A daemon with CURVE on TCP, and one client whose key it knows."""

    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.directory.cleanup)
        cls.keys = {}
        for name in ("server", "friend", "stranger"):
            done = emgd.run("emgctl", "keygen", "--secret", cls.path(name + ".secret"), "--public", cls.path(name + ".key"))
            assert done.code == 0, done.text
            cls.keys[name] = [line for line in Path(cls.path(name + ".key")).read_text().splitlines()
                              if not line.startswith("#")][0]
        Path(cls.path("allowed")).write_text("# who may\n%s friend\n" % cls.keys["friend"])
        cls.data, cls.control = ("tcp://127.0.0.1:%d" % free_port() for _ in range(2))
        cls.daemon = emgd.Daemon("--source", "synth:treadmill", settings={
            "source.rate_hz": 2000, "publish.data": cls.data, "publish.control": cls.control,
            "security.mode": "curve", "security.secret_key_file": cls.path("server.secret"),
            "security.allowed_keys": cls.path("allowed")})
        cls.addClassCleanup(lambda: cls.daemon.__exit__(None, None, None))
        cls.context = zmq.Context()
        cls.addClassCleanup(lambda: cls.context.destroy(linger=0))

    @classmethod
    def path(cls, name):
        return str(Path(cls.directory.name, name))

    def secret(self, name):
        return [line for line in Path(self.path(name + ".secret")).read_text().splitlines()
                if not line.startswith("#")][0]

    def socket(self, kind, endpoint, own=None, server="server"):
        result = self.context.socket(kind)
        self.addCleanup(result.close, 0)
        if own is not None:
            result.curve_publickey = self.keys[own].encode()
            result.curve_secretkey = self.secret(own).encode()
            result.curve_serverkey = self.keys[server].encode()
        if kind == zmq.SUB:
            result.subscribe(b"")
        result.connect(endpoint)
        return result

    def asks(self, *arguments, **options):
        """Whether a client that connects so gets an answer."""
        request = self.socket(zmq.REQ, self.control, *arguments, **options)
        request.send_json({"command": "ping"})
        return bool(request.poll(SHORT_MS)) and request.recv_json()["ok"]

    def hears(self, *arguments, **options):
        """Whether a client that connects so hears the stream."""
        return bool(self.socket(zmq.SUB, self.data, *arguments, **options).poll(SHORT_MS))

    def still_measures(self):
        stream = self.socket(zmq.SUB, self.data, "friend")
        frames = []
        end = time.monotonic() + emgd.PATIENCE_S
        while len(frames) < 2 and time.monotonic() < end:
            if stream.poll(500):
                topic, body, *_ = stream.recv_multipart()
                if topic == b"status":
                    frames.append(emgd.parse(body)["frame"])
        self.assertGreater(frames[1], frames[0])

    def tearDown(self):
        self.assertIsNone(self.daemon.process.poll(), self.daemon.describe())

    def test_a_client_whose_key_is_known_gets_in(self):
        request = self.socket(zmq.REQ, self.control, "friend")
        request.send_json({"command": "status"})
        self.assertTrue(request.poll(emgd.PATIENCE_S * 1000))
        self.assertTrue(request.recv_json()["ok"])
        self.still_measures()

    def test_nobody_else_gets_in(self):
        self.still_measures()
        for how, arguments in {"no key": (), "an unknown key": ("stranger",), "another server's": ("friend", "stranger")}.items():
            options = {} if len(arguments) < 2 else {"server": arguments[1]}
            self.assertFalse(self.asks(*arguments[:1], **options), how)
            self.assertFalse(self.hears(*arguments[:1], **options), how)
        self.still_measures()
        self.assertNotIn(self.secret("server"), self.daemon.err())

    def test_the_programs_get_in_with_their_keys(self):
        words = ("--control", self.control, "--data", self.data, "--server-key", self.path("server.key"),
                 "--secret-key", self.path("friend.secret"))
        done = emgd.run("emgctl", *words, "ping")
        self.assertEqual(0, done.code, done.text)
        done = emgd.run("emgctl", *words, "--count", 3, "watch", "status")
        self.assertEqual((0, 3), (done.code, len(done.out.splitlines())), done.text)
        done = emgd.run("emgtop", "--data", self.data, "--server-key", self.keys["server"], "--secret-key",
                        self.path("friend.secret"), "--plain", "--seconds", 3)
        self.assertEqual(0, done.code, done.text)
        self.assertIn("soleus", done.out)
        done = emgd.run("emgctl", "--control", self.control, "--timeout", 0.7, "ping")
        self.assertEqual(1, done.code, done.text)

    def test_a_key_is_added_and_revoked_without_a_restart(self):
        allowed = Path(self.path("allowed"))
        before = allowed.read_text()
        self.addCleanup(allowed.write_text, before)
        allowed.write_text(before + self.keys["stranger"] + " guest\n")
        self.assertTrue(self.asks("stranger"))
        allowed.write_text(before)
        self.assertFalse(self.asks("stranger"))
        allowed.write_text(before + "no key at all\n")
        self.assertFalse(self.asks("friend"))  # a list that cannot be read lets nobody new in

    def test_garbage_and_half_open_connections(self):
        connections = []
        for port in (self.data, self.control):
            for k in range(150):
                s = socket.create_connection(("127.0.0.1", int(port.rsplit(":", 1)[1])))
                self.addCleanup(s.close)
                if k % 3 == 1:
                    s.sendall(os.urandom(300))
                elif k % 3 == 2:
                    s.sendall(b"GET / HTTP/1.1\r\n\r\n")
                connections.append(s)
        self.still_measures()
        self.assertTrue(self.asks("friend"))

    def test_ten_megabytes_are_no_request(self):
        dealer = self.socket(zmq.DEALER, self.control, "friend")
        dealer.send(b'{"command": "' + b"x" * (10 << 20) + b'"}')
        self.assertFalse(dealer.poll(SHORT_MS))
        dealer.send(b'{"command": "' + b"x" * (100 << 10) + b'"}')
        if dealer.poll(3000):
            self.assertEqual("too_large", emgd.parse(dealer.recv())["error"]["code"])
        self.assertTrue(self.asks("friend"))

    def test_a_flood_of_requests_starves_nobody(self):
        flood = self.socket(zmq.DEALER, self.control, "friend")
        flood.sndhwm = 100000
        quiet = self.socket(zmq.REQ, self.control, "friend")
        end, sent, slowest, answered = time.monotonic() + 4, 0, 0, 0
        while time.monotonic() < end:
            for _ in range(1000):
                flood.send(b'{"command": "snapshot"}')
            sent += 1000
            begin = time.monotonic()
            quiet.send_json({"command": "ping"})
            self.assertTrue(quiet.poll(emgd.PATIENCE_S * 1000))
            self.assertTrue(quiet.recv_json()["ok"])
            slowest = max(slowest, time.monotonic() - begin)
            answered += 1
        codes = []
        while flood.poll(300):
            reply = emgd.parse(flood.recv())
            codes.append("ok" if reply["ok"] else reply["error"]["code"])
        self.assertLess(codes.count("ok"), 1500)
        self.assertGreater(codes.count("rate_limited"), 0)
        self.assertLess(codes.count("rate_limited"), 1500)
        self.assertGreater(answered, 3)
        print("%d requests in 4 s; %d carried out, %d refused; the other client waited %.3f s at most" % (
            sent, codes.count("ok"), codes.count("rate_limited"), slowest))
        self.still_measures()


class Open(unittest.TestCase):
    def test_an_address_that_others_reach_is_refused_without_curve(self):
        for key in ("publish.data", "publish.control"):
            for endpoint in ("tcp://0.0.0.0:5990", "tcp://*:5990", "tcp://192.0.2.1:5990", "tcp://[::]:5990"):
                done = emgd.run("emgd", "--source", "synth:rest", "--set", "%s=%s" % (key, endpoint))
                self.assertEqual(2, done.code, done.text)
                self.assertIn("curve", done.err)

    def test_curve_without_its_files_is_refused_by_name(self):
        with tempfile.TemporaryDirectory() as directory:
            secret, allowed = Path(directory, "secret"), Path(directory, "allowed")
            self.assertEqual(0, emgd.run("emgctl", "keygen", "--secret", secret).code)
            allowed.write_text("")
            good = {"mode": "curve", "secret_key_file": secret, "allowed_keys": allowed}

            def start(**changes):
                settings = {**good, **changes}
                done = emgd.run("emgd", "--source", "synth:rest", "--set", "publish.data=ipc://%s/d" % directory,
                                "--set", "publish.control=ipc://%s/c" % directory, "--set", "source.duration_s=0.2",
                                "--set", "publish.wait_s=0",
                                *(w for k, v in settings.items() for w in ("--set", "security.%s=%s" % (k, v))))
                return done

            self.assertEqual(0, start().code)
            for changes, named in (({"secret_key_file": ""}, "secret_key_file"), ({"allowed_keys": ""}, "allowed_keys"),
                                   ({"secret_key_file": directory + "/none"}, "none"),
                                   ({"allowed_keys": directory + "/none"}, "none")):
                done = start(**changes)
                self.assertEqual(2, done.code, done.text)
                self.assertIn(named, done.err)
            secret.chmod(0o644)
            done = start()
            self.assertEqual(2, done.code, done.text)
            self.assertIn("secret", done.err)

    def test_keys_are_never_written_over(self):
        with tempfile.TemporaryDirectory() as directory:
            secret = Path(directory, "secret")
            self.assertEqual(0, emgd.run("emgctl", "keygen", "--secret", secret).code)
            self.assertEqual(0o600, secret.stat().st_mode & 0o777)
            before = secret.read_bytes()
            done = emgd.run("emgctl", "keygen", "--secret", secret)
            self.assertEqual(1, done.code, done.text)
            self.assertEqual(before, secret.read_bytes())


if __name__ == "__main__":
    emgd.main()
