"""A simulated treadmill test with a known truth: rest, a contraction of each muscle held against a load, then
running in stages, in which the left soleus tires and nothing else does.

    test = runner.Runner(directory)       # writes directory/test.bdf: 2 kHz, four muscles
    test.phases                           # {name: (begin_s, end_s)}: "rest", "left.soleus", ..., "easy", ...
    test.share_percent["left"], test.symmetry_percent["soleus"], test.slope_percent_per_min
"""

from pathlib import Path

import numpy as np
from scipy import signal
from scipy.fft import next_fast_len

RATE_HZ = 2000
SOLEUS, GASTROCNEMIUS = "soleus", "gastrocnemius_medialis"
MUSCLES = ["left." + SOLEUS, "left." + GASTROCNEMIUS, "right." + SOLEUS, "right." + GASTROCNEMIUS]
LABELS = ["EMG L SOL", "EMG L GM", "EMG R SOL", "EMG R GM"]
STAGES = ["easy", "steady", "fast"]
NOISE_UV = 2.0
FULL_SCALE_UV = 5000
CYCLE_S, BURST_S = 0.72, 0.27
REFERENCE_UV = {MUSCLES[0]: 320.0, MUSCLES[1]: 250.0, MUSCLES[2]: 300.0, MUSCLES[3]: 260.0}
# RMS within the bursts of running, of the reference, in the three stages.
EFFORT = {MUSCLES[0]: (0.55, 0.65, 0.75), MUSCLES[1]: (0.30, 0.38, 0.46), MUSCLES[2]: (0.45, 0.53, 0.61),
          MUSCLES[3]: (0.32, 0.40, 0.48)}
TIRES_PERCENT_PER_MIN = {MUSCLES[0]: -1.5}


def shaped(rng, n, scale):
    """Noise of unit RMS with the spectrum of surface EMG (Stulen & De Luca), its frequencies times scale [n]."""
    padded = next_fast_len(int(n * 1.1) + 4096, real=True)
    f = np.fft.rfftfreq(padded, 1 / RATE_HZ)
    fl, fh = 60.0, 120.0
    power = fh**4 * f**2 / ((f**2 + fl**2) * (f**2 + fh**2) ** 2)
    x = np.fft.irfft(np.fft.rfft(rng.standard_normal(padded)) * np.sqrt(power), padded)
    x /= x.std()
    if np.all(scale == 1):
        return x[:n]
    # read the tape slower and slower: all frequencies fall by the same factor
    position = np.concatenate([[0], np.cumsum(scale[:-1])])
    return np.interp(position, np.arange(padded), x)


def bursts(rng, n, share):
    """1 within the contractions of a runner, 0 between, edges of 20 ms; they begin at `share` of each cycle."""
    gate = np.zeros(n)
    t = 0.1
    while t < n / RATE_HZ - 1:
        begin = int((t + share * CYCLE_S) * RATE_HZ)
        gate[begin:begin + int(BURST_S * RATE_HZ)] = 1
        t += CYCLE_S * (1 + 0.02 * rng.standard_normal())
    edge = np.hanning(int(0.04 * RATE_HZ) + 2)
    return signal.fftconvolve(gate, edge / edge.sum(), "same").clip(0, 1)


class Runner:
    def __init__(self, directory, rest_s=60, reference_s=60, stage_s=480, seed=5):
        rng = np.random.default_rng(seed)
        self.path = Path(directory, "test.bdf")
        self.phases, t = {}, 0
        for name, length in [("rest", rest_s), *((m, reference_s) for m in MUSCLES), *((s, stage_s) for s in STAGES)]:
            self.phases[name] = (t, t + length)
            t += length
        self.seconds = t
        n = t * RATE_HZ
        gait = {side: np.random.default_rng(seed + 1) for side in ("left", "right")}
        channels, level = [], {}
        run = slice(self.phases[STAGES[0]][0] * RATE_HZ, n)
        gates = {side: bursts(gait[side], n - run.start, 0.0 if side == "left" else 0.5) for side in gait}
        for muscle in MUSCLES:
            slope = TIRES_PERCENT_PER_MIN.get(muscle, 0.0)
            scale = np.ones(n)
            minutes = np.arange(n - run.start) / RATE_HZ / 60
            scale[run] = 1 + slope / 100 * minutes
            amplitude = np.zeros(n)
            begin, end = self.phases[muscle]
            amplitude[(begin + 1) * RATE_HZ:(end - 1) * RATE_HZ] = REFERENCE_UV[muscle]
            for name, share in zip(STAGES, EFFORT[muscle]):
                a, b = (int(s * RATE_HZ) for s in self.phases[name])
                amplitude[a:b] = share * REFERENCE_UV[muscle] * gates[muscle.split(".")[0]][a - run.start:b - run.start]
            x = amplitude * shaped(rng, n, scale) + NOISE_UV * rng.standard_normal(n) * np.sqrt(RATE_HZ / 2 / 480)
            channels.append(x)
            for name in STAGES:
                a, b = (int(s * RATE_HZ) for s in self.phases[name])
                level[muscle, name] = np.sqrt(np.mean(amplitude[a:b] ** 2) + NOISE_UV**2)
        self.write(channels)
        percent = {key: 100 * value / REFERENCE_UV[key[0]] for key, value in level.items()}
        self.share_percent = {
            (side, s): 100 * percent[side + "." + SOLEUS, s] /
            (percent[side + "." + SOLEUS, s] + percent[side + "." + GASTROCNEMIUS, s])
            for side in ("left", "right") for s in STAGES}
        self.symmetry_percent = {
            (m, s): 200 * (percent["left." + m, s] - percent["right." + m, s]) /
            (percent["left." + m, s] + percent["right." + m, s])
            for m in (SOLEUS, GASTROCNEMIUS) for s in STAGES}
        self.activation_percent = percent

    def write(self, channels):
        digital = np.clip(np.rint(np.array(channels) * (1 << 23) / FULL_SCALE_UV), -(1 << 23), (1 << 23) - 1)
        records = digital.astype("<i4").reshape(len(channels), self.seconds, RATE_HZ).transpose(1, 0, 2)
        n = len(channels)
        fields = [(16, LABELS), (80, [""] * n), (8, ["uV"] * n), (8, [-FULL_SCALE_UV] * n), (8, ["4999.999"] * n),
                  (8, [-(1 << 23)] * n), (8, [(1 << 23) - 1] * n), (80, [""] * n), (8, [RATE_HZ] * n), (32, [""] * n)]
        header = b"\xffBIOSEMI" + b"".join(
            str(value).encode().ljust(width)
            for width, values in [(80, ["", ""]), (8, ["03.05.24", "14.15.16", 256 * (n + 1)]), (44, ["24BIT"]),
                                  (8, [self.seconds, 1]), (4, [n]), *fields]
            for value in values)
        packed = np.ascontiguousarray(records).view(np.uint8).reshape(-1, 4)[:, :3]
        self.path.write_bytes(header + packed.tobytes())
