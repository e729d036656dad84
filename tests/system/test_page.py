"""The page of emgweb in a real browser, against a real emgd."""

import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import emgd  # noqa: E402
from test_web import FAST, Web  # noqa: E402


class Page:
    """page.mjs with a scenario; an iterator over what it says."""

    def __init__(self, web, scenario):
        modules = emgd.programs.parent / "web" / "node_modules"
        script = Path(__file__).with_name("page.mjs")
        self.home = tempfile.TemporaryDirectory()
        self.process = subprocess.Popen(["node", script, modules, web.address, scenario, os.environ.get("EMG_SCREENSHOTS", "")],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env=dict(os.environ, HOME=self.home.name))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(emgd.PATIENCE_S)
        self.process.stdout.close()
        self.home.cleanup()

    def __iter__(self):
        for line in self.process.stdout:
            said = json.loads(line)
            if "error" in said:
                raise AssertionError(said["error"])
            if "done" in said:
                return
            yield said
        raise AssertionError("the scenario ended early")

    def answer(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()


class InABrowser(unittest.TestCase):
    def test_values_on_the_page_are_the_streams(self):
        with emgd.Daemon("--source", "synth:treadmill", settings=FAST) as daemon, \
                Web(daemon.data, daemon.control) as web, daemon.subscribe("activation.", "fatigue.", "burst.") as stream:
            with Page(web, "values") as page:
                said = list(page)
            shown = [item for line in said for item in line.get("shown", ())]
            last = max(item["seq"] for item in shown if item["topic"].startswith("activation."))
            sent = {}
            for message in stream.until(lambda m: m.topic == "activation.right.gastrocnemius_medialis" and
                                        m.body["seq"] > last + 5):
                sent[message.topic, message.body["seq"]] = message.body
            for item in shown:
                value = sent[item["topic"], item["seq"]][item["field"]]
                self.assertEqual(value, float(item["raw"]), item)
                if item["text"]:
                    self.assertAlmostEqual(value, float(item["text"].split()[0]), delta=0.5)
            self.assertEqual({"activation", "fatigue", "burst"}, {item["topic"].split(".")[0] for item in shown})
            self.assertEqual([0], [line["overflow"] for line in said if "overflow" in line])
            print("frames a second:", [line["framesPerSecond"] for line in said if "framesPerSecond" in line])

    def test_the_whole_protocol_by_clicks(self):
        with tempfile.TemporaryDirectory() as directory:
            settings = {**FAST, "recording.directory": directory}
            with emgd.Daemon("--source", "synth:treadmill", "--speed", "5", settings=settings) as daemon, \
                    Web(daemon.data, daemon.control, "--recordings", directory) as web:
                with Page(web, "protocol") as page:
                    said = {key: value for line in page for key, value in line.items()}
                self.assertIn("not at rest", said["refused"])
                self.assertEqual(["10 km/h"], said["stages"])
                for words in ("P07", "10 km/h", "12 km/h"):
                    self.assertIn(words, said["report"])
                self.assertEqual([name for name in os.listdir(directory) if name.endswith(".bdf")], said["recordings"])

    def test_emgd_killed_and_started_again_under_the_open_page(self):
        with emgd.Daemon("--source", "synth:treadmill", settings=FAST) as daemon, Web(daemon.data, daemon.control) as web, \
                Page(web, "restart") as page:
            again = None
            try:
                for line in page:
                    if line.get("ask") == "kill":
                        daemon.process.kill()
                        daemon.process.wait()
                    elif line.get("ask") == "start":
                        settings = {**FAST, "publish.data": daemon.data, "publish.control": daemon.control}
                        again = emgd.Daemon("--source", "synth:treadmill", settings=settings)
                    elif line.get("ask") == "end emgweb":
                        web.end()
                    else:
                        self.assertEqual({"verdicts": ["no data"] * 4}, line)
                        continue
                    page.answer()
            finally:
                if again:
                    again.__exit__(None, None, None)

    def test_keyboard_and_sizes(self):
        with emgd.Daemon("--source", "synth:treadmill", settings=FAST) as daemon, Web(daemon.data, daemon.control) as web, \
                Page(web, "keyboard") as page:
            said = list(page)
        reached = next(line["reached"] for line in said if "reached" in line)
        self.assertIn("trace", reached)
        self.assertIn("theme", reached)
        sizes = [line for line in said if "size" in line]
        self.assertEqual(8, len(sizes))
        for line in sizes:
            self.assertEqual((0, []), (line["overflow"], line["cut"]), line)
            if line["size"][0] > 1024:
                self.assertLessEqual(line["below"], 0, line)


if __name__ == "__main__":
    emgd.main()
