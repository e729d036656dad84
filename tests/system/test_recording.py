"""Recordings as other programs read them, and what is left of one after the worst moment."""

import contextlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import check_bdf  # noqa: E402
import emgd  # noqa: E402

RATE_HZ = 2000
KILLS, AT_ONCE = 50, 10
LOST_S = 1.0  # at most, when the daemon is killed


class Directory(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="emg-recording-")
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)

    def daemon(self, *arguments, **settings):
        settings = {k.replace("__", "."): v for k, v in settings.items()}
        return emgd.Daemon(*arguments, settings={"recording.directory": self.directory, **settings})

    def read(self, read, path):
        samples, annotations = read(path)
        return np.array(samples), annotations

    def path(self, name):
        return Path(self.directory, name)

    def ok(self, daemon, command, **arguments):
        reply = daemon.request(command, **arguments)
        self.assertTrue(reply["ok"], reply)
        return reply

    def refused(self, daemon, code, command, **arguments):
        reply = daemon.request(command, **arguments)
        self.assertFalse(reply["ok"], reply)
        self.assertEqual(code, reply["error"]["code"], reply)
        return reply["error"]["message"]


class AsOthersReadIt(Directory):
    def test_samples_to_the_bit_and_every_annotation(self):
        source = self.path("source.bdf")
        rng = np.random.default_rng(1)
        digital = rng.integers(-(1 << 23), 1 << 23, size=(3, 20 * RATE_HZ))
        digital[:, :4] = [-(1 << 23), (1 << 23) - 1, 0, -1]
        emgd.write_bdf(source, RATE_HZ, [list(row * (5000 / (1 << 23))) for row in digital],
                       ["EMG L SOL", "EMG L GM", "ECG"])
        marks = ["start", "Ma\u00df \u00b5V \"quoted\"", "x" * 64]
        with self.daemon("--source", "file:%s" % source, "--speed", 4) as daemon:
            with daemon.subscribe("") as stream:
                stream.until(lambda m: m.topic == "status" and m.body["frame"] > 0)
                started = self.ok(daemon, "record.start", path="copy")
                told = [(m, self.ok(daemon, "marker", label=m)["frame"]) for m in marks]
                self.ok(daemon, "stage", label="10 km/h", speed_m_s=2.78)
                stream.collect()
            daemon.wait()
        copy = self.path("copy.bdf")
        self.assertEqual(0o600, copy.stat().st_mode & 0o777)
        self.assertEqual(0o600, copy.with_suffix(".json").stat().st_mode & 0o777)
        first = started["frame"]
        n = 20 * RATE_HZ - first
        for read in (check_bdf.mne_read, check_bdf.edflib_read):
            samples, annotations = self.read(read, copy)
            self.assertEqual((3, n), (samples.shape[0], min(n, samples.shape[1])), read)
            self.assertTrue(np.array_equal(digital[:, first:], samples[:, :n]), read)
            self.assertFalse(samples[:, n:].any())
            texts = {text: onset for onset, _, text in annotations}
            for mark, frame in told:
                found = [onset for text, onset in texts.items()
                         if text.startswith("marker ") and json.loads(text[7:]) == {"label": mark}]
                self.assertEqual(1, len(found), (mark, texts))
                self.assertLess(abs(found[0] - (frame - first) / RATE_HZ), 0.6 / RATE_HZ)
            self.assertTrue(any(text.startswith("stage ") and json.loads(text[6:])["speed_m_s"] == 2.78 for text in texts))
        sidecar = json.loads(copy.with_suffix(".json").read_text())
        self.assertTrue(sidecar["complete"])
        self.assertNotIn("nan", copy.with_suffix(".json").read_text().lower())

    def test_refusals(self):
        outside = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, outside)
        os.symlink(outside, self.path("link"))
        self.path("there.bdf").write_bytes(b"precious")
        with self.daemon("--source", "synth:rest", source__rate_hz=RATE_HZ) as daemon:
            daemon.wait_until(lambda s: s["state"] == "running")
            for path in ("../x", "/tmp/x", outside + "/x", "link/x", "a/../../x", "", ".", "..", "x\n", "no/where/x",
                         "y" * 2000, 7, None, ["x"]):
                reply = daemon.request("record.start", path=path)
                self.assertFalse(reply["ok"], (path, reply))
            self.refused(daemon, "failed", "record.start", path="there.bdf")
            self.refused(daemon, "failed", "record.start", path="there")
            self.refused(daemon, "not_recording", "record.stop")
            self.refused(daemon, "bad_argument", "record.start", where="x")
            self.ok(daemon, "record.start", path="one")
            self.assertIn("one", self.refused(daemon, "bad_argument", "record.start", path="two"))
            status = daemon.wait_until(lambda s: s["recording"] is not None and s["recording"]["seconds"] > 0.5)
            self.assertEqual(str(self.path("one.bdf")), str(Path(status["recording"]["path"]).resolve()))
            stopped = self.ok(daemon, "record.stop")
            self.assertGreater(stopped["seconds"], 0.5)
            self.assertEqual(stopped["frames"], round(stopped["seconds"] * RATE_HZ))
        self.assertEqual(b"precious", self.path("there.bdf").read_bytes())
        self.assertEqual([], os.listdir(outside))

    def test_another_daemon_takes_the_session_up(self):
        settings = {"source__rate_hz": RATE_HZ}
        with self.daemon("--source", "synth:treadmill", **settings) as daemon:
            daemon.wait_until(lambda s: s["state"] == "running")
            session = self.ok(daemon, "session.start", participant="P07")["session"]
            self.refused(daemon, "session_active", "session.start", participant="P08")
            self.ok(daemon, "reference.set", muscle="left.soleus", uv=123.25, method="mvc")
            self.ok(daemon, "stage", label="easy")
            self.ok(daemon, "record.start")
            daemon.wait_until(lambda s: s["recording"] is not None)
            time.sleep(1.5)
            daemon.signal(signal.SIGKILL)
            daemon.process.wait()
        with self.daemon("--source", "synth:treadmill", **settings) as daemon:
            status = daemon.wait_until(lambda s: s["state"] == "running" and s["recording"] is not None)
            self.assertEqual(session, status["session"])
            snapshot = {m["topic"]: m["body"] for m in self.ok(daemon, "snapshot")["messages"]}
            self.assertEqual("resumed", snapshot["event.session"]["state"])
            self.assertEqual("P07", snapshot["event.session"]["participant"])
            self.assertEqual(123.25, snapshot["activation.left.soleus"]["reference"]["uv"])
            self.assertIn("emgctl repair", daemon.err())  # the recording that was cut off
            self.ok(daemon, "session.stop")
            self.ok(daemon, "record.stop")
            self.ok(daemon, "session.start", participant="P08")
            self.ok(daemon, "session.stop")
        with self.daemon("--source", "synth:treadmill", **settings) as daemon:
            status = daemon.wait_until(lambda s: s["state"] == "running")
            self.assertIsNone(status["session"])
            self.assertIsNone(status["recording"])


class AfterTheWorst(Directory):
    def killed(self, seed):
        """Records, marks each 50 ms, and is killed at a random moment. What it had told by then, and its file."""
        directory = tempfile.mkdtemp(dir=self.directory)
        daemon = emgd.Daemon("--source", "synth:treadmill", settings={
            "recording.directory": directory, "source.rate_hz": RATE_HZ, "source.seed": seed})
        with contextlib.suppress(AssertionError), daemon:
            daemon.wait_until(lambda s: s["state"] == "running")
            first = self.ok(daemon, "record.start", path="x")["frame"]
            end = time.monotonic() + 1.2 + 1.5 * random.Random(seed).random()
            marks = []
            while time.monotonic() < end:
                marks.append(self.ok(daemon, "marker", label="m%d" % len(marks))["frame"] - first)
                time.sleep(0.05)
            daemon.signal(signal.SIGKILL)
            daemon.process.wait()
        return Path(directory, "x.bdf"), marks

    def test_fifty_times_killed_at_most_the_last_second_is_lost(self):
        from concurrent.futures import ThreadPoolExecutor
        with ThreadPoolExecutor(AT_ONCE) as pool:
            outcomes = list(pool.map(self.killed, range(KILLS)))
        lost = []
        for path, marks in outcomes:
            repaired = emgd.run("emgctl", "repair", path)
            self.assertEqual(0, repaired.code, repaired.text)
            for read in (check_bdf.mne_read, check_bdf.edflib_read):
                samples, annotations = self.read(read, path)
                kept = samples.shape[1]
                lost.append((marks[-1] - kept) / RATE_HZ)
                self.assertLess(lost[-1], LOST_S, (path, read))
                found = [text for _, _, text in annotations if text.startswith("marker ")]
                expected = ['m%d' % k for k, frame in enumerate(marks) if frame < kept]
                self.assertEqual(expected, [json.loads(text[7:])["label"] for text in found][:len(expected)])
        print("lost, of %d: mean %.3f s, most %.3f s" % (len(lost), sum(lost) / len(lost), max(lost)))

    def failing(self, daemon, strike):
        """Records, strikes; the event, and the status a second later. Measuring must have gone on."""
        with daemon.subscribe("status", "event.recording") as stream:
            stream.until(lambda m: m.topic == "status" and m.body["frame"] > 0)
            self.ok(daemon, "record.start", path="x")
            stream.until(lambda m: m.topic == "event.recording" and m.body["state"] == "started")
            strike()
            event = stream.until(lambda m: m.topic == "event.recording")[-1].body
            self.assertEqual("failed", event["state"], event)
            messages = [stream.next() for _ in range(4)]
            self.assertEqual([], [m for m in messages if m.topic != "status"])  # it is said once
            frames = [m.body["frame"] for m in messages]
            self.assertGreater(frames[-1], frames[0] + RATE_HZ)
            status = messages[-1].body
            self.assertIsNone(status["recording"])
            self.assertEqual(event["reason"], status["recording_failure"])
            return event

    def test_a_full_disk(self):
        if os.geteuid() != 0:
            self.skipTest("only root mounts a small disk")
        small = self.path("small")
        small.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "none", str(small)], check=True)
        try:
            with emgd.Daemon("--source", "synth:treadmill", settings={
                    "recording.directory": small, "source.rate_hz": 8000}) as daemon:
                event = self.failing(daemon, lambda: None)
                self.assertIn("x.bdf", event["path"])
                self.assertGreater(event["seconds"], 1)
                samples, _ = self.read(check_bdf.mne_read, Path(event["path"]))  # closed in order
                self.assertEqual(event["frames"], samples.shape[1])
                self.assertTrue(samples.any())
                daemon.request("shutdown")
                self.assertEqual(0, daemon.wait())
        finally:
            subprocess.run(["umount", str(small)], check=True)

    def test_a_directory_that_is_removed(self):
        inner = self.path("inner")
        inner.mkdir()
        with emgd.Daemon("--source", "synth:treadmill", settings={
                "recording.directory": inner, "source.rate_hz": RATE_HZ}) as daemon:
            self.failing(daemon, lambda: shutil.rmtree(inner))
            self.assertFalse(daemon.request("record.start", path="y")["ok"])
            inner.mkdir()
            self.ok(daemon, "record.start", path="y")
            time.sleep(1.2)
            self.ok(daemon, "record.stop")

    def test_no_permission(self):
        closed = self.path("closed")
        closed.mkdir(mode=0o500)
        prefix = () if os.geteuid() != 0 else ("setpriv", "--reuid=65534", "--clear-groups")
        if prefix:
            os.chmod(self.directory, 0o755)
        with self.nobodys(closed, prefix) as daemon:
            daemon.wait_until(lambda s: s["state"] == "running")
            message = self.refused(daemon, "failed", "record.start", path="x")
            self.assertIn("Permission denied", message)
            daemon.wait_until(lambda s: s["frame"] > RATE_HZ)

    def nobodys(self, directory, prefix):
        sockets = tempfile.mkdtemp(dir=self.directory)
        os.chmod(sockets, 0o777)
        variables = {"HOME": "/nonexistent", "XDG_CONFIG_HOME": "/nonexistent"}
        options = os.environ.get("TSAN_OPTIONS", "")
        file = re.search("suppressions=([^:]+)", options)
        if file:  # it may lie where nobody may look
            options = options.replace(file[1], shutil.copy(file[1], sockets))
            variables["TSAN_OPTIONS"] = "%s:exitcode=%d" % (options, emgd.SANITIZER_EXIT)
        return emgd.Daemon("--source", "synth:treadmill", prefix=prefix, variables=variables, settings={
            "recording.directory": directory, "source.rate_hz": RATE_HZ,
            "publish.data": "ipc://%s/data" % sockets, "publish.control": "ipc://%s/control" % sockets})


if __name__ == "__main__":
    emgd.main()
