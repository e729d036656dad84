"""Instructions that the analysis takes, counted by valgrind, against the record. Arguments: the directory with the benchmarks, and
"write" to write the record anew.

They do not depend on what else the machine does, but on the processor, by which the kernels choose their instructions."""

import json
import pathlib
import platform
import re
import subprocess
import sys
import tempfile

RECORD = pathlib.Path(__file__).resolve().parent / "instructions.json"
GROWTH = 1.05
WORKLOADS = {  # name: arguments of bench_analysis
    "4 channels of 48 kHz, 10 s": ("4", "48000", "10", "1"),
    "4 channels of 2 kHz, 60 s": ("4", "2000", "60", "1"),
}


def count(program, arguments):
    """Instructions per sample and channel."""
    with tempfile.TemporaryDirectory() as directory:
        done = subprocess.run(["valgrind", "--tool=callgrind", "--toggle-collect=run_workload", "--callgrind-out-file=%s/out" % directory,
                               str(program), *arguments], capture_output=True, text=True, check=True)
    collected = int(re.search(r"Collected : (\d+)", done.stderr).group(1))
    channels, rate_hz, seconds = (float(word) for word in arguments[:3])
    samples = channels * (rate_hz * seconds // 256 * 256)
    return collected / samples


def main():
    program = pathlib.Path(sys.argv[1]) / "bench_analysis"
    has_avx2 = "avx2" in pathlib.Path("/proc/cpuinfo").read_text()
    processor = platform.machine() + (" with AVX2" if has_avx2 else "")
    records = json.loads(RECORD.read_text())
    counted = {name: round(count(program, arguments), 2) for name, arguments in WORKLOADS.items()}
    if sys.argv[2:] == ["write"]:
        RECORD.write_text(json.dumps({**records, processor: counted}, indent=2) + "\n")
        return 0
    recorded = records[processor]
    for name, n in counted.items():
        print("%s: %.2f instructions per sample and channel, recorded %.2f" % (name, n, recorded[name]))
    grown = [name for name, n in counted.items() if n > GROWTH * recorded[name]]
    if grown:
        print("grown by more than 5 %%: %s; if that is meant, write the record anew: %s build/release/bench write" % (
            ", ".join(grown), sys.argv[0]))
    return 1 if grown else 0


sys.exit(main())
