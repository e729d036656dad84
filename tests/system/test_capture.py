"""Capture through libsoundio for real: a private PulseAudio delivers a recording, frame by frame, and what a subscriber
gets is compared with the same samples replayed from a file. Argument: the directory with the built programs."""

import array
import os
import sys
import tempfile
import unittest
import wave

import numpy

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import emgd  # noqa: E402
import pulse  # noqa: E402

RATE_HZ = 48000
FULL_SCALE_UV = 5000
MUSCLES = ["left.soleus", "left.gastrocnemius_medialis", "right.soleus", "right.gastrocnemius_medialis"]
LABELS = [b"EMG L SOL", b"EMG L GM", b"EMG R SOL", b"EMG R GM"]


def read_bdf(path):
    """Rate in Hz and {label: microvolts} of a BDF file whose channels share one rate."""
    data = path.read_bytes()
    n = int(data[252:256])
    records, seconds = int(data[236:244]), float(data[244:252])
    columns, at = [], 256
    for width in (16, 80, 8, 8, 8, 8, 8, 80, 8, 32):
        columns.append([data[at + i * width : at + (i + 1) * width].strip() for i in range(n)])
        at += n * width
    samples = [int(text) for text in columns[8]]
    body = numpy.frombuffer(data[at:], numpy.uint8).reshape(records, sum(samples), 3).astype(numpy.int32)
    digital = ((body[..., 0] << 8 | body[..., 1] << 16 | body[..., 2] << 24) >> 8).astype(float)
    result, first = {}, 0
    for i in range(n):
        low, high, digital_low, digital_high = (float(columns[k][i]) for k in (3, 4, 5, 6))
        scale = (high - low) / (digital_high - digital_low)
        result[columns[0][i]] = (digital[:, first : first + samples[i]].ravel() - digital_low) * scale + low
        first += samples[i]
    return samples[0] / seconds, result


def resample(x, factor):
    """Band-limited interpolation by a whole factor."""
    spectrum = numpy.fft.rfft(x)
    return numpy.fft.irfft(spectrum, len(x) * factor) * factor


def frames_of_a_run():
    """int32 [frames, muscles] at 48 kHz: real walking where the recordings are there, else noise in bursts. The low
    byte is 0, so that each sample is exact as a float."""
    recording = emgd.RECORDINGS / "walk_btk.bdf"
    if recording.is_file():
        rate_hz, channels = read_bdf(recording)
        uv = numpy.array([resample(channels[label] - channels[label].mean(), int(RATE_HZ / rate_hz)) for label in LABELS])
    else:
        print("no recordings beside the checkout: a synthetic run takes their place", file=sys.stderr)
        uv = numpy.array([resample(numpy.array(emgd.emg(5, 1000, 100, seed)), 48) for seed in range(len(LABELS))])
    digital = numpy.clip(uv / FULL_SCALE_UV * 2**23, -(2**23), 2**23 - 1).round().astype(numpy.int32)
    return numpy.ascontiguousarray(digital.T * 256)


class Capture(unittest.TestCase):
    settings = {'muscle."%s".channel' % name: i + 1 for i, name in enumerate(MUSCLES)}

    @classmethod
    def setUpClass(cls):
        cls.frames = frames_of_a_run()
        cls.directory = tempfile.TemporaryDirectory()
        path = os.path.join(cls.directory.name, "run.wav")
        with wave.open(path, "wb") as out:
            out.setparams((len(MUSCLES), 4, RATE_HZ, 0, "NONE", ""))
            out.writeframes(cls.frames.tobytes())
        with emgd.Daemon("--source", "file:" + path, "--speed", "max", settings=cls.settings) as daemon:
            with daemon.subscribe("") as stream:
                cls.replayed = cls.by_topic_and_frame(stream.collect())

    @classmethod
    def tearDownClass(cls):
        cls.directory.cleanup()

    @staticmethod
    def by_topic_and_frame(messages):
        return {(m.topic, m.body["frame"]): m for m in messages if m.topic.split(".")[0] not in ("status", "event")}

    def capture(self, card, spec):
        """Messages of a stream into which the whole run has been fed at the device's own pace."""
        os.environ.update(card.environment())
        with emgd.Daemon("--source", spec, settings=self.settings) as daemon:
            with daemon.subscribe("") as stream:
                card.wait_until_captured()
                stream.next()  # a status: the subscription has taken hold
                card.feed(array.array("i", self.frames.tobytes()), pace_hz=RATE_HZ)
                daemon.wait_until(lambda status: status["frames"] + status["frames_lost"] >= len(self.frames))
                daemon.request("shutdown")
                messages = stream.collect()
            self.assertEqual(daemon.wait(), 0)
        return messages

    def compare(self, messages):
        end = messages[-1].body
        self.assertEqual((end["frames"], end["gaps"], end["frames_lost"]), (len(self.frames), 0, 0))
        self.assertEqual(end["messages_dropped"], 0)
        captured = self.by_topic_and_frame(messages)
        self.assertEqual(set(captured), set(self.replayed), "the same topics at the same frames")
        judged = 0
        for key, message in captured.items():
            other = self.replayed[key]
            if key[0].startswith("fatigue."):
                self.assertEqual(message.body["mdf_hz"] is None, other.body["mdf_hz"] is None, key)
                if other.body["mdf_hz"] is not None:
                    self.assertAlmostEqual(message.body["mdf_hz"], other.body["mdf_hz"], delta=0.01)
                    judged += 1
            if key[0].startswith("activation.") and other.body["rms_uv"] is not None:
                self.assertAlmostEqual(message.body["rms_uv"], other.body["rms_uv"], delta=0.001)
            if message.array is not None and key[0].startswith("waveform."):
                numpy.testing.assert_allclose(message.array, other.array, atol=0.001)
        self.assertGreaterEqual(judged, len(MUSCLES))

    def test_pulseaudio_gives_every_frame_as_the_file_does(self):
        with pulse.Pulse(channels=len(MUSCLES), rate=RATE_HZ) as card:
            self.compare(self.capture(card, card.spec))

    def test_alsa_gives_every_frame_as_the_file_does(self):
        with pulse.Pulse(channels=len(MUSCLES), rate=RATE_HZ) as card, pulse.sound_directory():
            self.compare(self.capture(card, card.alsa_spec))


if __name__ == "__main__":
    emgd.main()
