"""emgctl as the tool of a test: what the person who types it sees."""

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import emgd  # noqa: E402

COMMANDS = ("session start", "session stop", "rest", "reference", "reference set", "baseline", "stage", "marker",
            "record start", "record stop", "status", "snapshot", "session events", "config", "devices", "ping", "shutdown", "watch",
            "repair", "keygen", "help")


class Emgctl(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = emgd.Daemon("--source", "synth:treadmill", settings={"source.rate_hz": 2000})
        cls.addClassCleanup(lambda: cls.daemon.__exit__(None, None, None))
        cls.daemon.wait_until(lambda s: s["state"] == "running")

    def words(self):
        return ["--control", self.daemon.control, "--data", self.daemon.data]

    def run_it(self, code, *words):
        done = emgd.run("emgctl", *self.words(), *words)
        self.assertEqual(code, done.code, done.text)
        return done

    def test_results_come_as_lines_and_decide_the_exit_code(self):
        done = self.run_it(0, "reference", "muscles=left.soleus,right.soleus", "seconds=6", "method=dynamic_peak")
        lines = done.out.splitlines()
        self.assertEqual(["left.soleus", "right.soleus"], sorted(line.split(":")[0] for line in lines), done.text)
        self.assertRegex(lines[0], r"100 % is \d+\.\d uV RMS \(dynamic_peak, r\d+\)")
        done = self.run_it(1, "rest", "seconds=2")  # he runs
        self.assertEqual("", done.out)
        self.assertEqual(4, done.err.count("refused: "), done.text)
        self.assertIn("not at rest", done.err)

    def test_results_as_json_lines(self):
        done = self.run_it(1, "--json", "rest", "seconds=2")
        results = [json.loads(line) for line in done.out.splitlines()]
        self.assertEqual(["event.rest"] * 4, [r["topic"] for r in results])
        self.assertEqual([False] * 4, [r["accepted"] for r in results])

    def test_the_wire_names_do_the_same(self):
        self.run_it(0, "reference.start", 'muscles=["left.soleus"]', "seconds=6", "method=dynamic_mean")
        done = self.run_it(0, "--no-wait", "rest.start", "seconds=1")
        self.assertEqual(4, len(json.loads(done.out)["muscles"]))
        time.sleep(2)

    def test_what_is_wrong_is_said(self):
        done = self.run_it(1, "session", "start", "participant=Jane Doe")
        self.assertIn("code", done.err)
        done = self.run_it(1, "reference", "muscles=left.biceps")
        self.assertIn("left.biceps", done.err)
        done = self.run_it(1, "basline", "seconds=9")
        self.assertIn('do you mean "baseline"', done.err)
        self.run_it(2, "stage", "10 km/h")

    def test_numbers_may_be_texts(self):
        self.run_it(0, "session", "start", "participant=07")
        self.run_it(0, "stage", "label=10", "speed_m_s=2.78")
        self.run_it(0, "marker", "label=null")
        self.run_it(0, "session", "stop")

    def test_on_a_terminal_it_instructs_and_counts_down(self):
        master, slave = pty.openpty()
        with subprocess.Popen([str(emgd.programs / "emgctl"), *self.words(), "reference", "muscles=left.soleus", "seconds=6",
                               "method=dynamic_peak"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=slave) as program:
            os.close(slave)
            seen = b""
            while select.select([master], [], [], emgd.PATIENCE_S)[0]:
                try:
                    seen += os.read(master, 4096)
                except OSError:  # the program has ended
                    break
            os.close(master)
            out = program.stdout.read().decode()
            self.assertEqual(0, program.wait(), seen)
        text = seen.decode()
        self.assertIn("Go on walking or running.", text)
        counts = [int(part.split()[0]) for part in text.split("\r\x1b[K") if part.strip().endswith("s") and part.split()[0].isdigit()]
        self.assertGreaterEqual(len(counts), 3, text)
        self.assertEqual(sorted(counts, reverse=True), counts)
        self.assertIn("left.soleus: 100 %", out)

    def test_interrupted_it_leaves_the_daemon_measuring(self):
        with emgd.Process("emgctl", *self.words(), "baseline", "seconds=3") as program:
            self.daemon.wait_until(lambda s: s["measuring"] is not None)
            program.signal(signal.SIGINT)
            self.assertEqual(1, program.wait())
            self.assertIn("goes on", program.err())
        self.daemon.wait_until(lambda s: s["measuring"] is None)

    def test_help_for_each_command(self):
        listed = self.run_it(0, "help").out
        for command in COMMANDS:
            self.assertIn("\n  %s " % command, listed)
            for words in (("help", *command.split()), (*command.split(), "--help")):
                self.assertIn("Example: emgctl " + command, self.run_it(0, *words).out)
        self.run_it(2, "help", "fly")

    def test_completion(self):
        script = r"""
source "$1"
try() {
    COMP_LINE=$1 COMP_POINT=${#1}
    read -ra COMP_WORDS <<< "${1//=/ = }"
    [[ $1 == *" " ]] && COMP_WORDS+=("")
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    _emgctl
    echo "${COMPREPLY[*]}"
}
PATH=$2:$PATH
try "emgctl sess"
try "emgctl session "
try "emgctl stage sp"
try "emgctl reference method=dynamic_p"
try "emgctl --control $3 reference muscles=left."
try "emgctl --control $3 reference muscles=left.soleus,right.g"
"""
        done = subprocess.run(["bash", "-c", script, "bash", str(emgd.SOURCE_DIR / "clients" / "emgctl.bash-completion"),
                               str(emgd.programs), self.daemon.control], capture_output=True, text=True, timeout=emgd.PATIENCE_S)
        self.assertEqual(["session", "start stop events", "speed_m_s=", "dynamic_peak",
                          "left.soleus left.gastrocnemius_medialis", "left.soleus,right.gastrocnemius_medialis"],
                         done.stdout.splitlines(), done.stderr)


if __name__ == "__main__":
    emgd.main()
