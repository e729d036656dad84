#!/usr/bin/python3 -B
"""Runs the benchmarks and prints a table of what they measure.

    tests/bench/run.py [--quick] [--readme] [--build DIR] [BENCH...]

    BENCH     as in bench_live; default: all
    --quick   shorter runs, less exact
    --readme  puts the table into README.md too
    --build   the build tree, default build/release

A benchmark prints a line of JSON for each figure: what, figure and unit; against and ratio where it is compared with something else
(their cost over ours); reach where something is asked for, of the ratio if there is one. What is missed is marked; the exit code is 0
all the same, and 1 only when a benchmark fails."""

import argparse
import datetime
import json
import operator
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

SOURCE_DIR = Path(__file__).resolve().parents[2]
BENCH_DIR = SOURCE_DIR / "tests" / "bench"
README = SOURCE_DIR / "README.md"
BEGIN, END = "<!-- benchmarks -->", "<!-- /benchmarks -->"
PROGRAMS, BENCHMARKS = "PROGRAMS", "BENCHMARKS"  # the directories with the built programs
BENCHES = {  # name of a program, or of a script: arguments, arguments of a quick run
    "bench_analysis": ([], ["4", "48000", "20", "3"]),
    "bench_hop": ([], ["60"]),
    "bench_callback": ([], ["20000"]),
    "bench_ring": ([], []),
    "bench_decimator": ([], []),
    "bench_fft": ([], []),
    "bench_publish": ([], []),
    "bench_windows.py": ([BENCHMARKS], [BENCHMARKS, "--quick"]),
    "bench_live.py": ([PROGRAMS], [PROGRAMS, "--quick"]),
    "bench_report.py": ([PROGRAMS], [PROGRAMS, "--quick"]),
}
COLUMNS = ("what", "measured", "against", "ratio", "reach", "reached?")
RELATIONS = {"<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt, "": operator.eq}


def command_of(name, build, arguments):
    """None when there is no such benchmark."""
    script = name.endswith(".py")
    path = BENCH_DIR / name if script else build / "bench" / name
    directories = {PROGRAMS: str(build / "bin"), BENCHMARKS: str(build / "bench")}
    arguments = [directories.get(argument, argument) for argument in arguments]
    return [*(["/usr/bin/python3", "-B"] if script else []), str(path), *arguments] if path.is_file() else None


def run(command):
    """Its figures, and whether it ended well."""
    print("running %s" % " ".join(command), file=sys.stderr)
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")], done.returncode == 0


def is_reached(figure):
    relation, demanded = re.match(r"([<>]=?)?\s*(-?[\d.]+)", figure["reach"]).groups(default="")
    return RELATIONS[relation](figure.get("ratio", figure["figure"]), float(demanded))


def row_of(figure):
    return (
        figure["what"],
        ("%g %s" % (figure["figure"], figure["unit"])).strip(),
        figure.get("against", ""),
        "%.3g" % figure["ratio"] if "ratio" in figure else "",
        figure.get("reach", ""),
        ("yes" if is_reached(figure) else "missed") if "reach" in figure else "",
    )


def told_by(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()[0]


def conditions(build, quick):
    """What the figures belong to, a line."""
    processor = re.search(r"^model name\s*: (.*)", Path("/proc/cpuinfo").read_text(), re.M)
    compiler = re.search(r"^CMAKE_C_COMPILER:\w+=(.*)", (build / "CMakeCache.txt").read_text(), re.M)
    return "%s%s: %s, %d cores, Linux %s, %s, FFTW %s." % (
        datetime.date.today().isoformat(), " (a quick run)" if quick else "", processor.group(1) if processor else platform.machine(), os.cpu_count(),
        platform.release(), told_by(compiler.group(1), "--version"), told_by("pkg-config", "--modversion", "fftw3f"))


def print_table(rows):
    widths = [max(map(len, column)) for column in zip(COLUMNS, *rows)]
    for row in (COLUMNS, ["-" * width for width in widths], *rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def write_readme(title, rows):
    lines = ["| %s |" % " | ".join(row) for row in (COLUMNS, ["---"] * len(COLUMNS), *rows)]
    before, rest = README.read_text("utf-8").split(BEGIN)
    README.write_text("\n".join([before + BEGIN, title, "", *lines, END + rest.split(END)[1]]), "utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("benches", metavar="BENCH", nargs="*")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--readme", action="store_true")
    parser.add_argument("--build", type=Path, default=SOURCE_DIR / "build" / "release")
    options = parser.parse_args()
    build = options.build.resolve()
    names = {Path(name).stem: name for name in BENCHES}
    unknown = set(options.benches) - set(names)
    if unknown:
        parser.error("there is no %s; there are %s" % (", ".join(sorted(unknown)), ", ".join(names)))
    rows, failed, missing = [], [], []
    for name in [names[stem] for stem in names if not options.benches or stem in options.benches]:
        command = command_of(name, build, BENCHES[name][options.quick])
        if command is None:
            missing.append(name)
            continue
        figures, ended_well = run(command)
        rows += map(row_of, figures)
        failed += [] if ended_well else [name]
    title = conditions(build, options.quick)
    print(title + "\n")
    print_table(rows)
    for text, some in (("missing", missing), ("FAILED", failed)):
        if some:
            print("\n%s: %s" % (text, ", ".join(some)))
    if options.readme:
        write_readme(title, rows)
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
