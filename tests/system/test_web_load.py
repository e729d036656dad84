"""Nine browsers at once, one of which stops reading for a minute."""

import os
import selectors
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import emgd  # noqa: E402
from test_web import Web  # noqa: E402

PAUSE_S = 60
SLACK_KB = 1024
MOST_LOST = 0.1  # on a busy machine emgweb gets its turn late, and gives the newest; were the eight held up, all would be lost


def resident_kb(pid):
    with open("/proc/%d/statm" % pid, encoding="ascii") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


class Reader:
    """A browser that counts the activation messages that it missed."""

    def __init__(self, browser):
        self.browser, self.seq, self.lost, self.messages = browser, {}, 0, 0

    def read(self):
        for message in self.browser.read():
            if message.topic and message.topic.startswith("activation."):
                before, seq = self.seq.get(message.topic), message.body["seq"]
                self.lost += seq - before - 1 if before is not None else 0
                self.seq[message.topic] = seq
                self.messages += 1


class Load(unittest.TestCase):
    def test_a_browser_that_pauses_harms_nobody(self):
        with emgd.Daemon("--source", "synth:treadmill") as daemon, Web(daemon.data, daemon.control) as web:
            daemon.wait_until(lambda s: s["state"] == "running")
            readers = [Reader(web.browser()) for _ in range(8)]
            paused = web.browser()
            self.read(readers, 5)
            before_kb = resident_kb(web.process.pid)
            self.read(readers, PAUSE_S)
            after_kb = resident_kb(web.process.pid)
            for reader in readers:
                self.assertGreater(reader.messages, 4 * 40 * PAUSE_S)
                self.assertLess(reader.lost, MOST_LOST * reader.messages)
            self.assertLess(after_kb, before_kb + SLACK_KB)
            stale = [m for m in paused.until(lambda m: m.topic == "status" and m.body["seq"] > PAUSE_S / 2)
                     if m.topic and m.topic.startswith("activation.")]
            self.assertLess(len(stale), 4 * 50 * 4, "a backlog")
            print("messages %d, lost %s, resident %d -> %d kB, taken late %d" % (
                sum(r.messages for r in readers), [r.lost for r in readers], before_kb, after_kb, len(stale)))
            for browser in [paused, *(r.browser for r in readers)]:
                browser.socket.close()

    @staticmethod
    def read(readers, seconds):
        end = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            for reader in readers:
                selector.register(reader.browser, selectors.EVENT_READ, reader)
            while time.monotonic() < end:
                for key, _ in selector.select(0.02):
                    key.data.read()


if __name__ == "__main__":
    emgd.main()
