#!/usr/bin/env python3
"""Shows the activation of the last ten seconds and the course of the median frequency (MDF), both live. Needs matplotlib.

Usage: live_plot.py                                  a window (Debian: python3-tk beside python3-matplotlib)
       live_plot.py --save FILE.png --seconds N      listens for N seconds and writes a picture; needs no display
"""

import argparse
import math
import time
from collections import defaultdict

import emgd
import matplotlib

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--save", metavar="FILE.png")
parser.add_argument("--seconds", type=float, default=math.inf)
parser.add_argument("--data", default=emgd.DATA)
parser.add_argument("--control", default=emgd.CONTROL)
arguments = parser.parse_args()
if arguments.save:
    if arguments.seconds == math.inf:
        parser.error("--save needs --seconds")
    matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402  after the choice of what it draws with

SHOWN_S = 10
FRAME_S = 0.05


class Course:
    """Of one muscle: times in seconds since the plot began, and values; a value that is not known is a hole in the line."""

    def __init__(self):
        self.t, self.value, self.error = [], [], []

    def add(self, t, value, error=None):
        self.t.append(t)
        self.value.append(math.nan if value is None else value)
        self.error.append(math.nan if error is None else error)


class Plot:
    def __init__(self):
        self.figure, (self.top, self.bottom) = pyplot.subplots(2, 1, figsize=(10, 7))
        self.envelopes, self.mdfs = defaultdict(Course), defaultdict(Course)
        self.begin, self.title = None, ""

    def add(self, m):
        if m.kind == "status":
            self.title = "SIMULATED: " + m["source"] if m["source"].startswith("synth:") else m["source"]
        elif m["t"] is not None:
            self.begin = m["t"] if self.begin is None else self.begin
            if m.kind == "activation":
                self.envelopes[m.muscle].add(m["t"] - self.begin, m["envelope_uv"])
            else:
                self.mdfs[m.muscle].add(m["t"] - self.begin, m["mdf_hz"], m["mdf_se_hz"])

    def draw(self):
        self.figure.suptitle(self.title)
        for axes, label in ((self.top, "envelope (µV)"), (self.bottom, "MDF ± SE (Hz)")):
            axes.clear()
            axes.set_ylabel(label)
        for muscle, course in self.envelopes.items():
            del course.t[: -SHOWN_S * 50], course.value[: -SHOWN_S * 50]  # 50 a second
            self.top.plot(course.t, course.value, label=muscle, linewidth=1)
        for muscle, course in self.mdfs.items():
            self.bottom.errorbar(course.t, course.value, course.error, label=muscle, marker=".", elinewidth=0.5)
        self.bottom.set_xlabel("seconds")
        if self.envelopes:
            self.top.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncol=4, fontsize="small")


plot = Plot()
end = time.monotonic() + arguments.seconds
with emgd.stream("activation.", "fatigue.", "status", data=arguments.data, control=arguments.control) as stream:
    while not stream.ended and time.monotonic() < end and (arguments.save or pyplot.fignum_exists(plot.figure.number)):
        frame_end = time.monotonic() + FRAME_S
        while (m := stream.receive(max(0, frame_end - time.monotonic()))) is not None:
            plot.add(m)
        if not arguments.save:
            plot.draw()
            pyplot.pause(0.001)
plot.draw()
if arguments.save:
    plot.figure.savefig(arguments.save)
    print("%s: %d activation and %d MDF values of %d muscles" % (
        arguments.save, *(sum(len(c.value) - sum(map(math.isnan, c.value)) for c in courses.values()) for courses in (plot.envelopes, plot.mdfs)),
        len(plot.envelopes)))
