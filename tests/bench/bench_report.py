#!/usr/bin/python3 -B
"""What emgreport takes: its memory with the length of a recording, and the share of its time that goes into writing.

    tests/bench/bench_report.py [--quick] [PROGRAMS]      PROGRAMS: directory with the built programs, default build/release/bin

memory: the largest resident set over recordings of 4 channels of 2 kHz, of a minute to a day, for each format.
writing: of the instructions of `--format jsonl` over a minute, counted by callgrind, those that make text of results and write it."""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCE_DIR = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE_DIR / "tests" / "system"))
import emgd  # noqa: E402
from bench import figure, options  # noqa: E402

RATE_HZ, LABELS = 2000, ["EMG L SOL", "EMG L GM", "EMG R SOL", "EMG R GM"]
HEADER_BYTES, RECORDS_AT = 256 * (len(LABELS) + 1), 236


def write_minute(path):
    channels = [emgd.emg(60, RATE_HZ, 150, seed) for seed in range(len(LABELS))]
    emgd.write_bdf(path, RATE_HZ, channels, LABELS)


def write_minutes(path, minute, n):
    """The same minute n times."""
    data = minute.read_bytes()
    header = bytearray(data[:HEADER_BYTES])
    header[RECORDS_AT : RECORDS_AT + 8] = str(60 * n).encode().ljust(8)
    with open(path, "wb") as out:
        out.write(header)
        for _ in range(n):
            out.write(data[HEADER_BYTES:])


def peak_mb(recording, report_format):
    """Megabytes of the largest resident set. A program counts that of the process that started it, too: hence time, which is small."""
    told = recording.with_name("peak")
    subprocess.run(["/usr/bin/time", "-f", "%M", "-o", str(told), str(emgd.programs / "emgreport"), str(recording), "--format", report_format],
                   stdout=subprocess.DEVNULL, check=True, env=emgd.environment(recording.parent))
    return int(told.read_text()) * 1024 / 1e6


def memory(directory, minute, lengths):
    """lengths: {name: minutes}, the shortest first."""
    peaks = {}
    for name, minutes in lengths.items():
        recording = directory / "long.bdf"
        write_minutes(recording, minute, minutes)
        for report_format in ("jsonl", "html"):
            peak = peaks.setdefault(report_format, [])
            peak.append(peak_mb(recording, report_format))
            figure("emgreport, %s, largest memory over %s of 4 channels" % (report_format, name), peak[-1], "MB", reach="<= 16 MB")
        recording.unlink()
    for report_format, peak in peaks.items():
        figure("emgreport, %s, memory over %s in terms of %s" % (report_format, list(lengths)[-1], list(lengths)[0]), peak[-1] / peak[0], "x",
               reach="<= 1.2")


def writing(directory, minute):
    """For jsonl take_message does nothing else than to write."""
    out = directory / "callgrind.out"
    subprocess.run(["valgrind", "--quiet", "--tool=callgrind", "--callgrind-out-file=%s" % out, str(emgd.programs / "emgreport"), str(minute),
                    "--format", "jsonl"], stdout=subprocess.DEVNULL, check=True, env=emgd.environment(directory))
    table = subprocess.run(["callgrind_annotate", "--inclusive=yes", "--threshold=100", "--auto=no", str(out)], capture_output=True, text=True,
                           check=True).stdout
    share = {name: float(percent) for percent, name in re.findall(r"\(\s*([\d.]+)%\) .*emgreport\.c:(\w+) \[", table)}
    figure("emgreport, jsonl, 4 channels of 2 kHz, making and writing of text", share["take_message"], "% of the instructions", reach="<= 15 %")


def main():
    called = options(__doc__, "bin", "up to an hour instead of a day")
    emgd.programs = called.programs.resolve()
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        minute = directory / "minute.bdf"
        write_minute(minute)
        writing(directory, minute)
        memory(directory, minute, {"1 min": 1, "1 h": 60, **({} if called.quick else {"24 h": 1440})})


if __name__ == "__main__":
    main()
