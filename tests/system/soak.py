#!/usr/bin/python3 -B
"""The daemon for hours on a live device, and a table of what became of every frame, of the latency and the memory.

    tests/system/soak.py build/release/bin --hours 8

A ramp is fed in real time into a private PulseAudio; emgd captures it, and one subscriber takes all messages. The exit
code is 0 when each frame was delivered or reported lost, no message is missing and the daemon did not grow.
"""

import argparse
import collections
import os
import signal
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import emgd  # noqa: E402
import live  # noqa: E402
import pulse  # noqa: E402

SENIAM = ["soleus", "gastrocnemius_medialis", "gastrocnemius_lateralis", "tibialis_anterior"]
MUSCLES = [side + "." + muscle for side in ("left", "right") for muscle in SENIAM]
# What may stay in the server for good when the feed has ended and no more frames arrive: nothing of a plain source, but
# where the channels are no power of two they are taken out of a wider one, which hands on whole periods.
TAIL_FRAMES = 1024
# The length of these gaps follows from the clocks, within what a server's buffers and a busy machine delay.
CLOCKED_GAPS, LENGTH_ERROR_S = {"overflow", "device", "stall"}, 0.020
GROWTH_KIB = 2048


def usage_of(pid):
    fields = dict(line.split(":", 1) for line in Path("/proc/%d/status" % pid).read_text("ascii").splitlines())
    numbers = [int(fields[name].split()[0]) for name in ("VmRSS", "VmHWM", "Threads")]
    return [*numbers, len(os.listdir("/proc/%d/fd" % pid))]


def summary(latencies):
    p50, p99, longest = zip(*latencies or [(0, 0, 0)])
    return "%.2f / %.2f / %.2f ms" % (statistics.median(p50), max(p99), max(longest))


class Soak:
    def __init__(self, options, device, daemon, stream):
        self.options, self.device, self.daemon, self.stream = options, device, daemon, stream
        self.status = self.state = self.begin = self.end = None  # the last two: usage
        self.kinds, self.last_seq, self.holes, self.elapsed = collections.Counter(), {}, 0, 0.0
        self.causes, self.latencies, self.loads, self.ring_peak = collections.Counter(), [], [], 0

    def count(self, topic, body):
        self.kinds[topic.split(".")[0]] += 1
        self.holes += body["seq"] != self.last_seq.get(topic, body["seq"] - 1) + 1
        self.last_seq[topic] = body["seq"]
        if topic == "event.gap":
            self.causes[body["cause"]] += 1
        if topic == "status":
            self.status = body
        if topic == "status" and self.device.end is None:  # what the end of the feed completes has waited for it
            latency = [body["latency_ms"][name] for name in ("p50", "p99", "max")]
            self.latencies += [latency] if None not in latency else []
            self.loads += [body["load_percent"]] if body["load_percent"] is not None else []
            self.ring_peak = max(self.ring_peak, body["ring_peak_percent"] or 0)

    def take(self, seconds):
        """Takes messages for some time; whether the stream has ended."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if self.stream.socket.poll(max(1, min(200, int(left * 1000)))):
                topic, body = self.stream.socket.recv_multipart()[:2]
                self.count(topic.decode("ascii"), emgd.parse(body))
                if self.status is not None and self.status["state"] == "ended":
                    return True
            elif self.daemon.process.poll() is not None and not self.stream.socket.poll(2000):
                raise AssertionError("emgd has ended\n" + self.daemon.describe())
        return False

    def feed(self, seconds):
        self.device.start()
        minutes, told = 0, 0
        while self.elapsed < seconds:
            if self.take(min(1, max(0.01, seconds - self.elapsed))):
                raise AssertionError("emgd ends its stream\n" + self.daemon.describe())
            self.elapsed = time.monotonic() - self.device.begin
            self.end = usage_of(self.daemon.process.pid)
            if self.begin is None and self.elapsed >= min(60, seconds / 4):
                self.begin = self.end
            if self.elapsed >= 60 * (minutes + 1) and self.status is not None:
                line = "%5d min  %d frames  %d gaps  latency p50/p99/max %s  RSS %d KiB"
                values = self.status["frames"], self.status["gaps"], summary(self.latencies[told:]), self.end[0]
                minutes, told = minutes + 1, len(self.latencies)
                print(line % (minutes, *values), flush=True)
        self.state = self.daemon.request("status")["status"]["state"]

    def finish(self, interrupted):
        """Ends the feed, waits until no more frames arrive, and ends the daemon."""
        self.device.stop()
        if interrupted and self.take(2):  # Ctrl-C has reached the daemon too, which says by itself where it stands
            return
        frames = None
        while frames != (frames := self.daemon.request("status")["status"]["frames"]):
            self.take(1)
        self.daemon.request("shutdown")
        if not self.take(emgd.PATIENCE_S) or self.daemon.wait() != 0:
            raise AssertionError("emgd does not end well\n" + self.daemon.describe())

    def frames(self):
        """Sampled by the device up to the last one fed; fed; sampled, but neither delivered nor reported lost. What
        the device could not hand on itself is part of a gap, so that fed = sampled but after a fault."""
        written = self.device.written or [(0, 0)]
        sampled = sum(written[-1])
        return sampled, sum(n for _, n in written), sampled - self.status["frames"] - self.status["frames_lost"]

    def problems(self):
        if self.status is None or self.begin is None:
            return ["it ended before anything could be said"]
        sampled, fed, difference = self.frames()
        tail = TAIL_FRAMES if self.options.channels & (self.options.channels - 1) else 0
        clocked = LENGTH_ERROR_S * self.options.rate if CLOCKED_GAPS & set(self.causes) else 0
        grown = [end - begin for begin, end in zip(self.begin, self.end)]
        checks = [
            (-clocked <= difference <= tail + clocked, "%d frames are not accounted for" % difference),
            (self.holes == 0 and self.status["messages_dropped"] == 0, "messages are missing"),
            (self.state == "running", "at the end of the feed the state was %s" % self.state),
            (not self.options.strict or self.status["gaps"] == 0 and fed == sampled, "there are gaps"),
            (self.options.no_memory or grown[0] <= GROWTH_KIB, "the memory grew by %d KiB" % grown[0]),
            (grown[2] <= 0 and grown[3] <= 0, "threads grew by %d, open files by %d" % tuple(grown[2:])),
        ]
        return [text for good, text in checks if not good]

    def table(self):
        status, (sampled, fed, difference) = self.status, self.frames()
        clock = tuple(value and round(value, 2) for value in (status["clock_ppm"], status["clock_ppm_se"]))
        usage = zip(("RSS, KiB", "VmHWM, KiB", "threads", "open files"), self.begin or "----", self.end or "----")
        return [
            ("seconds, channels, rate", "%.0f, %d, %g Hz" % (self.elapsed, status["channels"], status["rate_hz"])),
            ("real-time priority", status["realtime"]),
            ("frames sampled, fed", "%d, %d" % (sampled, fed)),
            ("delivered, reported lost", "%d, %d" % (status["frames"], status["frames_lost"])),
            ("difference", difference),
            ("gaps", status["gaps"]),
            *[("gaps: " + cause, n) for cause, n in sorted(self.causes.items())],
            ("messages received", sum(self.kinds.values())),
            *[("messages: " + kind, n) for kind, n in sorted(self.kinds.items())],
            ("seq holes, messages dropped", "%d, %d" % (self.holes, status["messages_dropped"])),
            ("latency p50/p99/max", summary(self.latencies)),
            ("load, ring peak", "%.1f %% mean, %.1f %%" % (statistics.mean(self.loads or [0]), self.ring_peak)),
            ("clock, standard error", "%s, %s ppm" % clock),
        ] + [(name + ": start, end", "%s, %s" % (begin, end)) for name, begin, end in usage]


def run(options):
    """The soak, as far as it came, and what went wrong on the way."""
    soak, problems = None, []
    settings = {"source.rate_hz": options.rate, "source.full_scale_uv": 1 << 23}
    settings.update(('muscle."%s".channel' % name, c) for c, name in enumerate(MUSCLES[: options.channels], 1))
    fifo_s = 12000 / options.rate  # a quarter of a second at 48 kHz, and a size that Linux grants to everybody
    try:
        with pulse.Pulse(options.channels, options.rate) as card, live.Live(card, fifo_s=fifo_s) as device:
            variables = card.environment()
            emgd.environment(variables["XDG_CONFIG_HOME"])  # an empty configuration, so that the system's is not read
            with emgd.Daemon("--source", card.spec, settings=settings, variables=variables) as daemon:
                soak = Soak(options, device, daemon, daemon.subscribe(""))
                try:
                    soak.feed(60 * options.minutes if options.hours is None else 3600 * options.hours)
                except KeyboardInterrupt:
                    problems.append("interrupted")
                soak.finish(bool(problems))
    except (KeyboardInterrupt, AssertionError, OSError, RuntimeError, LookupError) as error:
        problems.append(str(error) or "interrupted")
    return soak, problems


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("programs", type=Path, help="directory with the built programs")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--hours", type=float)
    length.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--rate", type=int, default=48000, help="frames a second")
    parser.add_argument("--channels", type=int, default=8, choices=range(1, len(MUSCLES) + 1))
    parser.add_argument("--strict", action="store_true", help="fail also when there is a gap")
    parser.add_argument("--no-memory", action="store_true", help="let memory grow, as under a sanitizer")
    options = parser.parse_args()
    if not (options.programs / "emgd").is_file():
        parser.error("%s has no emgd" % options.programs)
    emgd.programs = options.programs.resolve()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    soak, problems = run(options)
    for row in soak.table() if soak and soak.status else []:
        print("%-28s %s" % row)
    problems = problems or soak.problems()
    print("\n".join("FAILED: " + text for text in problems) or "passed")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
