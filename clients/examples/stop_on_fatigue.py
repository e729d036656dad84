#!/usr/bin/env python3
"""Drives a treadmill: each stage of the session sets its speed, and a muscle that fatigues stops it.

Usage: stop_on_fatigue.py [--muscle left.soleus]...     (default: any muscle)
In another terminal: emgctl session start participant=P07, then emgctl stage label="10 km/h" speed_m_s=2.78, and so on.

The belt stops whatever ends this script: a verdict, an error, Ctrl-C, or 5 seconds without a word from emgd. It is an example, not a
safety device: keep the emergency stop at hand.
"""

import argparse

import emgd


class Treadmill:
    """Put the commands of your treadmill here."""

    def set_speed(self, speed_m_s):
        print("treadmill: %.2f m/s" % speed_m_s, flush=True)

    def stop(self):
        print("treadmill: stop", flush=True)


def run(treadmill, stream, muscles):
    """Until a muscle fatigues; returns its name, or None when emgd has ended."""
    verdicts = {}
    for m in stream:
        if m.kind == "event.stage" and m.live and m["speed_m_s"] is not None:
            treadmill.set_speed(m["speed_m_s"])
        if m.kind != "fatigue" or muscles and m.muscle not in muscles:
            continue
        if m["verdict"] != verdicts.get(m.muscle):  # undetermined stops nothing: the reason says what is missing
            print("%s: %s - %s" % (m.muscle, m["verdict"], m["reason"]), flush=True)
        verdicts[m.muscle] = m["verdict"]
        if m["verdict"] == "fatiguing":
            return m.muscle
    return None


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--muscle", action="append", default=[])
parser.add_argument("--data", default=emgd.DATA)
parser.add_argument("--control", default=emgd.CONTROL)
arguments = parser.parse_args()
treadmill = Treadmill()
try:
    with emgd.stream("fatigue.", "event.stage", data=arguments.data, control=arguments.control, timeout=5) as stream:
        tired = run(treadmill, stream, arguments.muscle)
finally:
    treadmill.stop()
if tired:
    emgd.Control(arguments.control).marker("stopped: %s is fatiguing" % tired)
