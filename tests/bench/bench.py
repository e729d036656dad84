"""What the benchmarks in Python share: lines of JSON that they print, and how they are called."""

import argparse
import json
from pathlib import Path

BUILD_DIR = Path(__file__).resolve().parents[2] / "build" / "release"


def figure(what, value, unit, **more):
    print(json.dumps({"what": what, "figure": float("%.4g" % value), "unit": unit, **more}), flush=True)


def options(description, directory, quick):
    """programs: the directory of that name in a build tree, unless another is named; quick."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("programs", type=Path, nargs="?", default=BUILD_DIR / directory)
    parser.add_argument("--quick", action="store_true", help=quick)
    return parser.parse_args()
