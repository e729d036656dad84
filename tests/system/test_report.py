#!/usr/bin/python3
"""What emgreport makes of a recording: the page is whole and by itself, the tables say what the stream says, the
verdicts are those that the signal was made for, and what fails leaves nothing behind.

Usage: test_report.py DIRECTORY_WITH_THE_PROGRAMS [TEST]...
"""

import csv
import html.parser
import json
import os
import pty
import re
import signal
import subprocess
import tempfile
import time
import unittest
import xml.etree.ElementTree
from pathlib import Path

import numpy as np

import emgd
from recorded import END_S, FIRST_S, HOSTILE, LAST_S, MUSCLES, RATE, REFERENCE_UV, RMS_UV, Recorded, SECOND_S, noise

TABLES = ("bursts", "strides", "fatigue", "stages", "summary", "events")


class Elements(html.parser.HTMLParser):
    """All start tags with their attributes, and whether each is closed."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.open, self.text = [], [], []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, "</%s> closes %s" % (tag, self.open[-3:])
        self.open.pop()

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.text.append(data)


def read_table(path):
    raw = path.read_bytes()
    assert raw.endswith(b"\r\n") and b"\n" not in raw.replace(b"\r\n", b""), path
    with open(path, newline="", encoding="utf-8") as lines:
        reader = csv.DictReader(lines, strict=True)
        rows = list(reader)
    assert len(set(reader.fieldnames)) == len(reader.fieldnames), reader.fieldnames
    assert all(None not in row and None not in row.values() for row in rows), path
    return rows


def number(text):
    return None if text == "" else float(text)


class Report(Recorded):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.page = cls.make_page(cls.test)
        cls.tables = cls.make_tables(cls.test)

    @classmethod
    def report(cls, path, *arguments):
        done = emgd.run("emgreport", path, *arguments)
        if done.code != 0 or done.err:
            raise AssertionError(done.text)
        return done.out

    @classmethod
    def make_page(cls, path):
        out = cls.directory / (path.stem + ".html")
        cls.report(path, "-o", out)
        return out.read_text("utf-8")

    @classmethod
    def make_tables(cls, path):
        out = cls.directory / (path.stem + "-csv")
        cls.report(path, "--format", "csv", "-o", out)
        assert sorted(p.name for p in out.iterdir()) == sorted(name + ".csv" for name in TABLES)
        assert out.stat().st_mode & 0o777 == 0o700 and all(p.stat().st_mode & 0o077 == 0 for p in out.iterdir())
        return {name: read_table(out / (name + ".csv")) for name in TABLES}

    @classmethod
    def make_messages(cls, path):
        bodies = [emgd.parse(line) for line in cls.report(path, "--format", "jsonl").splitlines()]
        return emgd.by_topic([emgd.Message(body.pop("topic"), body, None) for body in bodies])

    # --- the page ---

    def check_page(self, page):
        """Well-formed, refers to nothing, runs nothing, says nothing that is not a number; returns its text."""
        elements = Elements(page)
        self.assertEqual([], elements.open)
        root = xml.etree.ElementTree.fromstring(page.replace("<!DOCTYPE html>", "", 1))
        policies = [a["content"] for _, a in elements.tags if a.get("http-equiv") == "Content-Security-Policy"]
        self.assertEqual(["default-src 'none'; style-src 'unsafe-inline'"], policies)
        for tag, attributes in elements.tags:
            self.assertNotIn(tag, ("script", "link", "iframe", "object", "embed", "img", "form", "base"))
            for name, value in attributes.items():
                self.assertNotIn(name, ("src", "href", "xlink:href", "style", "srcset", "data"))
                self.assertFalse(name.startswith("on"), (tag, attributes))
                self.assertIsNone(re.search(r"\b(nan|inf)\b", value or "", re.I), (tag, attributes))
        for forbidden in ("http:", "https:", "//", "url(", "@import", "javascript"):
            self.assertNotIn(forbidden, page)
        text = re.sub(r"\s+", " ", "".join(elements.text).replace("\xa0", " "))
        self.assertIsNone(re.search(r"\b(nan|infinity|inf|null)\b", text, re.I))
        for claim in ("slow-twitch", "fast-twitch", "type I", "diagnosis", "injur"):
            self.assertNotIn(claim, text)
        figures = root.findall(".//svg")
        self.assertTrue(figures)
        for figure in figures:
            self.assertEqual(["title", "desc"], [child.tag for child in figure][:2])
            self.assertTrue(figure[0].text and figure[1].text)
            width, height = [float(v) for v in figure.get("viewBox").split()[2:]]
            for shape in figure.iter():
                for name, most in (("x", width), ("x1", width), ("x2", width), ("cx", width), ("y", height),
                                   ("y1", height), ("y2", height), ("cy", height)):
                    if name in shape.attrib:
                        self.assertTrue(-1 <= float(shape.get(name)) <= most + 1,
                                        "outside of the picture: %s %s" % (shape.tag, shape.attrib))
        return text

    def test_page_of_a_test_tells_who_tired_and_how_the_load_was_shared(self):
        text = self.check_page(self.page)
        for said in ("P07", "left calf <tight>", "2026-11-23 07:42 UTC",
                     "There were 2 stages: 8 km/h for 1 min 20 s, " + HOSTILE + " for 1 min 20 s",
                     "The left soleus tired in stage", "drinks & <stumbles>", "2.78 m/s (10.0 km/h), incline 1.0 %",
                     "In the right leg: Undetermined, because the right gastrocnemius medialis has nothing to be "
                     "measured against: its reference contraction was not accepted, since no contraction stood out",
                     "right gastrocnemius medialis: refused, since no contraction stood out from the noise",
                     "The soleus: the left one worked more", "maximal voluntary contraction"):
            self.assertIn(said, text)
        for muscle in MUSCLES[1:]:
            self.assertNotIn("The %s tired" % muscle.replace(".", " ").replace("_", " "), text)
        share = int(re.search(r"In the left leg: the soleus did (\d+) %", text).group(1))
        left, right = (rms / reference for rms, reference in zip(RMS_UV[::2], REFERENCE_UV[::2]))
        other = RMS_UV[1] / REFERENCE_UV[1]
        self.assertAlmostEqual(100 * left / (left + other), share, delta=3)
        index = int(re.search(r"The soleus: .*?symmetry index \+(\d+) %", text).group(1))
        self.assertAlmostEqual(200 * (left - right) / (left + right), index, delta=3)

    def test_page_is_the_same_again(self):
        self.assertEqual(self.page, self.make_page(self.test))

    def test_page_tells_of_the_equipment_that_stands_beside_the_recording(self):
        path = self.directory / "beside.bdf"
        path.symlink_to(self.test)
        for said, content in (("not told", "no JSON at all"), ("not told", "[]"), ("not told", '{"equipment": 7}'),
                              ("Ag/AgCl <10 mm>", json.dumps({"equipment": {"electrodes": "Ag/AgCl <10 mm>",
                                                                            "inter_electrode_mm": 20}}))):
            with self.subTest(content):
                (self.directory / "beside.json").write_text(content)
                text = self.check_page(self.make_page(path))
                self.assertIn("Electrodes (type, material, shape, size)" + said, text.replace(") ", ")"))
        self.assertIn("20 mm", text)

    # --- the tables ---

    def check_tables(self, tables, found):
        muscles = found["status"][0].body["muscles"]
        first_frame = found["event.device"][0].body["frame"]
        for muscle in muscles:
            bursts = [row for row in tables["bursts"] if row["muscle"] == muscle]
            told = found.get("burst." + muscle, [])
            self.assertEqual(len(told), len(bursts), muscle)
            for row, message in zip(bursts, told):
                for key in ("onset_frame", "offset_frame", "duration_s", "rms_uv", "peak_uv", "iemg_uv_s",
                            "percent_reference", "snr_db"):
                    self.assertEqual(message.body[key], number(row[key]), key)
                self.assertEqual(message.body["flags"], [f for f in row["flags"].split(";") if f])
            seconds = [row for row in tables["fatigue"] if row["muscle"] == muscle]
            told = found["fatigue." + muscle]
            self.assertEqual(len(told), len(seconds), muscle)
            for row, message in zip(seconds, told):
                for key in ("frame", "mdf_hz", "mdf_se_hz", "mnf_hz", "rms_uv", "ln_finsm5", "bursts", "seconds",
                            "snr_db", "baseline_mdf_hz", "shift_percent", "slope_percent_per_min"):
                    self.assertEqual(message.body[key], number(row[key]), key)
                self.assertEqual(message.body["verdict"], row["verdict"])
                interval = message.body["slope_ci95_percent_per_min"] or [None, None]
                self.assertEqual(interval, [number(row["slope_ci95_%s_percent_per_min" % end])
                                            for end in ("low", "high")])
        for side in ("left", "right"):
            rows = [row for row in tables["strides"] if row["side"] == side]
            told = found.get("stride." + side, [])
            self.assertEqual([(m.body["first_frame"], m.body["cycle_s"]) for m in told],
                             [(int(row["first_frame"]), float(row["cycle_s"])) for row in rows])
        self.check_stages(tables["stages"], found, first_frame)

    def check_stages(self, rows, found, first_frame):
        """Against the mean of what was published in each stage."""
        rate = found["status"][0].body["rate_hz"]
        for row in rows:
            begin, end = (first_frame + float(row[key]) * rate for key in ("begin_s", "end_s"))
            within = [m.body for m in found["activation." + row["muscle"]] if begin <= m.body["frame"] < end]
            good = [b["rms_uv"] for b in within if b["quality"] != "bad" and b["rms_uv"] is not None]
            if good:
                self.assertAlmostEqual(np.mean(good), float(row["rms_mean_uv"]), delta=1e-5 * np.mean(good))
                self.assertAlmostEqual(np.std(good, ddof=1), float(row["rms_sd_uv"]), delta=1e-4 * np.mean(good))
                self.assertAlmostEqual(max(good), float(row["rms_peak_uv"]), delta=1e-5 * max(good))
            self.assertAlmostEqual(100 * len(good) / len(within), float(row["usable_percent"]), places=4)
            last = [m.body for m in found["fatigue." + row["muscle"]] if begin <= m.body["frame"] < end]
            self.assertEqual(last[-1]["verdict"] if last else "undetermined", row["verdict"])

    def test_tables_of_a_test_say_what_the_stream_says(self):
        found = self.make_messages(self.test)
        self.check_tables(self.tables, found)
        stages = {(row["stage"], row["muscle"]): row for row in self.tables["stages"]}
        self.assertEqual(2 * len(MUSCLES), len(stages))
        for stage, label, begin, end in (("1", "8 km/h", FIRST_S, SECOND_S), ("2", HOSTILE, SECOND_S, END_S)):
            for muscle, rms_uv, reference in zip(MUSCLES, RMS_UV, REFERENCE_UV):
                row = stages[stage, muscle]
                self.assertEqual((label, begin, end), (row["label"], float(row["begin_s"]), float(row["end_s"])))
                self.assertEqual(reference, number(row["reference_uv"]))
                self.assertAlmostEqual(80, int(row["bursts"]), delta=3)
                self.assertAlmostEqual(rms_uv, float(row["burst_rms_mean_uv"]), delta=0.12 * rms_uv)
        tired = stages["1", "left.soleus"]
        self.assertEqual("fatiguing", tired["verdict"])
        self.assertLess(float(tired["mdf_last_hz"]), float(tired["mdf_first_hz"]) - 3 * float(tired["mdf_first_se_hz"]))
        self.assertNotIn("fatiguing", {row["verdict"] for (_, m), row in stages.items() if m != "left.soleus"})
        shares = {row["stage"]: int(row["n"]) for row in self.tables["summary"]
                  if (row["of"], row["quantity"]) == ("left", "soleus_share")}
        for stage, seconds in (("1", 70), ("2", 70), ("", 140)):  # what looks back to before the stage is left out
            self.assertAlmostEqual(seconds, shares[stage], delta=2)
        events = [(row["event"], row["label"] or row["muscle"], row["state"]) for row in self.tables["events"]]
        for event in (("session", "P07", "started"), ("stage", HOSTILE, ""), ("marker", "drinks & <stumbles>", ""),
                      ("rest", "left.soleus", "accepted"), ("reference", MUSCLES[3], "refused")):
            self.assertIn(event, events)
        outside = [row for row in self.tables["fatigue"] if float(row["time_s"]) < FIRST_S]
        self.assertEqual({""}, {row["stage"] for row in outside})

    def test_recording_without_stages_is_one_stage(self):
        path = self.directory / "plain.bdf"
        emgd.write_bdf(path, RATE, [emgd.emg(6, RATE, 100, seed) for seed in (1, 2)], ["EMG L SOL", "EMG R TA"])
        text = self.check_page(self.make_page(path))
        self.assertIn("The recording tells of no stages: all of it counts as one.", text)
        self.assertIn("no reference contraction was accepted: microvolts of two muscles cannot be compared", text)
        tables = self.make_tables(path)
        self.check_tables(tables, self.make_messages(path))
        self.assertEqual({("1", "whole recording", "0", "6")},
                         {tuple(row[k] for k in ("stage", "label", "begin_s", "end_s")) for row in tables["stages"]})

    def test_sound_file_of_one_second(self):
        path = self.directory / "short.wav"
        emgd.write_wav(path, 4000, [emgd.emg(1, 4000, 100, 3)])
        self.check_page(self.make_page(path))
        self.check_tables(self.make_tables(path), self.make_messages(path))

    # --- real recordings ---

    def check_real(self, name):
        path = emgd.RECORDINGS / name
        if not path.exists():
            self.skipTest("the real recording ../shared/recordings/%s is not here" % name)
        self.check_tables(self.make_tables(path), self.make_messages(path))
        return self.check_page(self.make_page(path))

    def test_real_contractions_to_fatigue(self):
        text = self.check_real("fatigue_biceps.bdf")
        self.assertRegex(text, r"The (left|right) biceps tired in the recording: its signal slowed")

    def test_real_session_without_electrodes_gets_no_verdict(self):
        text = self.check_real("no_electrodes.bdf")
        for word in ("tired in", "No sign of tiring"):
            self.assertNotIn(word, text)
        self.assertRegex(text, r"Undetermined: .*, because no contraction long enough was seen")
        self.assertRegex(text, r"Could be used less than 80 % of the time: ")

    def test_real_walking(self):
        text = self.check_real("walk_btk.bdf")
        self.assertIn("Undetermined, because no reference contraction was accepted", text)
        self.assertIn("Soleus", text)

    # --- where it goes ---

    def refuse(self, code, names, *arguments):
        before = sorted(p.name for p in self.directory.iterdir())
        done = emgd.run("emgreport", self.test, *arguments)
        self.assertEqual((code, ""), (done.code, done.out), done.text)
        self.assertEqual(1, done.err.count("\n"), done.text)
        for name in names:
            self.assertIn(str(name), done.err)
        self.assertEqual(before, sorted(p.name for p in self.directory.iterdir()), "something is left behind")

    def test_output_that_cannot_be_written_is_named_and_leaves_nothing(self):
        file, full = self.directory / "file", self.directory / "full"
        file.write_text("mine")
        full.mkdir(exist_ok=True)
        (full / "bursts.csv").write_text("mine")
        for form in ("html", "jsonl", "csv"):
            missing = self.directory / "no" / ("such." + form)
            self.refuse(1, [missing], "--format", form, "-o", missing)
        for form in ("html", "jsonl"):
            self.refuse(1, ["/dev/full"], "--format", form, "-o", "/dev/full")
            self.refuse(1, [full], "--format", form, "-o", full)
        self.refuse(1, [full], "--format", "csv", "-o", full)
        self.refuse(1, [file], "--format", "csv", "-o", file)
        self.refuse(2, [self.test], "--format", "html", "-o", self.test)
        self.refuse(2, ["csv", "-o"], "--format", "csv")
        self.assertEqual(["mine"] * 2, [file.read_text(), (full / "bursts.csv").read_text()])

    def test_damaged_recording_leaves_what_was_there(self):
        path, out = self.directory / "damaged.bdf", self.directory / "kept.html"
        path.write_bytes(self.test.read_bytes()[:5000])
        out.write_text("mine")
        done = emgd.run("emgreport", path, "-o", out)
        self.assertEqual(1, done.code, done.text)
        self.assertEqual("mine", out.read_text())

    def test_file_is_replaced_as_a_whole_and_a_link_stays_one(self):
        out, link = self.directory / "real.html", self.directory / "link.html"
        out.write_text("x" * 1000000)
        link.symlink_to(out)
        self.report(self.test, "-o", link)
        self.assertTrue(link.is_symlink())
        self.assertEqual(self.page, out.read_text("utf-8"))
        self.assertEqual(0o600, out.stat().st_mode & 0o777)

    def test_empty_directory_is_filled(self):
        out = self.directory / "empty"
        out.mkdir()
        self.report(self.test, "--format", "csv", "-o", str(out) + "/")
        self.assertEqual(self.tables["bursts"], read_table(out / "bursts.csv"))

    def test_interrupted_run_leaves_nothing(self):
        for form in ("html", "csv", "jsonl"):
            with self.subTest(form), tempfile.TemporaryDirectory() as directory:
                out = Path(directory, "out")
                with emgd.Process("emgreport", self.test, "--format", form, "-o", out) as process:
                    deadline = time.monotonic() + emgd.PATIENCE_S
                    while not any(Path(directory).iterdir()) and time.monotonic() < deadline:
                        time.sleep(0.001)
                    process.signal(signal.SIGTERM)
                    code = process.wait()
                left = [p.name for p in Path(directory).iterdir()]
                self.assertIn((code, left), [(-signal.SIGTERM, []), (0, ["out"])])  # it may have been done already

    # --- progress ---

    def run_with_terminal(self, *arguments, **streams):
        """Exit code, and what a terminal as standard error has seen."""
        master, slave = pty.openpty()
        with tempfile.TemporaryDirectory() as home:
            process = subprocess.Popen([emgd.programs / "emgreport", *map(str, arguments)], stderr=slave,
                                       env=emgd.environment(home), stdin=subprocess.DEVNULL, **streams)
            os.close(slave)
            seen = b""
            while True:
                try:
                    piece = os.read(master, 65536)
                except OSError:  # the other end is closed
                    break
                if not piece:
                    break
                seen += piece
            os.close(master)
            return process.wait(emgd.PATIENCE_S), seen.decode()

    def test_progress_is_shown_on_a_terminal_and_erased(self):
        code, seen = self.run_with_terminal(self.test, "--format", "html", "-o", self.directory / "progress.html")
        self.assertEqual(0, code, seen)
        self.assertRegex(seen, r" \d+ % \[#* *\] \d+ of {} s of signal, \d+ x real time".format(LAST_S))
        self.assertTrue(seen.endswith("\r\x1b[K"), repr(seen[-80:]))
        self.assertNotIn("\n", seen)
        self.assertTrue(all(len(line) < 80 for line in seen.split("\r")))

    def test_progress_does_not_mix_with_lines(self):
        master, slave = pty.openpty()
        process = subprocess.Popen([emgd.programs / "emgreport", self.directory / "none.bdf"], stderr=slave, stdout=slave,
                                   stdin=subprocess.DEVNULL)
        os.close(slave)
        self.assertEqual(1, process.wait(emgd.PATIENCE_S))
        self.assertNotIn("\x1b", os.read(master, 65536).decode())
        os.close(master)
        done = emgd.run("emgreport", self.test, "-o", self.directory / "quiet.html")
        self.assertEqual((0, "", ""), done[:3], done.text)


if __name__ == "__main__":
    emgd.main()
