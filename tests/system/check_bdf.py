"""Reads a BDF+ with two libraries that have nothing to do with the project: MNE and EDFlib.

Both functions return (samples, annotations): a list with one array of 24-bit integers for each channel, and
[(onset in seconds since the first frame, duration in seconds, text)] in the order of their onsets. They raise
ReadError when the library refuses the file.

MNE leaves out annotations that begin behind the last frame, and shortens those that end behind it.
"""

import ctypes
import ctypes.util

import numpy as np

EDFLIB_MAXSIGNALS = 640
TICKS_PER_S = 10_000_000


class ReadError(Exception):
    pass


def header_columns(path):
    """(physical minimum, physical maximum, digital minimum, digital maximum) of each signal."""
    with open(path, "rb") as file:
        fixed = file.read(256)
        n = int(fixed[252:256])
        columns = file.read(256 * n)
    starts = (104, 112, 120, 128)
    return [tuple(float(columns[n * at + 8 * i : n * at + 8 * i + 8]) for at in starts) for i in range(n)]


def mne_read(path):
    import mne

    try:
        raw = mne.io.read_raw_bdf(path, preload=True, verbose="error")
    except Exception as error:
        raise ReadError(f"{path}: {error}") from error
    samples = []
    for volts, (low, high, digital_low, digital_high) in zip(raw.get_data(), header_columns(path)):
        gain = (high - low) / (digital_high - digital_low) * {"uV": 1e-6, "mV": 1e-3}[unit(path, len(samples))]
        exact = volts / gain + digital_low - low / ((high - low) / (digital_high - digital_low))
        digital = np.rint(exact)
        if np.abs(exact - digital).max(initial=0) > 1e-3:
            raise ReadError(f"{path}: MNE's samples are no multiples of the header's step")
        samples.append(digital.astype(np.int64))
    return samples, sorted((float(a["onset"]), float(a["duration"]), str(a["description"])) for a in raw.annotations)


def unit(path, i):
    with open(path, "rb") as file:
        n = int(file.read(256)[252:])
        file.seek(256 + 96 * n + 8 * i)
        return file.read(8).decode("ascii").strip()


class _Signal(ctypes.Structure):
    _fields_ = [
        ("label", ctypes.c_char * 17),
        ("smp_in_file", ctypes.c_longlong),
        ("phys_max", ctypes.c_double),
        ("phys_min", ctypes.c_double),
        ("dig_max", ctypes.c_int),
        ("dig_min", ctypes.c_int),
        ("smp_in_datarecord", ctypes.c_int),
        ("physdimension", ctypes.c_char * 9),
        ("prefilter", ctypes.c_char * 81),
        ("transducer", ctypes.c_char * 81),
    ]


class _Annotation(ctypes.Structure):
    _fields_ = [
        ("onset", ctypes.c_longlong),
        ("duration_l", ctypes.c_longlong),
        ("duration", ctypes.c_char * 16),
        ("annotation", ctypes.c_char * 513),
    ]


class _Header(ctypes.Structure):
    _fields_ = [
        ("handle", ctypes.c_int),
        ("filetype", ctypes.c_int),
        ("edfsignals", ctypes.c_int),
        ("file_duration", ctypes.c_longlong),
        ("startdate_day", ctypes.c_int),
        ("startdate_month", ctypes.c_int),
        ("startdate_year", ctypes.c_int),
        ("starttime_subsecond", ctypes.c_longlong),
        ("starttime_second", ctypes.c_int),
        ("starttime_minute", ctypes.c_int),
        ("starttime_hour", ctypes.c_int),
        ("patient", ctypes.c_char * 81),
        ("recording", ctypes.c_char * 81),
        ("patientcode", ctypes.c_char * 81),
        ("gender", ctypes.c_char * 16),
        ("birthdate", ctypes.c_char * 16),
        ("birthdate_day", ctypes.c_int),
        ("birthdate_month", ctypes.c_int),
        ("birthdate_year", ctypes.c_int),
        ("patient_name", ctypes.c_char * 81),
        ("patient_additional", ctypes.c_char * 81),
        ("admincode", ctypes.c_char * 81),
        ("technician", ctypes.c_char * 81),
        ("equipment", ctypes.c_char * 81),
        ("recording_additional", ctypes.c_char * 81),
        ("datarecord_duration", ctypes.c_longlong),
        ("datarecords_in_file", ctypes.c_longlong),
        ("annotations_in_file", ctypes.c_longlong),
        ("signalparam", _Signal * EDFLIB_MAXSIGNALS),
    ]


def edflib():
    """The library that the programs are linked with; None where only the static one is installed."""
    name = ctypes.util.find_library("edf")
    library = ctypes.CDLL(name) if name else None
    if library and library.edflib_version() < 121:
        raise ReadError(f"EDFlib {library.edflib_version() / 100} has other structures than 1.21 and later")
    return library


def edflib_read(path):
    library, header = edflib(), _Header()
    read_all_annotations = 2
    if library.edfopen_file_readonly(str(path).encode(), ctypes.byref(header), read_all_annotations) != 0:
        raise ReadError(f"{path}: EDFlib refuses it (error {header.filetype})")
    try:
        samples = []
        for i in range(header.edfsignals):
            buffer = (ctypes.c_int * header.signalparam[i].smp_in_file)()
            if library.edfread_digital_samples(header.handle, i, len(buffer), buffer) != len(buffer):
                raise ReadError(f"{path}: EDFlib cannot read all samples of signal {i + 1}")
            samples.append(np.frombuffer(buffer, np.int32).astype(np.int64))
        annotations = []
        for i in range(header.annotations_in_file):
            a = _Annotation()
            if library.edf_get_annotation(header.handle, i, ctypes.byref(a)) != 0:
                raise ReadError(f"{path}: EDFlib cannot read annotation {i + 1}")
            duration = max(a.duration_l, 0) / TICKS_PER_S
            annotations.append((a.onset / TICKS_PER_S, duration, a.annotation.decode("utf-8")))
    finally:
        library.edfclose_file(header.handle)
    return samples, sorted(annotations)
