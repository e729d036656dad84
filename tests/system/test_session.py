"""A whole test, from rest to report, as lab staff would run it: every step by emgctl, on a simulated runner whose
left soleus tires. What the report says must be the truth, and the recording must give the live numbers again."""

import csv
import json
import re
import shutil
import subprocess
import tempfile
import threading
import time
import unittest
from pathlib import Path

import emgd
import runner

SPEED = 25
# What a replay cannot know: its own numbering and state, and the clock of the day to the microsecond.
NOT_COMPARED = ("seq", "t")
COMPARED = ("activation.", "fatigue.", "burst.", "stride.", "profile.", "spectrum.", "leg.", "symmetry.", "event.rest",
            "event.reference", "event.baseline", "event.stage", "event.marker", "event.session", "event.fatigue",
            "event.quality")


class Listener(threading.Thread):
    """Keeps all that is published, as it was written."""

    def __init__(self, daemon):
        super().__init__(daemon=True)
        self.stream = daemon.subscribe("")
        self.lines, self.frame, self.problem = [], -1, None
        self.start()

    def run(self):
        try:
            while True:
                parts = self.stream.daemon.receive(self.stream.socket)
                topic, body = parts[0].decode(), parts[1].decode()
                if topic.startswith(COMPARED):
                    self.lines.append((topic, body))
                if topic == "status":
                    status = json.loads(body)
                    self.frame = status["frame"]
                    if status["state"] == "ended":
                        return
        except AssertionError as problem:
            self.problem = problem


def story(lines):
    """{topic: [body without what is not compared]}, numbers as written."""
    result = {}
    for topic, body in lines:
        fields = json.loads(body, parse_float=str)
        fields.pop("topic", None)
        for name in NOT_COMPARED:
            fields.pop(name, None)
        result.setdefault(topic, []).append(fields)
    return result


class WholeTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.mkdtemp(prefix="emg-session-")
        cls.addClassCleanup(shutil.rmtree, cls.directory)
        cls.runner = runner.Runner(cls.directory)
        settings = {"recording.directory": cls.directory, "analysis.activation_hz": 10,
                    "equipment.electrodes": "Ag/AgCl, 10 mm"}
        cls.settings = settings
        with emgd.Daemon("--source", "file:%s" % cls.runner.path, "--speed", SPEED, settings=settings) as cls.daemon:
            cls.listener = Listener(cls.daemon)
            cls.results = {}
            cls.run_protocol()
            cls.daemon.request("shutdown")
            assert cls.daemon.wait() == 0, cls.daemon.describe()
        cls.listener.join(emgd.PATIENCE_S)
        cls.live = cls.listener.lines
        cls.recording = Path(cls.directory, "run.bdf")

    @classmethod
    def emgctl(cls, *words):
        done = emgd.run("emgctl", "--control", cls.daemon.control, "--data", cls.daemon.data, *words)
        if done.code != 0:
            raise AssertionError(done.text)
        return done.out

    @classmethod
    def wait_for(cls, phase, after_s=2):
        frame = (cls.runner.phases[phase][0] + after_s) * runner.RATE_HZ
        while cls.listener.frame < frame:
            if cls.listener.problem is not None or not cls.listener.is_alive():
                raise AssertionError("the stream has ended at frame %d: %s" % (
                    cls.listener.frame, cls.listener.problem))
            time.sleep(0.01)

    @classmethod
    def run_protocol(cls):
        cls.wait_for("rest", 0.5)
        cls.emgctl("record", "start", "path=run.bdf")
        cls.emgctl("session", "start", "participant=P07", "notes=simulated")
        cls.results["rest"] = cls.emgctl("rest", "seconds=15")
        for muscle in runner.MUSCLES:
            cls.wait_for(muscle)
            cls.results[muscle] = cls.emgctl("reference", "muscles=" + muscle, "seconds=20", "method=submaximal")
        for k, stage in enumerate(runner.STAGES):
            cls.wait_for(stage)
            cls.emgctl("stage", "label=" + stage, "speed_m_s=%g" % (2.2 + 0.4 * k), "incline_percent=1")
            if k == 0:
                cls.results["baseline"] = cls.emgctl("baseline", "seconds=60")
        cls.wait_for(runner.STAGES[-1], 470)
        cls.emgctl("marker", "label=the end")
        cls.emgctl("session", "stop")
        cls.emgctl("record", "stop")

    def test_every_result_was_accepted_and_is_the_truth(self):
        events = story(self.live)
        self.assertEqual([True] * 4, [e["accepted"] for e in events["event.rest"]])
        for event in events["event.rest"]:
            self.assertLess(abs(float(event["uv"]) / runner.NOISE_UV - 1), 0.1, event)
        self.assertEqual(runner.MUSCLES, [e["muscle"] for e in events["event.reference"]])
        for event in events["event.reference"]:
            self.assertTrue(event["accepted"], event)
            self.assertLess(abs(float(event["uv"]) / runner.REFERENCE_UV[event["muscle"]] - 1), 0.04, event)
        for event in events["event.baseline"]:
            self.assertTrue(event["accepted"], event)
            self.assertLess(abs(float(event["mdf_hz"]) - 95.67), 5, event)
        self.assertEqual(["started", "stopped"], [e["state"] for e in events["event.session"]])
        self.assertEqual(runner.STAGES, [e["label"] for e in events["event.stage"]])

    def report(self, form, out):
        done = emgd.run("emgreport", self.recording, "--format", form, "-o", out,
                        *(w for k, v in self.settings.items() for w in ("--set", "%s=%s" % (k, v))))
        self.assertEqual(0, done.code, done.text)

    def test_the_recording_gives_the_live_numbers_again(self):
        out = Path(self.directory, "again.jsonl")
        self.report("jsonl", out)
        again = story((json.loads(line)["topic"], line) for line in out.read_text().splitlines())
        live = story(self.live)
        first = min(f["frame"] for f in again["activation.left.soleus"])
        last = max(f["frame"] for f in again["activation.left.soleus"])
        self.assertGreater(last - first, 1600 * runner.RATE_HZ)
        for topic in sorted(live):
            # at its very end a recording cuts the contractions in progress, and the stream went on
            one = [f for f in live[topic] if first <= f["frame"] < last]
            two = [f for f in again.get(topic, []) if first <= f["frame"] < last]
            for i, (a, b) in enumerate(zip(one, two)):
                self.assertEqual(a, b, "%s %d" % (topic, i))
            self.assertEqual(len(one), len(two), topic)

    def test_the_report_names_what_tired_and_how_the_load_was_shared(self):
        out = Path(self.directory, "tables")
        self.report("csv", out)
        stages = list(csv.DictReader((out / "stages.csv").read_text("utf-8").splitlines()))
        verdicts = {(r["label"], r["muscle"]): r["verdict"] for r in stages}
        summary = {(r["stage"], r["of"], r["quantity"]): r["value"] for r in csv.DictReader(
            (out / "summary.csv").read_text("utf-8").splitlines())}
        for k, name in enumerate(runner.STAGES):
            for side in ("left", "right"):
                self.assertLess(abs(float(summary[str(k + 1), side, "soleus_share"]) -
                                    self.runner.share_percent[side, name]), 3, (name, side))
            for muscle in (runner.SOLEUS, runner.GASTROCNEMIUS):
                self.assertLess(abs(float(summary[str(k + 1), muscle, "symmetry_index"]) -
                                    self.runner.symmetry_percent[muscle, name]), 3, (name, muscle))
        for name in runner.STAGES:
            for muscle in runner.MUSCLES:
                expected = "fatiguing" if muscle == "left.soleus" else "steady"
                self.assertEqual(expected, verdicts[name, muscle], (name, muscle))

    def test_the_page(self):
        out = Path(self.directory, "report.html")
        self.report("html", out)
        page = out.read_text()
        text = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page))
        self.assertIn("P07", text)
        self.assertRegex(text, r"The left soleus tired")
        self.assertNotRegex(text, r"The (right soleus|(left|right) gastrocnemius medialis) tired")
        self.assertIn("Ag/AgCl, 10 mm", text)
        self.assertNotRegex(text, r"(?i)\bnan\b|\binf\b")


if __name__ == "__main__":
    emgd.main()
