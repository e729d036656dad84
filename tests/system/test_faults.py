#!/usr/bin/python3
"""What a subscriber sees when a cable slips, a server dies or the machine is busy, and that no frame is told wrong.

A ramp is fed in real time into a private PulseAudio. emgd captures it, and beside it `probe`, which shows with the
daemon's own capture where each single frame has been put. Argument: the directory with the built programs.
"""

import contextlib
import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import unittest

import zmq

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import emgd  # noqa: E402
import live  # noqa: E402
import pulse  # noqa: E402

RATE_HZ = 48000
CHANNELS = 4
# Of a gap whose length follows from the clocks: what a server's buffers and a busy machine delay.
LENGTH_ERROR_S = 0.020
# What a server had read from its source, and had not handed on, when it died.
TAIL_S = 0.050


class Probe(emgd.Process):
    """Every frame that the daemon's capture delivers, and where it puts it."""

    def __init__(self, spec, variables=()):
        super().__init__("../tests/probe", spec, RATE_HZ, CHANNELS, variables=variables)

    def stretches(self):
        self.signal(signal.SIGTERM)
        code = self.wait()
        if code != 0:
            raise AssertionError(self.describe())
        return [line for line in map(json.loads, self.out().splitlines()) if "first" in line]


class Rig:
    """A card, its device, the daemon with a subscriber, and the probe."""

    def __init__(self, ppm=0, sink=True, alsa=False, prefix=()):
        self.stack = contextlib.ExitStack()
        self.card = self.stack.enter_context(pulse.Pulse(channels=CHANNELS, rate=RATE_HZ, sink=sink))
        try:
            if alsa:
                self.stack.enter_context(pulse.sound_directory())
            spec = self.card.alsa_spec if alsa else self.card.spec
            variables = self.card.environment()
            self.device = self.stack.enter_context(live.Live(self.card, ppm=ppm, fifo_s=0.25))
            settings = {'muscle."left.channel_%d".channel' % c: c for c in range(1, CHANNELS + 1)}
            settings["source.full_scale_uv"] = 1 << 23
            self.daemon = self.stack.enter_context(
                emgd.Daemon("--source", spec, settings=settings, variables=variables, prefix=prefix))
            self.stream = self.stack.enter_context(self.daemon.subscribe("status", "event.", "waveform."))
            self.probe = self.stack.enter_context(Probe(spec, variables))
            self._wait_for_both()
            self.messages = [self.stream.next()]  # a status: the subscription has taken hold
            self.device.start()
            self.run(2)
        except BaseException:
            self.stack.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        return self.stack.__exit__(*exception)

    def _wait_for_both(self):
        limit = time.monotonic() + emgd.PATIENCE_S
        while len(self.card._rows("source-outputs")) < 2:
            if time.monotonic() > limit:
                raise AssertionError(self.daemon.describe() + self.probe.describe())
            time.sleep(0.02)

    def run(self, seconds):
        """Takes messages for some time."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if self.stream.socket.poll(max(1, int(left * 1000))):
                self.messages.append(self.stream.next())

    def until_state(self, state):
        """Takes messages until this state is told; returns how long that took."""
        begin = time.monotonic()
        self.messages += self.stream.until(
            lambda m: m.topic == "event.device" and m.body["state"] == state)
        return time.monotonic() - begin

    def finish(self):
        """Ends the feed, then the daemon and the probe. Returns what became of every frame."""
        self.run(2)
        states = [m.body["state"] for m in self.messages if m.topic == "event.device"]
        self.device.stop()
        self.run(0.5)
        self.daemon.request("shutdown")
        self.messages += self.stream.collect()
        if self.daemon.wait() != 0:
            raise AssertionError(self.daemon.describe())
        return Outcome(self.messages, self.device, self.probe.stretches(), states)


class Outcome:
    def __init__(self, messages, device, stretches, states):
        self.written, self.sampled = device.written, device.sampled()
        self.stretches = stretches
        self.status = messages[-1].body
        self.gaps = [m.body for m in messages if m.topic == "event.gap"]
        self.states = states  # told while the device was there
        self.waveforms = [m.body for m in messages if m.topic.startswith("waveform.")]


class Faults(unittest.TestCase):
    def check(self, outcome, causes, tail_s=TAIL_S):
        """All frames are accounted for: these are the causes of the gaps, each as long as it was, nothing foreign,
        nothing twice, no metric over a gap."""
        error = int(LENGTH_ERROR_S * RATE_HZ)
        story = "\nstretches %s\nwritten %s\ngaps %s\nstatus %s" % (
            outcome.stretches, outcome.written, outcome.gaps, outcome.status)
        self.assertEqual(causes, [gap["cause"] for gap in outcome.gaps], story)
        status = outcome.status
        self.assertEqual((len(causes), sum(gap["frames_lost"] for gap in outcome.gaps)),
                         (status["gaps"], status["frames_lost"]), story)

        # the probe's eye on each sample: whole stretches, each within one run of what was fed, in order
        self.assertEqual(len(causes) + 1, len(outcome.stretches), story)
        delivered_to = 0
        for stretch in outcome.stretches:
            self.assertIsNotNone(stretch["off"], "samples of another device" + story)
            self.assertEqual(stretch["off"], round(stretch["off"]), story)
            self.assertLessEqual(abs(stretch["off"]), error, story)
            first, end = (stretch["first"] + int(stretch["off"]) + k for k in (0, stretch["n"]))
            self.assertGreaterEqual(first, delivered_to, story)
            delivered_to = end
            run = [(a, n) for a, n in outcome.written if a <= first and end <= a + n]
            self.assertEqual(1, len(run), "frames that were not fed" + story)
            # of this run nothing is missing but where the fault struck
            missing = run[0][0] + run[0][1] - end
            last = stretch is outcome.stretches[-1]
            self.assertLessEqual(missing, 1024 if last else tail_s * RATE_HZ, story)

        # and what the daemon told: delivered and lost are what was fed and what was not
        told = status["frames"] + status["frames_lost"]
        fed = sum(outcome.written[-1])
        self.assertLessEqual(abs(told - fed), 1024 + (error if causes else 0), story)
        if not causes:
            self.assertEqual([0], [s["off"] for s in outcome.stretches], story)

        for waveform in outcome.waveforms:
            for gap in outcome.gaps:
                self.assertFalse(waveform["first_frame"] < gap["first_frame"] <= waveform["frame"] - gap["frames_lost"],
                                 story)

    def lose_and_find_again(self, rig, strike, seconds, mend, cause):
        """From a fault to the signal's return, as it is seen on the stream, and what has become of all frames."""
        strike()
        self.assertLess(rig.until_state("lost"), 1)
        rig.run(seconds)
        mend()
        self.assertLess(rig.until_state("running"), 5)
        outcome = rig.finish()
        self.assertEqual(["running", "lost", "running"], outcome.states)
        self.check(outcome, [cause])

    def test_a_server_that_dies_and_comes_back(self):
        for alsa in (False, True):
            with self.subTest(alsa=alsa), Rig(alsa=alsa) as rig:
                self.lose_and_find_again(rig, rig.card.stop, 1.5, rig.card.restart, "device")

    def test_a_source_that_is_unplugged_and_plugged_in_again(self):
        with Rig(sink=False) as rig:
            self.lose_and_find_again(rig, rig.card.remove_source, 1, rig.card.add_source, "device")

    def test_another_source_is_never_taken_for_ours(self):
        with Rig() as rig, rig.card.other_source("other"):
            self.lose_and_find_again(rig, rig.card.remove_source, 3, rig.card.add_source, "device")

    def test_a_device_that_stands_still_for_a_moment(self):
        with Rig() as rig:
            self.lose_and_find_again(rig, rig.device.pause, 0.3, rig.device.resume, "stall")

    def test_a_device_that_stands_still_for_three_seconds(self):
        with Rig() as rig:
            self.lose_and_find_again(rig, rig.device.pause, 2.5, rig.device.resume, "device")

    def test_a_fast_and_a_slow_device_are_dated_by_the_hosts_clock(self):
        for ppm in (150, -150):
            with self.subTest(ppm=ppm), Rig(ppm=ppm) as rig:
                rig.run(26)
                outcome = rig.finish()
                self.check(outcome, [])
                late = [m.body["t"] - rig.device.time_of(m.body["frame"])
                        for m in rig.messages if m.topic == "status" and m.body["frame"] > 15 * RATE_HZ]
                self.assertGreater(len(late), 10)
                # 15 s at 150 ppm are 2.3 ms, which the nominal rate would be off
                self.assertLess(max(late) - min(late), 0.001, late)
                self.assertLess(abs(statistics.median(late)), 0.020)
                self.assertLess(abs(outcome.status["clock_ppm"] - ppm), 4 * outcome.status["clock_ppm_se"] + 10)

    def test_a_busy_machine(self):
        with Rig() as rig:
            with hogs():
                rig.run(6)
            outcome = rig.finish()
            self.check(outcome, ["stall"] * len(outcome.gaps) if len(outcome.written) > 1 else [])

    def test_an_analysis_that_gets_no_time_loses_whole_stretches_and_recovers(self):
        with Rig() as rig:
            tasks = "/proc/%d/task" % rig.daemon.process.pid
            worker = next(int(task) for task in os.listdir(tasks)
                          if pathlib.Path(tasks, task, "comm").read_text("ascii") == "emgd worker\n")
            everywhere = os.sched_getaffinity(worker)
            core = min(everywhere)
            os.sched_setaffinity(worker, {core})
            os.sched_setscheduler(worker, os.SCHED_IDLE, os.sched_param(0))  # for good: only root may take it back
            with hogs(20, {core}):  # of each second some tenths of a millisecond are left; the buffer holds 8 s
                rig.run(18)
            os.sched_setaffinity(worker, everywhere)
            rig.run(3)
            outcome = rig.finish()
        told = outcome.status["frames"] + outcome.status["frames_lost"]
        causes = {gap["cause"] for gap in outcome.gaps}
        self.assertIn("ring_full", causes)
        self.assertLessEqual(causes, {"ring_full"} | ({"stall"} if len(outcome.written) > 1 else set()))
        self.assertLessEqual(abs(told - sum(outcome.written[-1])), 1024 + LENGTH_ERROR_S * RATE_HZ * len(causes - {"ring_full"}))
        self.assertLess(outcome.status["frames_lost"], told)
        last = [m for m in rig.messages if m.topic == "status" and m.body["state"] == "running"][-1].body
        self.assertLess(last["latency_ms"]["max"], 1000, "it has not caught up: %s" % last)

    def test_what_the_system_refuses_is_told_and_harms_nothing(self):
        limited = ("prlimit", "--rtprio=0", "--memlock=65536")
        unable = ("setpriv", "--bounding-set=-sys_nice,-ipc_lock,-sys_resource") if os.geteuid() == 0 else ()
        with Rig(prefix=(*limited, *unable)) as rig:
            outcome = rig.finish()
            self.check(outcome, ["stall"] * len(outcome.gaps) if len(outcome.written) > 1 else [])
            self.assertIs(False, outcome.status["realtime"])
            # a sanitizer locks no memory, and says it has
            self.assertRegex(rig.daemon.err(), "WARNING: real-time priority( and locked memory)? refused")

    def test_a_daemon_that_was_stopped_takes_up_what_the_server_kept(self):
        for alsa in (False, True):
            with self.subTest(alsa=alsa), Rig(alsa=alsa) as rig:
                rig.daemon.signal(signal.SIGSTOP)
                rig.probe.signal(signal.SIGSTOP)
                time.sleep(3)
                rig.daemon.signal(signal.SIGCONT)
                rig.probe.signal(signal.SIGCONT)
                rig.run(2)
                outcome = rig.finish()
                self.check(outcome, [])

    def test_subscribers_that_never_read_or_come_and_go_disturb_nobody(self):
        with Rig() as rig:
            context = zmq.Context()
            idle = context.socket(zmq.SUB)
            idle.rcvhwm = 1
            idle.subscribe("")
            idle.connect(rig.daemon.data)
            for k in range(200):
                visitor = context.socket(zmq.SUB)
                visitor.linger = 0
                visitor.subscribe("" if k % 2 else "waveform.")
                visitor.connect(rig.daemon.data)
                rig.run(0.02)
                visitor.close()
            before = resident_kib(rig.daemon)
            rig.run(5)
            self.assertLess(resident_kib(rig.daemon) - before, 16 << 10)
            context.destroy(linger=0)
            outcome = rig.finish()
            self.check(outcome, [])
            self.assertEqual(0, outcome.status["messages_dropped"])
            seqs = [m.body["seq"] for m in rig.messages if m.topic == "waveform.left.channel_1"]
            self.assertEqual(list(range(seqs[0], seqs[0] + len(seqs))), seqs)

    def test_a_port_that_is_taken_is_named(self):
        with zmq.Context() as context, context.socket(zmq.XPUB) as socket:
            port = socket.bind_to_random_port("tcp://127.0.0.1")
            for key in ("publish.data", "publish.control"):
                with tempfile.TemporaryDirectory() as directory:
                    ends = {k: "ipc://%s/%s" % (directory, k) for k in ("publish.data", "publish.control")}
                    ends[key] = "tcp://127.0.0.1:%d" % port
                    words = [word for k, end in ends.items() for word in ("--set", "%s=%s" % (k, end))]
                    result = emgd.run("emgd", "--source", "synth:rest", *words)
                self.assertEqual(1, result.code, result.text)
                self.assertIn(ends[key], result.err)
                self.assertIn("in use", result.err)

    def test_a_signal_ends_within_two_seconds_and_a_second_one_at_once(self):
        for signals in (1, 2):
            with self.subTest(signals=signals), Rig() as rig:
                rig.card.process.send_signal(signal.SIGSTOP)  # libsoundio's end will wait for it
                try:
                    rig.run(0.2)
                    begin = time.monotonic()
                    for k in range(signals):
                        time.sleep(0.1 * k)
                        rig.daemon.signal(signal.SIGTERM)
                    self.assertIn(rig.daemon.wait(), (0, -signal.SIGTERM)[:signals])
                    self.assertLess(time.monotonic() - begin, 2)
                finally:
                    rig.card.process.send_signal(signal.SIGCONT)


@contextlib.contextmanager
def hogs(n=None, cores=None):
    """Keeps every core busy, or some by n programs."""
    processes = [subprocess.Popen(["sh", "-c", "while :; do :; done"]) for _ in range(n or os.cpu_count() or 2)]
    try:
        for process in processes:
            os.sched_setaffinity(process.pid, cores or os.sched_getaffinity(0))
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def resident_kib(process):
    with open("/proc/%d/status" % process.process.pid, encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))


if __name__ == "__main__":
    emgd.main()
