#!/usr/bin/python3
"""Real recordings of other people against what was published about them.

They lie beside the project, not in it; where they are absent, nothing can be told.

Usage: test_recordings.py DIRECTORY_WITH_THE_PROGRAMS [TEST]...
"""

import statistics
import unittest

import emgd

RECORDINGS = emgd.SOURCE_DIR.parent / "shared" / "recordings"


def report(name, *settings):
    """The bodies of a recording's messages: {topic: [body, ...]}."""
    arguments = [word for setting in settings for word in ("--set", setting)]
    done = emgd.run("emgreport", RECORDINGS / name, "--format", "jsonl", *arguments)
    if done.code != 0 or done.err:
        raise AssertionError(done.text)
    result = {}
    for line in done.out.splitlines():
        body = emgd.parse(line)
        result.setdefault(body.pop("topic"), []).append(body)
    return result


def flags_of(messages, muscle):
    return {flag for body in messages["activation." + muscle] for flag in body["flags"]}


def active_frames(messages, muscle):
    frames = set()
    for burst in messages.get("burst." + muscle, []):
        frames.update(range(burst["onset_frame"], burst["offset_frame"]))
    return frames


@unittest.skipUnless(RECORDINGS.is_dir(), "no recordings at %s" % RECORDINGS)
class Recordings(unittest.TestCase):
    def test_onset_bmc_the_three_onsets_and_offsets_are_where_two_published_methods_put_them(self):
        bursts = report("onset_bmc.bdf")["burst.right.muscle"]
        published = [([399, 397], [859, 872]), ([1388, 1379], [1879, 1896]), ([2410, 2411], [2918, 2983])]
        self.assertEqual(len(bursts), 3)
        for burst, (onsets, offsets) in zip(bursts, published):
            self.assertTrue(any(abs(burst["onset_frame"] - onset) <= 25 for onset in onsets), burst)
            self.assertTrue(any(abs(burst["offset_frame"] - offset) <= 75 for offset in offsets), burst)

    def test_bursts_biceps_has_nine_bursts_of_the_published_length_and_median_frequency(self):
        messages = report("bursts_biceps.bdf", "analysis.spectral_seconds=120")
        bursts = messages["burst.right.biceps"]
        self.assertEqual(len(bursts), 9)
        self.assertAlmostEqual(statistics.mean(burst["duration_s"] for burst in bursts), 0.909, delta=0.0909)
        self.assertAlmostEqual(messages["fatigue.right.biceps"][-1]["mdf_hz"], 82, delta=5)

    def test_fatigue_biceps_is_fatiguing_at_the_rate_computed_from_its_contractions(self):
        messages = report("fatigue_biceps.bdf")
        last = messages["fatigue.right.biceps"][-1]
        self.assertEqual(last["verdict"], "fatiguing", last)
        self.assertAlmostEqual(last["slope_hz_per_min"], -8.2, delta=0.2 * 8.2)
        self.assertLess(last["slope_ci95_percent_per_min"][1], 0)
        self.assertIn("fatiguing", [event["verdict"] for event in messages["event.fatigue"]])
        self.assertNotIn("stride.right", messages)  # contractions on command are no gait

    def test_walk_btk_gives_the_gait_cycles_of_both_legs(self):
        messages = report("walk_btk.bdf")
        for side in ("left", "right"):
            cycles = [stride["cycle_s"] for stride in messages["stride." + side]]
            self.assertIn(len(cycles), (4, 5, 6), (side, cycles))
            self.assertAlmostEqual(statistics.mean(cycles), 0.96, delta=0.096)
            soleus = active_frames(messages, side + ".soleus")
            gastrocnemius = active_frames(messages, side + ".gastrocnemius_medialis")
            tibialis = active_frames(messages, side + ".tibialis_anterior")
            together = len(soleus & gastrocnemius) / min(len(soleus), len(gastrocnemius))
            apart = len(soleus & tibialis) / min(len(soleus), len(tibialis))
            self.assertGreater(together, 0.6, side)
            self.assertLess(apart, 0.35, side)
            self.assertLess(apart, together / 2, side)

    def test_inputs_without_electrodes_are_flagged_and_never_judged(self):
        messages = report("no_electrodes.bdf")
        for muscle in messages["status"][-1]["muscles"]:
            self.assertTrue(flags_of(messages, muscle) & {"hum", "electrode_off"}, muscle)
            self.assertEqual({body["verdict"] for body in messages["fatigue." + muscle]}, {"undetermined"})
            late = messages["activation." + muscle][-100:]
            self.assertTrue(all({"hum", "electrode_off"} & set(body["flags"]) for body in late), muscle)

    def test_open_inputs_are_told_from_real_channels(self):
        messages = report("walk_gaitalytics.bdf")
        muscles = messages["status"][-1]["muscles"]
        self.assertEqual(sum("open" in muscle for muscle in muscles), 2)
        for muscle in muscles:
            flags = flags_of(messages, muscle) & {"hum", "electrode_off"}
            self.assertEqual(bool(flags), "open" in muscle, (muscle, flags))
            self.assertEqual({body["verdict"] for body in messages["fatigue." + muscle]}, {"undetermined"})


if __name__ == "__main__":
    emgd.main()
