"""A recorded test: rest, references (of which one is taken of a muscle that rests), two stages, the end."""

import json
import tempfile
import unittest
from pathlib import Path

import numpy as np

import emgd

RATE = 1000
FIRST_S, SECOND_S, END_S, LAST_S = 14, 94, 174, 178
HOSTILE = '10 km/h </h1><script>alert(1)</script> & "all"'
LABELS = ["EMG L SOL", "EMG L GM", "EMG R SOL", "EMG R GM"]
MUSCLES = ["left.soleus", "left.gastrocnemius_medialis", "right.soleus", "right.gastrocnemius_medialis"]
RMS_UV = [120, 80, 100, 60]
REFERENCE_UV = [300, 250, 300, None]


def noise(seconds, rms_uv, seed):
    """Steady EMG in contractions of 0.6 s each second, on a floor of 2 uV."""
    rng = np.random.default_rng(seed)
    n = int(seconds * RATE)
    f = np.fft.rfftfreq(n, 1 / RATE)
    x = np.fft.irfft(np.fft.rfft(rng.standard_normal(n)) * f * np.exp(-f / 80), n)
    active = np.arange(n) / RATE % 1.0 < 0.6
    return x / x.std() * rms_uv * active + rng.standard_normal(n) * 2


def signals():
    """The left soleus tires, nobody else does; everybody rests before the first stage and after the last."""
    rest = [np.random.default_rng(40 + i).standard_normal(FIRST_S * RATE) * 2 for i in range(4)]
    after = [np.random.default_rng(50 + i).standard_normal((LAST_S - END_S) * RATE) * 2 for i in range(4)]
    run = [np.array(emgd.emg(END_S - FIRST_S, RATE, RMS_UV[0], 60))]
    run += [noise(END_S - FIRST_S, rms_uv, 70 + i) for i, rms_uv in enumerate(RMS_UV[1:])]
    return [np.concatenate(parts) for parts in zip(rest, run, after)]


def annotations():
    def text(onset_s, word, **arguments):
        return onset_s, "%s %s" % (word, json.dumps(arguments))

    result = [text(0, "recording.start", frame=0),
              text(0.5, "session.start", participant="P07", notes="left calf <tight>", session="20261123T074200Z-P07",
                   t=1795417200.5),
              text(1, "rest.start", seconds=8)]
    result += [text(10, "reference.set", muscle=muscle, uv=uv, method="mvc")
               for muscle, uv in zip(MUSCLES, REFERENCE_UV) if uv is not None]
    return result + [text(10, "reference.start", muscles=MUSCLES[3:], seconds=3, method="mvc"),
                     text(FIRST_S, "stage", label="8 km/h", speed_m_s=2.22),
                     text(60, "marker", label="drinks & <stumbles>"),
                     text(SECOND_S, "stage", label=HOSTILE, speed_m_s=2.78, incline_percent=1),
                     text(END_S, "session.stop")]


def write_test(path, events=()):
    """A BDF+ with records of one second, annotations and more events in the record that they begin in."""
    room = 600
    channels = signals()
    n = len(channels) + 1
    uv = ["uV"] * (n - 1) + [""]
    fields = [(16, LABELS + ["BDF Annotations"]), (80, [""] * n), (8, uv), (8, ["-5000"] * (n - 1) + ["-1"]),
              (8, ["5000"] * (n - 1) + ["1"]), (8, ["-8388608"] * n), (8, ["8388607"] * n), (80, [""] * n),
              (8, [RATE] * (n - 1) + [room]), (32, [""] * n)]
    header = b"\xffBIOSEMI" + b"".join(
        str(value).encode().ljust(width)
        for width, values in [(80, ["X X X X", "Startdate 23-NOV-2026 X X X"]),
                              (8, ["23.11.26", "07.42.00", 256 * (n + 1)]), (44, ["BDF+C"]), (8, [LAST_S, 1]), (4, [n]),
                              *fields]
        for value in values)
    with open(path, "wb") as out:
        out.write(header)
        for k in range(LAST_S):
            for channel in channels:
                digital = np.clip(np.rint(channel[k * RATE : (k + 1) * RATE] * 8388608 / 5000), -8388608, 8388607)
                out.write(digital.astype("<i4").view("u1").reshape(-1, 4)[:, :3].tobytes())
            lists = b"+%d\x14\x14\0" % k + b"".join(
                b"+%s\x14%s\x14\0" % (repr(onset).encode(), text.encode())
                for onset, text in [*annotations(), *events] if k <= onset < k + 1)
            assert len(lists) <= 3 * room
            out.write(lists.ljust(3 * room, b"\0"))


class Recorded(unittest.TestCase):
    """Has the test as a file, and a directory of its own."""

    @classmethod
    def setUpClass(cls):
        temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(temporary.cleanup)
        cls.directory = Path(temporary.name)
        cls.test = cls.directory / "test.bdf"
        write_test(cls.test)
