#!/usr/bin/python3
"""The Hann windows of `emgreport --format windows`: SciPy's figures, none over a gap, and no nonsense.

Usage: test_windows.py DIRECTORY_WITH_THE_PROGRAMS [TEST]...
"""

import csv
import json

import numpy as np
import scipy.signal

import emgd
from recorded import MUSCLES, RATE, Recorded, signals, write_test


class Windows(Recorded):
    def windows(self, path, *arguments):
        """By muscle: t_s, RMS, power, MDF, MNF, ln of the index, a row a window."""
        done = emgd.run("emgreport", path, "--format", "windows", *arguments)
        self.assertEqual((0, ""), (done.code, done.err), done.text)
        rows = list(csv.reader(done.out.splitlines()))
        self.assertEqual(["muscle", "t_s", "rms_uv", "power_uv2", "mdf_hz", "mnf_hz", "ln_insm5"], rows[0])
        return {muscle: np.array([row[1:] for row in rows[1:] if row[0] == muscle], float) for muscle in MUSCLES}

    def test_they_are_those_of_scipy(self):
        found = self.windows(self.test, "--set", "analysis.mains_hz=0", "--window", "0.5", "--overlap", "80")
        for muscle, channel in zip(MUSCLES, signals()):
            x = np.rint(channel * 8388608 / 5000) * 5000 / 8388608
            for edge_hz, kind in ((20, "highpass"), (450, "lowpass")):
                x = scipy.signal.sosfilt(scipy.signal.butter(4, edge_hz, kind, fs=RATE, output="sos"), x)
            x = x[RATE // 4 :]  # settled
            self.assertEqual((len(x) - 500) // 100 + 1, len(found[muscle]))
            for k in (0, 7, 300, len(found[muscle]) - 1):
                part = x[100 * k : 100 * k + 500]
                f, p = scipy.signal.periodogram(part, RATE, window="hann", nfft=512, detrend="constant")
                fine = np.linspace(20, 450, 200001)
                below = np.cumsum(np.interp(fine, f, p))
                expected = [0.25 + 0.1 * k + 0.25, np.sqrt(np.mean(part**2)), below[-1] * (fine[1] - fine[0]),
                            fine[np.searchsorted(below, below[-1] / 2)], np.average(fine, weights=np.interp(fine, f, p))]
                np.testing.assert_allclose(found[muscle][k, :5], expected, rtol=1e-3)

    def test_none_spans_a_gap(self):
        path = self.directory / "gap.bdf"
        write_test(path, [(100, "gap " + json.dumps({"first_frame": 100 * RATE, "frames_lost": RATE // 2, "cause": "overrun"}))])
        for rows in self.windows(path).values():
            t_s = rows[:, 0]
            np.testing.assert_allclose(t_s[t_s < 100], np.arange(0.75, 99.51, 0.5), atol=1e-6)
            np.testing.assert_allclose(t_s[t_s > 100][:3], [101.25, 101.75, 102.25], atol=1e-6)

    def test_those_that_make_no_sense_are_refused(self):
        for option, value in (("--window", "0"), ("--window", "1s"), ("--overlap", "96"), ("--overlap", "-1"), ("--overlap", "nan")):
            done = emgd.run("emgreport", self.test, "--format", "windows", option, value)
            self.assertEqual((2, ""), (done.code, done.out), done.text)
            self.assertIn(option, done.err)


if __name__ == "__main__":
    emgd.main()
