#!/usr/bin/env python3
"""Writes all messages of one kind into a CSV file, a line each, until emgd ends: fatigue, activation, burst, stride, leg, symmetry, status.

Usage: log_csv.py [--kind KIND] FILE.csv
An empty cell is a value that is not known. `lost` counts the messages that were missed just before the line.
"""

import argparse
import csv
import json

import emgd

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("file")
parser.add_argument("--kind", default="fatigue")
parser.add_argument("--data", default=emgd.DATA)
parser.add_argument("--control", default=emgd.CONTROL)
arguments = parser.parse_args()


def cell(value):
    return json.dumps(value) if isinstance(value, (list, dict)) else value  # None becomes an empty cell


with open(arguments.file, "w", newline="") as file, emgd.stream(arguments.kind, data=arguments.data, control=arguments.control) as stream:
    table = None
    for m in stream:
        if table is None:  # the first message has all fields; a later version of emgd may have more
            table = csv.DictWriter(file, ["topic", "lost", *m.body], extrasaction="ignore")
            table.writeheader()
        table.writerow({"topic": m.topic, "lost": m.lost, **{field: cell(value) for field, value in m.body.items()}})
        file.flush()
