#!/usr/bin/env python3
"""Writes what the fuzz targets begin with: small inputs, sound and damaged, and a list of them for each target.

Usage: make_corpus.py SOURCE_DIRECTORY DIRECTORY

DIRECTORY/TARGET/* are the inputs, DIRECTORY/TARGET.list their paths. The same files come out on every run.
"""

import json
import math
import struct
import sys
from pathlib import Path

SETTING = "\x1e"  # begins a setting behind a configuration file


# --- EDF and BDF ---

def signal(label, samples=10, dimension="uV", physical=("-5000", "5000"), digital=None):
    return {"label": label, "samples": samples, "dimension": dimension, "physical": physical, "digital": digital}


def is_annotation(s):
    return s["label"].endswith(" Annotations")


def wave(n):
    """Something like a signal, with both ends of the range in it."""
    return [0.999 * math.sin(1.7 * i) * math.sin(0.11 * i) for i in range(n)]


def edf(signals, bdf=True, kind="+C", n_records=3, record_s="0.01", count=None, annotations=(), start=0.0):
    """annotations: (record, bytes that stand behind its time)."""
    width, name = (3, "BDF") if bdf else (2, "EDF")
    limit = 2 ** (8 * width - 1)

    def column(size, values):
        return b"".join(str(v).encode("latin-1").ljust(size) for v in values)

    def digital(s):
        return s["digital"] or (-limit, limit - 1)

    header = (
        (b"\xffBIOSEMI" if bdf else b"0       ")
        + column(80, ["P07 X X X" if kind else "someone", "Startdate 03-MAY-2024 X X emgd" if kind else "here"])
        + column(8, ["03.05.24", "14.15.16", 256 * (len(signals) + 1)])
        + column(44, [name + kind if kind else "24BIT" if bdf else ""])
        + column(8, [n_records if count is None else count, record_s])
        + column(4, [len(signals)])
        + column(16, [s["label"] for s in signals])
        + column(80, ["" if is_annotation(s) else "Ag/AgCl" for s in signals])
        + column(8, [s["dimension"] for s in signals])
        + column(8, [s["physical"][0] for s in signals])
        + column(8, [s["physical"][1] for s in signals])
        + column(8, [digital(s)[0] for s in signals])
        + column(8, [digital(s)[1] for s in signals])
        + column(80, ["" if is_annotation(s) else "HP:12Hz" for s in signals])
        + column(8, [s["samples"] for s in signals])
        + column(32, ["" for _ in signals])
    )
    records = []
    for k in range(n_records):
        for s in signals:
            if is_annotation(s):
                text = f"+{start + k * float(record_s):g}".encode() + b"\x14\x14\0"
                text += b"".join(t for record, t in annotations if record == k)
                records.append(text.ljust(width * s["samples"], b"\0"))
            else:
                values = [int(limit * x) for x in wave(s["samples"])]
                records.append(b"".join(struct.pack("<i", v)[:width] for v in values))
    return header + b"".join(records)


def note(onset, text, duration=""):
    return f"+{onset}{chr(0x15) + duration if duration else ''}\x14{text}\x14\0".encode()


def recordings():
    soleus, annotations = signal("EMG L SOL"), signal("BDF Annotations", 60, "", ("-1", "1"))
    plain = edf([soleus, signal("EMG R SOL", 10, "mV", ("-5.125", "5.125"))], kind="", n_records=4)
    marked = edf([soleus, annotations], annotations=[
        (0, note("0.001", "hop", "0.5") + note("0.002", "\u00e9t\u00e9\x14two")),
        (1, b"+0.01\x14BAD_gap\x14\0-1\x14before\x14\0"),
        (2, b"+0.02\x15x\x14damaged\x14\0+99999999999\x14far\x14\0"
            b"+0.02\x14\xed\xa0\x80 \xf4\x90\x80\x80 \xc0\x80 \xc2\x85\x14\0\xff\xfe"),
    ])
    script = edf([signal("EMG L SOL", 20), signal("SW L", 20), signal("BDF Annotations", 120, "", ("-1", "1"))],
                 record_s="0.02", annotations=[
        (0, note("0", 'recording.start {"frame":123456,"session":null}')
            + note("0", 'session.start {"participant":"P07","session":"20260102T030405Z-P07","t":1767323045.5}')
            + note("0.005", 'rest.start {"seconds":10}') + note("0.004", 'marker {"label":"hop"}')),
        (1, note("0.02", 'stage {"label":"10 km/h","speed_m_s":2.78,"incline_percent":1}')
            + note("0.021", 'reference.set {"muscle":"left.soleus","uv":350,"method":"mvc"}')
            + note("0.03", 'gap {"first_frame":123480,"frames_lost":5,"cause":"overflow"}', "0.005")),
        (2, note("0.05", 'reference.start {"muscles":"all","seconds":5,"method":"dynamic_peak"}')
            + note("0.055", "session.stop {}") + note("0.06", 'recording.stop {"frames":60}')),
    ])
    return {
        "plain.bdf": plain,
        "plain.edf": edf([signal("EMG L GL", 12, "mV", ("-2.5", "2.5"))], bdf=False, kind="", n_records=2),
        "marked.bdf": marked,
        "marked.edf": edf([signal("EDF Annotations", 40, "", ("-1", "1")),
                           signal("EMG R SOL", 10, "uV", ("1200.5", "-900.25")),
                           signal("EMG R GL", 10, "nV", ("-1", "3"), (0, 4095))],
                          bdf=False, annotations=[(1, note("0.01", "hop"))], start=0.25),
        "script.bdf": script,
        "mixed.bdf": edf([soleus, signal("Temp", 5, "degC", ("20", "40")), signal("fast", 100, "V", ("-1e-3", "1e-3")),
                          annotations, signal("fast too", 100)]),
        "long_records.bdf": edf([signal("a", 1000)], kind="", n_records=1, record_s="1E0"),
        "unclosed.bdf": edf([soleus, annotations], count=-1),
        "unclosed.edf": edf([signal("EMG L SOL"), signal("EDF Annotations", 20, "", ("-1", "1"))], bdf=False, count=-1),
        "unclosed_plain.bdf": edf([soleus], kind="", count=-1),
        "cut.bdf": marked[:-250],
        "unfilled.bdf": edf([soleus, annotations], count=-1) + bytes(500),
        "longer.bdf": plain + b"123456789",
        "header.bdf": plain[:768],
        "half_header.bdf": plain[:300],
        "discontinuous.bdf": edf([soleus, annotations], kind="+D"),
        "no_records.bdf": edf([soleus, annotations], n_records=0),
        "fractions.bdf": edf([soleus, annotations], record_s="0.00999"),
    }


# --- audio ---

def chunk(name, content):
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def wav_format(code, n_channels, bits, rate=2000):
    align = n_channels * bits // 8
    return struct.pack("<HHIIHH", code, n_channels, rate, rate * align, align, bits)


def samples(n_channels, pack):
    return b"".join(pack(x) for x in wave(25 * n_channels))


def crc(content, width, polynomial):
    value = 0
    for byte in content:
        value ^= byte << (width - 8)
        for _ in range(8):
            value = (value << 1) ^ (polynomial if value >> (width - 1) & 1 else 0)
            value &= (1 << width) - 1
    return value


def flac(n_channels=2, n_frames=32, n_blocks=2, rate=2000, total=None):
    """Uncompressed ("verbatim") blocks: https://www.rfc-editor.org/rfc/rfc9639"""
    total = n_frames * n_blocks if total is None else total
    facts = rate << 44 | (n_channels - 1) << 41 | 15 << 36 | total
    info = struct.pack(">HH", n_frames, n_frames) + bytes(6) + facts.to_bytes(8, "big") + bytes(16)
    out = b"fLaC" + b"\x80" + len(info).to_bytes(3, "big") + info
    for k in range(n_blocks):
        head = bytes([0xFF, 0xF8, 0x60, (n_channels - 1) << 4, k, n_frames - 1])
        block = head + bytes([crc(head, 8, 0x07)])
        for c in range(n_channels):
            block += b"\x02" + b"".join(struct.pack(">h", int(32767 * x / (c + 1))) for x in wave(n_frames))
        out += block + struct.pack(">H", crc(block, 16, 0x8005))
    return out


def audio():
    def int16(x):
        return struct.pack("<h", int(32767 * x))

    def int24(x):
        return struct.pack("<i", int(8388607 * x))[:3]

    def riff(*chunks):
        content = b"WAVE" + b"".join(chunks)
        return b"RIFF" + struct.pack("<I", len(content)) + content

    extensible = wav_format(0xFFFE, 3, 24) + struct.pack("<HHI", 22, 24, 7) + b"\x01\0\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71"
    one = samples(1, int16)
    guid = bytes.fromhex("f3acd3118cd100c04f8edb8a")
    w64 = b"wave" + guid
    for name, content in ((b"fmt ", wav_format(1, 1, 16)), (b"data", one)):
        w64 += name + guid + struct.pack("<Q", len(content) + 24) + content + bytes(-len(content) % 8)
    ds64 = struct.pack("<QQQI", 36 + len(one) + 36, len(one), 25, 0)
    return {
        "int16.wav": riff(chunk(b"fmt ", wav_format(1, 2, 16)), chunk(b"data", samples(2, int16))),
        "int8.wav": riff(chunk(b"fmt ", wav_format(1, 1, 8)), chunk(b"LIST", b"INFOISFT\x05\0\0\0emgd\0\0"),
                         chunk(b"data", samples(1, lambda x: bytes([int(127 * x) + 128])))),
        "int24.wav": riff(chunk(b"fmt ", extensible), chunk(b"fact", b"\x19\0\0\0"), chunk(b"data", samples(3, int24))),
        "float.wav": riff(chunk(b"fmt ", wav_format(3, 1, 32)),
                          chunk(b"data", samples(1, lambda x: struct.pack("<f", x)) + b"\0\0\xc0\x7f\0\0\x80\x7f")),
        "mu_law.wav": riff(chunk(b"fmt ", wav_format(7, 1, 8)), chunk(b"data", bytes(50))),
        "adpcm.wav": riff(chunk(b"fmt ", wav_format(0x11, 1, 4) + b"\2\0\x39\0"), chunk(b"data", bytes(64))),
        "piped.wav": b"RIFF\xff\xff\xff\xffWAVE" + chunk(b"fmt ", wav_format(1, 1, 16)) + b"data\xff\xff\xff\xff" + one,
        "cut.wav": riff(chunk(b"fmt ", wav_format(1, 1, 16)), chunk(b"data", one))[:-7],
        "int16.rf64": b"RF64\xff\xff\xff\xffWAVE" + chunk(b"ds64", ds64) + chunk(b"fmt ", wav_format(1, 1, 16))
        + b"data\xff\xff\xff\xff" + one,
        "int16.w64": b"riff" + bytes.fromhex("2e91cf11a5d628db04c10000") + struct.pack("<Q", 24 + len(w64)) + w64,
        "int16.flac": flac(),
        "piped.flac": flac(total=0),
        "cut.flac": flac()[:-40],
    }


# --- text ---

def configurations(source):
    example = (source / "fixtures" / "emgd.conf.example").read_text()
    bare = "".join(line + "\n" for line in example.splitlines() if not line.strip().startswith("#"))
    return {
        "empty": "",
        "example": bare,
        "comment": "# one\n// two\n/* three\n*/ source { speed = max # four\n}\n",
        "quotes": "source { spec = 'file:/tmp/a \\\"b\\\" $HOME.wav'  seed = 9007199254740991 }\n"
                  'equipment { skin = "shaved, \\x41 \\${HOME} \\\\ \u00e9" }\n',
        "muscles": 'muscle "left.soleus" { label = "SOL" reference_uv = 350.125 reference_method = submaximal }\n'
                   "muscle right.soleus { channel = 64 full_scale_uv = 1e3 }\n"
                   'footswitch "left" { channel = 5 threshold = .25 }\n',
        "numbers": "analysis { band_hz = {20.000000000000004, 450} mains_hz = 0 mode = gated rms_ms = 1E2 }\n",
        "curve": 'security { mode = curve secret_key_file = "/k" allowed_keys = "/a" }\n'
                 'publish { data = "tcp://*:5556" control = "ipc:///tmp/emgd" hwm = 1 }\n',
        "settings": SETTING.join(["", "source.speed=max", 'muscle."left.soleus".channel=3', "analysis.band_hz={20,300}",
                                  "recording.automatic=yes", "footswitch.right.channel=2"]),
        "file_and_settings": 'muscle "left.soleus" { channel = 1 }\n' + SETTING + "muscle.left.soleus.label=GM L"
                             + SETTING + 'source.spec="synth:treadmill"',
        "unknown": "sourse { speed = 1 }\n",
        "unknown_key": "source { sped = 1 }\n",
        "unclosed": 'source { spec = "file:',
        "odd": 'source|speed = 3\nsource { speed += 2 }\n"" = 1\ninclude("/etc/passwd")\n__unknown = {1,2}\n',
        "mark": "\ufeffsource { speed = 2 }\n",
        "nul": "source {\0}",
    }


def requests():
    every = [
        {"command": "session.start", "id": 1, "participant": "P07", "notes": "left \u00e9 \"shoe\""},
        {"participant": "subject-12", "session": "20260102T030405Z-x1", "t": 1767323045.25},
        {"command": "session.stop", "id": "a"},
        {"command": "stage", "label": "10 km/h", "speed_m_s": 2.7777777777777777, "incline_percent": -1.5},
        {"command": "marker", "label": "\u00e9\u4e2d\U0001f3c3 \\ / \""},
        {"command": "rest.start", "seconds": 10},
        {"command": "reference.start", "muscles": ["left.soleus", "right.soleus"], "seconds": 5, "method": "mvc"},
        {"muscles": "all", "method": "dynamic_peak"},
        {"muscles": "left.gastrocnemius_medialis", "method": "submaximal"},
        {"muscles": ["left.channel_%d" % n for n in range(4, 65)]},
        {"command": "reference.set", "muscle": "left.soleus", "uv": 350.125, "method": "dynamic_mean"},
        {"command": "baseline.start", "seconds": 60.5},
        {"command": "record.start", "path": "a/b.bdf"},
        {"command": "record.stop"},
        {"command": "nothing", "id": [None, True, {"a": {}}]},
        {},
    ]
    texts = {f"{i:02}": json.dumps(r) for i, r in enumerate(every)}
    texts |= {"ascii": json.dumps(every[4], ensure_ascii=False), "twice": '{"seconds":1,"seconds":2}',
              "array": '[{"command":"ping"}]', "nul": '{"label":"a\\u0000b"}', "number": '{"seconds":1e400}',
              "c1": '{"label":"a\\u0085b"}', "zero": '{"label":"a","speed_m_s":-0.0}', "surrogate": '{"label":"\\ud83c"}',
              "deep": "[" * 40 + "]" * 40}
    return texts


def sessions():
    rest = {"rms_uv": 3.5, "seconds": 10, "effective_s": 9.5, "dof": 120, "psd_uv2_per_hz": [1e-3, 2.5, None, 1e-9]}
    left = {"muscle": "left.soleus", "reference": {"uv": 350.1, "id": "r1", "method": "mvc"},
            "rest": rest | {"psd_uv2_per_hz": [0.1, 2.5, 1e-9]}, "baseline": {"mdf_hz": 81.5, "ln_insm5": -30.25}}
    whole = {"id": "20260102T030405Z-P07", "participant": "P07", "notes": "\u00e9" * 60, "start_t": 1767323045.25,
             "recording": True, "stage": {"number": 2, "label": "10 km/h", "speed_m_s": 2.78, "incline_percent": None},
             "references": 3, "muscles": [left, {"muscle": "right.soleus", "rest": rest}, {"muscle": "other"}]}
    long = whole | {"notes": "a" + "\u00e9" * 60}  # the last character does not fit
    return {"whole": json.dumps(whole), "long": json.dumps(long), "utf8": json.dumps(whole, ensure_ascii=False),
            "least": '{"id":"","muscles":[]}', "none": "{}", "odd": '{"id":1,"muscles":{},"stage":[]}'}


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__.splitlines()[2])
    source, directory = map(Path, sys.argv[1:])
    edfs = recordings()
    corpus = {"config": configurations(source), "control": requests(), "session": sessions(),
              "recording": edfs | audio(), "bdf_repair": edfs}
    for target, inputs in corpus.items():
        folder = directory / target
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in inputs.items():
            (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        (directory / f"{target}.list").write_text(",".join(str(folder / name) for name in inputs))


main()
