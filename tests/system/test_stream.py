#!/usr/bin/python3
"""The stream and the control socket as a client sees them: real streams against the schemas, message by message.

Usage: test_stream.py DIRECTORY_WITH_THE_PROGRAMS [TEST]...
"""

import copy
import json
import math
import signal
import socket
import tempfile
import time
import unittest
from pathlib import Path

import zmq

import emgd

# The contract: the fields of each body and reply, as programs outside this repository expect them.
COMMON = "v seq t frame session"
FIELDS = {
    "status.json": COMMON + " state source rate_hz channels muscles frames gaps frames_lost ring_peak_percent"
    " messages_dropped clock_ppm clock_ppm_se load_percent realtime latency_ms recording recording_failure measuring version",
    "activation.json": COMMON + " rms_uv envelope_uv percent_reference reference active quality flags",
    "fatigue.json": COMMON + " mdf_hz mdf_se_hz mnf_hz mnf_se_hz rms_uv ln_finsm5 ln_finsm5_se band_hz bursts seconds snr_db"
    " baseline_mdf_hz shift_percent slope_hz_per_min slope_percent_per_min slope_ci95_percent_per_min break_s"
    " recent_slope_percent_per_min recent_slope_ci95_percent_per_min jasa verdict"
    " reason quality flags",
    "spectrum.json": COMMON + " array f0_hz df_hz",
    "waveform.json": COMMON + " array rate_hz first_frame",
    "burst.json": COMMON + " onset_frame offset_frame duration_s rms_uv peak_uv iemg_uv_s percent_reference snr_db flags",
    "stride.json": COMMON + " cycle_s cadence_steps_per_min source strides first_frame end_frame",
    "profile.json": COMMON + " array sd_array strides unit",
    "leg.json": COMMON + " soleus_share_percent coactivation_percent crosstalk_r crosstalk_lag_ms",
    "symmetry.json": COMMON + " index_percent activation_left activation_right unit shift_percent_left"
    " shift_percent_right",
    "event.fatigue.json": COMMON + " muscle verdict before reason",
    "event.quality.json": COMMON + " muscle quality flags",
    "event.gap.json": COMMON + " first_frame frames_lost cause",
    "event.device.json": COMMON + " state",
    "event.session.json": COMMON + " state participant notes",
    "event.stage.json": COMMON + " number label speed_m_s incline_percent",
    "event.marker.json": COMMON + " label",
    "event.rest.json": COMMON + " muscle accepted reason uv seconds snr_db flags",
    "event.reference.json": COMMON + " muscle accepted reason method reference uv seconds contractions snr_db flags",
    "event.baseline.json": COMMON + " muscle accepted reason mdf_hz mdf_se_hz seconds contractions snr_db flags",
    "event.recording.json": COMMON + " state path seconds frames gaps reason",
    "reply.error.json": "ok error",
    "reply.ping.json": "ok version protocol",
    "reply.status.json": "ok status",
    "reply.config.json": "ok config",
    "reply.devices.json": "ok devices backends",
    "reply.snapshot.json": "ok messages",
    "reply.session.events.json": "ok messages",
    "reply.shutdown.json": "ok",
    "reply.session.start.json": "ok frame t session recording",
    "reply.marker.json": "ok frame t",
    "reply.rest.start.json": "ok muscles seconds frame end_frame",
    "reply.record.start.json": "ok path frame",
    "reply.record.stop.json": "ok path seconds frames gaps",
    "request.json": "command",
}
ARGUMENTS = "participant notes label speed_m_s incline_percent seconds muscles muscle method uv path"

BAD_FLAGS = {"clipping", "flat", "electrode_off"}
TRUE_MDF_HZ = 95.67  # of the simulated EMG when fresh, over 20-450 Hz

schemas = emgd.Schemas()
# A body of each kind.
EXAMPLES = {name: schemas.schema(name)["examples"][0] for name in FIELDS}


class TheSchemas(unittest.TestCase):
    def test_there_is_one_for_each_topic_and_reply_and_each_is_a_schema(self):
        self.assertEqual(sorted([*FIELDS, "common.json"]), schemas.names())
        for name in schemas.names():
            schemas.validator(name).check_schema(schemas.schema(name))

    def test_they_hold_exactly_the_fields_of_the_contract(self):
        for name, fields in FIELDS.items():
            schema = schemas.schema(name)
            optional = {"id"} if name.startswith("re") else set()
            if name == "request.json":
                optional.update(ARGUMENTS.split())
            self.assertEqual(set(fields.split()), set(schema["required"]), name)
            self.assertEqual(set(fields.split()) | optional, set(schema["properties"]), name)
            self.assertIs(schema["additionalProperties"], False, name)

    def test_a_missing_and_an_extra_field_are_refused(self):
        for name, example in EXAMPLES.items():
            schemas.check(name, example)
            self.assertTrue(schemas.problems(name, {**example, "extra": None}), name)
            for key in set(example) - {"id"}:
                without = {k: v for k, v in example.items() if k != key}
                self.assertTrue(schemas.problems(name, without), "%s without %s" % (name, key))

    def test_wrong_values_are_refused(self):
        def change(name, *path_and_value):
            *path, last, value = path_and_value
            changed = copy.deepcopy(EXAMPLES[name])
            target = changed
            for key in path:
                target = target[key]
            target[last] = value
            self.assertTrue(schemas.problems(name, changed), "%s %s" % (name, path_and_value))

        change("status.json", "v", 2)
        change("status.json", "seq", 0)
        change("status.json", "seq", None)
        change("status.json", "frame", -1)
        change("status.json", "frame", 0.5)
        change("status.json", "t", "now")
        change("status.json", "state", "stopped")
        change("status.json", "muscles", 0, "Left.soleus")
        change("status.json", "muscles", 0, "left.gastrocnemius_medialis")  # twice
        change("status.json", "muscles", [])
        change("status.json", "frames", None)
        change("status.json", "ring_peak_percent", 101)
        change("status.json", "latency_ms", "p50", -1)
        change("status.json", "latency_ms", None)
        change("status.json", "latency_ms", "p90", 1)
        change("status.json", "recording", "seconds", None)
        change("activation.json", "rms_uv", -1)
        change("activation.json", "active", None)
        change("activation.json", "quality", "good")
        change("activation.json", "flags", ["hum", "hum"])
        change("activation.json", "flags", ["humming"])
        change("activation.json", "reference", "method", "max")
        change("fatigue.json", "band_hz", [20])
        change("fatigue.json", "band_hz", None)
        change("fatigue.json", "bursts", 1.5)
        change("fatigue.json", "seconds", None)
        change("fatigue.json", "shift_percent", -100)
        change("fatigue.json", "slope_ci95_percent_per_min", [1, None])
        change("fatigue.json", "jasa", "none")
        change("fatigue.json", "verdict", None)
        change("fatigue.json", "reason", "")
        change("spectrum.json", "array", "dtype", ">f4")
        change("spectrum.json", "array", "shape", [0])
        change("spectrum.json", "array", "shape", [3, 3])
        change("spectrum.json", "df_hz", 0)
        change("waveform.json", "first_frame", None)
        change("event.gap.json", "frames_lost", 0)
        change("event.gap.json", "cause", "none")
        change("event.device.json", "state", None)
        change("reply.error.json", "ok", True)
        change("reply.error.json", "error", "code", "oops")
        change("reply.ping.json", "ok", False)
        change("reply.status.json", "status", "version", 1)
        change("reply.snapshot.json", "messages", 1, "topic", "activation.left.soleus")
        change("reply.snapshot.json", "messages", 1, "body", "mdf_hz", "high")
        change("request.json", "command", "fly")
        change("request.json", "label", "ping takes no label")
        change("request.json", "command", "marker")  # without its label
        change("event.rest.json", "accepted", None)
        change("event.reference.json", "reference", {"uv": 1})
        change("event.session.json", "participant", "Jane Doe")
        change("event.recording.json", "state", "paused")
        change("reply.rest.start.json", "muscles", [])


class StreamChecks:
    """What holds for every stream that has no gap. A test case that mixes it in has `messages` and, in frames a
    second and frames, `rate_hz` and `n_frames`; has_start where the source knows its start."""

    has_start = False

    def of(self, kind):
        """The messages of the topics that begin so, a list for each topic."""
        found = {topic: messages for topic, messages in emgd.by_topic(self.messages).items()
                 if topic.split(".")[0] == kind}
        return found

    def test_every_message_validates(self):
        for message in self.messages:
            schemas.check_message(message)

    def test_each_topic_counts_its_messages_without_a_hole(self):
        for topic, messages in emgd.by_topic(self.messages).items():
            self.assertEqual([m.body["seq"] for m in messages], list(range(1, len(messages) + 1)), topic)

    def test_every_muscle_has_every_topic(self):
        muscles = self.messages[0].body["muscles"]
        for kind in ("activation", "waveform", "fatigue"):
            self.assertEqual(sorted("%s.%s" % (kind, muscle) for muscle in muscles), sorted(self.of(kind)))

    def test_each_topic_keeps_its_rate_by_the_frame(self):
        for kind, hz in (("activation", 50), ("waveform", 20), ("fatigue", 1)):
            n_due = math.floor(self.n_frames * hz / self.rate_hz)
            due = [math.floor(k * self.rate_hz / hz) - 1 for k in range(1, n_due + 1)]
            for topic, messages in self.of(kind).items():
                self.assertEqual(due, [m.body["frame"] for m in messages], topic)
        due = [0, *due, self.n_frames - 1]  # waiting, once a second, ended
        self.assertEqual(due, [m.body["frame"] for m in self.of("status")["status"]])

    def test_the_stream_begins_waiting_and_ends_ended(self):
        told = [(m.topic, m.body["state"]) for m in self.messages if m.topic in ("status", "event.device")]
        self.assertEqual([("status", "waiting"), ("event.device", "running")], told[:2])
        self.assertEqual([("event.device", "ended"), ("status", "ended")], told[-2:])
        self.assertEqual({("status", "running")}, set(told[2:-2]) or {("status", "running")})
        self.assertEqual(("status", "status"), (self.messages[0].topic, self.messages[-1].topic))
        last = self.messages[-1].body
        self.assertEqual((self.n_frames, 0, 0, 0),
                         tuple(last[k] for k in ("frames", "gaps", "frames_lost", "messages_dropped")))

    def test_frames_never_go_back_and_each_has_its_time(self):
        timed = [m for m in self.messages if m.body["t"] is not None]
        if self.has_start:
            self.assertEqual(len(self.messages), len(timed))
        self.assertGreaterEqual(len(timed), len(self.messages) - 2)  # before the first frame
        start = timed[-1].body["t"] - timed[-1].body["frame"] / self.rate_hz
        newest = 0
        for message in self.messages:
            self.assertGreaterEqual(message.body["frame"], newest, message.topic)
            newest = message.body["frame"]
        for message in timed:
            self.assertAlmostEqual(start + message.body["frame"] / self.rate_hz, message.body["t"], delta=1e-5)

    def test_arrays_are_finite_numbers(self):
        for message in self.messages:
            for value in message.array or ():
                self.assertTrue(math.isfinite(value), message.topic)

    def test_waveforms_join_without_a_hole(self):
        for topic, messages in self.of("waveform").items():
            step = self.rate_hz / messages[0].body["rate_hz"]  # frames for each sample
            self.assertAlmostEqual(round(step), step, places=6)
            expected = messages[0].body["first_frame"]
            self.assertLess(expected, step)  # what the filters delay is left out, not shown as signal
            for message in messages:
                self.assertEqual(expected, message.body["first_frame"], topic)
                expected += len(message.array) * round(step)
                self.assertLessEqual(expected, message.body["frame"] + round(step), topic)
                self.assertGreater(expected, message.body["frame"] - 32 * step, topic)

    def test_quality_follows_the_flags(self):
        for message in self.messages:
            flags = set(message.body.get("flags", ()))
            expected = "bad" if flags & BAD_FLAGS else "warn" if flags else "ok"
            self.assertEqual(expected, message.body.get("quality", expected), message.topic)

    def test_amplitudes_are_unknown_while_unsettled_and_known_afterwards(self):
        for topic, messages in self.of("activation").items():
            for message in messages:
                body = message.body
                unsettled = "unsettled" in body["flags"]
                self.assertEqual((unsettled, unsettled), (body["rms_uv"] is None, body["envelope_uv"] is None), topic)
                self.assertFalse(unsettled and body["active"])
                seconds = body["frame"] / self.rate_hz
                self.assertTrue(unsettled if seconds < 0.2 else not unsettled if seconds > 0.5 else True, topic)

    def test_indices_are_those_of_the_published_spectrum(self):
        compared = 0
        spectra = {(m.topic.split(".", 1)[1], m.body["frame"]): m for ms in self.of("spectrum").values() for m in ms}
        for topic, messages in self.of("fatigue").items():
            for message in messages:
                body = message.body
                spectrum = spectra.get((topic.split(".", 1)[1], body["frame"]))
                self.assertEqual(body["seconds"] == 0, spectrum is None)
                for name in ("mdf_hz", "mdf_se_hz", "mnf_hz", "mnf_se_hz", "rms_uv"):
                    self.assertEqual(spectrum is None, body[name] is None, name)
                if spectrum is None:
                    continue
                compared += 1
                power, median, mean = indices(spectrum, body["band_hz"])
                self.assertAlmostEqual(1, math.sqrt(power) / body["rms_uv"], delta=1e-4)
                self.assertAlmostEqual(median, body["mdf_hz"], delta=0.01)
                self.assertAlmostEqual(mean, body["mnf_hz"], delta=0.01)
        self.assertEqual(compared, len(spectra))
        self.assertGreater(compared, 0)


def indices(spectrum, band_hz):
    """Power, median and mean frequency of the piecewise linear density over the band, by fine trapezoids."""
    f0, df = spectrum.body["f0_hz"], spectrum.body["df_hz"]

    def density(f):
        k = min(max(int((f - f0) / df), 0), len(spectrum.array) - 2)
        share = (f - f0) / df - k
        return max(0.0, spectrum.array[k]) * (1 - share) + max(0.0, spectrum.array[k + 1]) * share

    n = 8000
    step = (band_hz[1] - band_hz[0]) / n
    values = [density(band_hz[0] + i * step) for i in range(n + 1)]
    pieces = [step * (values[i] + values[i + 1]) / 2 for i in range(n)]
    power = sum(pieces)
    mean = sum(piece * (band_hz[0] + (i + 0.5) * step) for i, piece in enumerate(pieces)) / power
    below = 0.0
    for i, piece in enumerate(pieces):
        if below + piece >= power / 2:
            return power, band_hz[0] + (i + (power / 2 - below) / piece) * step, mean
        below += piece
    raise AssertionError("half of the power is never reached")


def collect(*arguments, topics=("",), **settings):
    settings = {key.replace("__", "."): value for key, value in settings.items()}
    with emgd.Daemon(*arguments, settings=settings) as daemon, daemon.subscribe(*topics) as stream:
        messages = stream.collect()
        code = daemon.wait()
        if code != 0:
            raise AssertionError("exit code %d at the end of the source\n%s" % (code, daemon.describe()))
        return messages


class SimulatedTreadmill(StreamChecks, unittest.TestCase):
    rate_hz, seconds = 48000, 6
    n_frames = rate_hz * seconds

    @classmethod
    def setUpClass(cls):
        cls.messages = collect("--source", "synth:treadmill", "--speed", "max", source__duration_s=cls.seconds)

    def test_it_is_announced_as_what_it_is(self):
        status = self.messages[0].body
        self.assertEqual(("synth:treadmill", 48000, 4), tuple(status[k] for k in ("source", "rate_hz", "channels")))
        self.assertEqual(["left.soleus", "left.gastrocnemius_medialis", "right.soleus", "right.gastrocnemius_medialis"],
                         status["muscles"])
        self.assertEqual({0}, {m.body["messages_dropped"] for m in self.of("status")["status"]})
        self.assertEqual({None}, {m.body["load_percent"] for m in self.of("status")["status"]})

    def test_calf_muscles_are_active_in_bursts(self):
        for topic, messages in self.of("activation").items():
            settled = [m.body for m in messages if m.body["frame"] > 2 * self.rate_hz]
            share = sum(body["active"] for body in settled) / len(settled)
            self.assertTrue(0.25 < share < 0.65, "%s active for %.2f of the time" % (topic, share))
            active = [body["rms_uv"] for body in settled if body["active"]]
            rest = [body["rms_uv"] for body in settled if not body["active"]]
            self.assertGreater(sum(active) / len(active), 4 * sum(rest) / len(rest), topic)


class RealTime(StreamChecks, unittest.TestCase):
    rate_hz, seconds = 48000, 5
    n_frames = rate_hz * seconds

    @classmethod
    def setUpClass(cls):
        settings = {"source__duration_s": cls.seconds, "source__seed": 5, "publish__hwm": 1000000}
        cls.begin = time.time()
        cls.messages = collect("--source", "synth:static", "--speed", "1", **settings)
        cls.end = time.time()
        cls.unpaced = collect("--source", "synth:static", "--speed", "max", **settings)

    def test_it_takes_as_long_as_it_says_and_carries_the_time_of_day(self):
        self.assertGreaterEqual(self.end - self.begin, self.seconds)
        times = [m.body["t"] for m in self.messages if m.body["t"] is not None and m.body["frame"] > 0]
        self.assertGreaterEqual(times[0], self.begin - 0.1)
        self.assertLessEqual(times[-1], self.end + 0.1)

    def test_load_and_latency_are_told(self):
        last = self.messages[-1].body
        self.assertIsNotNone(last["load_percent"])
        latency = [m.body["latency_ms"] for m in self.of("status")["status"] if m.body["latency_ms"]["p50"] is not None]
        self.assertTrue(latency)
        for figures in latency:
            self.assertTrue(0 <= figures["p50"] <= figures["p99"] <= figures["max"], figures)

    def test_its_metrics_are_those_of_the_unpaced_stream(self):
        def metrics(messages):
            return [(m.topic, {k: v for k, v in m.body.items() if k not in ("t", *emgd.TIMING_FIELDS)}, m.array)
                    for m in messages]

        paced, unpaced = metrics(self.messages), metrics(self.unpaced)
        for i, (one, other) in enumerate(zip(paced, unpaced)):
            self.assertEqual(one, other, "message %d" % i)
        self.assertEqual(len(paced), len(unpaced))


class FileReplay(StreamChecks, unittest.TestCase):
    rate_hz, seconds = 1000, 12
    n_frames = rate_hz * seconds
    has_start = True

    @classmethod
    def setUpClass(cls):
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory, "walk.bdf")
            signals = [emgd.emg(cls.seconds, cls.rate_hz, rms_uv, seed) for seed, rms_uv in enumerate((150, 80, 60))]
            emgd.write_bdf(path, cls.rate_hz, signals, ["EMG L SOL", "EMG R TA", "open"])
            cls.messages = collect("--source", "file:%s" % path, "--speed", "max", analysis__band_hz="{20, 480}")

    def test_muscles_and_start_come_from_the_header(self):
        status = self.messages[0].body
        self.assertEqual((["left.soleus", "right.tibialis_anterior", "left.channel_3"], 1714745716.0),
                         (status["muscles"], status["t"]))

    def test_the_band_is_lowered_where_the_rate_demands_it(self):
        for messages in self.of("fatigue").values():
            self.assertEqual({(20, 450)}, {tuple(m.body["band_hz"]) for m in messages})

    def test_amplitudes_are_those_of_the_recording(self):
        for topic, uv in (("left.soleus", 150), ("right.tibialis_anterior", 80)):
            found = [m.body["rms_uv"] for m in self.of("activation")["activation." + topic] if m.body["active"]]
            self.assertAlmostEqual(1, sum(found) / len(found) / uv, delta=0.25)


class WavReplay(StreamChecks, unittest.TestCase):
    """A rate that is not a multiple of what the analysis runs at, nor of the topics' rates."""

    rate_hz, seconds = 44100, 4
    n_frames = rate_hz * seconds + 777
    has_start = True

    @classmethod
    def setUpClass(cls):
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory, "walk.wav")
            signals = [emgd.emg(cls.n_frames / cls.rate_hz, cls.rate_hz, 100, seed) for seed in (1, 2)]
            cls.n_frames = len(signals[0])
            emgd.write_wav(path, cls.rate_hz, signals)
            cls.messages = collect("--source", "file:%s" % path, "--speed", "max")

    def test_channels_without_a_label_are_named_by_their_number(self):
        self.assertEqual(["left.channel_1", "left.channel_2"], self.messages[0].body["muscles"])


class KnownTruth(unittest.TestCase):
    """Simulations whose spectrum and course are known. The low rate makes minutes of them cheap."""

    def collect(self, source, seconds, rate_hz=2000, topics=("fatigue", "status")):
        return emgd.by_topic(collect("--source", source, "--speed", "max", topics=topics, source__rate_hz=rate_hz,
                                     source__duration_s=seconds, source__seed=3))

    def test_static_contraction_has_the_true_mdf_and_only_the_left_side_tires(self):
        streams = self.collect("synth:static", 120)
        for muscle in ("right.soleus", "right.gastrocnemius_medialis"):
            found = [m.body["mdf_hz"] for m in streams["fatigue." + muscle] if m.body["seconds"] > 9]
            self.assertGreater(len(found), 100)
            self.assertAlmostEqual(TRUE_MDF_HZ, sum(found) / len(found), delta=2.5, msg=muscle)
            last = streams["fatigue." + muscle][-1].body
            self.assertLess(abs(last["slope_percent_per_min"]), 3.5, muscle)
            self.assertLess(abs(last["shift_percent"]), 8, muscle)
        # fl and fh fall to (1 - fatigue) of their value with a time constant of a minute: within 10 s of the end
        for muscle, fatigue in (("left.soleus", 0.30), ("left.gastrocnemius_medialis", 0.20)):
            last = streams["fatigue." + muscle][-1].body
            true_mdf_hz = TRUE_MDF_HZ * (1 - fatigue * (1 - math.exp(-115 / 60)))
            self.assertAlmostEqual(true_mdf_hz, last["mdf_hz"], delta=4 * last["mdf_se_hz"] + 2, msg=muscle)
            self.assertLess(last["slope_ci95_percent_per_min"][1], 0, muscle)
            self.assertLess(last["shift_percent"], -5, muscle)
            self.assertGreater(last["ln_finsm5"], 0.1, muscle)
        # in one long contraction nothing tells the noise
        self.assertEqual({"undetermined"}, {m.body["verdict"] for ms in streams.values() for m in ms if "verdict" in m.body})

    def test_static_contraction_has_the_true_mdf_at_the_rate_of_a_sound_card(self):
        streams = self.collect("synth:static", 11, rate_hz=48000)
        found = [streams["fatigue.right." + muscle][-1].body for muscle in ("soleus", "gastrocnemius_medialis")]
        for body in found:
            self.assertAlmostEqual(TRUE_MDF_HZ, body["mdf_hz"], delta=4 * body["mdf_se_hz"])
            self.assertTrue(1 < body["mdf_se_hz"] < 2.5, body["mdf_se_hz"])

    def test_runner_tires_on_the_left_and_less_on_the_right(self):
        streams = self.collect("synth:treadmill", 240)
        left, right = (streams["fatigue.%s.soleus" % side][-1].body for side in ("left", "right"))
        self.assertEqual("fatiguing", left["verdict"], left)
        # the spectrum falls by 13.8 % within these minutes on the left, by 2.8 % on the right
        self.assertLess(left["slope_percent_per_min"], right["slope_percent_per_min"])
        self.assertLess(left["shift_percent"], -6)
        self.assertLess(left["shift_percent"], right["shift_percent"] - 3)
        self.assertGreater(left["snr_db"], 10)
        early = streams["fatigue.left.soleus"][29].body
        self.assertEqual("undetermined", early["verdict"], early)

    def test_rest_is_never_active_and_never_judged(self):
        streams = self.collect("synth:rest", 90, topics=("activation", "fatigue", "spectrum", "status"))
        self.assertEqual(9, len(streams))  # of four muscles, two topics; the status; no spectrum of nothing
        for topic, messages in streams.items():
            for message in messages:
                schemas.check_message(message)
                if topic.startswith("activation"):
                    self.assertFalse(message.body["active"], topic)
                elif topic.startswith("fatigue"):
                    self.assertEqual(("undetermined", None, 0, 0, None),
                                     tuple(message.body[k] for k in ("verdict", "mdf_hz", "seconds", "bursts", "jasa")))


def nested(opening, closing, depth):
    return opening * depth + closing * depth


# What is wrong, the request and the code of the reply.
BAD_REQUESTS = [
    ("empty", b"", "bad_json"),
    ("a blank", b" ", "bad_json"),
    ("no JSON", b"ping", "bad_json"),
    ("JSON cut short", b'{"command": "ping"', "bad_json"),
    ("something behind it", b'{"command": "ping"} {"command": "ping"}', "bad_json"),
    ("single quotes", b"{'command': 'ping'}", "bad_json"),
    ("NaN", b'{"command": "ping", "id": NaN}', "bad_json"),
    ("duplicate keys", b'{"command": "ping", "command": "shutdown"}', "bad_json"),
    ("duplicate keys, inside", b'{"command": "ping", "id": {"a": 1, "a": 2}}', "bad_json"),
    ("binary", bytes(range(256)), "bad_json"),
    ("zeros", bytes(1000), "bad_json"),
    ("not UTF-8", b'{"command": "ping\xff"}', "bad_json"),
    ("a NUL in a name", b'{"command": "ping\\u0000shutdown"}', "bad_json"),
    ("a huge number", b'{"command": "ping", "id": 1e999}', "bad_json"),
    ("nested arrays", nested(b"[", b"]", 30000), "bad_json"),
    ("nested objects", nested(b'{"a":', b"}", 9000), "bad_json"),
    ("nested id", b'{"command": "ping", "id": ' + nested(b"[", b"]", 30000) + b"}", "bad_json"),
    ("an array", b'[{"command": "ping"}]', "bad_request"),
    ("a string", b'"ping"', "bad_request,bad_json"),
    ("a number", b"42", "bad_request,bad_json"),
    ("null", b"null", "bad_request,bad_json"),
    ("no command", b"{}", "bad_request"),
    ("no command but an id", b'{"id": 1}', "bad_request"),
    ("a command in capitals", b'{"Command": "ping"}', "bad_request"),
    ("a number as command", b'{"command": 5}', "bad_request"),
    ("null as command", b'{"command": null}', "bad_request"),
    ("an array as command", b'{"command": ["shutdown"]}', "bad_request"),
    ("unknown command", b'{"command": "fly"}', "unknown_command"),
    ("empty command", b'{"command": ""}', "unknown_command"),
    ("a command in capitals", b'{"command": "SHUTDOWN"}', "unknown_command"),
    ("a command with a blank", b'{"command": "shutdown "}', "unknown_command"),
    ("a long command", b'{"command": "' + "é".encode() * 30000 + b'"}', "unknown_command"),
    ("a command of formats and quotes", b'{"command": "%s%n\\"\\\\\\n{"}', "unknown_command"),
    ("70 kB", b'{"command": "ping", "id": "' + b"x" * 70000 + b'"}', "too_large"),
    ("1 MB", b'{"command": "ping", "id": "' + b"x" * 1000000 + b'"}', "too_large"),
    ("1 MB of brackets", b"[" * 1000000, "too_large"),
]

# Of a DEALER, whose parts arrive as they are.
BAD_PARTS = [
    ("two requests", [b'{"command": "ping"}', b'{"command": "shutdown"}']),
    ("two requests behind an empty part", [b"", b'{"command": "ping"}', b'{"command": "shutdown"}']),
    ("a request and an empty part", [b'{"command": "ping"}', b""]),
    ("an empty part alone", [b""]),
    ("two empty parts", [b"", b""]),
    ("three empty parts", [b"", b"", b""]),
    ("two requests behind a number and an empty part", [b"0001", b"", b'{"command": "ping"}', b'{"command": "shutdown"}']),
    ("many parts", [b'{"command": "shutdown"}'] * 100),
    ("many empty parts", [b""] * 100),
]


class Control(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # It ends by itself, should this program not come to it.
        cls.daemon = emgd.Daemon("--source", "synth:treadmill", settings={
            "source.rate_hz": 4000, "source.duration_s": 3600, "publish.wait_s": 0})
        cls.addClassCleanup(cls.daemon.__exit__, None, None, None)
        cls.daemon.__enter__()
        cls.stream = cls.daemon.subscribe("activation.left.soleus", "status")
        cls.addClassCleanup(cls.stream.__exit__)
        cls.daemon.wait_until(lambda status: status["frames"] > 3 * 4000)

    def ask(self, schema, command, **arguments):
        reply = self.daemon.request(command, **arguments)
        schemas.check(schema, reply)
        return reply

    def raw(self, request):
        """The reply to bytes, from a REQ socket."""
        requester = self.daemon.socket(zmq.REQ)
        requester.send(request)
        parts = self.daemon.receive(requester)
        requester.close()
        self.assertEqual(1, len(parts))
        return emgd.parse(parts[0])

    def check_that_it_goes_on(self):
        """Nothing was lost, and frames come that were not there before."""
        frame = self.ask("reply.status.json", "status")["status"]["frame"]
        messages = self.stream.until(lambda m: m.topic == "status" and m.body["frame"] > frame)
        for topic, found in emgd.by_topic(messages).items():
            numbers = [m.body["seq"] for m in found]
            self.assertEqual(list(range(numbers[0], numbers[0] + len(numbers))), numbers, topic)
        self.assertEqual("running", messages[-1].body["state"])

    def test_ping(self):
        reply = self.ask("reply.ping.json", "ping")
        self.assertIn(reply["version"], emgd.run("emgd", "--version").out)
        self.assertNotIn("id", reply)

    def test_status_is_the_last_one(self):
        first = self.ask("reply.status.json", "status")["status"]
        later = self.daemon.wait_until(lambda status: status["seq"] > first["seq"])
        self.assertEqual(("running", "synth:treadmill", 4000), tuple(later[k] for k in ("state", "source", "rate_hz")))

    def test_config_is_the_one_in_effect(self):
        config = self.ask("reply.config.json", "config")["config"]
        self.assertEqual(("synth:treadmill", 4000, 1), tuple(config["source"][k] for k in ("spec", "rate_hz", "speed")))
        self.assertEqual((self.daemon.data, self.daemon.control, 1000),
                         tuple(config["publish"][k] for k in ("data", "control", "hwm")))
        self.assertEqual([20, 450], config["analysis"]["band_hz"])

    def test_devices(self):
        self.ask("reply.devices.json", "devices")

    def test_snapshot_has_every_topic_without_an_array(self):
        muscles = self.ask("reply.status.json", "status")["status"]["muscles"]
        messages = self.ask("reply.snapshot.json", "snapshot")["messages"]
        expected = ["%s.%s" % (kind, muscle) for kind in ("activation", "fatigue") for muscle in muscles]
        expected += ["leg.left", "leg.right", "symmetry.soleus", "symmetry.gastrocnemius_medialis"]
        happened = ("burst.", "stride.", "event.fatigue", "event.quality")  # or not yet
        topics = [m["topic"] for m in messages if not m["topic"].startswith(happened)]
        self.assertEqual(sorted(["status", "event.device", *expected]), sorted(topics))
        self.assertEqual("running", next(m["body"]["state"] for m in messages if m["topic"] == "event.device"))

    def test_the_events_of_the_session_come_in_their_order(self):
        kinds = ("event.session", "event.stage", "event.marker", "event.rest")
        with self.daemon.subscribe("event.", "status") as stream:
            stream.next()
            self.assertTrue(self.daemon.request("marker", label="not of the session")["ok"])
            self.assertTrue(self.daemon.request("session.start", participant="P07")["ok"])
            for label in ("8 km/h", "10 km/h"):
                self.assertTrue(self.daemon.request("stage", label=label)["ok"])
            self.assertTrue(self.daemon.request("rest.start", seconds=1)["ok"])
            seen = stream.until(lambda m: m.topic == "event.rest" and m.body["muscle"] == "right.gastrocnemius_medialis")
            begin = next(i for i, m in enumerate(seen) if m.topic == "event.session")
            told = [{"topic": m.topic, "body": m.body} for m in seen[begin:] if m.topic in kinds]
            self.assertEqual(told, self.ask("reply.session.events.json", "session.events")["messages"])
            self.assertTrue(self.daemon.request("session.stop")["ok"])

    def test_ids_come_back_as_they_were(self):
        deep = [[[[{"a": {"b": []}}]]]]
        for id in (0, -7, 9007199254740993, 0.1, 1e300, "", "a\"\\\u00e9\u2028\U0001f600\n\u007f", True, False, None,
                   [], {}, {"n": [1, "two", None, {"x": 1.5}]}, deep, "x" * 60000, list(range(10000))):
            for command, schema in (("ping", "reply.ping.json"), ("status", "reply.status.json"),
                                    ("fly", "reply.error.json")):
                reply = self.ask(schema, command, id=id)
                self.assertIn("id", reply)
                self.assertEqual((type(id), id), (type(reply["id"]), reply["id"]))
        reply = self.raw(b'{"id": 3}')
        self.assertEqual(3, reply["id"])

    def test_req_and_dealer_both_work(self):
        request = {"command": "ping", "id": 1}
        for envelope in ([], [b""]):
            dealer = self.daemon.socket(zmq.DEALER)
            for i in range(20):  # many at once, answered in order
                dealer.send_multipart([*envelope, json.dumps({**request, "id": i}).encode()])
            for i in range(20):
                parts = self.daemon.receive(dealer)
                self.assertEqual(envelope, parts[:-1])
                reply = emgd.parse(parts[-1])
                schemas.check("reply.ping.json", reply)
                self.assertEqual(i, reply["id"])
            dealer.close()
        requester = self.daemon.socket(zmq.REQ)
        for i in range(20):
            requester.send_json({**request, "id": i})
            self.assertEqual(i, emgd.parse(self.daemon.receive(requester)[0])["id"])
        requester.close()

    def test_a_req_socket_that_gives_up_asks_again(self):
        requester = self.daemon.socket(zmq.REQ)
        requester.setsockopt(zmq.REQ_CORRELATE, 1)
        requester.setsockopt(zmq.REQ_RELAXED, 1)
        for i in range(20):
            requester.send_json({"command": "ping", "id": -i})
            requester.send_json({"command": "ping", "id": i})  # the reply to the one before counts no more
            self.assertEqual(i, emgd.parse(self.daemon.receive(requester)[0])["id"])
        requester.close()

    def test_two_clients_at_once_get_their_own_replies(self):
        sockets = [self.daemon.socket(zmq.DEALER) for _ in range(8)]
        for round in range(5):
            for i, dealer in enumerate(sockets):
                dealer.send_json({"command": "snapshot" if i % 2 else "ping", "id": [i, round]})
        for round in range(5):
            for i, dealer in enumerate(sockets):
                reply = emgd.parse(self.daemon.receive(dealer)[0])
                self.assertEqual(([i, round], i % 2 == 1), (reply["id"], "messages" in reply))
        for dealer in sockets:
            dealer.close()

    def test_bad_requests_get_an_error_reply_and_change_nothing(self):
        before = self.ask("reply.config.json", "config")
        for what, request, codes in BAD_REQUESTS:
            with self.subTest(what):
                reply = self.raw(request)
                schemas.check("reply.error.json", reply)
                self.assertIn(reply["error"]["code"], codes.split(","))
                self.ask("reply.ping.json", "ping")
        self.check_that_it_goes_on()
        self.assertEqual(before, self.ask("reply.config.json", "config"))

    def test_requests_of_several_parts_get_one_error_reply(self):
        for what, parts in BAD_PARTS:
            with self.subTest(what):
                dealer = self.daemon.socket(zmq.DEALER)
                dealer.send_multipart(parts)
                reply = self.daemon.receive(dealer)
                schemas.check("reply.error.json", emgd.parse(reply[-1]))
                dealer.send_json({"command": "ping", "id": 1})  # the next reply is this one's
                schemas.check("reply.ping.json", emgd.parse(self.daemon.receive(dealer)[-1]))
                dealer.close()
        self.check_that_it_goes_on()

    def test_clients_that_go_away_or_send_without_end_do_no_harm(self):
        for _ in range(50):
            dealer = self.daemon.socket(zmq.DEALER)
            for _ in range(20):
                dealer.send_json({"command": "snapshot"})
            dealer.close(linger=1000)
        monster = self.daemon.socket(zmq.DEALER)  # it is cut off and gets no reply
        monster.send(b"x" * (20 << 20))
        self.ask("reply.ping.json", "ping")
        monster.close()
        other = socket.socket(socket.AF_UNIX)
        other.connect(self.daemon.control[len("ipc://"):])
        other.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 100)
        other.close()
        self.check_that_it_goes_on()

    def test_the_data_socket_takes_no_harm_from_what_subscribers_send(self):
        monster = self.daemon.context.socket(zmq.XSUB)  # it is cut off
        monster.connect(self.daemon.data)
        monster.send(b"\x01" + b"t" * 100000)
        subscriber = self.daemon.context.socket(zmq.XSUB)
        subscriber.connect(self.daemon.data)
        for message in (b"", b"\x00", b"\x02x", b"\x01" + b"t" * 3000, b"hello", bytes(range(256)), b"\x00never"):
            subscriber.send(message)
        subscriber.send(b"\x01status")
        self.assertEqual(b"status", self.daemon.receive(subscriber)[0])
        subscriber.close(linger=0)
        monster.close(linger=0)
        self.check_that_it_goes_on()


class Ends(unittest.TestCase):
    settings = {"source.rate_hz": 4000, "source.duration_s": 3600}

    def check_end(self, daemon, stream, end):
        begun = stream.until(lambda m: m.topic == "status" and m.body["state"] == "running")
        end()
        ended = stream.collect()
        self.assertEqual(0, daemon.wait(), daemon.describe())
        schemas.check_message(ended[-1])
        self.assertEqual("ended", ended[-1].body["state"])
        self.assertGreater(ended[-1].body["frames"], begun[-1].body["frames"] - 1)

    def test_shutdown_is_answered_and_ends_the_stream(self):
        with emgd.Daemon("--source", "synth:rest", settings=self.settings) as daemon, daemon.subscribe("") as stream:
            def end():
                reply = daemon.request("shutdown", id="last")
                schemas.check("reply.shutdown.json", reply)
                self.assertEqual("last", reply["id"])

            self.check_end(daemon, stream, end)

    def test_signals_end_it(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with emgd.Daemon("--source", "synth:rest", settings=self.settings) as daemon:
                with daemon.subscribe("status") as stream:
                    self.check_end(daemon, stream, lambda: daemon.signal(number))

    def test_a_replay_that_still_waits_for_a_subscriber_answers_and_ends(self):
        with emgd.Daemon("--source", "synth:rest", settings=self.settings) as daemon:
            reply = daemon.request("status")
            schemas.check("reply.status.json", reply)
            self.assertIsNone(reply["status"])
            snapshot = daemon.request("snapshot")
            schemas.check("reply.snapshot.json", snapshot)
            self.assertEqual([], snapshot["messages"])
            schemas.check("reply.shutdown.json", daemon.request("shutdown"))
            self.assertEqual(0, daemon.wait(), daemon.describe())

    def test_a_replay_without_a_subscriber_begins_after_a_while(self):
        with emgd.Daemon("--source", "synth:rest", "--speed", "max",
                         settings={**self.settings, "source.duration_s": 5, "publish.wait_s": 0}) as daemon:
            self.assertEqual(0, daemon.wait(), daemon.describe())

    def test_tcp_works_as_well(self):
        for _ in range(5):  # another program may take a port that was free a moment ago
            with free_port() as data, free_port() as control:
                data, control = ("tcp://127.0.0.1:%d" % port.getsockname()[1] for port in (data, control))
            with emgd.Daemon("--source", "synth:rest", "--speed", "max", settings={
                    "source.duration_s": 2, "publish.data": data, "publish.control": control}) as daemon:
                with daemon.subscribe("") as stream:
                    try:
                        schemas.check("reply.ping.json", daemon.request("ping"))
                    except AssertionError:
                        if "cannot bind" in daemon.err():
                            continue
                        raise
                    self.assertGreater(len(stream.collect()), 100)
                self.assertEqual(0, daemon.wait(), daemon.describe())
                return
        self.fail("no free ports")


def free_port():
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    return listener


if __name__ == "__main__":
    emgd.main()
