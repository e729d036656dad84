"""A private PulseAudio server as a sound card that delivers exactly the frames it is fed.

    with pulse.Pulse(channels=4, rate=48000) as card:
        daemon = subprocess.Popen(["emgd", "--source", card.spec, ...], env=card.environment())
        card.wait_until_captured()
        card.feed(pulse.ramp(48000, 4), pace_hz=48000)  # without pace_hz: as fast as it is taken

Nothing of the user's own PulseAudio or ALSA is touched: the server has a runtime directory and a home of its
own, in a temporary directory, and is ended by its process id. It runs for root and for others.

    with pulse.Pulse(...) as card, pulse.sound_directory():
        ... card.alsa_spec ...                          # the same source through ALSA's pulse plugin

Every frame arrives, in order, but ALSA and remapped channel counts hand on whole periods: the last 256 frames or
so may stay behind, so feed more than a test counts on. A capture through ALSA that has fallen silent takes a
second to stop.

What can happen to a sound card:

        card.stop(); card.restart()                     # the server crashes, and is there again
        card.remove_source(); card.add_source()         # the device is unplugged, and plugged in again
        with card.other_source("other"): ...            # another device is there, and loud (live.FOREIGN)
        with live.Live(card, ppm=150) as device: ...    # it samples on by itself, whatever happens on the way

When the source goes, PulseAudio moves its captures, silently, to any other source. With sink=True one is always
left, the null sink's monitor, which is silence; with sink=False there is none, and captures end with an error.
"""

import array
import contextlib
import fcntl
import os
import shutil
import signal
import struct
import subprocess
import tempfile
import termios
import time

import live

# In the order in which ALSA's pulse plugin hands channels on; any other order would be mixed into this one.
POSITIONS = ["front-left", "front-right", "rear-left", "rear-right", "front-center", "lfe", "side-left", "side-right"]
PIPE_BYTES = 4096  # PulseAudio's reads from the FIFO, and the largest write that is not split


def channel_map(channels):
    """Positions of as many channels, as ALSA's pulse plugin expects them."""
    if channels == 1:
        return "mono"
    named = max(n for n in (2, 4, 5, 6, 8) if n <= channels)
    return ",".join(POSITIONS[:named] + ["aux%d" % i for i in range(channels - named)])


def ramp(frames, channels, first=0):
    """Frames of int32 whose samples count up, sample by sample, in the upper 24 bits, and start over at 2^23.
    With source.full_scale_uv = 8388608 each arrives as exactly that many microvolts."""
    values = range(first * channels, (first + frames) * channels)
    return array.array("i", [(v % (1 << 23)) << 8 for v in values])


def constants(frames, values):
    """Frames of int32 in which each channel holds a value of its own."""
    return array.array("i", list(values) * frames)


def _as_root(*command):
    return subprocess.run(["sudo", "-n", *command], stderr=subprocess.DEVNULL, check=False).returncode == 0


@contextlib.contextmanager
def sound_directory(path="/dev/snd"):
    """Sees to it that /dev/snd is there, without which libsoundio's ALSA backend does not connect.

    Where there is no sound card it is made, by sudo if need be, and taken away afterwards. Raises
    PermissionError where neither is allowed: then a test of ALSA cannot run."""
    made = False
    if not os.path.isdir(path):
        try:
            os.mkdir(path, 0o755)
        except PermissionError:
            if shutil.which("sudo") is None or not _as_root("mkdir", "-m", "755", path):
                raise
        made = True
    try:
        yield path
    finally:
        if made:
            try:
                os.rmdir(path)
            except PermissionError:
                _as_root("rmdir", path)
            except OSError:
                pass  # a device has appeared in it


class Pulse:
    """The server and one source, for the time of a `with` block."""

    def __init__(self, channels=4, rate=48000, source="emg", positions=None, sink=True):
        self.channels, self.rate, self.source = channels, rate, source
        self.positions = positions or channel_map(channels)
        self.sink = sink  # a server without one is where libsoundio crashes
        # The FIFO is read 4096 bytes at a time, so a frame must divide that; other counts come by leaving
        # channels out of a wider pipe.
        self.pipe_channels = 1 << (channels - 1).bit_length()
        self.pcm = source + "_alsa"
        self.directory = self.process = self.fifo = None
        self.others = {}

    @property
    def fifo_path(self):
        return self._path("fifo")

    @property
    def spec(self):
        return "soundio:pulseaudio:" + self.source

    @property
    def alsa_spec(self):
        return "soundio:alsa:" + self.pcm

    def environment(self):
        """The environment in which a program finds this server, and no other."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PULSE_", "ALSA_", "DBUS_", "XDG_"))}
        return dict(
            kept,
            HOME=self._path("home"),
            XDG_RUNTIME_DIR=self._path("run"),
            XDG_CONFIG_HOME=self._path("home/.config"),
            PULSE_SERVER="unix:" + self._path("socket"),
            PULSE_CLIENTCONFIG=self._path("client.conf"),
            ALSA_CONFIG_PATH=self._path("asound.conf"),
        )

    def __enter__(self):
        self.directory = tempfile.mkdtemp(prefix="emg-pulse-")
        try:
            self._write_files()
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.stop()
        for other in self.others.values():
            other.stop()
        self._close_fifo()
        shutil.rmtree(self.directory, ignore_errors=True)

    def stop(self):
        """Ends the server, as if it had crashed when a capture is running."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def restart(self):
        """Starts the server again after stop(): the same socket, the same sources, a new FIFO without old frames."""
        self._close_fifo()
        for path in (self.fifo_path, *map(self._other_path, self.others)):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
        self._start()

    def pactl(self, *arguments, stderr=None):
        done = subprocess.run(
            ["pactl", *arguments],
            env=self.environment(),
            check=True,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            timeout=10,
        )
        return done.stdout.strip()

    def remove_source(self):
        """Takes the source away, as if its device had been unplugged."""
        self._unload(self._pipe)  # PulseAudio takes a remapped source away with it

    def add_source(self):
        """Brings the source back after remove_source(): the same name, a new FIFO."""
        self._close_fifo()
        for module in self._source_modules():
            self.pactl("load-module", *module.split())
        self._open_fifo()

    def add_other_source(self, name):
        """Another device, loud and of the same form, to which no capture of ours may move. It outlives a restart."""
        self.pactl("load-module", *self._other_module(name).split())
        self.others[name] = live.Loud(self._other_path(name), self.rate, self.pipe_channels)

    def remove_other_source(self, name):
        self.others.pop(name).stop()
        if self.process is not None:
            self._unload(name)

    @contextlib.contextmanager
    def other_source(self, name="other"):
        self.add_other_source(name)
        try:
            yield name
        finally:
            self.remove_other_source(name)

    def feed(self, frames, pace_hz=None, timeout_s=30):
        """Writes frames (array of int32, interleaved), at a rate or as fast as they are taken.

        The source takes them only while somebody captures (wait_until_captured). Without a pace use the
        PulseAudio backend: ALSA's pulse plugin drops what comes many times faster than real time. Raises
        TimeoutError when nothing is taken for timeout_s, BrokenPipeError when the source has gone."""
        data = self._widen(frames).tobytes()
        frame_bytes = 4 * self.pipe_channels
        step = PIPE_BYTES if pace_hz is None else max(1, min(pace_hz // 200, PIPE_BYTES // frame_bytes)) * frame_bytes
        due = last = time.monotonic()
        done = 0
        while done < len(data):
            if pace_hz is not None:
                # After a delay of ours the frames come later, not faster: a burst is no device's way.
                now = time.monotonic()
                time.sleep(max(0.0, due - now))
                due = max(due, now) + step / frame_bytes / pace_hz
            try:
                done += os.write(self.fifo, data[done : done + step])
                last = time.monotonic()
            except BlockingIOError:
                if time.monotonic() - last > timeout_s:
                    raise TimeoutError("nobody takes the frames: is the source being captured?") from None
                time.sleep(0.001)

    def is_captured(self):
        """Whether a program captures from the source, so that the frames of the FIFO are taken. Costs 10 ms or more."""
        return any(row[1] == self.source and row[-1] == "RUNNING" for row in self._rows("sources"))

    def wait_until_captured(self, timeout_s=30):
        """Returns when a program captures from the source."""
        limit = time.monotonic() + timeout_s
        while not self.is_captured():
            if time.monotonic() > limit:
                raise TimeoutError("nobody captures from the source")
            time.sleep(0.01)

    def wait_until_drained(self, timeout_s=30):
        """Returns when PulseAudio has taken all that was fed."""
        limit = time.monotonic() + timeout_s
        while struct.unpack("i", fcntl.ioctl(self.fifo, termios.FIONREAD, b"\0\0\0\0"))[0] > 0:
            if time.monotonic() > limit:
                raise TimeoutError("the frames in the FIFO are not taken")
            time.sleep(0.005)

    def log(self):
        """What the server has said."""
        with open(self._path("pulse.log"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def _path(self, name):
        return os.path.join(self.directory, name)

    def _widen(self, frames):
        if self.pipe_channels == self.channels:
            return frames
        wide = array.array("i", bytes(4 * len(frames) // self.channels * self.pipe_channels))
        for channel in range(self.channels):
            wide[channel :: self.pipe_channels] = frames[channel :: self.channels]
        return wide

    def _write_files(self):
        os.makedirs(self._path("home/.config"))
        os.mkdir(self._path("run"), 0o700)
        with open(self._path("client.conf"), "w", encoding="utf-8") as file:
            file.write("autospawn = no\n")
        with open(self._path("asound.conf"), "w", encoding="utf-8") as file:
            file.write(
                'pcm.%s {\n  type pulse\n  server "unix:%s"\n  device "%s"\n'
                '  hint { show on  description "EMG test" }\n}\n' % (self.pcm, self._path("socket"), self.source)
            )

    @property
    def _pipe(self):
        return self.source if self.pipe_channels == self.channels else self.source + "_pipe"

    def _pipe_module(self, name, path, channels, positions=None):
        return "module-pipe-source source_name=%s file=%s format=s32le rate=%d channels=%d channel_map=%s" % (
            name,
            path,
            self.rate,
            channels,
            positions or channel_map(channels),
        )

    def _other_path(self, name):
        return self._path("other-" + name)

    def _other_module(self, name):
        silent = ["aux%d" % (31 - i) for i in range(self.pipe_channels - self.channels)]
        return self._pipe_module(name, self._other_path(name), self.pipe_channels, ",".join([self.positions, *silent]))

    def _source_modules(self):
        if self._pipe == self.source:
            yield self._pipe_module(self.source, self.fifo_path, self.channels, self.positions)
            return
        yield self._pipe_module(self._pipe, self.fifo_path, self.pipe_channels)
        taken = ",".join(channel_map(self.pipe_channels).split(",")[: self.channels])
        yield "module-remap-source source_name=%s master=%s channels=%d channel_map=%s master_channel_map=%s remix=no" % (
            self.source,
            self._pipe,
            self.channels,
            self.positions,
            taken,
        )

    def _modules(self):
        yield "module-native-protocol-unix auth-anonymous=1 auth-cookie-enabled=0 socket=" + self._path("socket")
        if self.sink:
            yield "module-null-sink sink_name=unused"
        for name in self.others:
            yield self._other_module(name)
        yield from self._source_modules()

    def _unload(self, source):
        modules = [row[0] for row in self._rows("modules") if "source_name=%s " % source in row[2]]
        if not modules:
            raise LookupError("the server has no source " + source)
        self.pactl("unload-module", modules[0])

    def _start(self):
        command = ["pulseaudio", "-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1", "--disable-shm=yes"]
        command += ["--realtime=no", "--high-priority=no", "--log-target=stderr"]
        for module in self._modules():
            command += ["-L", module]
        environment = self.environment()
        for name in ("PULSE_SERVER", "PULSE_CLIENTCONFIG"):
            del environment[name]
        with open(self._path("pulse.log"), "a", encoding="utf-8") as log:
            self.process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        limit = time.monotonic() + 20
        while self.source not in [row[1] for row in self._rows("sources")]:
            if self.process.poll() is not None or time.monotonic() > limit:
                raise RuntimeError("PulseAudio did not start:\n" + self.log())
            time.sleep(0.02)
        self._open_fifo()

    def _open_fifo(self):
        self.fifo = os.open(self.fifo_path, os.O_WRONLY | os.O_NONBLOCK)

    def _close_fifo(self):
        if self.fifo is not None:
            os.close(self.fifo)
            self.fifo = None

    def _rows(self, kind):
        if self.process is None or not os.path.exists(self._path("socket")):
            return []
        try:
            rows = self.pactl("list", "short", kind, stderr=subprocess.DEVNULL)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
            return []
        return [line.split("\t") for line in rows.splitlines()]
