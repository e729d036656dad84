#!/usr/bin/python3
"""emgd as a service: what a service manager is told, and when it is told no more.

Usage: test_service.py DIRECTORY_WITH_THE_PROGRAMS [TEST]...
"""

import configparser
import os
import signal
import socket
import tempfile
import time
import unittest
from pathlib import Path

import emgd

WATCHDOG_S = 0.4


class Manager:
    """A service manager's end of the notification socket."""

    def __init__(self, abstract=False):
        self.directory = tempfile.TemporaryDirectory()
        name = "\0emgd-test-%d" % os.getpid() if abstract else self.directory.name + "/notify"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(name)
        self.variables = {"NOTIFY_SOCKET": name.replace("\0", "@"), "WATCHDOG_USEC": str(int(WATCHDOG_S * 1e6))}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
        self.directory.cleanup()

    def next(self, timeout_s=emgd.PATIENCE_S):
        """The next message, or None."""
        self.socket.settimeout(timeout_s)
        try:
            return self.socket.recv(4096).decode()
        except TimeoutError:
            return None

    def drain(self):
        while self.next(0.01) is not None:
            pass


def daemon(manager, **more):
    return emgd.Daemon("--source", "synth:rest", settings={"publish.wait_s": 0, "source.rate_hz": 2000},
                       variables={**manager.variables, **more})


class Service(unittest.TestCase):
    def test_it_says_when_it_is_ready_alive_and_going(self):
        for abstract in (False, True):
            with Manager(abstract) as manager, daemon(manager) as process:
                self.assertEqual("READY=1", manager.next())
                self.assertEqual(["WATCHDOG=1"] * 5, [manager.next() for _ in range(5)])
                process.signal(signal.SIGTERM)
                self.assertEqual(0, process.wait())
                last = None
                while (message := manager.next(0.1)) is not None:
                    last = message
                self.assertEqual("STOPPING=1", last)

    def test_a_daemon_that_does_not_run_is_not_alive(self):
        with Manager() as manager, daemon(manager) as process:
            self.assertEqual("READY=1", manager.next())
            process.signal(signal.SIGSTOP)
            time.sleep(0.2)
            manager.drain()
            self.assertIsNone(manager.next(3 * WATCHDOG_S))
            process.signal(signal.SIGCONT)
            self.assertEqual("WATCHDOG=1", manager.next())

    def test_another_process_watchdog_is_none_of_its_business(self):
        with Manager() as manager, daemon(manager, WATCHDOG_PID="1"):
            self.assertEqual("READY=1", manager.next())
            self.assertIsNone(manager.next(3 * WATCHDOG_S))

    def test_a_daemon_that_cannot_start_is_never_ready(self):
        with Manager() as manager:
            with emgd.Process("emgd", "--source", "file:/nowhere.bdf", variables=manager.variables) as process:
                self.assertNotEqual(0, process.wait())
            self.assertNotEqual("READY=1", manager.next(0.1))

    def test_the_unit_asks_for_what_the_daemon_does(self):
        unit = configparser.ConfigParser(strict=False)
        unit.optionxform = str
        unit.read(Path(emgd.SOURCE_DIR, "daemon", "emgd.service.in"))
        service = unit["Service"]
        self.assertEqual(("notify", "on-failure"), (service["Type"], service["Restart"]))
        self.assertGreaterEqual(float(service["WatchdogSec"]), 1)
        for key, value in {"NoNewPrivileges": "yes", "PrivateTmp": "yes", "ProtectSystem": "strict",
                           "DevicePolicy": "closed"}.items():
            self.assertEqual(value, service[key])


if __name__ == "__main__":
    emgd.main()
