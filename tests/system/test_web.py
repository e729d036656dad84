"""emgweb as browsers and their enemies see it."""

import contextlib
import http.client
import json
import os
import re
import signal
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import emgd  # noqa: E402
import websocket  # noqa: E402

FAST = {"source.rate_hz": 2000}


class Web(emgd.Process):
    """emgweb at a port that was free."""

    def __init__(self, data, control, *arguments, listen="127.0.0.1:0"):
        super().__init__("emgweb", "--listen", listen, "--data", data, "--control", control, *arguments)
        deadline = time.monotonic() + emgd.PATIENCE_S
        while "\n" not in self.out():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError("emgweb says no address\n" + self.describe())
            time.sleep(0.02)
        self.address = self.out().split()[1]
        self.port = int(re.search(r":(\d+)/", self.address).group(1))

    def browser(self, **arguments):
        return websocket.Browser(self.port, **arguments)

    def get(self, path, method="GET", **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=emgd.PATIENCE_S)
        with contextlib.closing(connection):
            connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
            reply = connection.getresponse()
            return reply.status, dict((k.lower(), v) for k, v in reply.getheaders()), reply.read()


@contextlib.contextmanager
def both(*arguments, settings=()):
    with tempfile.TemporaryDirectory() as directory:
        settings = {**FAST, "recording.directory": directory, **dict(settings)}
        with emgd.Daemon("--source", "synth:treadmill", settings=settings) as daemon, \
                Web(daemon.data, daemon.control, *arguments) as web:
            yield daemon, web


def is_of(topic):
    return lambda message: message.topic is not None and message.topic.startswith(topic)


def is_link(alive):
    return lambda message: message.topic == "link" and message.body["alive"] is alive


class WithoutDaemon(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.sockets = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.sockets.cleanup)
        where = ["ipc://%s/%s" % (cls.sockets.name, name) for name in ("data", "control")]
        cls.web = Web(*where)
        cls.addClassCleanup(lambda: cls.web.__exit__(None, None, None))

    def test_the_page_loads_nothing_from_elsewhere(self):
        for path, kind in (("/", "text/html"), ("/app.js", "text/javascript"), ("/app.css", "text/css"),
                           ("/icon.svg", "image/svg+xml")):
            status, headers, body = self.web.get(path)
            self.assertEqual(200, status)
            self.assertTrue(headers["content-type"].startswith(kind), headers)
            self.assertEqual(len(body), int(headers["content-length"]))
            policy = headers["content-security-policy"]
            self.assertIn("default-src 'none'", policy)
            self.assertNotIn("unsafe", policy)
            self.assertNotIn(b"<script>", body)
            self.assertEqual([], re.findall(rb"(?:src|href)=[\"']https?:", body))
        self.assertGreater(len(self.web.get("/app.js")[2]), 50000)

    def test_what_is_not_there(self):
        for path in ("/nothing", "/report/nothing.bdf", "/report/../../../../etc/passwd", "/report/%2e%2e%2fa.bdf",
                     "/report/" + "a" * 300 + ".bdf", "/report/"):
            self.assertEqual(404, self.web.get(path)[0], path)
        self.assertEqual(405, self.web.get("/", method="POST")[0])

    def test_a_page_from_elsewhere_gets_nothing(self):
        own = "127.0.0.1:%d" % self.web.port
        for wrong in ({"origin": "http://evil.example"}, {"origin": ""}, {"origin": "https://" + own},
                      {"host": "evil.example:%d" % self.web.port}, {"protocol": None}, {"protocol": "chat"}):
            with self.assertRaises(websocket.Refused, msg=str(wrong)):
                self.web.browser(**wrong)
        self.assertEqual(403, self.web.get("/", Host="evil.example:%d" % self.web.port)[0])
        with self.web.browser(host="localhost:%d" % self.web.port):
            pass

    def test_a_browser_hears_that_emgd_is_not_there(self):
        with self.web.browser() as browser:
            browser.until(is_link(False))
            self.assertEqual("not_connected", browser.request("marker", label="x")["error"]["code"])
            browser.send(json.dumps({"id": "text", "command": "ping"}))
            self.assertEqual("bad_request", browser.until(lambda m: m.topic is None)[-1].body["reply"]["error"]["code"])

    def test_what_is_no_message_ends_that_connection_only(self):
        with self.web.browser() as other:
            for bad in (b"{", b"[1]", b"true", b"\xff\xfe", b" " * 70000, b"{\"command\":" * 1000):
                with self.web.browser() as browser:
                    with self.assertRaises((websocket.Closed, ConnectionError), msg=repr(bad[:20])):
                        browser.send(bad)
                        while True:
                            browser.next()
            other.until(is_of("link"))
            self.assertEqual("not_allowed", other.request("shutdown")["error"]["code"])

    def test_wrong_usage(self):
        for words in (["--listen", "8080"], ["--listen", "127.0.0.1:99999"], ["--listen", ":1"], ["--nothing"],
                      ["word"], ["--data", "nonsense"], ["--listen"]):
            done = emgd.run("emgweb", *words)
            self.assertEqual(2, done.code, done.text)
            self.assertRegex(done.err, "^emgweb: ")
        done = emgd.run("emgweb", "--listen", "127.0.0.1:%d" % self.web.port)
        self.assertEqual(1, done.code, done.text)
        self.assertIn("cannot listen", done.err)


class BeyondLoopback(unittest.TestCase):
    def test_a_token_is_wanted(self):
        with tempfile.TemporaryDirectory() as sockets:
            where = ["ipc://%s/%s" % (sockets, name) for name in ("data", "control")]
            with Web(*where, listen="0.0.0.0:0") as web:
                token = re.search(r"\?token=([0-9a-f]{32})$", web.address).group(1)
                for path in ("/", "/app.js", "/recordings.json", "/?token=", "/?token=" + "0" * 32, "/?token=" + token[:-1]):
                    self.assertEqual(403, web.get(path)[0], path)
                for cookie in (None, "emgweb=", "emgweb=" + token[:-1], "other=" + token):
                    with self.assertRaises(websocket.Refused):
                        web.browser(cookie=cookie)
                status, headers, _ = web.get("/?token=" + token)
                self.assertEqual((303, "/"), (status, headers["location"]))
                self.assertRegex(headers["set-cookie"], "HttpOnly; SameSite=Strict")
                cookie = headers["set-cookie"].split(";")[0]
                self.assertEqual(200, web.get("/", Cookie=cookie)[0])
                with web.browser(cookie="a=b; " + cookie):
                    pass
                with self.assertRaises(websocket.Refused):
                    web.browser(cookie=cookie, origin="http://evil.example")


class WithDaemon(unittest.TestCase):
    def test_the_values_are_those_of_the_stream(self):
        with both() as (daemon, web), daemon.subscribe("") as stream, web.browser() as browser:
            browser.send(json.dumps({"want": ["waveform.left.soleus"]}))
            seen = browser.until(lambda m: is_of("profile.")(m) and m.body["seq"] > 3)
            last = max(m.body["frame"] for m in seen if m.body and "frame" in m.body)
            sent = {(m.topic, m.body["seq"]): m for m in stream.until(lambda m: m.body["frame"] > last)}
            compared = set()
            for message in seen:
                key = (message.topic, (message.body or {}).get("seq"))
                if key in sent:
                    self.assertEqual(sent[key].body, message.body)
                    self.assertEqual(sent[key].array, message.array)
                    compared.add(message.topic.split(".")[0])
            self.assertLessEqual({"status", "activation", "burst", "fatigue", "profile", "stride", "symmetry", "waveform"},
                                 compared)
            self.assertEqual({"waveform.left.soleus"}, {m.topic for m in seen if is_of("waveform.")(m)})
            self.assertEqual([], [m.topic for m in seen if is_of("spectrum.")(m)])

    def test_a_browser_that_takes_nothing_gets_no_backlog(self):
        with both() as (daemon, web), web.browser(takes=False) as slow, web.browser() as quick:
            quick.until(lambda m: is_of("activation.")(m) and m.body["seq"] > 200)
            slow.socket.settimeout(1)
            before = []
            with self.assertRaises(TimeoutError):
                while True:
                    before += slow.read()
            self.assertLessEqual(slow.taken, 16)
            slow.socket.settimeout(emgd.PATIENCE_S)
            slow.takes = True
            slow.send(str(slow.taken))
            newest = slow.until(is_of("activation."))[-1].body["seq"]
            self.assertGreater(newest, max(m.body["seq"] for m in before if is_of("activation.")(m)) + 50)

    def test_a_late_browser_learns_of_the_test_so_far(self):
        with both("--recordings", "/nowhere") as (daemon, web), web.browser() as first:
            first.until(is_of("fatigue."))
            self.assertTrue(first.request("session.start", participant="P07")["ok"])
            self.assertTrue(first.request("stage", label="10 km/h", speed_m_s=2.78)["ok"])
            self.assertEqual("bad_argument", first.request("stage", label="")["error"]["code"])
            self.assertTrue(first.request("rest.start", seconds=1)["ok"])
            for _ in range(4):
                first.until(is_of("event.rest"))
            first.until(is_of("fatigue."))
            with web.browser() as late:
                messages = late.until(is_of("activation."))
            topics = [m.topic for m in messages]
            for topic in ("event.session", "event.stage", "course.left.soleus"):
                self.assertIn(topic, topics)
            self.assertEqual(4, topics.count("event.rest"))
            course = next(m for m in messages if m.topic == "course.left.soleus")
            self.assertEqual(3 * course.body["points"], len(course.array))
            self.assertEqual(500, web.get("/recordings.json")[0])

    def test_an_emgweb_that_starts_later_learns_the_session_in_its_order(self):
        with both() as (daemon, first), first.browser() as browser:
            browser.until(is_of("activation."))
            self.assertTrue(browser.request("session.start", participant="P07")["ok"])
            self.assertTrue(browser.request("stage", label="8 km/h")["ok"])
            self.assertTrue(browser.request("rest.start", seconds=1)["ok"])
            told = browser.until(is_of("event.rest"))
            for _ in range(3):
                told += browser.until(is_of("event.rest"))
            self.assertTrue(browser.request("stage", label="10 km/h")["ok"])
            self.assertTrue(browser.request("marker", label="before")["ok"])
            told += browser.until(is_of("event.marker"))
            kinds = ("event.session", "event.stage", "event.rest", "event.marker")
            with Web(daemon.data, daemon.control) as second, second.browser() as late:
                seen = late.until(is_of("event.marker"))
                self.assertEqual([(m.topic, m.body) for m in told if m.topic in kinds],
                                 [(m.topic, m.body) for m in seen if m.topic in kinds])
                seen += late.until(is_of("fatigue."))
                self.assertEqual("P07", next(m for m in seen if m.topic == "event.session").body["participant"])
                for message in filter(is_of("event."), seen):  # what the stream had brought before the snapshot is not told twice
                    same = [m for m in seen if m.topic == message.topic and m.body["seq"] == message.body["seq"]]
                    self.assertEqual(1, len(same), message)

    def test_a_request_waits_a_moment_for_the_connection(self):
        with tempfile.TemporaryDirectory() as sockets:
            where = {"publish.data": "ipc://%s/data" % sockets, "publish.control": "ipc://%s/control" % sockets}
            with emgd.Daemon("--source", "synth:treadmill", settings={**FAST, **where}) as daemon:
                daemon.wait_until(lambda s: s["state"] == "running")
                for _ in range(10):  # the first thing that a page asks, before emgweb has ever been connected
                    with Web(*where.values()) as web, web.browser() as browser:
                        self.assertTrue(browser.request("ping")["ok"])

    def test_a_daemon_that_ends_and_comes_back(self):
        with both() as (daemon, web), web.browser() as browser:
            browser.until(is_of("fatigue."))
            daemon.signal(signal.SIGKILL)
            daemon.process.wait()
            browser.until(is_link(False))
            self.assertEqual("not_connected", browser.request("marker", label="never")["error"]["code"])
            with web.browser() as late:  # old values say nothing of now
                self.assertFalse(late.request("ping")["ok"])
                self.assertEqual([], [m.topic for m in late.messages if is_of("activation.")(m)])
                self.assertIn("course.left.soleus", [m.topic for m in late.messages])
            again = {"publish.data": daemon.data, "publish.control": daemon.control, **FAST}
            with emgd.Daemon("--source", "synth:treadmill", settings=again):
                browser.until(is_link(True))
                self.assertLess(browser.until(is_of("activation."))[-1].body["seq"], 1000)
                events = browser.until(is_of("fatigue."))
                self.assertEqual([], [m for m in events if is_of("event.marker")(m)])
                self.assertTrue(browser.request("marker", label="now")["ok"])

    def test_reports(self):
        with tempfile.TemporaryDirectory() as directory:
            settings = {"recording.directory": directory}
            with both("--recordings", directory, settings=settings) as (daemon, web), web.browser() as browser:
                browser.until(is_of("activation."))
                path = browser.request("record.start")["path"]
                self.assertTrue(browser.request("session.start", participant="P07")["ok"])
                self.assertTrue(browser.request("stage", label="10 km/h")["ok"])
                browser.until(lambda m: is_of("status")(m) and (m.body["recording"] or {}).get("seconds", 0) > 5)
                self.assertTrue(browser.request("session.stop")["ok"])
                self.assertTrue(browser.request("record.stop")["ok"])
                name = os.path.basename(path)
                with open(os.path.join(directory, "broken.bdf"), "wb") as broken:
                    broken.write(b"nothing")
                listed = json.loads(web.get("/recordings.json")[2])
                self.assertEqual({name, "broken.bdf"}, {r["name"] for r in listed})
                status, headers, body = web.get("/report/" + name)
                self.assertEqual(200, status, body[:500])
                self.assertIn(b"P07", body)
                self.assertIn("default-src 'none'", headers["content-security-policy"])
                self.assertNotIn("script-src", headers["content-security-policy"])
                status, _, body = web.get("/report/broken.bdf")
                self.assertEqual(500, status)
                self.assertIn(b"broken.bdf", body)

    def test_keys(self):
        with tempfile.TemporaryDirectory() as directory:
            for name in ("daemon", "client"):
                done = emgd.run("emgctl", "keygen", "--secret", "%s/%s.secret" % (directory, name), "--public",
                                "%s/%s.key" % (directory, name))
                self.assertEqual(0, done.code, done.text)
            keys = ["--server-key", directory + "/daemon.key", "--secret-key", directory + "/client.secret"]
            settings = {"security.mode": "curve", "security.secret_key_file": directory + "/daemon.secret",
                        "security.allowed_keys": directory + "/client.key"}
            with both(*keys, settings=settings) as (_, web), web.browser() as browser:
                browser.until(is_of("activation."))
                self.assertTrue(browser.request("ping")["ok"])


if __name__ == "__main__":
    emgd.main()
