"""emgtop on a terminal, which tmux is. Arguments: the directory with the built programs, and "write" to write the screens anew."""

import difflib
import json
import os
import pathlib
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from fake import PATIENCE_S, Fake

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "system"))
import emgd  # noqa: E402

MUSCLES = ["%s.%s" % (side, muscle) for muscle in ("soleus", "gastrocnemius_medialis", "gastrocnemius_lateralis", "tibialis_anterior")
           for side in ("left", "right")]
SESSION = "20261123T132840Z-P07"
RATE_HZ, FRAME, T = 48000, 48000 * 600, 1795440900.0
COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3|4)[0-7]m")
VERDICTS = {
    "fatiguing": "the median frequency falls: the 95 % interval of its slope is below zero",
    "steady": "the median frequency holds: the 95 % interval of its slope is within 1 % per minute of zero",
    "recovering": "the median frequency rises: the 95 % interval of its slope is above zero",
    "undetermined": "the trend is too uncertain: its 95 % interval holds both none and a relevant change",
}
# Of each muscle: percent of reference (None: none), uV, active, last contraction, quality, flags, verdict, MDF, its error, shift, slope, interval
FACTS = [
    (31, 49.5, True, 98, "ok", [], "fatiguing", 86.4, 1.7, -6.2, -3.5, (-5.6, -1.4)),
    (64, 102.4, True, None, "ok", [], "steady", 92.1, 1.2, -0.4, -0.1, (-0.8, 0.6)),
    (None, 8.2, False, 163, "warn", ["hum"], "recovering", 104.5, 2.2, 3.1, 1.9, (0.7, 3.1)),
    (None, None, False, None, "bad", ["electrode_off"], "undetermined", None, None, None, None, None),
    (45, 60, True, None, "ok", [], "undetermined", 97.0, 3.0, -1.0, -0.9, (-2.9, 1.1)),
    (55, 71, True, 88, "warn", ["gap", "motion"], "undetermined", 99.9, 3.4, -2.0, -8.0, (-30.0, 14.0)),
    (4, 5.5, False, None, "ok", [], "steady", 118.8, 1.9, 0.2, 0.1, (-0.5, 0.7)),
    (120, 140, True, 140, "ok", [], "steady", 121.2, 1.6, None, 0.0, (-0.6, 0.6)),
]


def body(seq, **more):
    return dict({"v": 1, "seq": seq, "t": T, "frame": FRAME, "session": SESSION}, **more)


def status(seq, muscles, state="running", source="synth:treadmill", **more):
    return "status", body(seq, **dict(
        dict(state=state, source=source, rate_hz=RATE_HZ, channels=8, muscles=muscles, frames=FRAME, gaps=2, frames_lost=4800,
             measuring=None, recording={"path": "/tmp/P07.bdf", "seconds": 254.4}, recording_failure=None), **more))


def moment(seq, muscles):
    """What comes again and again."""
    yield status(seq, muscles)
    for muscle, (percent, uv, active, burst, quality, flags, verdict, mdf, se, shift, slope, interval) in zip(muscles, FACTS):
        yield "activation." + muscle, body(seq, rms_uv=uv, percent_reference=percent, active=active, quality=quality, flags=flags)
        if burst:
            known = {"percent_reference": burst, "rms_uv": 1} if percent else {"percent_reference": None, "rms_uv": burst}
            yield "burst." + muscle, body(seq, offset_frame=FRAME - RATE_HZ, flags=[], **known)
        yield "fatigue." + muscle, body(seq, mdf_hz=mdf, mdf_se_hz=se, shift_percent=shift, slope_percent_per_min=slope,
                                        slope_ci95_percent_per_min=interval, verdict=verdict, reason=VERDICTS[verdict],
                                        quality=quality, flags=flags)
    for side, share, cadence in ("left", 46.2, 166.4), ("right", None, 165.6):
        yield "leg." + side, body(seq, soleus_share_percent=share)
        yield "stride." + side, body(seq, cadence_steps_per_min=cadence, end_frame=FRAME - RATE_HZ // 2)
    yield "symmetry.soleus", body(seq, index_percent=3.8)
    yield "symmetry.gastrocnemius_medialis", body(seq, index_percent=-12.2)


def past(muscles):
    """What came once: the course of ten minutes, and events."""
    yield status(1, muscles)
    for i, muscle in enumerate(muscles):
        mdf, se, falls = FACTS[i][7] or 90, FACTS[i][8] or 2, (FACTS[i][9] or 0) / 100
        for k in range(600):
            known = not 200 <= k < 230
            yield "fatigue." + muscle, body(k + 1, t=T - 600 + k, mdf_hz=mdf * (1 - falls * (1 - k / 600)) if known else None,
                                            mdf_se_hz=se if known else None, verdict="undetermined", reason="")
    for seq, (kind, more) in enumerate((
            ("session", dict(state="started", participant="P07", notes="")), ("stage", dict(number=2, label="10 km/h – flat")),
            ("gap", dict(first_frame=1, frames_lost=480, cause="overflow")),
            ("quality", dict(muscle=MUSCLES[3], quality="bad", flags=["electrode_off"])),
            ("rest", dict(muscle=MUSCLES[0], accepted=True, reason=None, uv=1.8)),
            ("baseline", dict(muscle=MUSCLES[0], accepted=False, reason="no contraction: walk or run, then measure again", mdf_hz=None)),
            ("marker", dict(label="stumbled\x1b[2J")))):
        yield "event." + kind, body(seq + 1, t=T - 60 + seq, **more)


def cycle(strength):
    """A profile's array: two humps."""
    return struct.pack("<101f", *(strength * max(0.02, 1 - abs(k - 25) / 20, 0.5 - abs(k - 100) / 10) for k in range(101)))


class Show:
    """A daemon of the test's own that says the same all the time, and an emgtop on a terminal."""

    def __init__(self, columns, rows, muscles=MUSCLES[:4], environment=("LANG=C.UTF-8",), moments=moment, before=past):
        self.fake = Fake()
        self.size, self.muscles, self.environment = (columns, rows), muscles, environment
        self.moments, self.before = moments, before
        self.stop, self.pause = threading.Event(), threading.Event()

    def __enter__(self):
        self.fake.__enter__()
        self.terminal = Terminal(self.size, "emgtop --data " + self.fake.data, self.environment)
        self.fake.wait_for_subscription(b"status", b"activation.", b"fatigue.", b"burst.", b"stride.", b"profile.", b"leg.", b"symmetry.",
                                        b"event.")
        self.publisher = threading.Thread(target=self.publish)
        self.publisher.start()
        return self

    def publish(self):
        self.fake.send(*self.before(self.muscles))
        seq = 1000
        while not self.stop.wait(0.1):
            if self.pause.is_set():
                continue
            seq += 1
            self.fake.send(*self.moments(seq, self.muscles))
            for muscle in self.muscles[:2]:
                self.fake.publisher.send_multipart([b"profile." + muscle.encode(), json.dumps(body(
                    seq, array={"dtype": "<f4", "shape": [101]}, sd_array=[], strides=10, unit="percent_reference")).encode(), cycle(130)])

    def __exit__(self, *exception):
        self.stop.set()
        self.publisher.join()
        self.terminal.end()
        self.fake.__exit__(*exception)


class Terminal:
    """A program of the project in a window of a tmux of its own."""

    def __init__(self, size, command, environment=("LANG=C.UTF-8",)):
        self.directory = tempfile.TemporaryDirectory()
        columns, rows = size
        program = "%s/%s" % (programs, command)
        script = "trap : INT; stty -g >before; env -u LC_ALL TZ=UTC %s %s; echo EXIT $?; stty -g >after; exec sleep 1000" % (" ".join(environment), program)
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", str(columns), "-y", str(rows), "sh", "-c", script)

    def tmux(self, *words):
        variables = {name: value for name, value in os.environ.items() if name not in ("TMUX", "NO_COLOR", "LANG", "LC_ALL", "LC_CTYPE")}
        done = subprocess.run(["tmux", "-u", "-S", self.directory.name + "/socket", *words], capture_output=True, text=True,
                              env=dict(variables, LC_ALL="C.UTF-8", TERM="xterm"), cwd=self.directory.name, timeout=PATIENCE_S)
        assert done.returncode == 0, (words, done.stderr)
        return done.stdout

    def screen(self, *words):
        return "\n".join(line.rstrip() for line in self.tmux("capture-pane", "-p", *words).rstrip("\n").split("\n")) + "\n"

    def keys(self, *keys):
        self.tmux("send-keys", *keys)

    def resize(self, columns, rows):
        self.tmux("resize-window", "-x", str(columns), "-y", str(rows))

    def wait_for(self, condition):
        """The first screen that the condition holds for; a text: that contains it."""
        holds = condition if callable(condition) else lambda screen: condition in screen
        limit = time.monotonic() + PATIENCE_S
        while time.monotonic() < limit:
            screen = self.screen()
            if holds(screen):
                return screen
            time.sleep(0.05)
        raise AssertionError("this screen was not what was waited for%s:\n%s" % (
            "" if callable(condition) else ", " + repr(condition), screen))

    def mode(self, name):
        return self.tmux("display-message", "-p", "#{%s}" % name).strip()

    def file(self, name):
        return pathlib.Path(self.directory.name, name).read_text()

    def end(self):
        self.tmux("kill-server")
        self.directory.cleanup()


class Screens(unittest.TestCase):
    maxDiff = None

    def same(self, terminal, name, replace=lambda screen: screen):
        path = HERE / "screens" / (name + ".txt")
        if writing:
            time.sleep(7)
            path.write_text(replace(terminal.screen()))
            return
        expected = path.read_text()
        try:
            terminal.wait_for(lambda screen: replace(screen) == expected)
        except AssertionError:
            self.fail("not as in %s:\n%s" % (path.name, "\n".join(difflib.unified_diff(
                expected.split("\n"), replace(terminal.screen()).split("\n"), "expected", "shown", lineterm=""))))

    def test_four_muscles_and_a_window_that_changes(self):
        with Show(80, 24) as show:
            self.same(show.terminal, "four_80x24")
            self.assertRegex(show.terminal.screen("-e"), COLOUR)
            show.terminal.resize(200, 50)
            self.same(show.terminal, "four_200x50")
            show.terminal.resize(70, 14)
            self.same(show.terminal, "four_70x14")
            show.terminal.resize(40, 6)
            self.same(show.terminal, "four_40x6")
            show.terminal.resize(80, 24)
            self.same(show.terminal, "four_80x24")
            show.terminal.keys("?")
            self.same(show.terminal, "help_80x24")
            show.terminal.keys("x")
            self.same(show.terminal, "four_80x24")

    def test_eight_muscles(self):
        with Show(80, 24, MUSCLES) as show:
            self.same(show.terminal, "eight_80x24")
            show.terminal.resize(200, 50)
            self.same(show.terminal, "eight_200x50")
            show.terminal.resize(80, 14)
            self.same(show.terminal, "eight_80x14")

    def test_a_terminal_without_colours_and_letters(self):
        with Show(80, 24, environment=("LANG=C", "TERM=vt100")) as show:
            self.same(show.terminal, "four_ascii_80x24")
            self.assertTrue(show.terminal.screen().isascii())
            self.assertNotRegex(show.terminal.screen("-e"), COLOUR)
        with Show(80, 24, environment=("LANG=C.UTF-8", "NO_COLOR=1")) as show:
            self.same(show.terminal, "four_80x24")
            self.assertNotRegex(show.terminal.screen("-e"), COLOUR)

    def test_a_locale_that_this_machine_does_not_have(self):
        with Show(80, 24, environment=("LANG=xx_XX.UTF-8",)) as show:
            self.same(show.terminal, "four_80x24")

    def test_a_lost_signal_and_a_failed_recording(self):
        def lost(seq, muscles):
            yield status(seq, muscles, "lost", "soundio:alsa:CARD=EMG", recording=None, recording_failure="the disk is full")

        def before(muscles):
            yield status(1, muscles, source="soundio:alsa:CARD=EMG")
            yield from list(moment(1, muscles))[1:]

        with Show(80, 24, moments=lost, before=before) as show:
            self.same(show.terminal, "lost_80x24")

    def test_silence_is_loud_and_leaves_no_value(self):
        with Show(80, 24) as show:
            show.terminal.wait_for("98 %")
            show.pause.set()
            self.same(show.terminal, "silence_80x24",
                      lambda screen: re.sub(r"for \d+ s", "for N s", re.sub("at ipc.*", "at ENDPOINT", screen)))
            show.pause.clear()
            show.terminal.wait_for("98 %")


class Behaviour(unittest.TestCase):
    def test_each_way_out_gives_the_terminal_back(self):
        def press(keys):
            return lambda show: show.terminal.keys(keys)

        def terminate(show):
            pid = show.terminal.tmux("display-message", "-p", "#{pane_pid}").strip()
            subprocess.run(["pkill", "-TERM", "-P", pid, "-x", "emgtop"], check=True)

        def stream_ends(show):
            show.moments = lambda seq, muscles: [status(seq, muscles, "ended")]

        for leave in press("q"), press("C-c"), terminate, stream_ends:
            with Show(80, 24) as show:
                show.terminal.wait_for("98 %")
                self.assertEqual((show.terminal.mode("cursor_flag"), show.terminal.mode("alternate_on")), ("0", "1"))
                leave(show)
                show.terminal.wait_for("EXIT 0")
                self.assertEqual((show.terminal.mode("cursor_flag"), show.terminal.mode("alternate_on")), ("1", "0"))
                limit = time.monotonic() + PATIENCE_S
                while not show.terminal.file("after") and time.monotonic() < limit:
                    time.sleep(0.05)
                self.assertEqual(show.terminal.file("before"), show.terminal.file("after"))

    def test_ctrl_z_gives_the_terminal_to_the_shell_and_fg_takes_it_again(self):
        with Show(80, 24) as show:
            show.terminal.wait_for("98 %")
            shell = Terminal((80, 24), "")
            self.addCleanup(shell.end)
            shell.tmux("respawn-pane", "-k", "env", "PS1=> ", "LANG=C.UTF-8", "bash", "--norc", "--noprofile", "-i")
            shell.wait_for(">")
            shell.keys("%s/emgtop --data %s" % (programs, show.fake.data), "Enter")
            shell.wait_for("98 %")
            shell.keys("C-z")
            shell.wait_for("Stopped")
            self.assertEqual((shell.mode("cursor_flag"), shell.mode("alternate_on")), ("1", "0"))
            shell.keys("fg", "Enter")
            shell.wait_for("98 %")
            shell.keys("q")
            shell.wait_for(lambda screen: "98 %" not in screen)

    def test_an_unknown_kind_of_terminal_gets_lines(self):
        with Show(80, 24, environment=("TERM=no-such-terminal",)) as show:
            show.terminal.wait_for("MDF  86.4 +-  1.7 Hz")
            show.terminal.keys("C-c")
            show.terminal.wait_for("EXIT 0")

    def test_ten_pictures_a_second_at_most(self):
        """A picture is one piece of output; what is told with a pause of 20 ms is another one."""
        with Show(80, 24) as show:
            show.terminal.wait_for("98 %")
            program, terminal = pty.fork()
            if program == 0:
                os.execve("%s/emgtop" % programs, ["emgtop", "--data", show.fake.data], dict(os.environ, TERM="xterm", LANG="C.UTF-8"))
            pictures, last, begin = 0, 0.0, time.monotonic()
            values = 0

            def change(seq, muscles):
                for topic, message in moment(seq, muscles):
                    yield topic, dict(message, rms_uv=seq % 97, percent_reference=None) if topic.startswith("activation.") else message

            show.moments = change
            while time.monotonic() < begin + 5:
                if select.select([terminal], [], [], 0.5)[0]:
                    values += len(os.read(terminal, 65536))
                    now = time.monotonic()
                    pictures += now - last > 0.02
                    last = now
            os.write(terminal, b"q")
            os.waitpid(program, 0)
            os.close(terminal)
        self.assertGreater(values, 1000)
        self.assertTrue(10 < pictures <= 53, pictures)


class Real(unittest.TestCase):
    def test_a_simulated_run_its_session_and_its_end(self):
        numbers = re.compile(r"MDF (\d+\.\d) ± (\d+\.\d) Hz")
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        settings = {"recording.directory": '"%s"' % directory.name}
        with emgd.Daemon("--source", "synth:treadmill", "--speed", "4", settings=settings) as daemon, daemon.subscribe("fatigue.") as stream:
            daemon.request("session.start", participant="P07")
            daemon.request("stage", label="12 km/h")
            terminal = Terminal((200, 50), "emgtop --data %s --control %s" % (daemon.data, daemon.control))
            self.addCleanup(terminal.end)
            shown = set()

            def see(screen):
                shown.update(numbers.findall(screen))
                return len(shown) >= 12

            screen = terminal.wait_for(see)
            for words in ("SIMULATED", "NOT RECORDING", "session of P07   stage 1: 12 km/h", "left soleus", "signal good", "last contraction",
                          "strides"):
                self.assertIn(words, screen)
            said = set()
            while stream.socket.poll(100):
                body = stream.next().body
                if body["mdf_hz"] is not None:
                    said.add(("%.1f" % body["mdf_hz"], "%.1f" % body["mdf_se_hz"]))
            self.assertEqual(shown - said, set())
            daemon.signal(signal.SIGKILL)
            screen = terminal.wait_for("NO CONTACT")
            self.assertEqual(numbers.findall(screen), [])
            terminal.keys("q")
            terminal.wait_for("EXIT 0")


writing = sys.argv[2:] == ["write"]
if writing:
    sys.argv.pop()
programs = emgd.programs = pathlib.Path(sys.argv.pop(1)).resolve()
unittest.main(verbosity=2)
