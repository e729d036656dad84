"""Every example runs as clients/python/README.md says, from a fresh copy, against a real emgd.

Usage: test_examples.py DIRECTORY_WITH_THE_PROGRAMS [TEST]...
"""

import csv
import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

import matplotlib.colors
import matplotlib.image
import numpy

import system

PATIENCE_S = system.emgd.PATIENCE_S
README = (system.PACKAGE_DIR / "README.md").read_text("utf-8")


def commands():
    """Example: its commands in the README's table."""
    found, last = {}, None
    for name, command in re.findall(r"^\| (?:`(\S+)`)? *\|.*\| `([^`]+)` \|$", README, re.M):
        found.setdefault(name or last, []).append(command)
        last = name or last
    return found


class Examples(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.directory.cleanup)
        cls.root = Path(cls.directory.name)
        ignore = shutil.ignore_patterns("node_modules", "build", "*.egg-info", "__pycache__")
        for name in ("python", "examples"):
            shutil.copytree(system.SOURCE_DIR / "clients" / name, cls.root / "clients" / name, ignore=ignore)
        # the README's own lines, but for apt-get and the daemon
        block = README.split("```")[1].strip().splitlines()
        for line in (line for line in block if line.startswith(("python3 -m venv", "venv/bin/pip"))):
            cls.execute(line.replace("python3 -m", "/usr/bin/python3 -m"), cls.root)
        cls.first_metric = "\n".join(block[block.index(next(line for line in block if line.startswith("venv/bin/python"))):])

    @classmethod
    def execute(cls, command, where, **more):
        done = subprocess.run(command, shell=True, cwd=where, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=4 * PATIENCE_S,
                              env=cls.environment(), **more)
        assert done.returncode == 0, (command, done.returncode, done.stdout, done.stderr)
        return done

    @classmethod
    def environment(cls):
        path = "%s:%s" % (cls.root / "venv" / "bin", os.environ["PATH"])
        variables = {"PATH": path, "MPLCONFIGDIR": str(cls.root), "LC_ALL": "C.UTF-8", "PYTHONPATH": "", "PYTHONUNBUFFERED": "1"}
        return {**{k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}, **variables}

    @property
    def examples(self):
        return self.root / "clients" / "examples"

    def daemon(self, *arguments, settings=()):
        """A simulated run; --speed makes it as long as a verdict needs."""
        daemon = system.emgd.Daemon("--source", "synth:treadmill", *arguments,
                                    settings={"source.rate_hz": 2000, "publish.wait_s": 0, "recording.directory": str(self.root), **dict(settings)})
        self.addCleanup(lambda: daemon.__exit__(None, None, None))
        daemon.wait_until(lambda s: s["state"] == "running")
        return daemon

    def start(self, command, *words):
        """The README's command with further words, in the background; what it says is in .out()."""
        out = tempfile.NamedTemporaryFile(dir=self.root, suffix=".out")
        self.addCleanup(out.close)
        process = subprocess.Popen(["sh", "-c", "exec " + " ".join([command, *map(shlex.quote, words)])], cwd=self.examples, env=self.environment(),
                                   stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
        self.addCleanup(lambda: process.poll() is None and (process.kill(), process.wait()))
        process.out = lambda: Path(out.name).read_text("utf-8")
        return process

    def wait_for(self, process, pattern):
        deadline = time.monotonic() + PATIENCE_S
        while not re.search(pattern, process.out(), re.M):
            self.assertIsNone(process.poll(), process.out())
            self.assertLess(time.monotonic(), deadline, "%s is not in:\n%s" % (pattern, process.out()))
            time.sleep(0.05)

    def assert_done(self, process):
        self.assertEqual(process.wait(PATIENCE_S), 0, process.out())
        self.assertNotRegex(process.out(), "Traceback|Warning")

    def sockets(self, daemon):
        return ["--data", daemon.data, "--control", daemon.control]

    def test_every_example_is_in_the_readme(self):
        there = {path.name for path in self.examples.iterdir() if path.suffix in (".py", ".js", ".c")}
        self.assertEqual(there, set(commands()))
        self.assertIn("clients/python/README.md", (system.SOURCE_DIR / "README.md").read_text("utf-8"))

    def test_the_first_metric(self):
        daemon = self.daemon()
        command = self.first_metric.replace('"fatigue."', '"fatigue.", data="%s", control="%s"' % (daemon.data, daemon.control))
        self.assertNotEqual(command, self.first_metric)
        process = subprocess.Popen(["sh", "-c", "exec " + command], cwd=self.root, env=self.environment(), stdout=subprocess.PIPE, text=True)
        try:
            self.assertRegex(process.stdout.readline(), r"^left\.soleus (None|\d+\.\d+) undetermined$")
        finally:
            process.terminate()
            process.communicate()

    def test_the_package_is_installed_with_its_types(self):
        done = self.execute("venv/bin/python -c 'import emgd; print(emgd.__file__, emgd.__version__)'", self.root)
        path, version = done.stdout.split()
        self.assertTrue(path.startswith(str(self.root / "venv")), path)
        self.assertTrue(Path(path).with_name("py.typed").is_file())
        program = system.emgd.run("emgd", "--version").out.split()[1]
        self.assertEqual((version, program), (program, program))
        self.assertIn("Version: %s\n" % version, self.execute("venv/bin/pip show emgd", self.root).stdout)

    def test_live_plot(self):
        window, picture = commands()["live_plot.py"]
        self.assertEqual(picture.replace(" --save run.png --seconds 10", ""), window)
        daemon = self.daemon("--speed", "4")
        process = self.start(picture.replace("10", "3"), *self.sockets(daemon))
        self.assert_done(process)
        self.assertRegex(process.out(), r"run.png: [1-9]\d* activation and [1-9]\d* MDF values of 4 muscles")
        pixels = matplotlib.image.imread(self.examples / "run.png")[:, :, :3]
        first_line = numpy.abs(pixels - matplotlib.colors.to_rgb("C0")).max(axis=2) < 0.1
        middle = len(pixels) // 2
        self.assertGreater(first_line[:middle].sum(), 1000)
        self.assertGreater(first_line[middle:].sum(), 100)

    def test_log_csv(self):
        daemon = self.daemon("--speed", "8")
        process = self.start(commands()["log_csv.py"][0], *self.sockets(daemon))
        log = self.examples / "fatigue.csv"
        deadline = time.monotonic() + PATIENCE_S
        while not log.exists() or log.read_text().count("\n") < 60:
            self.assertIsNone(process.poll(), process.out())
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)
        daemon.request("shutdown")
        self.assert_done(process)
        with open(log, newline="") as file:
            lines = list(csv.DictReader(file))
        for muscle in ("left.soleus", "right.gastrocnemius_medialis"):
            of_muscle = [line for line in lines if line["topic"] == "fatigue." + muscle]
            seqs = [int(line["seq"]) for line in of_muscle]
            self.assertEqual(seqs, list(range(seqs[0], seqs[0] + len(seqs))))
            self.assertEqual({line["lost"] for line in of_muscle}, {"0"})
            self.assertEqual({line["band_hz"] for line in of_muscle}, {"[20, 450]"})
            self.assertTrue(all(line["session"] == "" for line in of_muscle))  # null is an empty cell
            self.assertTrue(80 < float(of_muscle[-1]["mdf_hz"]) < 120, of_muscle[-1])

    def test_stop_on_fatigue(self):
        daemon = self.daemon("--speed", "16")
        daemon.request("session.start", participant="P07")
        process = self.start(commands()["stop_on_fatigue.py"][0], *self.sockets(daemon))
        self.wait_for(process, "^left.soleus: undetermined")  # the stream has begun
        with daemon.subscribe("event.marker") as markers:
            self.assertTrue(daemon.request("stage", label="12 km/h", speed_m_s=3.33)["ok"])
            self.wait_for(process, r"^treadmill: 3.33 m/s$")
            self.assertNotIn("stop", process.out())
            self.assert_done(process)
            self.assertEqual(markers.next().body["label"], "stopped: left.soleus is fatiguing")
        self.assertRegex(process.out(), r"(?s)left.soleus: fatiguing - .*treadmill: stop\n$")
        self.assertEqual(process.out().count("treadmill: stop"), 1)

    def test_stop_on_fatigue_stops_when_nothing_is_measured_any_more(self):
        daemon = self.daemon()
        process = self.start(commands()["stop_on_fatigue.py"][0], *self.sockets(daemon))
        self.wait_for(process, "^left.soleus: undetermined")
        daemon.process.send_signal(signal.SIGSTOP)
        self.addCleanup(daemon.process.send_signal, signal.SIGCONT)
        self.assertEqual(process.wait(PATIENCE_S), 1)
        self.assertIn("treadmill: stop", process.out())
        self.assertIn("emgd.errors.NoAnswer", process.out())

    def test_read_mne(self):
        daemon = self.daemon("--speed", "4", settings={"source.channels": 8})
        path = daemon.request("record.start")["path"]
        daemon.request("session.start", participant="P07")
        daemon.request("stage", label="10 km/h", speed_m_s=2.78)
        with daemon.subscribe("status") as stream:
            stream.until(lambda m: m.body["recording"] and m.body["recording"]["seconds"] > 8)
        daemon.request("session.stop")
        daemon.request("record.stop")
        process = self.start(commands()["read_mne.py"][0].replace("RECORDING.bdf", shlex.quote(path)))
        self.assert_done(process)
        self.assertRegex(process.out(), r": \d+\.\d s at 2000 Hz, 0 gaps of 0.000 s together\n")
        self.assertRegex(process.out(), r"EMG L SOL \(emg\): RMS (9|10|11)\d?\.\d µV|EMG L SOL \(emg\): RMS 1[0-4]\d\.\d µV")
        self.assertIn("SW L (misc)", process.out())
        self.assertRegex(process.out(), r'\d s  stage \{"label": "10 km/h", "speed_m_s": 2.78\}')
        # a gap, as emgd would have annotated it, counts and is left out
        script = ("import mne, read_mne; r = mne.io.read_raw_bdf\n"
                  "def with_gap(*a, **k):\n"
                  "    raw = r(*a, **k); raw.annotations.append(2.0, 1.5, 'BAD_gap')\n"
                  "    raw.load_data(); raw._data[:, 4000:7000] = 0; return raw\n"
                  "mne.io.read_raw_bdf = with_gap\n"
                  "raw = read_mne.read(%r); kept = raw.get_data(reject_by_annotation='omit', verbose='error')\n"
                  "print(raw.n_times - kept.shape[1], [k for _, k, _ in read_mne.events(raw) if 'BAD' in k])\n"
                  "print('expected: RMS %%.1f' %% (1e6 * (kept[0]**2).mean() ** 0.5))\n"
                  "read_mne.main(%r)" % (path, path))
        done = subprocess.run([str(self.root / "venv/bin/python"), "-c", script], cwd=self.examples, env=self.environment(), capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("3000 ['BAD_gap']\n", done.stdout)
        self.assertIn("1 gaps of 1.500 s together", done.stdout)
        rms = re.findall(r"RMS \S+", done.stdout)
        self.assertEqual(rms[0], rms[1], done.stdout)

    def assert_prints(self, process, daemon, *patterns):
        for pattern in patterns:
            self.wait_for(process, pattern)
        daemon.request("shutdown")

    def test_subscribe_py(self):
        daemon = self.daemon("--speed", "8")
        process = self.start(commands()["subscribe.py"][0], daemon.data)
        self.assert_prints(process, daemon, r"^left.soleus RMS \d+", r"^left.soleus MDF \d+.*undetermined - ")
        self.assert_done(process)

    def test_subscribe_js(self):
        install, run = commands()["subscribe.js"][0].split(" && ")
        self.assertNotIn("resolved", (self.examples / "package-lock.json").read_text())
        self.execute(install + " --no-audit --no-fund", self.examples)
        daemon = self.daemon("--speed", "8")
        process = self.start(run, daemon.data)
        with daemon.subscribe("spectrum.left.soleus") as stream:
            length = len(stream.next().array)
        self.assert_prints(process, daemon, r"^left.soleus MDF \d+.*undetermined - ",
                           r"^left.soleus spectrum of %d values, peak at \d+\.\d Hz$" % length)
        self.assert_done(process)
        self.assertNotIn("lost", process.out())

    def test_subscribe_c(self):
        build, run = commands()["subscribe.c"][0].split(" && ")
        self.execute(build + " -Wall -Wextra -Wpedantic -Werror", self.examples)
        daemon = self.daemon("--speed", "8")
        process = self.start(run, daemon.data)
        self.assert_prints(process, daemon, r'^fatigue\.left\.soleus \{"v":1,.*\}$', r'^spectrum\.left\.soleus .*"shape":\[(\d+)\].* and \1 floats$')
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(PATIENCE_S), -signal.SIGINT)

    def test_the_subscribers_with_keys(self):
        keys = {}
        for name in ("server", "friend", "stranger"):
            keys[name] = [str(self.root / (name + end)) for end in (".key", ".secret")]
            done = system.emgd.run("emgctl", "keygen", "--public", keys[name][0], "--secret", keys[name][1])
            self.assertEqual(done.code, 0, done.text)
        daemon = system.emgd.Daemon("--source", "synth:treadmill", settings={
            "source.rate_hz": 2000, "security.mode": "curve", "security.secret_key_file": keys["server"][1],
            "security.allowed_keys": keys["friend"][0]})
        self.addCleanup(lambda: daemon.__exit__(None, None, None))
        self.execute(commands()["subscribe.c"][0].split(" && ")[0], self.examples)
        self.execute(commands()["subscribe.js"][0].split(" && ")[0], self.examples)
        for name, first in (("subscribe.py", 1), ("subscribe.js", 0), ("subscribe.c", 1)):
            run = commands()[name][0].split(" && ")[-1]
            stranger = self.start(run, daemon.data, keys["server"][0], *keys["stranger"][first:])
            friend = self.start(run, daemon.data, keys["server"][0], *keys["friend"][first:])
            self.wait_for(friend, "left.soleus")
            self.assertEqual(stranger.out(), "", name)


if __name__ == "__main__":
    system.emgd.main()
