#!/usr/bin/python3 -B
"""What the running emgd costs and how late its messages are, measured from outside on its synthetic source with one subscriber by TCP.

    tests/bench/bench_live.py [--quick] [PROGRAMS]        PROGRAMS: directory with the built programs, default build/release/bin

load: CPU time of the threads at 8, 32 and 64 channels of 48 kHz with everything published, in percent of one core, and what was lost.
start: from exec of emgd to the first message at a subscriber that already waits.
latency: from the moment at which a block of samples is complete to the receipt of the activation of its muscles. The source is paced by the
    host's clock, so frame and time stamp of a message tell that moment: t of the message, and on to the end of the block that holds
    its frame. That clock starts with the arrival of the first block, late as any other is: therefore several starts.
step: from a step of amplitude at the electrode to the receipt of the first activation that is past half-way: how many samples later that
    is, as a recording with steps both up and down at all places in the hop tells, and how long after its newest sample a message comes."""

import collections
import contextlib
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import wave
from pathlib import Path

import numpy
import zmq

SOURCE_DIR = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE_DIR / "tests" / "system"))
import emgd  # noqa: E402
from bench import figure, options  # noqa: E402

RATE_HZ, BLOCK_S, CHANNELS = 48000, 0.01, (8, 32, 64)
WARM_UP_S = 5


def percentile(values, percent):
    return sorted(values)[min(len(values) - 1, int(len(values) * percent / 100))]


def endpoints():
    """Loopback ports that nobody uses."""
    with socket.socket() as data, socket.socket() as control:
        for one in (data, control):
            one.bind(("127.0.0.1", 0))
        return {"publish." + name: "tcp://127.0.0.1:%d" % one.getsockname()[1] for name, one in (("data", data), ("control", control))}


def daemon(**settings):
    return emgd.Daemon("--source", "synth:treadmill", settings={**endpoints(), **settings})


def take(stream, seconds):
    """What comes in that time: (time of receipt, topic, body), time by CLOCK_MONOTONIC."""
    received, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        if stream.socket.poll(100):
            parts = stream.socket.recv_multipart()
            received.append((time.monotonic(), parts[0].decode("ascii"), parts[1]))
    if not received:
        raise AssertionError("nothing comes from emgd\n" + stream.daemon.describe())
    return received


def cpu_s(pid):
    """CPU time of each thread by its name; ZeroMQ's two count as one."""
    spent = collections.Counter()
    for task in Path("/proc/%d/task" % pid).iterdir():
        name = (task / "comm").read_text("ascii").strip()
        spent["ZeroMQ" if name.startswith("ZMQbg") else name] += int((task / "schedstat").read_text("ascii").split()[0]) * 1e-9
    return spent


def load(channels, seconds):
    with daemon(**{"source.channels": channels}) as program, program.subscribe("") as stream:
        take(stream, WARM_UP_S)
        begin, before = time.monotonic(), cpu_s(program.process.pid)
        received = take(stream, seconds)
        end, after = time.monotonic(), cpu_s(program.process.pid)
        took = {name: 100 * (after[name] - before[name]) / (end - begin) for name in after}
    holes, last_seq, states = 0, {}, []
    for _, topic, body in received:
        body = json.loads(body)
        holes += body["seq"] != last_seq.get(topic, body["seq"] - 1) + 1
        last_seq[topic] = body["seq"]
        states += [body] if topic == "status" else []
    what = "emgd, %d channels of 48 kHz, " % channels
    demanded = channels == max(CHANNELS)
    whole = sum(took.values())
    figure(what + "worker", took["emgd worker"], "% of a core", **({"reach": "<= 3 %"} if demanded else {}))
    figure(what + "whole process", whole, "% of a core", **({"reach": "<= 20 %"} if demanded else {}))
    figure(what + "whole process without the simulation", whole - took["emgd capture"], "% of a core", **({"reach": "<= 20 %"} if demanded else {}))
    figure(what + "simulation of the signal", took["emgd capture"], "% of a core")
    figure(what + "publisher and ZeroMQ", took["emgd publisher"] + took["ZeroMQ"], "% of a core")
    figure(what + "load_percent of status", statistics.median(state["load_percent"] for state in states), "% of real time")
    figure(what + "messages", len(received) / seconds, "1/s")
    figure(what + "messages dropped or missing", holes + states[-1]["messages_dropped"], "", reach="0")
    figure(what + "gaps", states[-1]["gaps"], "", reach="0")
    figure(what + "frames lost", states[-1]["frames_lost"], "", reach="0")


def start_once(directory):
    """Seconds to the first message and to the first activation."""
    settings = endpoints()
    words = [word for key, value in settings.items() for word in ("--set", "%s=%s" % (key, value))]
    context = zmq.Context()
    try:
        subscriber = context.socket(zmq.SUB)
        subscriber.reconnect_ivl = 1
        subscriber.rcvtimeo = 1000 * emgd.PATIENCE_S
        subscriber.subscribe("")
        subscriber.connect(settings["publish.data"])
        time.sleep(0.3)
        begin = time.monotonic()
        process = subprocess.Popen([str(emgd.programs / "emgd"), "--source", "synth:treadmill", *words], env=emgd.environment(directory),
                                   cwd=directory, stderr=subprocess.DEVNULL)
        try:
            topic = subscriber.recv_multipart()[0]
            first = time.monotonic()
            while not topic.startswith(b"activation."):
                topic = subscriber.recv_multipart()[0]
            return first - begin, time.monotonic() - begin
        finally:
            process.terminate()
            process.wait()
    finally:
        context.destroy(linger=0)


def start(runs):
    with tempfile.TemporaryDirectory() as directory:
        first, activation = zip(*[start_once(directory) for _ in range(runs)])
    figure("start of emgd, exec to first message, median of %d" % runs, 1e3 * statistics.median(first), "ms", reach="<= 150 ms")
    figure("start of emgd, exec to first message, max of %d" % runs, 1e3 * max(first), "ms", reach="<= 150 ms")
    figure("start of emgd, exec to first activation, median of %d" % runs, 1e3 * statistics.median(activation), "ms")


def latency(starts, seconds):
    """Median time from the newest sample to the receipt of an activation."""
    block = RATE_HZ * BLOCK_S
    from_block, from_sample, own = [], [], []
    for _ in range(starts):
        with daemon() as program, program.subscribe("activation.", "status") as stream:
            take(stream, 2)
            monotonic_of_unix = time.monotonic() - time.time()
            for receipt, topic, body in take(stream, seconds):
                body = json.loads(body)
                if topic == "status":
                    own.append(body["latency_ms"])
                    continue
                since_sample = receipt - (body["t"] + monotonic_of_unix)
                to_block_end = (block - body["frame"] % block) / RATE_HZ
                from_sample.append(since_sample)
                from_block.append(since_sample - to_block_end)
    what = "block complete to activation at the subscriber, "
    figure(what + "p50", 1e3 * statistics.median(from_block), "ms", reach="<= 0.6 ms")
    figure(what + "p99", 1e3 * percentile(from_block, 99), "ms", reach="<= 5 ms")
    figure("block arrived to message sent, p50 (latency_ms of status, its median)", statistics.median(state["p50"] for state in own), "ms")
    figure("block arrived to message sent, p99 (latency_ms of status, its median)", statistics.median(state["p99"] for state in own), "ms")
    return statistics.median(from_sample)


def write_steps(path, frames, low_uv, high_uv):
    """A tone whose RMS changes at each of the frames; six of its cycles are 50 ms."""
    n = frames[-1] + RATE_HZ
    high = numpy.searchsorted(frames, numpy.arange(n), side="right") % 2 == 1
    uv = numpy.where(high, high_uv, low_uv) * numpy.sqrt(2) * numpy.sin(2 * numpy.pi * 120 * numpy.arange(n) / RATE_HZ)
    with wave.open(str(path), "wb") as out:
        out.setparams((1, 2, RATE_HZ, 0, "NONE", ""))
        out.writeframes((uv / 5000 * 32768).astype("<i2").tobytes())


def step(message_delay_s):
    low_uv, high_uv = 50, 200
    rng = random.Random(1)
    frames = [int((5 + 0.5 * k) * RATE_HZ) + rng.randrange(RATE_HZ // 50) for k in range(100)]
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "steps.wav")
        write_steps(path, frames, low_uv, high_uv)
        lines = emgd.run("emgreport", path, "--format", "jsonl").out.splitlines()
    course = [(body["frame"], body["rms_uv"]) for body in map(json.loads, lines) if body["topic"].startswith("activation.")]
    delays = {"up": [], "down": []}
    for k, frame in enumerate(frames):
        rises = k % 2 == 0
        past = next(at for at, rms_uv in course if at >= frame and (rms_uv > (low_uv + high_uv) / 2) == rises)
        delays["up" if rises else "down"].append((past - frame) / RATE_HZ + message_delay_s)
    what = "step of amplitude to half-way in rms_uv at the subscriber"
    figure(what, 1e3 * statistics.mean(delays["up"] + delays["down"]), "ms", reach="<= 35 ms")
    for way, values in delays.items():
        figure("%s, %s" % (what, way), 1e3 * statistics.mean(values), "ms")


def main():
    called = options(__doc__, "bin", "shorter, and less exact")
    emgd.programs = called.programs.resolve()
    for channels in CHANNELS:
        load(channels, 10 if called.quick else 30)
    start(3 if called.quick else 10)
    step(latency(2 if called.quick else 6, 5 if called.quick else 10))


if __name__ == "__main__":
    main()
