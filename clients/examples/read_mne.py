#!/usr/bin/env python3
"""Reads a recording of emgd into MNE, with its annotations, and prints what is in it. Needs mne (Debian: python3-mne).

Usage: read_mne.py RECORDING.bdf
For your own analysis: `from read_mne import read`.
"""

import json
import sys

import mne


def read(path):
    """The recording as mne.io.Raw, in volts: EMG channels of type emg, foot switches of type misc.

    Its annotations are what happened, as in "stage {...}", and BAD_gap where samples are missing: MNE leaves these out by itself, as long
    as they stay in raw.annotations.
    """
    raw = mne.io.read_raw_bdf(path, preload=False, verbose="error")
    raw.set_channel_types({name: "emg" if name.startswith("EMG ") else "misc" for name in raw.ch_names}, verbose="error")
    return raw


def events(raw):
    """(seconds, kind, fields) of each annotation of emgd, as in (12.5, "stage", {"label": "10 km/h", "speed_m_s": 2.78})."""
    for onset, description in zip(raw.annotations.onset, raw.annotations.description):
        kind, _, fields = description.partition(" ")
        yield onset, kind, json.loads(fields) if fields.startswith("{") else {}


def main(path):
    raw = read(path)
    gaps = [a["duration"] for a in raw.annotations if a["description"].startswith("BAD_gap")]
    print("%s: %.1f s at %g Hz, %d gaps of %.3f s together" % (path, raw.n_times / raw.info["sfreq"], raw.info["sfreq"], len(gaps), sum(gaps)))
    for name, kind in zip(raw.ch_names, raw.get_channel_types()):
        values = raw.get_data(picks=[name], reject_by_annotation="omit", verbose="error")
        print("  %s (%s): RMS %.1f µV without the gaps" % (name, kind, 1e6 * (values**2).mean() ** 0.5))
    for seconds, kind, fields in events(raw):
        print("  %9.3f s  %s %s" % (seconds, kind, json.dumps(fields) if fields else ""))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
