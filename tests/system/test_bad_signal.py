#!/usr/bin/python3
"""Signals that no muscle gives: what comes out is finite or null, flagged for what it is, and soon forgotten.

Usage: test_bad_signal.py DIRECTORY_WITH_THE_PROGRAMS [TEST]...
"""

import math
import random
import struct
import tempfile
import unittest
from pathlib import Path

import emgd

RATES_HZ = (1000, 44100)
FULL_SCALE_UV = 5000
schemas = emgd.Schemas()


def write_float_wav(path, rate_hz, samples):
    """One channel of 32-bit float, full scale 1: the only format here that can carry what is not a number."""
    data = struct.pack("<%df" % len(samples), *samples)
    header = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + len(data), b"WAVE", b"fmt ", 16, 3, 1, rate_hz,
                         4 * rate_hz, 4, 32, b"data", len(data))
    Path(path).write_bytes(header + data)


def noise(rate_hz, seconds, rms_uv, seed=1):
    """White noise with the same density, 0..500 Hz, at every rate."""
    source = random.Random(seed)
    sigma = rms_uv * math.sqrt(rate_hz / 1000) / FULL_SCALE_UV
    return [source.gauss(0, sigma) for _ in range(int(rate_hz * seconds))]


class BadSignal(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(temporary.cleanup)
        cls.directory = Path(temporary.name)

    def report(self, rate_hz, samples, *settings):
        """{topic: [body, ...]}, every line checked against its schema; a NaN in one is refused by the parser."""
        path = self.directory / "signal.wav"
        write_float_wav(path, rate_hz, samples)
        arguments = [word for setting in settings for word in ("--set", setting)]
        done = emgd.run("emgreport", path, "--format", "jsonl", "--set", 'muscle."left.soleus".channel=1',
                        "--set", "source.full_scale_uv=%d" % FULL_SCALE_UV, *arguments)
        self.assertEqual((0, ""), (done.code, done.err), done.text)
        result = {}
        for line in done.out.splitlines():
            body = emgd.parse(line)
            topic = body.pop("topic")
            if not topic.startswith(("spectrum", "waveform", "profile")):
                schemas.check(emgd.schema_of_topic(topic), body)
            result.setdefault(topic, []).append(body)
        return result

    def amplitudes(self, messages, from_s=0.0, to_s=math.inf, rate_hz=1):
        return [body for body in messages["activation.left.soleus"] if from_s <= body["frame"] / rate_hz < to_s]

    def test_samples_that_are_no_numbers_are_bad_while_they_last_and_then_forgotten(self):
        for rate_hz in RATES_HZ:
            x = noise(rate_hz, 6, 20)
            for k, value in enumerate((math.nan, math.inf, -math.inf) * 20):
                x[2 * rate_hz + k * rate_hz // 100] = value
            messages = self.report(rate_hz, x)
            during = self.amplitudes(messages, 2.1, 2.5, rate_hz)
            self.assertTrue(all("clipping" in body["flags"] and body["rms_uv"] is None for body in during))
            after = self.amplitudes(messages, 4, 6, rate_hz)
            self.assertTrue(all(10 < body["rms_uv"] < 32 for body in after), rate_hz)
            self.assertTrue(all(body["quality"] != "bad" for body in after))

    def test_zeros_are_a_flat_line_and_not_a_quiet_muscle(self):
        for rate_hz in RATES_HZ:
            messages = self.report(rate_hz, [0.0] * (3 * rate_hz))
            late = self.amplitudes(messages, 0.5, 3, rate_hz)
            self.assertTrue(all(body["flags"] == ["flat"] and body["rms_uv"] is None for body in late), rate_hz)
            last = messages["fatigue.left.soleus"][-1]
            self.assertEqual(("undetermined", None, 0), (last["verdict"], last["mdf_hz"], last["seconds"]))
            self.assertNotIn("burst.left.soleus", messages)

    def test_a_full_scale_square_wave_is_clipping_and_never_a_contraction_with_a_spectrum(self):
        for rate_hz in RATES_HZ:
            x = [1.0 if i * 40 // rate_hz % 2 else -1.0 for i in range(3 * rate_hz)]
            messages = self.report(rate_hz, x)
            late = self.amplitudes(messages, 0.5, 3, rate_hz)
            self.assertTrue(all("clipping" in body["flags"] and body["rms_uv"] is None for body in late), rate_hz)
            self.assertEqual(0, messages["fatigue.left.soleus"][-1]["seconds"])

    def test_steps_of_the_offset_leave_the_amplitude_as_it_was(self):
        for rate_hz in RATES_HZ:
            x = noise(rate_hz, 10, 20)
            x = [value + 0.4 * (1 if i // (2 * rate_hz) % 2 else -1) for i, value in enumerate(x)]
            messages = self.report(rate_hz, x)
            for step_s in (2, 4, 6, 8):
                settled = self.amplitudes(messages, step_s + 0.5, step_s + 1.9, rate_hz)
                self.assertTrue(all(10 < body["rms_uv"] < 34 for body in settled), (rate_hz, step_s))
            for burst in messages.get("burst.left.soleus", []):
                self.assertLess(burst["duration_s"], 9)
            self.assertFalse({"electrode_off", "flat", "clipping"}
                             & {flag for body in self.amplitudes(messages) for flag in body["flags"]})

    def test_an_offset_near_full_scale_changes_nothing(self):
        for rate_hz in RATES_HZ:
            quiet = noise(rate_hz, 4, 20)
            messages = self.report(rate_hz, [value + 0.9 for value in quiet])
            late = self.amplitudes(messages, 1, 4, rate_hz)
            self.assertTrue(all(10 < body["rms_uv"] < 34 and body["quality"] != "bad" for body in late), rate_hz)

    def test_too_short_a_recording_says_nothing_that_it_cannot_know(self):
        for rate_hz in RATES_HZ:
            for seconds in (0.02, 0.2, 1.0):
                messages = self.report(rate_hz, noise(rate_hz, seconds, 20))
                for body in messages.get("fatigue.left.soleus", []):
                    self.assertEqual(("undetermined", None), (body["verdict"], body["mdf_hz"]))
                self.assertEqual("ended", messages["status"][-1]["state"])


if __name__ == "__main__":
    emgd.main()
