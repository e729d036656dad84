#!/usr/bin/python3
"""The same recording gives the same lines: from emgreport, from emgd as fast as it goes, and from emgd in real time.

Usage: test_replay.py DIRECTORY_WITH_THE_PROGRAMS [TEST]...
"""

import contextlib
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import emgd

schemas = emgd.Schemas()


def settings_as_arguments(settings):
    return [word for key, value in settings.items() for word in ("--set", "%s=%s" % (key, value))]


def report(path, settings):
    done = emgd.run("emgreport", path, "--format", "jsonl", *settings_as_arguments(settings))
    if done.code != 0 or done.err:
        raise AssertionError(done.text)
    return done.out


@contextlib.contextmanager
def watched(path, speed, settings):
    """emgd replaying a recording and emgctl watching it, both in the background."""
    with emgd.Daemon("--source", "file:%s" % path, "--speed", speed, settings=settings) as daemon:
        with emgd.Process("emgctl", "--data", daemon.data, "watch") as watch:
            yield daemon, watch


def finish(test, daemon, watch):
    """The lines, once both have ended by themselves."""
    test.assertEqual(0, watch.wait(), watch.describe())
    test.assertEqual(0, daemon.wait(), daemon.describe())
    told = [line for line in watch.err().splitlines() if "yet, waiting" not in line]  # a hint on a busy machine
    test.assertEqual([], told, watch.describe())
    return watch.out()


class Replay(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(temporary.cleanup)
        cls.directory = Path(temporary.name)

    def assert_same_lines(self, expected, found, what):
        expected, found = (emgd.lines_without_timing(text) for text in (expected, found))
        for topic in sorted({topic for topic, _ in expected + found}):
            of_topic = [[line for t, line in lines if t == topic] for lines in (expected, found)]
            for i, (one, other) in enumerate(zip(*of_topic)):
                self.assertEqual(one, other, "%s: %s, message %d" % (what, topic, i))
            self.assertEqual(len(of_topic[0]), len(of_topic[1]), "%s: messages of %s" % (what, topic))
        for i, (one, other) in enumerate(zip(expected, found)):
            self.assertEqual(one, other, "%s: line %d" % (what, i))
        self.assertEqual(len(expected), len(found), what)

    def check(self, path, settings=(), speeds=("max", "1")):
        """Compares the report with what is seen live; returns the report as messages."""
        # in real time a subscriber that is behind would lose messages, as this machine may make it
        settings = {"publish.hwm": 1000000, **dict(settings)}
        with contextlib.ExitStack() as stack:
            pairs = [(speed, *stack.enter_context(watched(path, speed, settings))) for speed in speeds]
            lines = report(path, settings)
            for speed, daemon, watch in pairs:
                self.assert_same_lines(lines, finish(self, daemon, watch), "%s at speed %s" % (path.name, speed))
        messages = []
        for line in lines.splitlines():
            body = emgd.parse(line)
            messages.append(emgd.Message(body.pop("topic"), body, None))
        for message in messages:
            schemas.check_message(message)
        self.assertTrue(emgd.is_end(messages[-1]))
        return messages

    def check_topics(self, messages, muscles, n_frames, rate_hz):
        """Every muscle has what its duration promises; returns the messages by topic."""
        found = emgd.by_topic(messages)
        seconds = n_frames // rate_hz
        self.assertEqual(muscles, messages[0].body["muscles"])
        for muscle in muscles:
            self.assertEqual(n_frames * 50 // rate_hz, len(found["activation." + muscle]), muscle)
            self.assertEqual(n_frames * 20 // rate_hz, len(found["waveform." + muscle]), muscle)
            self.assertEqual(seconds, len(found["fatigue." + muscle]), muscle)
        self.assertEqual(seconds + 2, len(found["status"]))
        self.assertEqual(n_frames, messages[-1].body["frames"])
        return found

    def test_bdf_with_labels(self):
        path = self.directory / "walk.bdf"
        signals = [emgd.emg(7, 2000, rms_uv, seed) for seed, rms_uv in enumerate((150, 80, 60))]
        emgd.write_bdf(path, 2000, signals, ["EMG L SOL", "EMG R TA", "EMG R biceps"])
        muscles = ["left.soleus", "right.tibialis_anterior", "right.biceps"]
        found = self.check_topics(self.check(path), muscles, 14000, 2000)
        for muscle in ("left.soleus", "right.tibialis_anterior"):
            self.assertTrue(any(m.body["active"] for m in found["activation." + muscle]))
            self.assertIsNotNone(found["fatigue." + muscle][-1].body["mdf_hz"])
            self.assertIn("spectrum." + muscle, found)

    def test_wav_of_44100_hz_with_two_channels(self):
        path = self.directory / "walk.wav"
        signals = [emgd.emg(5.3, 44100, rms_uv, seed) for seed, rms_uv in ((11, 120), (12, 40))]
        emgd.write_wav(path, 44100, signals, full_scale_uv=2500)
        settings = {
            "source.full_scale_uv": 2500, "source.highpass_hz": 12, "analysis.mains_hz": 0,
            'muscle."right.soleus".channel': 1, 'muscle."left.soleus".channel': 2,
        }
        found = self.check_topics(self.check(path, settings), ["right.soleus", "left.soleus"], len(signals[0]), 44100)
        loudest = {muscle: max(m.body["rms_uv"] or 0 for m in found["activation." + muscle])
                   for muscle in ("left.soleus", "right.soleus")}
        self.assertTrue(100 < loudest["right.soleus"] < 250, loudest)
        self.assertTrue(30 < loudest["left.soleus"] < 85, loudest)

    def test_other_rates_of_the_topics_and_of_the_analysis(self):
        path = self.directory / "odd.wav"
        emgd.write_wav(path, 22050, [emgd.emg(3.7, 22050, 100, 21)], width=2)
        settings = {"analysis.activation_hz": 33, "analysis.mode": "static", "analysis.spectral_seconds": 1,
                    "analysis.rms_ms": 20, "analysis.amplitude_highpass_hz": 40, "analysis.band_hz": "{30, 400}"}
        messages = self.check(path, settings, speeds=("max", "7.5"))
        activation = emgd.by_topic(messages)["activation.left.channel_1"]
        self.assertEqual(int(len(emgd.emg(3.7, 22050, 100, 21)) * 33 / 22050), len(activation))

    def test_unusual_recordings(self):
        """Several rates in one file, odd physical ranges and units, annotations, a start with a fraction of a second,
        records of a hundredth of a second, a file of one second."""
        maker = emgd.SOURCE_DIR / "fixtures" / "make_recordings.py"
        subprocess.run([sys.executable, "-B", maker, self.directory / "made"], check=True, timeout=emgd.PATIENCE_S)
        sound = sorted(path.with_suffix("") for path in (self.directory / "made").glob("*.f32"))
        self.assertGreater(len(sound), 5)
        for path in sound:
            with self.subTest(path.name):
                self.check(path, speeds=("max",))

    def test_a_subscriber_that_is_behind_loses_nothing_of_a_replay(self):
        path = self.directory / "long.bdf"
        emgd.write_bdf(path, 1000, [emgd.emg(60, 1000, 100, seed) for seed in (31, 32)], ["EMG L SOL", "EMG R SOL"])
        expected = report(path, {})
        settings = {"publish.hwm": 10}
        with watched(path, "max", settings) as (daemon, watch):
            self.assert_same_lines(expected, finish(self, daemon, watch), "emgctl watch with publish.hwm=10")

        # One that also receives no more than it reads, and is slow at that. Its end is not waited for: what is still
        # on its way when the daemon ends is lost by libzmq on the receiving side when its queue is full.
        lines = [emgd.parse(line) for line in expected.splitlines()]
        lines = lines[:len(lines) // 2]
        with emgd.Daemon("--source", "file:%s" % path, "--speed", "max", settings=settings) as daemon:
            with daemon.subscribe("", receive_hwm=10) as slow:
                for line in lines:
                    message = slow.next()
                    self.assertEqual((line["topic"], line["seq"]), (message.topic, message.body["seq"]))
                    schemas.check_message(message)  # takes far longer than the daemon needs for a message
            self.assertEqual(0, daemon.wait(), daemon.describe())

    @unittest.skipUnless((emgd.RECORDINGS / "walk_btk.bdf").exists(),
                         "the real recording ../shared/recordings/walk_btk.bdf is not here")
    def test_real_recording_of_walking(self):
        sides = ("left", "right")
        muscles = ["%s.%s" % (side, muscle) for side in sides
                   for muscle in ("soleus", "gastrocnemius_medialis", "tibialis_anterior")]
        messages = self.check(emgd.RECORDINGS / "walk_btk.bdf")
        self.assertEqual(sorted(muscles), sorted(messages[0].body["muscles"]))
        self.assertEqual((1000, 6), (messages[0].body["rate_hz"], messages[0].body["channels"]))
        found = self.check_topics(messages, messages[0].body["muscles"], messages[-1].body["frames"], 1000)
        for muscle in muscles:
            self.assertTrue(any(m.body["active"] for m in found["activation." + muscle]), muscle)

    @unittest.skipUnless(emgd.RECORDINGS.is_dir(), "the real recordings ../shared/recordings are not here")
    def test_every_real_recording(self):
        for path in sorted(emgd.RECORDINGS.glob("*.bdf")):
            with self.subTest(path.name):
                self.check(path, speeds=("max",))


if __name__ == "__main__":
    emgd.main()
