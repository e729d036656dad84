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
        if self.fifo is not None:
            os.close(self.fifo)
            self.fifo = None
        shutil.rmtree(self.directory, ignore_errors=True)

    def stop(self):
        """Ends the server, as if it had crashed when a capture is running."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def pactl(self, *arguments):
        done = subprocess.run(
            ["pactl", *arguments], env=self.environment(), check=True, stdout=subprocess.PIPE, text=True, timeout=10
        )
        return done.stdout.strip()

    def remove_source(self):
        """Takes the source away, as if its device had been unplugged."""
        self.pactl("unload-module", "module-pipe-source")

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

    def wait_until_captured(self, timeout_s=30):
        """Returns when a program captures from the source."""
        limit = time.monotonic() + timeout_s
        while self._index("sources") not in self._column("source-outputs", 1):
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

    def _modules(self):
        pipe = self.source if self.pipe_channels == self.channels else self.source + "_pipe"
        yield "module-native-protocol-unix auth-anonymous=1 auth-cookie-enabled=0 socket=" + self._path("socket")
        if self.sink:
            yield "module-null-sink sink_name=unused"
        yield "module-pipe-source source_name=%s file=%s format=s32le rate=%d channels=%d channel_map=%s" % (
            pipe,
            self._path("fifo"),
            self.rate,
            self.pipe_channels,
            self.positions if pipe == self.source else channel_map(self.pipe_channels),
        )
        if pipe != self.source:
            taken = ",".join(channel_map(self.pipe_channels).split(",")[: self.channels])
            yield "module-remap-source source_name=%s master=%s channels=%d channel_map=%s master_channel_map=%s remix=no" % (
                self.source,
                pipe,
                self.channels,
                self.positions,
                taken,
            )

    def _start(self):
        command = ["pulseaudio", "-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1", "--disable-shm=yes"]
        command += ["--realtime=no", "--high-priority=no", "--log-target=stderr"]
        for module in self._modules():
            command += ["-L", module]
        environment = self.environment()
        for name in ("PULSE_SERVER", "PULSE_CLIENTCONFIG"):
            del environment[name]
        with open(self._path("pulse.log"), "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        limit = time.monotonic() + 20
        while self._index("sources") is None:
            if self.process.poll() is not None or time.monotonic() > limit:
                raise RuntimeError("PulseAudio did not start:\n" + self.log())
            time.sleep(0.02)
        self.fifo = os.open(self._path("fifo"), os.O_WRONLY | os.O_NONBLOCK)

    def _rows(self, kind):
        if not os.path.exists(self._path("socket")):
            return []
        try:
            return [line.split("\t") for line in self.pactl("list", "short", kind).splitlines()]
        except subprocess.CalledProcessError:
            return []

    def _column(self, kind, column):
        return [row[column] for row in self._rows(kind)]

    def _index(self, kind):
        return next((row[0] for row in self._rows(kind) if row[1] == self.source), None)
