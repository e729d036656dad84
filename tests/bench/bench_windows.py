#!/usr/bin/python3 -B
"""What overlapping Hann windows cost from raw samples on, beside SciPy and liquid-dsp at the same work, on one core.

    tests/bench/bench_windows.py [--quick] [PROGRAMS]     PROGRAMS: directory with the built benchmarks, default build/release/bench

W1 is 4 channels of an hour at 2 kHz, W1b 4 channels of ten minutes at 48 kHz (--quick: a tenth): noise whose spectrum falls, with mains at
50.02 Hz and its harmonics. SciPy runs twice: as users write it, window by window in float64, and tuned, all windows at once. Mains is
removed by each in its own way, SciPy's and liquid's a notch for each harmonic. Without mains, and without its removal, emgd's figures of
every window are first held against SciPy's in float64. Prints a line of JSON for each figure."""

import math
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np  # noqa: E402 after the number of threads is set
from scipy import fft, ndimage, signal, stats  # noqa: E402

from bench import figure, options  # noqa: E402

CHANNELS, LOW_HZ, HIGH_HZ, N_FFT, MAINS_HZ, HARMONICS = 4, 20.0, 450.0, 2048, 50.0, 9
RUNS = 3
TOLERANCE = 1e-4


def make_signal(rate_hz, seconds, with_mains):
    """[samples, channels], float32, microvolts."""
    n = int(rate_hz * seconds)
    t = np.arange(n) / rate_hz
    mains = sum(20.0 / h * np.sin(2 * np.pi * 50.02 * h * t + h) for h in (1, 2, 3, 5, 7)) if with_mains else 0.0
    x = np.empty((n, CHANNELS), np.float32)
    for c in range(CHANNELS):
        noise = np.random.default_rng(c).standard_normal(n)
        slow, fast = (signal.sosfilt(signal.butter(2, [25, edge], "bandpass", fs=rate_hz, output="sos"), noise) for edge in (80, 160))
        share = t / seconds
        x[:, c] = 200 * (share * slow + (1 - share) * fast) * math.sqrt(rate_hz / 2000) + mains
    return x


def average_filter(factor):
    """A decimator's low-pass as emgd's in one stage: 84 dB, flat to 500 Hz."""
    taps = 261
    return signal.firwin(taps, 1.0 / factor, window=("kaiser", signal.kaiser_beta(84)))


def notches(rate_hz):
    return [signal.iirnotch(h * MAINS_HZ, 30, rate_hz) for h in range(1, HARMONICS + 1)]


def edges(rate_hz):
    return [signal.butter(4, f, kind, fs=rate_hz, output="sos") for f, kind in ((LOW_HZ, "highpass"), (HIGH_HZ, "lowpass"))]


def integrals(f, p):
    """Power, MDF, MNF and ln FInsm5 of a density that is linear between its points, to within a bin's third order."""
    widths = np.diff(f)
    parts = 0.5 * (p[..., 1:] + p[..., :-1]) * widths
    below = np.cumsum(parts, axis=-1)
    power = below[..., -1]
    k = np.argmax(below >= power[..., None] / 2, axis=-1)[..., None]
    left, right = np.take_along_axis(p, k, -1)[..., 0], np.take_along_axis(p, k + 1, -1)[..., 0]
    k = k[..., 0]
    rest = power / 2 - (np.take_along_axis(below, k[..., None], -1)[..., 0] - np.take_along_axis(parts, k[..., None], -1)[..., 0])
    slope = (right - left) / widths[k]
    mdf = f[k] + 2 * rest / (left + np.sqrt(np.maximum(left * left + 2 * slope * rest, 0)))
    simpson = lambda g: np.sum(widths / 6 * (g[:-1] * p[..., :-1] + g[1:] * p[..., 1:] + 4 * (g[:-1] + g[1:]) / 2 * (p[..., :-1] + p[..., 1:]) / 2), axis=-1)
    middle = (f[:-1] + f[1:]) / 2
    weighted = lambda g, between: np.sum(widths / 6 * (g[:-1] * p[..., :-1] + g[1:] * p[..., 1:] + 2 * between * (p[..., :-1] + p[..., 1:])), axis=-1)
    return power, mdf, simpson(f) / power, np.log(weighted(1 / f, 1 / middle) / weighted(f**5, middle**5))


def band_of(f, p):
    """With the band's edges as points of their own."""
    inside = (f > LOW_HZ) & (f < HIGH_HZ)
    points = np.concatenate(([LOW_HZ], f[inside], [HIGH_HZ]))
    ends = [[p[..., k] + (p[..., k + 1] - p[..., k]) * (edge - f[k]) / (f[1] - f[0])] for edge in (LOW_HZ, HIGH_HZ) for k in [int(edge / (f[1] - f[0]))]]
    return points, np.concatenate((np.moveaxis(np.array(ends[0]), 0, -1), p[..., inside], np.moveaxis(np.array(ends[1]), 0, -1)), axis=-1)


def as_users_write_it(frames, rate_hz, overlap, with_mains):
    """Returns [channel][window] of RMS, power, MDF, MNF, ln FInsm5, and the slopes."""
    all_rows, slopes = [], []
    factor = round(rate_hz / 2000)
    for c in range(CHANNELS):
        x = frames[:, c].astype(float)
        if factor > 1:
            x = signal.resample_poly(x, 1, factor, window=average_filter(factor))
        rate = rate_hz / factor
        if with_mains:
            for b, a in notches(rate):
                x = signal.lfilter(b, a, x)
        for sos in edges(rate):
            x = signal.sosfilt(sos, x)
        np.sqrt(np.convolve(x * x, np.ones(100) / 100, "same"))
        window, hop = int(rate), round(rate * (1 - overlap))
        rows = []
        for first in range(0, len(x) - window + 1, hop):
            part = x[first : first + window]
            f, p = signal.periodogram(part, rate, window="hann", nfft=N_FFT, detrend="constant")
            rows.append([np.sqrt(np.mean(part**2)), *integrals(*band_of(f, p))])
        slopes.append(stats.linregress(np.arange(len(rows)) * hop / rate / 60, np.array(rows)[:, 2]).slope)
        all_rows.append(rows)
    return np.array(all_rows), slopes


def tuned(frames, rate_hz, overlap, with_mains):
    factor = round(rate_hz / 2000)
    x = np.ascontiguousarray(frames.T)
    if factor > 1:
        x = signal.upfirdn(average_filter(factor).astype(np.float32), x, 1, factor, axis=-1)
    rate = rate_hz / factor
    sections = np.concatenate(edges(rate) + ([signal.tf2sos(b, a) for b, a in notches(rate)] if with_mains else []))
    x = signal.sosfilt(sections.astype(np.float64), x, axis=-1).astype(np.float32)
    np.sqrt(ndimage.uniform_filter1d(x * x, 100, axis=-1))
    window, hop = int(rate), round(rate * (1 - overlap))
    taper = signal.get_window("hann", window).astype(np.float32)
    figures = []
    for channel in x:  # all channels at once would leave the cache
        parts = np.lib.stride_tricks.sliding_window_view(channel, window)[::hop]
        rms = np.sqrt(np.mean(parts * parts, axis=-1))
        z = fft.rfft((parts - parts.mean(axis=-1, keepdims=True)) * taper, N_FFT, workers=1)
        p = (z.real**2 + z.imag**2)[:, : int(HIGH_HZ / rate * N_FFT) + 2] * np.float32(2 / (rate * np.sum(taper**2)))
        figures.append((rms, *integrals(*band_of(np.arange(p.shape[-1]) * rate / N_FFT, p))))
    return figures


def run_program(directory, name, arguments):
    done = subprocess.run([str(directory / name), *map(str, arguments)], stdout=subprocess.PIPE, text=True, check=True)
    return {line.split()[0]: float(line.split()[1]) for line in done.stdout.splitlines()}


def timed(function, *arguments):
    begin = time.thread_time()
    function(*arguments)
    return time.thread_time() - begin


def check_figures(directory, scratch):
    """The worst relative difference between emgd's windows and SciPy's."""
    frames = make_signal(2000, 120, False)
    frames.tofile(scratch / "raw")
    for overlap in (0.5, 0.875):
        run_program(directory, "bench_windows", [scratch / "raw", CHANNELS, 2000, overlap, 0, scratch / "out"])
        ours = np.loadtxt(scratch / "out", delimiter=",")
        theirs, _ = as_users_write_it(frames, 2000, overlap, False)
        worst = max(float(np.max(np.abs(ours[ours[:, 0] == c, 2:] / theirs[c] - 1))) for c in range(CHANNELS))
        figure("windows, %g %% overlap, worst difference from SciPy's figures" % (100 * overlap), worst, "relative", reach="<= %g" % TOLERANCE)
        if worst > TOLERANCE:
            sys.exit("bench_windows: emgd and SciPy do not agree")


def compare(name, directory, scratch, rate_hz, seconds, overlap, reach):
    frames = make_signal(rate_hz, seconds, True)
    frames.tofile(scratch / "raw")
    samples = frames.size
    arguments = [scratch / "raw", CHANNELS, rate_hz, overlap, MAINS_HZ]
    ours, liquid, scipy_users, scipy_tuned = [], [], [], []
    for run in range(RUNS):
        ours.append(run_program(directory, "bench_windows", arguments))
        liquid.append(run_program(directory, "bench_liquid", arguments))
        scipy_tuned.append(1e9 * timed(tuned, frames, rate_hz, overlap, True) / samples)
        if run == 0:
            scipy_users.append(1e9 * timed(as_users_write_it, frames, rate_hz, overlap, True) / samples)
    median = lambda rows, key: float(np.median([row[key] for row in rows]))
    own = median(ours, "total")
    unit = "ns per sample and channel"
    for other, cost in (("SciPy as users write it", float(np.median(scipy_users))), ("SciPy tuned", float(np.median(scipy_tuned))),
                        ("liquid-dsp", median(liquid, "total")), ("liquid-dsp's decimator alone", median(liquid, "decimator"))):
        if cost < 0.1:
            continue
        figure("%s, %s" % (name, other), cost, unit)
        figure("%s, emgd" % name, own, unit, against=other, ratio=float("%.3g" % (cost / own)), **({"reach": reach[other]} if other in reach else {}))
    for stage in ("split", "decimator", "mains", "band", "envelope", "windows"):
        figure("%s, emgd, %s" % (name, stage), median(ours, stage), unit)
    figure("%s, emgd, allocations" % name, median(ours, "allocations"), "", reach="0")


def count_instructions(name, directory, scratch, rate_hz, seconds, overlap, reach):
    frames = make_signal(rate_hz, seconds, True)
    frames.tofile(scratch / "raw")
    done = subprocess.run(["valgrind", "--tool=callgrind", "--toggle-collect=run_workload*", "--callgrind-out-file=%s" % (scratch / "callgrind"),
                           str(directory / "bench_windows"), str(scratch / "raw"), str(CHANNELS), str(rate_hz), str(overlap), str(MAINS_HZ)],
                          capture_output=True, text=True, check=True)
    collected = int(re.search(r"Collected : (\d+)", done.stderr).group(1))
    figure("%s, instructions" % name, collected / frames.size, "per sample and channel", reach=reach)


def main():
    called = options(__doc__, "bench", "a tenth of the time")
    directory, share = called.programs, 0.1 if called.quick else 1
    scipy_50 = {"SciPy as users write it": ">= 30", "SciPy tuned": ">= 12", "liquid-dsp": ">= 18"}
    scipy_48 = {"SciPy as users write it": ">= 38", "SciPy tuned": ">= 16", "liquid-dsp's decimator alone": ">= 7"}
    with tempfile.TemporaryDirectory() as temporary:
        scratch = Path(temporary)
        check_figures(directory, scratch)
        compare("W1, 50 % overlap", directory, scratch, 2000, 3600 * share, 0.5, scipy_50)
        compare("W1, 87.5 % overlap", directory, scratch, 2000, 3600 * share, 0.875, {})
        compare("W1b, 87.5 % overlap", directory, scratch, 48000, 600 * share, 0.875, scipy_48)
        count_instructions("W1, 50 % overlap", directory, scratch, 2000, 30, 0.5, "<= 60")
        count_instructions("W1, 87.5 % overlap", directory, scratch, 2000, 30, 0.875, "<= 110")
        count_instructions("W1b, 87.5 % overlap", directory, scratch, 48000, 10, 0.875, "<= 8")


if __name__ == "__main__":
    main()
