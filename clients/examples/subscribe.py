#!/usr/bin/env python3
"""Prints activation and fatigue of each muscle as emgd publishes them.

Usage: subscribe.py [ENDPOINT [SERVER_KEY SECRET_KEY]]
The two files of `emgctl keygen`, the daemon's public and this client's secret one, are for security.mode "curve".
"""

import json
import sys

import zmq


def key_in(path):
    return next(line.split()[0] for line in open(path, "rb") if line.strip() and not line.startswith(b"#"))


socket = zmq.Context().socket(zmq.SUB)
socket.rcvhwm = 0  # nothing is dropped on this side
if len(sys.argv) > 3:
    secret = key_in(sys.argv[3])
    socket.curve_serverkey, socket.curve_publickey, socket.curve_secretkey = key_in(sys.argv[2]), zmq.curve_public(secret), secret
socket.connect(sys.argv[1] if len(sys.argv) > 1 else "tcp://127.0.0.1:5556")
for topic in ("activation.", "fatigue.", "status"):
    socket.subscribe(topic)
while True:
    topic, body = socket.recv_multipart()[:2]
    kind, _, muscle = topic.decode().partition(".")
    message = json.loads(body)  # what is not known is None, never 0
    if kind == "activation":
        print(muscle, "RMS", message["rms_uv"], "uV", "active" if message["active"] else "rest", *message["flags"])
    elif kind == "fatigue":
        print(muscle, "MDF", message["mdf_hz"], "+-", message["mdf_se_hz"], "Hz:", message["verdict"], "-", message["reason"])
    elif message["state"] == "ended":
        break
