"""emgctl, emgtop and the example against a daemon of the test's own. Argument: the directory with the built programs."""

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

import zmq

from fake import PATIENCE_S, Fake

CLIENTS = pathlib.Path(__file__).resolve().parents[2] / "clients"
EXAMPLES = CLIENTS / "examples"
COMMON = {"v": 1, "t": 1763845200.5, "frame": 4799, "session": None}
MUSCLE = "left.soleus"
BOTH = [MUSCLE, "right.soleus"]
FIRST_FRAME, END_FRAME = 10000, 20000


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


def measuring(seq, frame, seconds_left=None, end_frame=END_FRAME, state="running"):
    """A status while a measurement is in progress, or, without seconds_left, while none is."""
    topic, body = status(seq, state)
    return topic, dict(body, frame=frame, measuring=None if seconds_left is None else {
        "kind": "rest", "muscles": BOTH, "end_frame": end_frame, "seconds_left": seconds_left})


def result(kind, muscle, frame=END_FRAME - 1, accepted=True, **more):
    body = dict(COMMON, frame=frame, seq=1, muscle=muscle, accepted=accepted, reason=None if accepted else "not at rest: relax",
                seconds=10.0, snr_db=None if kind == "rest" else 28.2, flags=[])
    if kind == "baseline":
        body.update(mdf_hz=91.26, mdf_se_hz=1.3, contractions=52)
    else:
        body.update(uv=2.345)
    if kind == "reference":
        body.update(method="mvc", contractions=1, reference={"id": "r3", "method": "mvc", "uv": 320.1})
    return "event." + kind, dict(body, **more)


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


def request_of(case, *words, reply=b'{"ok": true, "frame": 7, "t": null}', exit_code=0):
    """What emgctl sends for the words, without command and id."""
    with Fake() as fake:
        process = start("emgctl", "--control", fake.control, *words)
        request = fake.answer(reply)
        case.assertEqual(finish(process)[0], exit_code)
    return request.pop("command"), {key: value for key, value in request.items() if key != "id"}


class Words(unittest.TestCase):
    def test_words_and_dotted_names_are_the_same_command(self):
        for words, expected in {
            ("session", "start", "participant=P07", "notes=second visit"):
                ("session.start", {"participant": "P07", "notes": "second visit"}),
            ("session.start", "participant=07"): ("session.start", {"participant": "07"}),
            ("session", "stop"): ("session.stop", {}),
            ("record", "start", "path=5.bdf"): ("record.start", {"path": "5.bdf"}),
            ("record", "start"): ("record.start", {}),
            ("record.stop",): ("record.stop", {}),
            ("stage", "label=10", "speed_m_s=2.78", "incline_percent=-1"):
                ("stage", {"label": "10", "speed_m_s": 2.78, "incline_percent": -1}),
            ("marker", "label=null"): ("marker", {"label": "null"}),
            ("reference", "set", "muscle=left.soleus", "uv=320", "method=mvc"):
                ("reference.set", {"muscle": "left.soleus", "uv": 320, "method": "mvc"}),
            ("--no-wait", "rest"): ("rest.start", {}),
            ("--no-wait", "rest.start", "seconds=10"): ("rest.start", {"seconds": 10}),
            ("--no-wait", "baseline", "seconds=60"): ("baseline.start", {"seconds": 60}),
        }.items():
            with self.subTest(words):
                self.assertEqual(request_of(self, *words), expected)

    def test_muscles_become_an_array(self):
        for text, sent in {"left.soleus": [MUSCLE], "left.soleus,right.soleus": BOTH, '["left.soleus"]': [MUSCLE], "all": "all",
                           "left.soleus,": [MUSCLE, ""]}.items():
            self.assertEqual(request_of(self, "reference", "--no-wait", "muscles=" + text), ("reference.start", {"muscles": sent}))

    def test_the_nearest_command_is_suggested(self):
        unknown = b'{"ok": false, "error": {"code": "unknown_command", "message": "no such thing"}}'
        for typed, near in {"basline": "baseline", "sesion.start": "session start", "session": "session start", "keygn": "keygen"}.items():
            with Fake() as fake:
                process = start("emgctl", "--control", fake.control, typed)
                fake.answer(unknown)
                code, out, err = finish(process)
            self.assertEqual((code, out), (1, ""))
            self.assertIn('do you mean "%s"?' % near, err)
        with Fake() as fake:
            process = start("emgctl", "--control", fake.control, "levitate", "height_m=2")
            self.assertEqual(fake.answer(unknown)["height_m"], 2)  # a later daemon may
            self.assertNotIn("do you mean", finish(process)[2])
        for words, near in {("session", "strat"): "session start", ("recrod", "stop"): "record stop"}.items():
            code, out, err = finish(start("emgctl", *words))
            self.assertEqual((code, out, len(err.splitlines())), (2, "", 1))
            self.assertIn('do you mean "%s"?' % near, err)

    def test_an_option_of_another_command_is_wrong_usage(self):
        for words in (["--secret", "x", "ping"], ["--no-wait", "ping"], ["--seconds", "5", "rest"], ["--json", "watch"], ["--timeout", "1", "watch"],
                      ["--json", "keygen"], ["keygen", "x"], ["repair"]):
            code, out, err = finish(start("emgctl", *words))
            self.assertEqual((code, out, len(err.splitlines())), (2, "", 1), (words, err))

    def test_repair_goes_through_all_files_and_fails_for_one(self):
        with tempfile.TemporaryDirectory() as directory:
            bad = [directory + "/none.bdf", directory + "/neither.bdf"]
            code, out, err = finish(start("emgctl", "repair", *bad))
        self.assertEqual((code, out, len(err.splitlines())), (1, "", 2))
        for path in bad:
            self.assertIn(path, err)

    def test_help_for_each_command_says_arguments_example_and_what_comes_back(self):
        code, listed, err = finish(start("emgctl", "help"))
        self.assertEqual((code, err), (0, ""))
        self.assertEqual(listed, finish(start("emgctl", "--help"))[1])
        commands = re.findall(r"^  ([a-z]+(?: [a-z]+)?)  ", listed, re.M)
        self.assertEqual(len(commands), 21)
        for command in commands:
            code, text, err = finish(start("emgctl", "help", *command.split()))
            self.assertEqual((code, err), (0, ""), command)
            self.assertEqual(text, finish(start("emgctl", *command.split(), "--help"))[1])
            for words in ("usage: emgctl [OPTION]... " + command, "\nGives ", "\nExample: emgctl " + command):
                self.assertIn(words, text)
            for key in re.findall(r"\b([a-z_]+)=", text.splitlines()[0]):
                self.assertRegex(text, r"(?m)^  %s=\S+ +\S" % key)
            self.assertLessEqual(max(map(len, text.splitlines())), 100)
        for command, words in {"rest": ("seconds=S", "1 to 3600 (10)"), "stage": ("metres per second, 0 to 20", "percent, -50 to 50"),
                               "reference": ("mvc (default)", "dynamic_mean", "knee bent", "emgctl reference set"),
                               "session": ("session start", "session stop", "participant=CODE")}.items():
            text = finish(start("emgctl", "help", command))[1]
            for word in words:
                self.assertIn(word, text)
        self.assertEqual(finish(start("emgctl", "help", "fly"))[0], 2)


class Terminal:
    """A program whose standard output and error are a terminal."""

    def __init__(self, *arguments):
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen([str(programs / "emgctl"), *arguments], stdin=slave, stdout=slave, stderr=slave,
                                        env=dict(os.environ, TZ="UTC"))
        os.close(slave)
        self.written = bytearray()
        self.reader = threading.Thread(target=read_all, args=(self.master, self.written))
        self.reader.start()

    def wait_for(self, text):
        limit = time.monotonic() + PATIENCE_S
        while text.encode() not in self.written:
            assert time.monotonic() < limit, "no %r in %r" % (text, bytes(self.written))
            time.sleep(0.01)

    def finish(self):
        code = self.process.wait(PATIENCE_S)
        os.set_blocking(self.master, False)
        self.reader.join(PATIENCE_S)
        os.close(self.master)
        return code, self.written.decode().replace("\r\n", "\n")


def read_all(descriptor, into):
    while True:
        try:
            if select.select([descriptor], [], [], 0.2)[0]:
                into += os.read(descriptor, 65536)
        except OSError:
            return


class Reply(unittest.TestCase):
    def test_is_a_sentence_on_a_terminal_and_json_elsewhere(self):
        moment = {"frame": 1234, "t": 1763845200.5}
        for words, reply, expected in (
            (("session", "start", "participant=P07"), {"frame": 1, "t": None, "session": "2026-P07", "recording": None},
             r"session 2026-P07 has begun; NOTHING IS BEING RECORDED: emgctl record start"),
            (("session", "start", "participant=P07"), {"frame": 1, "t": None, "session": "2026-P07", "recording": "/d/a.bdf"},
             r"session 2026-P07 has begun, recorded in /d/a\.bdf"),
            (("session", "stop"), moment, r"the session has ended at 21:00:00 \(frame 1234\)"),
            (("stage", "label=10 km/h", "speed_m_s=2.78"), moment, r'stage "10 km/h", 2\.78 m/s begins at 21:00:00 \(frame 1234\)'),
            (("marker", "label=the end"), dict(moment, t=None), r'marker "the end" \(frame 1234\)'),
            (("reference", "set", "muscle=left.soleus", "uv=320"), moment, r"left\.soleus: 100 % is 320 uV at .*"),
            (("record", "start"), {"path": "/d/\x1b[2Ja.bdf", "frame": 5}, r"recording into /d/\?\[2Ja\.bdf from frame 5 on"),
            (("record", "stop"), {"path": "a.bdf", "seconds": 61.25, "frames": 9, "gaps": 2}, r"a\.bdf: 61\.2 s, 9 frames, 2 gaps"),
            (("rest", "--no-wait"), {"muscles": BOTH, "seconds": 10, "frame": 1, "end_frame": 2},
             r"measuring for 10 s: left\.soleus, right\.soleus"),
        ):
            with self.subTest(words), Fake() as fake:
                text = json.dumps(dict(reply, ok=True)).encode()
                terminal = Terminal("--control", fake.control, *words)
                fake.answer(text)
                code, shown = terminal.finish()
                self.assertEqual(code, 0)
                self.assertRegex(shown, r"^%s\n$" % expected)
                terminal = Terminal("--control", fake.control, "--json", *words)
                fake.answer(text)
                self.assertEqual(json.loads(terminal.finish()[1])["ok"], True)
                process = start("emgctl", "--control", fake.control, *words)
                fake.answer(text)
                self.assertEqual(json.loads(finish(process)[1]), dict(reply, ok=True))


class Measure(unittest.TestCase):
    def setUp(self):
        self.renew()

    def renew(self):
        """Each emgctl gets a daemon of its own: it would not see the same subscription twice."""
        self.fake = Fake()
        self.addCleanup(self.fake.__exit__)
        self.words = ["--control", self.fake.control, "--data", self.fake.data]

    def accept(self, muscles=BOTH, frame=FIRST_FRAME):
        return self.fake.answer(json.dumps({"ok": True, "muscles": muscles, "seconds": 10, "frame": frame,
                                            "end_frame": END_FRAME}).encode())

    def begin(self, *words, kind="rest", muscles=BOTH, how=start):
        self.renew()
        process = how(*(("emgctl",) if how is start else ()), *self.words, *words)
        self.fake.wait_for_subscription(b"status", b"event." + kind.encode())
        self.fake.send(measuring(1, FIRST_FRAME - 1))
        self.accept(muscles)
        return process

    def test_the_subscription_has_taken_hold_before_the_request_is_sent(self):
        process = start("emgctl", *self.words, "rest", "seconds=10")
        self.fake.wait_for_subscription(b"event.rest", b"status")
        self.assertFalse(self.fake.router.poll(300))
        self.fake.send(measuring(1, FIRST_FRAME - 1))
        self.assertTrue(self.fake.router.poll(PATIENCE_S * 1000))
        # at full speed all is over before the reply
        self.fake.send(*(result("rest", muscle) for muscle in BOTH), measuring(2, END_FRAME + 5), status(3, "ended"))
        self.assertEqual(self.accept()["command"], "rest.start")
        code, out, err = finish(process)
        self.assertEqual((code, err), (0, ""))
        self.assertEqual(out.splitlines(), [muscle + ": noise 2.35 uV RMS, 10.0 s" for muscle in BOTH])

    def test_without_a_data_socket_nothing_is_begun(self):
        process = start("emgctl", "--control", self.fake.control, "--data", "ipc:///nonexistent/x", "--timeout", "0.3", "rest")
        code, out, err = finish(process)
        self.assertEqual((code, out), (1, ""))
        self.assertIn("ipc:///nonexistent/x", err)
        self.assertIn("nothing was begun", err)
        self.assertFalse(self.fake.router.poll(100))

    def test_each_result_is_a_line_with_its_evidence(self):
        process = self.begin("reference", "muscles=all", kind="reference")
        self.fake.send(result("reference", BOTH[1]), result("reference", MUSCLE, flags=["hum", "noisy"]))
        code, out, err = finish(process)
        self.assertEqual((code, err), (0, ""))
        line = ": 100 % is 320.1 uV RMS (mvc, r3), 10.0 s of 1 contraction, 28 dB above the noise"
        self.assertEqual(out.splitlines(), [BOTH[1] + line, MUSCLE + line + "; warning: hum, noisy"])
        process = self.begin("baseline", kind="baseline", muscles=[MUSCLE])
        self.fake.send(result("baseline", MUSCLE, mdf_se_hz=None))
        code, out, err = finish(process)
        self.assertEqual((code, out), (0, MUSCLE + ": median frequency 91.3 Hz +- -- (SE), 10.0 s of 52 contractions, "
                                                   "28 dB above the noise\n"))

    def test_a_refused_result_is_a_failure_with_its_reason_on_standard_error(self):
        process = self.begin("rest")
        self.fake.send(result("rest", MUSCLE, accepted=False, flags=["clipping"], uv=None), result("rest", BOTH[1]))
        code, out, err = finish(process)
        self.assertEqual((code, out.count("\n")), (1, 1))
        self.assertEqual(err, "emgctl: left.soleus: refused: not at rest: relax; clipping\n")
        self.assertIn(BOTH[1], out)

    def test_json_lines_are_the_events(self):
        process = self.begin("rest", "--json")
        sent = [result("rest", MUSCLE), result("rest", BOTH[1], accepted=False)]
        self.fake.send(*sent)
        code, out, err = finish(process)
        self.assertEqual(code, 1)
        self.assertEqual([json.loads(line) for line in out.splitlines()], [dict(body, topic=topic) for topic, body in sent])
        self.assertIn("not at rest", err)

    def test_results_of_others_do_not_count(self):
        process = self.begin("reference", "muscles=all", kind="reference")
        self.fake.send(result("reference", MUSCLE, frame=FIRST_FRAME - 1, accepted=False),  # of the one before
                       result("reference", MUSCLE, frame=FIRST_FRAME + 5, seconds=0),  # somebody's reference.set
                       result("reference", "left.tibialis_anterior"),
                       measuring(2, FIRST_FRAME + 10, 5.0),
                       result("reference", MUSCLE), result("reference", MUSCLE, accepted=False), result("reference", BOTH[1]))
        code, out, err = finish(process)
        self.assertEqual((code, err), (0, ""))
        self.assertEqual([line.split(":")[0] for line in out.splitlines()], BOTH)
        self.assertNotIn(" 0.0 s", out)

    def test_a_refused_request_is_a_failure(self):
        process = start("emgctl", *self.words, "baseline")
        self.fake.wait_for_subscription(b"event.baseline", b"status")
        self.fake.send(measuring(1, 5))
        self.fake.answer(b'{"ok": false, "error": {"code": "busy", "message": "ends in 3.0 s"}}')
        code, out, err = finish(process)
        self.assertEqual((code, out, err), (1, "", "emgctl: baseline.start: ends in 3.0 s (busy)\n"))

    def test_a_measurement_without_a_result_is_a_failure_that_names_the_muscle(self):
        for last, words in ((measuring(2, FIRST_FRAME + 100), "does not measure any more"),
                            (measuring(2, FIRST_FRAME + 100, 9.0, END_FRAME + 500), "does not measure any more"),
                            (measuring(0, 5), "started anew"), (measuring(2, FIRST_FRAME + 100, 3.0, state="ended"), "ended")):
            with self.subTest(last):
                process = self.begin("rest")
                self.fake.send(result("rest", MUSCLE), last)
                code, out, err = finish(process)
                self.assertEqual((code, len(out.splitlines())), (1, 1))
                self.assertIn(words, err)
                self.assertIn("no result has come of right.soleus\n", err)

    def test_a_measurement_that_is_cancelled_while_the_signal_is_lost_is_not_waited_for(self):
        process = self.begin("rest")
        self.fake.send(measuring(2, FIRST_FRAME - 1, 10.0, state="lost"), measuring(3, FIRST_FRAME - 1, state="lost"))
        code, _, err = finish(process)
        self.assertEqual(code, 1)
        self.assertIn("does not measure any more", err)

    def test_a_status_from_before_the_request_ends_nothing(self):
        process = self.begin("rest")
        self.fake.send(measuring(2, FIRST_FRAME - 1), *(result("rest", muscle) for muscle in BOTH))
        self.assertEqual(finish(process)[0], 0)
        self.renew()  # and one from before the first frame, with a measurement that begins with that
        process = start("emgctl", *self.words, "rest")
        self.fake.wait_for_subscription(b"event.rest", b"status")
        self.fake.send(measuring(1, 0, state="waiting"))
        self.accept(frame=0)
        self.fake.send(*(result("rest", muscle) for muscle in BOTH))
        self.assertEqual(finish(process)[0], 0)

    def test_a_daemon_that_says_nothing_is_asked_and_one_that_is_gone_is_not_waited_for(self):
        gone = self.begin("--timeout", "0.5", "rest")
        slow = self.begin("rest")
        self.assertEqual(self.fake.answer(b'{"ok": true}')["command"], "ping")
        self.fake.send(*(result("rest", muscle) for muscle in BOTH))
        self.assertEqual(finish(slow)[0], 0)
        code, out, err = finish(gone)
        self.assertEqual((code, out), (1, ""))
        self.assertIn("nothing comes any more", err)

    def test_ctrl_c_ends_emgctl_only(self):
        process = self.begin("rest")
        self.fake.send(measuring(2, FIRST_FRAME, 9.0, state="lost"))
        self.assertIn("LOST", process.stderr.readline())
        process.send_signal(signal.SIGINT)
        code, out, err = finish(process)
        self.assertEqual((code, out), (1, ""))
        self.assertIn("emgd goes on measuring", err)
        self.assertFalse(self.fake.router.poll(100))

    def test_ctrl_c_ends_it_before_the_reply_and_before_the_request_too(self):
        process = start("emgctl", *self.words, "rest")
        self.fake.wait_for_subscription(b"event.rest", b"status")
        process.send_signal(signal.SIGINT)
        code, _, err = finish(process)
        self.assertEqual((code, err), (1, "emgctl: nothing was begun\n"))
        self.renew()
        process = start("emgctl", *self.words, "rest")
        self.fake.wait_for_subscription(b"event.rest", b"status")
        self.fake.send(measuring(1, 5))
        self.assertTrue(self.fake.router.poll(PATIENCE_S * 1000))
        process.send_signal(signal.SIGINT)
        code, _, err = finish(process)
        self.assertEqual(code, 1)
        self.assertIn("may have begun rest.start", err)

    def counts(self, text):
        return [int(n) for n in re.findall(r"\r\x1b\[K *(\d+) s ", text)]

    def test_a_terminal_sees_an_instruction_and_a_countdown_by_the_signals_time(self):
        for words, kind, muscles, said in (
            (("rest",), "rest", BOTH, ["Lie or sit still"]),
            (("reference", "muscles=all"), "reference", BOTH, ["Soleus: knee bent to about 90 degrees", "as hard as you can"]),
            (("reference", "muscles=all", "method=submaximal"), "reference", ["left.gastrocnemius_medialis"],
             ["Gastrocnemius: knee straight", "the force agreed on"]),
            (("reference", "muscles=all"), "reference", ["left.soleus", "left.gastrocnemius_lateralis"], ["Soleus", "Better one after the other"]),
            (("reference", "muscles=all"), "reference", ["left.tibialis_anterior"], ["All: contract against resistance"]),
            (("reference", "muscles=all", "method=dynamic_peak"), "reference", BOTH, ["Go on walking or running"]),
            (("baseline",), "baseline", BOTH, ["Go on walking or running"]),
        ):
            with self.subTest(words):
                terminal = self.begin(*words, kind=kind, muscles=muscles, how=Terminal)
                terminal.wait_for("10 s ")
                self.fake.send(*(measuring(2 + i, FIRST_FRAME + 1000 * i, left) for i, left in enumerate((9.6, 8.2, 8.1, 0.3))))
                terminal.wait_for("1 s ")
                self.fake.send(*(result(kind, muscle) for muscle in muscles))
                code, text = terminal.finish()
                self.assertEqual((code, self.counts(text)), (0, [10, 10, 9, 9, 1]))
                for word in said:
                    self.assertIn(word, text)
                self.assertRegex(text, r"1 s \r\x1b\[K%s: " % muscles[0])  # the countdown makes room for the result
                self.assertEqual("Gastrocnemius" in text, any("gastrocnemius" in muscle for muscle in muscles) and "dynamic" not in text)

    def test_a_lost_device_stops_the_countdown_and_says_so(self):
        terminal = self.begin("rest", how=Terminal)
        self.fake.send(measuring(2, FIRST_FRAME + 1000, 9.0), measuring(3, FIRST_FRAME + 1500, 8.5, state="lost"),
                       measuring(4, FIRST_FRAME + 1500, 8.5, state="lost"))
        terminal.wait_for("LOST")
        self.fake.send(measuring(5, FIRST_FRAME + 4000, 6.0))
        terminal.wait_for("is back")
        self.fake.send(*(result("rest", muscle, accepted=False, reason="samples were lost") for muscle in BOTH))
        code, text = terminal.finish()
        self.assertEqual((code, self.counts(text)), (1, [10, 9, 6]))
        self.assertEqual((text.count("LOST"), text.count("samples were lost")), (1, 2))

    def test_a_device_that_stays_lost_is_not_waited_for_for_ever(self):
        process = self.begin("--timeout", "0.5", "rest")
        self.fake.send(measuring(2, FIRST_FRAME + 1500, 8.5, state="lost"))
        time.sleep(0.6)
        self.fake.send(measuring(3, FIRST_FRAME + 1500, 8.5, state="lost"))
        code, out, err = finish(process)
        self.assertEqual((code, out), (1, ""))
        for words in ("LOST", "stays lost", "left.soleus, right.soleus"):
            self.assertIn(words, err)

    def test_elsewhere_there_is_neither_instruction_nor_countdown(self):
        process = self.begin("rest")
        self.fake.send(measuring(2, FIRST_FRAME + 1000, 9.0), *(result("rest", muscle) for muscle in BOTH))
        self.assertEqual(finish(process)[2], "")

    def test_no_wait_returns_after_the_reply(self):
        process = start("emgctl", *self.words, "--no-wait", "rest")
        self.accept()
        code, out, err = finish(process)
        self.assertEqual((code, json.loads(out)["muscles"], err), (0, BOTH, ""))

    def test_words_of_a_result_are_kept_from_the_terminal(self):
        process = self.begin("rest", muscles=["a\x1b[2J"])
        self.fake.publisher.send_multipart([b"event.rest", b"[]"])
        self.fake.send(result("rest", "a\x1b[2J", accepted=False, reason="x\ny\x9b\x1b]0;", flags=["\x1b", 5]))
        code, _, err = finish(process)
        self.assertEqual((code, len(err.splitlines())), (1, 1))
        self.assertNotIn("\x1b", err)

    def test_a_reply_that_names_no_muscle_is_a_failure(self):
        for reply in (b'{"ok": true}', b'{"ok": true, "muscles": []}', b'{"ok": true, "muscles": "all"}', b"[]"):
            self.renew()
            process = start("emgctl", *self.words, "rest")
            self.fake.wait_for_subscription(b"event.rest", b"status")
            self.fake.send(measuring(1, 5))
            self.fake.answer(reply)
            self.assertEqual(finish(process)[:2], (1, ""))


class Keys(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)
        self.secret, self.public = self.directory / "my.secret", self.directory / "my.key"

    def keygen(self, *words, **more):
        return finish(start("emgctl", "keygen", *map(str, words), **more))

    def key_of(self, path):
        comment, key = path.read_text().splitlines()
        self.assertTrue(comment.startswith("# "))
        return key

    def test_makes_a_pair_that_belongs_together_whatever_the_umask(self):
        for mask in (0, 0o077):
            with self.subTest(mask):
                secret, public = (path.with_name("%o.%s" % (mask, path.name)) for path in (self.secret, self.public))
                code, out, err = self.keygen("--secret", secret, "--public", public, preexec_fn=lambda: os.umask(mask))
                self.assertEqual(code, 0, err)
                self.assertEqual([path.stat().st_mode & 0o777 for path in (secret, public)], [0o600, 0o644])
                self.assertEqual(out, self.key_of(public) + "\n")
                self.assertEqual(zmq.curve_public(self.key_of(secret).encode()), self.key_of(public).encode())
                self.assertNotIn(self.key_of(secret), out + err + public.read_text())

    def test_without_names_the_secret_key_has_one_and_the_public_key_is_printed(self):
        code, out, _ = self.keygen(cwd=self.directory)
        self.assertEqual((code, [path.name for path in self.directory.iterdir()]), (0, ["emg.secret"]))
        self.assertRegex(out, r"^\S{40}\n$")

    def test_writes_over_nothing_and_leaves_no_half_of_a_pair(self):
        self.public.write_text("mine")
        code, out, err = self.keygen("--secret", self.secret, "--public", self.public)
        self.assertEqual((code, out, self.public.read_text(), self.secret.exists()), (1, "", "mine", False))
        self.assertIn(str(self.public), err)
        self.assertEqual(self.keygen("--secret", self.secret, "--public", self.secret)[0], 1)
        self.assertFalse(self.secret.exists())
        self.secret.symlink_to(self.directory / "elsewhere")
        self.assertEqual(self.keygen("--secret", self.secret)[0], 1)
        self.assertFalse((self.directory / "elsewhere").exists())
        self.secret.unlink()
        self.secret.write_text("mine")
        code, out, err = self.keygen("--secret", self.secret)
        self.assertEqual((code, out, self.secret.read_text()), (1, "", "mine"))
        self.assertIn("exists already", err)
        self.assertEqual(self.keygen("--secret", self.directory / "no" / "secret")[0], 1)

    def test_requests_results_and_the_stream_come_over_curve(self):
        server_public, server_secret = zmq.curve_keypair()
        self.assertEqual(self.keygen("--secret", self.secret)[0], 0)
        self.public.write_text("# emgd\n%s\n" % server_public.decode())
        for key in (server_public.decode(), str(self.public)):
            with Fake(secret_key=server_secret) as fake:
                words = ["--control", fake.control, "--data", fake.data, "--server-key", key, "--secret-key", str(self.secret)]
                process = start("emgctl", *words, "rest")
                fake.wait_for_subscription(b"event.rest", b"status")
                fake.send(measuring(1, 5))
                fake.answer(json.dumps({"ok": True, "muscles": [MUSCLE], "seconds": 1, "frame": 9, "end_frame": 10}).encode())
                fake.send(result("rest", MUSCLE))
                self.assertEqual(finish(process)[0], 0)
                process = start("emgctl", *words, "ping")
                fake.answer(b'{"ok": true}')
                self.assertEqual(finish(process)[0], 0)
                self.assertEqual(finish(start("emgctl", "--control", fake.control, "--timeout", "0.5", "ping"))[0], 1)
            with Fake(secret_key=server_secret) as fake:
                words[1:4:2] = fake.control, fake.data
                process = start("emgctl", *words, "--count", "1", "watch", "status")
                fake.wait_for_subscription(b"status")
                fake.send(status(1))
                self.assertEqual(finish(process)[0], 0)
        code, _, err = finish(start("emgctl", *words[:-2], "ping"))
        self.assertEqual(code, 1)
        self.assertIn("--secret-key", err)


class Completion(unittest.TestCase):
    """The words that bash would put in the place of what stands behind the last word break."""
    SCRIPT = r"""
        source "$1"
        COMP_LINE=$2 COMP_POINT=${#2} COMP_WORDS=("${@:3}")
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        _emgctl
        printf '%s\n' "${COMPREPLY[@]}"
    """

    def complete(self, line, **more):
        words = re.findall(r'(?:[^\s=:"]|"[^"]*"?)+|[=:]+', line) + ([""] if line[-1] == " " else [])
        done = subprocess.run(["bash", "-c", self.SCRIPT, "bash", str(CLIENTS / "emgctl.bash-completion"), line, *words], text=True,
                              capture_output=True, timeout=PATIENCE_S, env=dict(os.environ, PATH="%s:%s" % (programs, os.environ["PATH"])),
                              **more)
        self.assertEqual((done.returncode, done.stderr), (0, ""), line)
        return done.stdout.split()

    def test_commands_arguments_methods_and_options(self):
        for line, expected in {
            "emgctl re": ["rest", "reference", "record", "repair"],
            "emgctl session ": ["start", "stop", "events"],
            "emgctl session start ": ["participant=", "notes="],
            "emgctl session start participant=P07 ": ["notes="],
            "emgctl session.start par": ["participant="],
            "emgctl reference ": ["set", "muscles=", "seconds=", "method="],
            "emgctl reference set ": ["muscle=", "uv=", "method="],
            "emgctl reference muscles=left.soleus s": ["seconds="],
            'emgctl stage label="10 km/h" ': ["speed_m_s=", "incline_percent="],
            "emgctl reference method=": ["mvc", "submaximal", "dynamic_peak", "dynamic_mean"],
            "emgctl reference method=dynamic_p": ["dynamic_peak"],
            "emgctl rest seconds=": [],
            "emgctl help reco": ["record"],
            "emgctl help record ": ["start", "stop"],
            "emgctl watch s": ["spectrum.", "status", "stride.", "symmetry."],
            "emgctl rest --": ["--control", "--data", "--server-key", "--secret-key", "--timeout", "--json", "--no-wait", "--help", "--version"],
            "emgctl keygen --se": ["--server-key", "--secret-key", "--secret"],
            "emgctl --control ": [],
            "emgctl --timeout 3 sess": ["session"],
            "emgctl --nonsense sess": [],
            "emgctl fly ": [],
            "emgctl --version ping": ["ping"],
        }.items():
            with self.subTest(line):
                self.assertEqual(self.complete(line), expected)

    def test_names_of_files_where_files_are_meant(self):
        with tempfile.TemporaryDirectory() as directory:
            pathlib.Path(directory, "run 1.bdf").touch()
            pathlib.Path(directory, "run2.bdf").touch()
            for line in ("emgctl repair run2", "emgctl repair other.bdf run2", "emgctl --secret-key run2", "emgctl keygen --public run2"):
                self.assertEqual(self.complete(line, cwd=directory), ["run2.bdf"])
            self.assertEqual(self.complete("emgctl repair x", cwd=directory), [])

    def test_muscles_of_the_running_daemon(self):
        muscles = BOTH + ["left.gastrocnemius_medialis"]
        with Fake() as fake:
            reply = json.dumps({"ok": True, "status": status(1, muscles=muscles)[1]}).encode()
            for text, expected in {"reference muscles=": ["all"] + muscles, "reference muscles=left.s": [MUSCLE],
                                   "reference muscles=left.soleus,": ["left.soleus," + muscle for muscle in muscles[1:]],
                                   "reference muscles=left.soleus,ri": ["left.soleus,right.soleus"],
                                   "reference set muscle=r": ["right.soleus"]}.items():
                asked = []
                thread = threading.Thread(target=lambda: asked.append(fake.answer(reply)))
                thread.start()
                self.assertEqual(self.complete("emgctl --control %s %s" % (fake.control, text)), expected, text)
                thread.join()
                self.assertEqual(asked[0]["command"], "status")

    def test_without_a_daemon_there_are_silently_none(self):
        self.assertEqual(self.complete("emgctl --control ipc:///nonexistent/x reference muscles=left."), [])
        self.assertEqual(self.complete("emgctl --control ipc:///nonexistent/x reference muscles="), ["all"])


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

    def test_a_text_cannot_command_the_terminal(self):
        out = self.plain(status(1, source="file:\x1b[2J\x9b1m\u202ex\u00e4.bdf"), activation(1))[1]
        self.assertIn("file:?[2J?1m?x\u00e4.bdf", out)

    def test_numbers_of_a_new_daemon_wait_for_its_status(self):
        with Fake() as fake:
            process = start("emgtop", "--data", fake.data)
            fake.wait_for_subscription(b"status", b"activation.", b"fatigue.")
            fake.send(status(1, source="file:x.bdf"), activation(5), activation(1, rms_uv=777))
            fake.send(status(1, "ended", source="file:x.bdf"))
            code, out, _ = finish(process)
        self.assertEqual(code, 0)
        self.assertNotIn("777", out)


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
