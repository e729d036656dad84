"""Devices that sample on by themselves, by the host's monotonic clock, whatever happens to the server or its clients.

    with pulse.Pulse(channels=8) as card, live.Live(card, ppm=150) as device:
        ...                                             # a program captures from the card
        device.start()                                  # once somebody does: frame 0 is sampled now
        device.pause(); device.resume()                 # what is sampled meanwhile is lost
        device.stop()
        device.written                                  # [(first, n), ...]: what has got through to the server

What nobody takes at its time is lost, as with a real device: nothing is kept for later, and no burst follows.
"""

import contextlib
import errno
import fcntl
import os
import select
import struct
import threading
import time

import numpy

FOREIGN = -(1 << 30)  # each sample of a Loud one: half of full scale, and negative as no ramp is
TICK_S = 0.005
ASK_S = 0.02


def ramp(first, frames, channels, width=None):
    """Bytes of frames as pulse.ramp() numbers their samples, widened by silent channels."""
    values = numpy.arange(first * channels, (first + frames) * channels) % (1 << 23) << 8
    wide = numpy.zeros((frames, width or channels), "<i4")
    wide[:, :channels] = values.reshape(frames, channels)
    return wide.tobytes()


class Live:
    """A ramp, sampled at card.rate * (1 + ppm * 1e-6) frames a second, into the card's FIFO.

    The FIFO is the device's buffer: it holds fifo_s, and what is sampled while it is full is lost.

    What was in the FIFO when its server died, or when nobody captured any more, is taken back: it counts as
    never written, and the next capture does not get it. What the server had read by then may still be lost on its
    way: of a run that ends with such a fault the last frames, about one tick of them, need not arrive."""

    def __init__(self, card, ppm=0, fifo_s=0.04):
        self.card, self.rate = card, card.rate * (1 + ppm * 1e-6)
        self.frame_bytes = 4 * card.pipe_channels
        wanted = max(select.PIPE_BUF, int(fifo_s * card.rate) * self.frame_bytes)
        self.fifo_bytes = 1 << (wanted - 1).bit_length()  # the sizes that Linux grants
        self.fifo = None  # None: nobody is known to capture, nothing is written
        self.full_since = None
        self.paused = False
        self.next = 0
        self.runs = []
        self.begin = self.end = self.begin_unix = None
        self.lock = threading.Lock()
        self.ended = threading.Event()
        self.threads = [threading.Thread(target=target, daemon=True) for target in (self._feed, self._watch)]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        """Waits for a capture; frame 0 is sampled at its return."""
        self.card.wait_until_captured()
        self.fifo = self._open()
        self.begin, self.begin_unix = time.monotonic(), time.time()
        for thread in self.threads:
            thread.start()

    def pause(self):
        """The device samples on, but nothing is written after the return."""
        with self.lock:
            self._tick()
            self.paused = True

    def resume(self):
        with self.lock:
            self.paused = False
            self.next = self.sampled()

    def stop(self):
        """No frame is sampled any more; those that were have been written by now, or are lost."""
        if self.begin is None or self.end is not None:
            return
        self.ended.set()
        for thread in self.threads:
            thread.join()
        self._tick()
        self.end = time.monotonic()
        if self.fifo is not None:
            os.close(self.fifo)
            self.fifo = None

    def sampled(self):
        """Frames sampled by now."""
        if self.begin is None:
            return 0
        now = time.monotonic() if self.end is None else self.end
        return int((now - self.begin) * self.rate) + 1

    def time_of(self, frame):
        """Unix time at which a frame is sampled, by CLOCK_REALTIME as it was at the start."""
        return self.begin_unix + frame / self.rate

    @property
    def written(self):
        """Runs (first, n) of frames that were written without a hole between them, in order."""
        with self.lock:
            return [tuple(run) for run in self.runs]

    def _feed(self):
        with contextlib.suppress(PermissionError):  # a device is no program among others
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(60))
        due = time.monotonic()
        while not self.ended.wait(max(0.0, due - time.monotonic())):
            with self.lock:
                self._tick()
            due = max(due + TICK_S, time.monotonic())

    def _watch(self):
        """Finds out, beside the ticks because it takes long, when somebody captures again."""
        while not self.ended.wait(ASK_S):
            if self.fifo is None and self.card.is_captured():
                fifo = self._open()
                with self.lock:
                    self.fifo, self.next = fifo, self.sampled()

    def _open(self):
        try:
            fifo = os.open(self.card.fifo_path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENXIO):  # it has gone meanwhile
                return None
            raise
        fcntl.fcntl(fifo, fcntl.F_SETPIPE_SZ, self.fifo_bytes)
        return fifo

    def _tick(self):
        """Writes what has become due, as far as it is taken."""
        first, self.next = self.next, self.sampled()
        if self.fifo is None:
            return
        if self.paused:
            if self._broken():
                self._abandon()
            return
        # After a delay of ours: more than the FIFO holds is lost, whoever reads it.
        first = max(first, self.next - self.fifo_bytes // self.frame_bytes)
        data = ramp(first, self.next - first, self.card.channels, self.card.pipe_channels)
        step = select.PIPE_BUF // self.frame_bytes * self.frame_bytes  # all of it is written, or nothing
        try:
            for at in range(0, len(data), step):
                piece = data[at : at + step]
                os.write(self.fifo, piece)
                self._wrote(first + at // self.frame_bytes, len(piece) // self.frame_bytes)
                self.full_since = None
        except BlockingIOError:
            now = time.monotonic()
            self.full_since = self.full_since or now
            if now - self.full_since > 20 * TICK_S:
                self._abandon()
        except BrokenPipeError:
            self._abandon()

    def _broken(self):
        """Whether the server has gone, found without a write."""
        poll = select.poll()
        poll.register(self.fifo, 0)
        return bool(poll.poll(0))

    def _wrote(self, first, n):
        if self.runs and sum(self.runs[-1]) == first:
            self.runs[-1][1] += n
        else:
            self.runs.append([first, n])

    def _abandon(self):
        """Takes back what the FIFO still holds, and waits for the next capture."""
        # by its descriptor, because there may be another FIFO of that name by now
        reader = os.open("/proc/self/fd/%d" % self.fifo, os.O_RDONLY | os.O_NONBLOCK)
        try:
            back = len(os.read(reader, self.fifo_bytes)) // self.frame_bytes  # one read, so surely the newest
        except BlockingIOError:
            back = 0
        os.close(reader)
        os.close(self.fifo)
        self.fifo = self.full_since = None
        while back > 0:
            n = min(back, self.runs[-1][1])
            self.runs[-1][1] -= n
            back -= n
            if self.runs[-1][1] == 0:
                self.runs.pop()


class Loud:
    """Feeds FOREIGN into a FIFO at about a device's pace, as far as somebody reads it."""

    def __init__(self, path, rate, channels):
        self.path = path
        frames = min(rate // 100, select.PIPE_BUF // (4 * channels))
        self.block = struct.pack("<i", FOREIGN) * channels * frames
        self.period_s = frames / rate
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._feed, daemon=True)
        self.thread.start()

    def stop(self):
        self.ended.set()
        self.thread.join()

    def _feed(self):
        fifo = None
        while not self.ended.wait(self.period_s):
            try:
                if fifo is None:
                    fifo = os.open(self.path, os.O_WRONLY | os.O_NONBLOCK)
                os.write(fifo, self.block)
            except BlockingIOError:
                pass
            except OSError:  # the server has gone; after a restart there is a new one
                if fifo is not None:
                    os.close(fifo)
                fifo = None
        if fifo is not None:
            os.close(fifo)
