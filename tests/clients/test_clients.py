"""emgctl, emgtop and the example against a daemon of the test's own. Argument: the directory with the built programs."""

import fcntl
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
import termios
import threading
import time
import unittest

import zmq

PATIENCE_S = 60
EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "clients" / "examples"
COMMON = {"v": 1, "t": 1763845200.5, "frame": 4799, "session": None}
MUSCLE = "left.soleus"


def status(seq, state="running", source="synth:treadmill", muscles=(MUSCLE,)):
    return "status", dict(COMMON, seq=seq, state=state, source=source, rate_hz=48000, channels=4, muscles=list(muscles), frames=4800,
                          gaps=2, frames_lost=77, ring_peak_percent=None, messages_dropped=0, clock_ppm=None, clock_ppm_se=None,
                          load_percent=1.5, realtime=True, latency_ms={"p50": 1, "p99": 2, "max": 3}, recording=None, version="0")


def activation(seq, rms_uv=123.4, **more):
    return "activation." + MUSCLE, dict(COMMON, seq=seq, rms_uv=rms_uv, envelope_uv=None, percent_reference=None, reference=None,
                                        active=True, quality="warn", flags=["gap"], **more)


def fatigue(seq, mdf_hz=91.2, verdict="fatiguing"):
    return "fatigue." + MUSCLE, dict(
        COMMON, seq=seq, mdf_hz=mdf_hz, mdf_se_hz=1.3, mnf_hz=100, mnf_se_hz=1, rms_uv=120, ln_finsm5=None, band_hz=[20, 450],
        bursts=20, seconds=10, snr_db=25, baseline_mdf_hz=96, shift_percent=-5, slope_hz_per_min=-2,
        slope_percent_per_min=-2.1, slope_ci95_percent_per_min=[-3, -1], jasa=None, verdict=verdict, reason="it falls",
        quality="ok", flags=[])


class Fake:
    """An XPUB and a ROUTER socket on endpoints of their own."""

    def __init__(self, directory=None):
        self.own_directory = None if directory else tempfile.TemporaryDirectory()
        self.directory = directory or self.own_directory
        self.context = zmq.Context()
        self.data, self.control = ("ipc://%s/%s" % (self.directory.name, name) for name in ("data", "control"))
        self.publisher, self.router = self.context.socket(zmq.XPUB), self.context.socket(zmq.ROUTER)
        self.publisher.bind(self.data)
        self.router.bind(self.control)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.context.destroy(linger=2000)
        if self.own_directory:
            self.own_directory.cleanup()

    def wait_for_subscription(self, *prefixes):
        missing = set(prefixes)
        while missing:
            assert self.publisher.poll(PATIENCE_S * 1000), "nobody subscribes to %s" % missing
            missing.discard(self.publisher.recv()[1:])

    def send(self, *messages):
        for topic, body in messages:
            self.publisher.send_multipart([topic.encode(), json.dumps(body).encode()])

    def answer(self, reply):
        """Takes one request, sends bytes back; returns the request."""
        assert self.router.poll(PATIENCE_S * 1000), "no request comes"
        *envelope, request = self.router.recv_multipart()
        self.router.send_multipart(envelope + [reply])
        return json.loads(request)


def start(program, *arguments, **more):
    return subprocess.Popen([str(programs / program), *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, **more)


def finish(process):
    out, err = process.communicate(timeout=PATIENCE_S)
    return process.returncode, out, err


class Control(unittest.TestCase):
    def ask(self, reply, *words):
        with Fake() as fake:
            process = start("emgctl", "--control", fake.control, *words)
            request = fake.answer(reply)
            return (request, *finish(process))

    def test_sends_the_command_with_its_arguments_and_prints_the_reply(self):
        request, code, out, err = self.ask(b'{"ok": true, "version": "9"}', "ping", "seconds=5", "label=lap 2", "list=[1]")
        self.assertEqual(request["command"], "ping")
        self.assertEqual((request["seconds"], request["label"], request["list"]), (5, "lap 2", [1]))
        self.assertEqual((code, json.loads(out), err), (0, {"ok": True, "version": "9"}, ""))

    def test_an_error_reply_goes_to_standard_error_and_is_a_failure(self):
        reply = b'{"ok": false, "error": {"code": "unknown_command", "message": "no such thing"}}'
        _, code, out, err = self.ask(reply, "nonsense")
        self.assertEqual((code, out), (1, ""))
        self.assertIn("no such thing", err)

    def test_a_reply_that_is_none_is_a_failure(self):
        for reply in (b"", b"[1]", b"{", b"{}", b"\xff\xfe", b'{"ok": "yes"}'):
            _, code, out, err = self.ask(reply, "ping")
            self.assertEqual((code, out), (1, ""), reply)
            self.assertEqual(len(err.splitlines()), 1)

    def test_gives_up_in_time_and_names_the_endpoint(self):
        code, out, err = finish(start("emgctl", "--control", "ipc:///nonexistent/x", "--timeout", "0.3", "ping"))
        self.assertEqual((code, out), (1, ""))
        self.assertIn("ipc:///nonexistent/x", err)

    def test_wrong_usage_is_one_line_and_exit_code_2(self):
        for words in ([], ["--nonsense"], ["--timeout"], ["--timeout", "x", "ping"], ["ping", "x"], ["--count", "3", "ping"],
                      ["--control", "no endpoint", "ping"]):
            code, out, err = finish(start("emgctl", *words))
            self.assertEqual((code, out, len(err.splitlines())), (2, "", 1), (words, err))
        for program in ("emgctl", "emgtop", "emgd", "emgreport"):
            code, out, err = finish(start(program, "--version"))
            self.assertEqual((code, err), (0, ""))
            self.assertRegex(out, "^%s [0-9.]+\n$" % program)


class Watch(unittest.TestCase):
    def test_prints_each_message_as_a_line_until_the_stream_ends(self):
        with Fake() as fake:
            process = start("emgctl", "--data", fake.data, "watch")
            fake.wait_for_subscription(b"")
            sent = [status(1), activation(1), fatigue(1), activation(2, rms_uv=None), status(2, "ended")]
            fake.send(*sent)
            code, out, err = finish(process)
        self.assertEqual((code, err), (0, ""))
        self.assertEqual([json.loads(line) for line in out.splitlines()], [dict(topic=t, **body) for t, body in sent])
        self.assertTrue(all(line.startswith('{"topic":') for line in out.splitlines()))

    def test_a_filter_hides_the_status_and_still_ends_with_it(self):
        with Fake() as fake:
            process = start("emgctl", "--data", fake.data, "watch", "fatigue.")
            fake.wait_for_subscription(b"status", b"fatigue.")
            fake.send(status(1), activation(1), fatigue(1), status(2, "ended"))
            code, out, _ = finish(process)
        self.assertEqual(code, 0)
        self.assertEqual([json.loads(line)["topic"] for line in out.splitlines()], ["fatigue." + MUSCLE])

    def test_ends_after_a_count(self):
        with Fake() as fake:
            process = start("emgctl", "--data", fake.data, "--count", "2", "watch", "activation.")
            fake.wait_for_subscription(b"activation.")
            fake.send(*(activation(i) for i in range(5)))
            code, out, _ = finish(process)
        self.assertEqual((code, len(out.splitlines())), (0, 2))

    def test_ends_after_a_time_and_by_a_signal(self):
        self.assertEqual(finish(start("emgctl", "--data", "ipc:///tmp/no-daemon-here", "--seconds", "0.2", "watch"))[0], 0)
        for number in (signal.SIGINT, signal.SIGTERM):
            with Fake() as fake:
                process = start("emgctl", "--data", fake.data, "watch")
                fake.wait_for_subscription(b"")
                process.send_signal(number)
                self.assertEqual(finish(process)[0], 0)

    def test_goes_on_when_the_daemon_comes_back(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        process = start("emgctl", "--data", "ipc://%s/data" % directory.name, "watch", "")
        for round in (1, 2):
            with Fake(directory) as fake:
                fake.wait_for_subscription(b"")
                fake.send(activation(round))
        with Fake(directory) as fake:
            fake.wait_for_subscription(b"")
            fake.send(status(1, "ended"))
            code, out, _ = finish(process)
        self.assertEqual(code, 0)
        self.assertEqual([json.loads(line)["seq"] for line in out.splitlines()], [1, 2, 1])

    def test_says_what_is_malformed_and_goes_on(self):
        with Fake() as fake:
            process = start("emgctl", "--data", fake.data, "watch")
            fake.wait_for_subscription(b"")
            fake.publisher.send_multipart([b"alone"])
            fake.publisher.send_multipart([b"list", b"[1]"])
            fake.publisher.send_multipart([b"x", b"{}", b"", b""])
            fake.send(status(1, "ended"))
            code, out, err = finish(process)
        self.assertEqual((code, len(out.splitlines())), (0, 1))
        self.assertGreaterEqual(len(err.splitlines()), 2)


    def test_an_array_stays_out_of_its_line_and_must_be_as_its_body_says(self):
        body = dict(COMMON, seq=1, array={"dtype": "<f4", "shape": [2]}, f0_hz=0, df_hz=1)
        with Fake() as fake:
            process = start("emgctl", "--data", fake.data, "watch")
            fake.wait_for_subscription(b"")
            topic = b"spectrum.left.soleus"
            fake.publisher.send_multipart([topic, json.dumps(body, indent=1).encode(), struct.pack("<2f", 1, 2)])
            fake.publisher.send_multipart([topic, json.dumps(body).encode()])
            fake.publisher.send_multipart([topic, b"{}", b"12345678"])
            fake.send(status(1, "ended"))
            code, out, err = finish(process)
        self.assertEqual((code, len(err.splitlines())), (0, 2))
        self.assertEqual([json.loads(line)["topic"] for line in out.splitlines()], [topic.decode(), "status"])
        self.assertEqual(json.loads(out.splitlines()[0]), dict(body, topic=topic.decode()))

    def test_survives_any_bytes_and_keeps_them_from_the_terminal(self):
        with Fake() as fake:
            process = start("emgctl", "--data", fake.data, "watch")
            fake.wait_for_subscription(b"")
            bad = [[b"", b"{}"], [b"\x1b[2J", b"{}"], [b"t" * 5000, b"{}"], [b"x", b"{" * 20000], [b"x", b'{"a": 1} \0'],
                   [b"x", b'{"a": "\xff"}'], [b"x", b'{"a": NaN}'], [b"status", b"null"], [b"x", b""]]
            for parts in bad:
                fake.publisher.send_multipart(parts)
            fake.publisher.send_multipart([b"status", b'{"state": 5}'])
            fake.send(status(1, "ended"))
            code, out, err = finish(process)
        self.assertEqual((code, len(out.splitlines()), len(err.splitlines())), (0, 2, len(bad)))
        self.assertNotIn("\x1b", err)

    def test_ends_quietly_when_nobody_reads_and_at_once_when_told_to_while_its_reader_sleeps(self):
        with Fake() as fake:
            process = start("emgctl", "--data", fake.data, "watch", "event.")
            fake.wait_for_subscription(b"status")
            process.stdout.close()
            self.assertEqual((process.wait(PATIENCE_S), process.stderr.read()), (0, ""))
            process.stderr.close()
        with Fake() as fake:
            fake.publisher.setsockopt(zmq.SNDHWM, 0)
            process = start("emgctl", "--data", fake.data, "watch")
            fake.wait_for_subscription(b"")
            fake.send(*(activation(i) for i in range(1000)))
            time.sleep(0.2)
            process.terminate()
            self.assertEqual(process.wait(PATIENCE_S), 0)
            process.communicate()
        closed = subprocess.run(["/bin/sh", "-c", '"$0" --data ipc:///nonexistent/x watch >&-', str(programs / "emgctl")],
                                text=True, stderr=subprocess.PIPE, timeout=PATIENCE_S)
        self.assertEqual((closed.returncode, len(closed.stderr.splitlines())), (1, 1))


class Top(unittest.TestCase):
    def plain(self, *messages):
        with Fake() as fake:
            process = start("emgtop", "--data", fake.data)
            fake.wait_for_subscription(b"status", b"activation.", b"fatigue.")
            fake.send(*messages, status(99, "ended", messages[0][1]["source"]))
            return finish(process)

    def test_plain_lines_say_what_is_known_and_dashes_what_is_not(self):
        code, out, err = self.plain(status(1), activation(1), fatigue(1))
        self.assertEqual((code, err), (0, ""))
        for words in ("[SIMULATED]", MUSCLE, "123.4 uV", "91.2", "fatiguing", "gap"):
            self.assertIn(words, out)
        code, out, err = self.plain(status(1), activation(1, rms_uv=None), fatigue(1, mdf_hz=None, verdict="undetermined"))
        self.assertEqual((code, err), (0, ""))
        line = next(line for line in out.splitlines() if MUSCLE in line)
        self.assertIn("--", line)
        self.assertNotRegex(line, r" 0(\.0)? uV")

    def test_a_replay_says_so_and_a_device_does_not(self):
        self.assertIn("[REPLAY]", self.plain(status(1, source="file:x.bdf"), activation(1))[1])
        out = self.plain(status(1, source="soundio:alsa:CARD=EMG"), activation(1))[1]
        self.assertNotIn("REPLAY", out)
        self.assertNotIn("SIMULATED", out)

    def test_numbers_of_a_new_daemon_wait_for_its_status(self):
        with Fake() as fake:
            process = start("emgtop", "--data", fake.data)
            fake.wait_for_subscription(b"status", b"activation.", b"fatigue.")
            fake.send(status(1, source="file:x.bdf"), activation(5), activation(1, rms_uv=777))
            fake.send(status(1, "ended", source="file:x.bdf"))
            code, out, _ = finish(process)
        self.assertEqual(code, 0)
        self.assertNotIn("777", out)

    def screen(self, rows, columns, *messages):
        """What a terminal shows after the messages, and everything that was written to it up to the end."""
        with Fake() as fake:
            master, slave = pty.openpty()
            fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            process = subprocess.Popen([str(programs / "emgtop"), "--data", fake.data], stdin=slave, stdout=slave, stderr=slave,
                                       env=dict(os.environ, TERM="xterm", LC_ALL="C"))
            os.close(slave)
            written = bytearray()
            reader = threading.Thread(target=read_all, args=(master, written))
            reader.start()
            fake.wait_for_subscription(b"status", b"activation.", b"fatigue.")
            last = "status", dict(messages[0][1], seq=2, frames=3600 * 48000)
            fake.send(*messages, last)
            limit = time.monotonic() + PATIENCE_S
            while b"1:00:00" not in written and time.monotonic() < limit:
                time.sleep(0.02)
            process.send_signal(signal.SIGINT)
            self.assertEqual(process.wait(PATIENCE_S), 0)
            reader.join(PATIENCE_S)
            os.close(master)
        text = written.decode("ascii")
        shown = text[text.index("waiting for"):text.rindex("\x1b[J")]
        self.assertIn(fake.data[:columns - 20], shown)
        return render(shown, rows, columns), text

    def test_a_screen_of_80_by_24_holds_four_muscles_and_the_cursor_comes_back(self):
        muscles = ["left.soleus", "left.gastrocnemius_medialis", "right.soleus", "right.gastrocnemius_medialis"]
        messages = [status(1, muscles=muscles)]
        for i, muscle in enumerate(muscles):
            known = i < 3
            messages += [("activation." + muscle, activation(1, 101.5 + i if known else None)[1]),
                         ("fatigue." + muscle, fatigue(1, 91.2 + i if known else None)[1])]
        lines, text = self.screen(24, 80, *messages)
        self.assertIn("SIMULATED", lines[0])
        for words in ("running", "48000 Hz", "gaps 2", "frames lost 77"):
            self.assertIn(words, lines[1])
        for i, muscle in enumerate(muscles):
            row = next(row for row, line in enumerate(lines) if line.startswith(muscle))
            for words in ("ACTIVE", "fatiguing", "warn: gap"):
                self.assertIn(words, lines[row])
            self.assertIn("%.1f uV [#" % (101.5 + i) if i < 3 else "-- uV [-", lines[row + 1])
            self.assertIn("MDF  %.1f +- 1.3 Hz" % (91.2 + i) if i < 3 else "MDF    --", lines[row + 2])
            self.assertIn("shift -5.0 %  slope -2.1 %/min, 95 % CI -3.0 to -1.0", lines[row + 2])
            self.assertIn("it falls", lines[row + 3])
        self.assertGreater(text.rfind("\x1b[?25h"), text.rfind("\x1b[?25l"))

    def test_a_lost_signal_is_shown_as_lost_and_with_no_value(self):
        lines, _ = self.screen(24, 80, status(1, "lost", source="soundio:alsa:CARD=EMG"), activation(1))
        self.assertIn("SIGNAL LOST", lines[1])
        self.assertNotIn("123.4", "".join(lines))
        self.assertTrue(any("-- uV" in line for line in lines))

    def test_a_smaller_window_shows_less_and_overflows_nowhere(self):
        muscles = ["left.muscle_%d" % i for i in range(6)]
        messages = [status(1, source="synth:" + 200 * "x", muscles=muscles)]
        messages += [("activation." + muscle, activation(1)[1]) for muscle in muscles]
        messages += [("fatigue." + muscle, fatigue(1)[1]) for muscle in muscles]
        lines, _ = self.screen(15, 70, *messages)
        self.assertEqual([muscle for muscle in muscles if any(line.startswith(muscle) for line in lines)], muscles)
        self.assertIn("SIMULATED", lines[0])


def render(text, rows, columns):
    """The lines of a terminal after the text; fails on what it does not know, on wrapping and on scrolling."""
    cells, row, column = [[" "] * columns for _ in range(rows)], 0, 0
    for control, letter in re.findall(r"(\x1b\[[0-9;?]*[A-Za-z]|[\r\n])|(.)", text):
        assert letter or control in "\r\n" or control[-1] in "mHJKhl", repr(control)
        if letter:
            assert letter.isprintable() and column < columns, (letter, row, column)
            cells[row][column] = letter
            column += 1
        elif control == "\n":
            row += 1
            assert row < rows, "scrolled"
        elif control == "\r":
            column = 0
        elif control[-1] == "H":
            row, column = 0, 0
        elif control[-1] in "JK":
            cells[row][column:] = [" "] * (columns - column)
            for below in cells[row + 1:] if control[-1] == "J" else ():
                below[:] = [" "] * columns
    return ["".join(line).rstrip() for line in cells]


def read_all(descriptor, into):
    while True:
        try:
            if select.select([descriptor], [], [], 0.2)[0]:
                into += os.read(descriptor, 65536)
        except OSError:
            return


class Example(unittest.TestCase):
    def test_the_subscriber_prints_activation_and_fatigue(self):
        with Fake() as fake:
            process = subprocess.Popen(["/usr/bin/python3", str(EXAMPLES / "subscribe.py"), fake.data], stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE, text=True)
            fake.wait_for_subscription(b"status", b"activation.", b"fatigue.")
            fake.send(activation(1), fatigue(1), status(1, "ended"))
            code, out, err = finish(process)
        self.assertEqual((code, err), (0, ""))
        self.assertIn("left.soleus RMS 123.4 uV active gap", out)
        self.assertIn("left.soleus MDF 91.2 +- 1.3 Hz: fatiguing", out)


programs = pathlib.Path(sys.argv.pop(1)).resolve()
unittest.main(verbosity=2)
