#!/usr/bin/python3
"""Wrong usage, configurations, recordings and circumstances: each ends with its exit code and one line that says
what is wrong with what, and nothing crashes.

Usage: test_bad_input.py DIRECTORY_WITH_THE_PROGRAMS [TEST]...
"""

import os
import random
import socket
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import emgd

FAILED, USAGE = 1, 2


class BadInput(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(temporary.cleanup)
        cls.directory = Path(temporary.name)
        cls.good = cls.directory / "good.bdf"
        signals = [emgd.emg(3, 1000, 100, seed) for seed in (1, 2)]
        emgd.write_bdf(cls.good, 1000, signals, ["EMG L SOL", "EMG R TA"])
        cls.wav = cls.directory / "good.wav"
        emgd.write_wav(cls.wav, 4000, [emgd.emg(2, 4000, 100, 3)])

    def write(self, name, content):
        path = self.directory / name
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content, "utf-8")
        return path

    def check(self, code, names, program, *arguments):
        """The program ends with the code, nothing on standard output, and one line that has all the names."""
        done = emgd.run(program, *arguments)
        self.assertEqual(code, done.code, done.text)
        self.assertEqual("", done.out, done.text)
        self.assertIsNone(emgd.SANITIZER_REPORT.search(done.err), done.text)
        self.assertEqual(1, done.err.count("\n"), "not one line\n" + done.text)
        self.assertTrue(done.err.startswith(program + ": ") and done.err.endswith("\n"), done.text)
        for name in names:
            self.assertIn(str(name), done.err, done.text)

    def emgd_arguments(self):
        """Endpoints that nobody else has."""
        return ["--set", "publish.data=ipc://%s/data" % self.directory, "--set",
                "publish.control=ipc://%s/control" % self.directory, "--set", "publish.wait_s=0"]

    def check_recording(self, code, names, path, *arguments):
        """The same of the daemon and of the report."""
        for program, given in (("emgd", ["--source", "file:%s" % path, "--speed", "max", *self.emgd_arguments()]),
                               ("emgreport", [path])):
            with self.subTest(program):
                self.check(code, names, program, *given, *arguments)

    # --- recordings ---

    def test_the_recordings_that_the_bad_ones_are_made_of_are_good(self):
        for path in (self.good, self.wav):
            self.assertEqual((0, ""), tuple(emgd.run("emgreport", path)[i] for i in (0, 2)))
            done = emgd.run("emgd", "--source", "file:%s" % path, "--speed", "max", *self.emgd_arguments())
            self.assertEqual((0, ""), (done.code, done.out), done.text)

    def test_missing_file(self):
        self.check_recording(FAILED, ["missing.bdf"], self.directory / "missing.bdf")
        self.check_recording(FAILED, ["missing.wav"], self.directory / "no" / "such" / "missing.wav")

    @unittest.skipIf(os.geteuid() == 0, "root may read every file")
    def test_unreadable_file(self):
        path = self.write("secret.bdf", self.good.read_bytes())
        path.chmod(0)
        self.check_recording(FAILED, [path], path)

    def test_directory(self):
        self.check_recording(FAILED, [self.directory], self.directory)

    def test_empty_file(self):
        for name in ("empty.bdf", "empty.wav"):
            path = self.write(name, b"")
            self.check_recording(FAILED, [path], path)

    def test_truncated_recording(self):
        for name, content, kept in (("data.bdf", self.good, -1), ("records.bdf", self.good, -7000),
                                    ("signals.bdf", self.good, 500), ("header.bdf", self.good, 100),
                                    ("data.wav", self.wav, -1000), ("header.wav", self.wav, 20)):
            with self.subTest(name):
                path = self.write("cut_" + name, content.read_bytes()[:kept])
                self.check_recording(FAILED, [path], path)

    def test_garbage(self):
        noise = random.Random(1).randbytes(20000)
        header = self.good.read_bytes()
        for name, content in (("noise.bdf", noise), ("noise.wav", noise), ("text.edf", b"hello\n"),
                              ("signature.bdf", b"\xffBIOSEMI" + noise), ("riff.wav", b"RIFF\xff\xff\xff\xffWAVE" + noise),
                              ("flac.flac", b"fLaC" + noise), ("zeros.bdf", bytes(20000)),
                              ("labels.bdf", header[:256] + noise[:512] + header[768:]),
                              ("count.bdf", header[:236] + b"99999999" + header[244:]),
                              ("signals.bdf", header[:252] + b"9999" + header[256:])):
            with self.subTest(name):
                path = self.write(name, content)
                self.check_recording(FAILED, [path], path)

    def test_recording_that_is_too_slow(self):
        path = self.directory / "slow.bdf"
        emgd.write_bdf(path, 500, [emgd.emg(3, 500, 100, 1)], ["EMG L SOL"])
        self.check_recording(FAILED, [path, "500"], path)

    def test_special_files(self):
        for path in ("/dev/null", "/proc/self/mem"):
            self.check_recording(FAILED, [path], path)

    def test_every_damaged_recording_is_refused_by_its_name(self):
        maker = emgd.SOURCE_DIR / "fixtures" / "make_recordings.py"
        made = self.directory / "made"
        subprocess.run([sys.executable, "-B", maker, made], check=True, timeout=emgd.PATIENCE_S)
        damaged = [path for path in sorted(made.glob("*.?df")) if not path.with_name(path.name + ".f32").exists()]
        self.assertGreater(len(damaged), 20)
        for path in damaged:
            with self.subTest(path.name):
                self.check(FAILED, [path], "emgreport", path)

    # --- muscles and channels ---

    def test_unknown_label(self):
        self.check_recording(USAGE, ["left.soleus", "GM L"], self.good, "--set", 'muscle."left.soleus".label=GM L')

    def test_channel_that_is_not_there(self):
        self.check_recording(USAGE, ["left.soleus", "7"], self.good, "--set", 'muscle."left.soleus".channel=7')
        self.check_recording(USAGE, ["left", "3"], self.good, "--set", 'footswitch."left".channel=3')

    def test_two_muscles_on_one_channel(self):
        one = ["--set", 'muscle."left.soleus".channel=1', "--set"]
        for other in ('muscle."right.soleus".channel=1', 'muscle."right.soleus".label=EMG L SOL'):
            self.check_recording(USAGE, ["left.soleus", "right.soleus", "1"], self.good, *one, other)

    def test_muscle_without_a_channel(self):
        self.check_recording(USAGE, ["left.soleus"], self.good, "--set", 'muscle."left.soleus".full_scale_uv=100')

    # --- configuration ---

    def check_config(self, names, text):
        path = self.write("emgd.conf", text)
        self.check(USAGE, [path, *names], "emgd", "--config", path, "--check-config")
        self.check(USAGE, [path, *names], "emgd", "--config", path, "--source", "synth:rest")
        self.check(USAGE, [path, *names], "emgreport", self.good, "--config", path)

    def test_configuration_file_that_cannot_be_read(self):
        for path in (self.directory / "missing.conf", self.directory):
            self.check(USAGE, [path], "emgd", "--config", path, "--source", "synth:rest")
            self.check(USAGE, [path], "emgreport", self.good, "--config", path)

    def test_unknown_key(self):
        self.check_config([":3:", "mainz_hz"], "# mine\nanalysis {\n  mainz_hz = 60\n}\n")
        self.check_config([":1:", "colour"], 'muscle "left.soleus" { channel = 1 colour = 2 }\n')
        self.check_config([":2:", "analisis"], "\nanalisis { mains_hz = 60 }\n")

    def test_value_out_of_range(self):
        self.check_config([":2:", "mains_hz", "70", "Hz"], "analysis {\n  mains_hz = 70 }\n")
        self.check_config([":1:", "rate_hz"], "source { rate_hz = 999 }\n")
        self.check_config([":1:", "band_hz"], "analysis { band_hz = {450, 20} }\n")
        self.check_config([":1:", "mode"], 'analysis { mode = "sometimes" }\n')
        self.check_config([":1:", "hwm"], "publish { hwm = 0 }\n")
        self.check_config([":1:", "full_scale_uv"], "source { full_scale_uv = nan }\n")
        self.check_config([":1:", "channel"], 'muscle "left.soleus" { channel = 65 }\n')
        self.check_config([":1:", "channel"], 'muscle "left.soleus" { channel = -1 }\n')
        self.check_config([":1:", "Left"], 'muscle "Left.Soleus" { channel = 1 }\n')
        self.check_config([":1:", "middle"], 'footswitch "middle" { channel = 1 }\n')

    def test_syntax_error(self):
        self.check_config([":3:"], "source {\n  rate_hz = 48000\n}}\n")
        self.check_config([":1:"], "source { rate_hz 48000 }\n")
        self.check_config([], 'source { spec = "synth:rest\n')
        self.check_config([], "source {\n  rate_hz = 48000\n")
        self.check_config([], "\0\1\2\3\xff")

    def test_one_channel_for_two_in_a_file(self):
        self.check_config([":2:", "left.soleus", "right.soleus"],
                          'muscle "left.soleus" { channel = 1 }\nmuscle "right.soleus" { channel = 1 }\n')

    def test_bad_setting(self):
        for names, setting in (
            (["analysis.mainz_hz", "mainz_hz"], "analysis.mainz_hz=60"), (["analysis.mains_hz", "70"], "analysis.mains_hz=70"),
            (["source.rate_hz", "fast"], "source.rate_hz=fast"), (["source.rate_hz"], "source.rate_hz="),
            (["source.rate_hz"], "source.rate_hz"), (["color"], "color=red"), (["muscle"], "muscle.channel=1"),
            (["middle.soleus"], 'muscle."middle.soleus".channel=1'), (["="], "="), (["''"], "''"),
            (["publish.hwm"], "publish.hwm=99999999999999999999"), (["source.seed"], "source.seed=-1"),
        ):
            with self.subTest(setting):
                self.check(USAGE, names, "emgd", "--source", "synth:rest", "--set", setting)
                self.check(USAGE, names, "emgreport", self.good, "--set", setting)

    # --- command lines ---

    def test_unknown_option(self):
        for program, words in (("emgd", []), ("emgreport", [self.good]), ("emgctl", ["ping"])):
            for option in ("--frobnicate", "-x", "--frobnicate=1"):
                with self.subTest("%s %s" % (program, option)):
                    self.check(USAGE, [option[:12]], program, option, *words)

    def test_option_without_its_value_and_words_too_many(self):
        self.check(USAGE, ["--source"], "emgd", "--source")
        self.check(USAGE, ["--set"], "emgd", "--set")
        self.check(USAGE, ["speedy"], "emgd", "--source", "synth:rest", "speedy")
        self.check(USAGE, ["RECORDING"], "emgreport")
        self.check(USAGE, ["other.bdf"], "emgreport", self.good, "other.bdf")
        self.check(USAGE, ["-o"], "emgreport", self.good, "-o")
        self.check(USAGE, ["docx"], "emgreport", self.good, "--format", "docx")
        self.check(USAGE, ["command"], "emgctl")
        self.check(USAGE, ["--control"], "emgctl", "--control")
        self.check(USAGE, ["--timeout", "soon"], "emgctl", "--timeout", "soon", "ping")
        self.check(USAGE, ["label"], "emgctl", "marker", "label")

    def test_bad_speed(self):
        for speed in ("0", "-1", "fast", "nan", "inf", "1x", ""):
            with self.subTest(speed):
                self.check(USAGE, ["source.speed"], "emgd", "--source", "synth:rest", "--speed", speed)

    # --- sources ---

    def check_source(self, code, names, source, *arguments):
        with self.subTest(source):
            self.check(code, names, "emgd", "--source", source, *self.emgd_arguments(), *arguments)

    def test_source_of_no_kind(self):
        for source in ("treadmill", "files:a.bdf", "synth", "/tmp/a.bdf", "FILE:a.bdf", "soundio", ":"):
            self.check_source(USAGE, [source], source)
        self.check_source(USAGE, ["source.spec"], "")

    def test_unknown_scenario(self):
        for scenario in ("flying", "", "Rest", "rest:1"):
            self.check_source(USAGE, ["synth:" + scenario, "treadmill", "static", "rest", "ramp"], "synth:" + scenario)

    def test_scenario_that_cannot_be_simulated_so(self):
        self.check_source(USAGE, ["left.soleus", "9"], "synth:rest", "--set", 'muscle."left.soleus".channel=9')

    def test_unknown_backend(self):
        for backend in ("oss", "dummy", "ALSA", ""):
            self.check_source(USAGE, [backend, "alsa", "pulseaudio", "jack"], "soundio:%s:CARD=EMG" % backend)

    def test_absent_device(self):
        # where there is no sound card at all, that is what is wrong
        name = "CARD=NoSuchCard" if Path("/dev/snd").is_dir() else "/dev/snd"
        self.check_source(FAILED, [name], "soundio:alsa:CARD=NoSuchCard")

    # --- endpoints ---

    def test_endpoint_of_other_machines_is_refused(self):
        for key in ("data", "control"):
            for endpoint in ("tcp://0.0.0.0:5556", "tcp://*:5556", "tcp://192.0.2.1:5556", "tcp://[::]:5556",
                             "tcp://eth0:5556", "tcp://example.org:5556", "tcp://127.0.0.1.example.org:5556",
                             "pgm://224.0.0.1:5556", "udp://127.0.0.1:5556", "inproc://emgd"):
                with self.subTest("%s %s" % (key, endpoint)):
                    self.check(USAGE, ["publish." + key, endpoint], "emgd", "--source", "synth:rest", "--set",
                               "publish.%s=%s" % (key, endpoint))

    def test_malformed_endpoint(self):
        for endpoint in ("", "5556", "tcp://", "tcp://127.0.0.1", "tcp://127.0.0.1:", "tcp://127.0.0.1:99999",
                         "tcp://127.0.0.1:http", "ipc://", "127.0.0.1:5556"):
            with self.subTest(endpoint):
                self.check(USAGE, ["publish.data"], "emgd", "--source", "synth:rest", "--set", "publish.data=" + endpoint)

    def test_curve_without_its_keys_is_refused(self):
        self.check(USAGE, ["security.mode", "curve"], "emgd", "--source", "synth:rest", "--set", "security.mode=curve")

    def test_one_endpoint_for_both(self):
        self.check(USAGE, ["publish.data", "publish.control"], "emgd", "--source", "synth:rest", "--set",
                   "publish.data=ipc:///tmp/x", "--set", "publish.control=ipc:///tmp/x")

    def test_endpoint_in_use(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            endpoint = "tcp://127.0.0.1:%d" % taken.getsockname()[1]
            for key in ("data", "control"):
                with self.subTest(key):
                    self.check_source(FAILED, ["publish." + key, endpoint, "in use"], "synth:rest", "--set",
                                      "publish.%s=%s" % (key, endpoint))

    def test_endpoint_of_another_daemon(self):
        with emgd.Daemon("--source", "synth:rest") as daemon:
            daemon.request("ping")
            with socket.socket() as port:
                port.bind(("127.0.0.1", 0))
                spare = "tcp://127.0.0.1:%d" % port.getsockname()[1]
            with emgd.Daemon("--source", "synth:rest", settings={"publish.data": spare}) as first:
                first.request("ping")
                self.check_source(FAILED, ["publish.data", spare, "in use"], "synth:rest", "--set", "publish.data=" + spare)
                self.assertTrue(first.request("ping")["ok"])

    def test_endpoint_in_no_directory(self):
        for key in ("data", "control"):
            endpoint = "ipc://%s/no/such/socket" % self.directory
            with self.subTest(key):
                self.check_source(FAILED, ["publish." + key, endpoint], "synth:rest", "--set",
                                  "publish.%s=%s" % (key, endpoint))

    # --- clients ---

    def test_server_that_is_not_running(self):
        endpoint = "ipc://%s/nobody" % self.directory
        for command in ("ping", "status", "shutdown"):
            self.check(FAILED, [endpoint], "emgctl", "--control", endpoint, "--timeout", "0.2", command)

    def test_endpoint_that_is_none(self):
        for endpoint in ("nonsense", "http://127.0.0.1:5557", ""):
            self.check(USAGE, ["--control", endpoint], "emgctl", "--control", endpoint, "ping")
            self.check(USAGE, ["--data", endpoint], "emgctl", "--data", endpoint, "watch")

    def test_command_that_the_daemon_refuses(self):
        with emgd.Daemon("--source", "synth:rest") as daemon:
            self.check(FAILED, ["fly", "unknown_command"], "emgctl", "--control", daemon.control,
                       "--timeout", emgd.PATIENCE_S, "fly")

    # --- output ---

    def test_report_that_cannot_be_written(self):
        self.check(FAILED, ["no/such/report"], "emgreport", self.good, "-o", self.directory / "no/such/report")
        self.check(FAILED, ["/dev/full"], "emgreport", self.good, "-o", "/dev/full")

    def test_report_to_a_full_device_on_standard_output(self):
        with open("/dev/full", "w") as full:
            done = subprocess.run([emgd.programs / "emgreport", self.good], stdout=full, stderr=subprocess.PIPE,
                                  timeout=emgd.PATIENCE_S, text=True)
        self.assertEqual((FAILED, 1), (done.returncode, done.stderr.count("\n")), done.stderr)


if __name__ == "__main__":
    emgd.main()
