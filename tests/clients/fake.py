"""A daemon of the test's own: it publishes and answers what the test says."""

import json
import tempfile

import zmq

PATIENCE_S = 60


class Fake:
    """An XPUB and a ROUTER socket on endpoints of their own."""

    def __init__(self, directory=None, secret_key=None):
        self.own_directory = None if directory else tempfile.TemporaryDirectory()
        self.directory = directory or self.own_directory
        self.context = zmq.Context()
        self.data, self.control = ("ipc://%s/%s" % (self.directory.name, name) for name in ("data", "control"))
        self.publisher, self.router = self.context.socket(zmq.XPUB), self.context.socket(zmq.ROUTER)
        for socket in (self.publisher, self.router) if secret_key else ():
            socket.curve_secretkey, socket.curve_server = secret_key, True
        self.publisher.sndhwm = 0  # nothing is dropped
        self.publisher.bind(self.data)
        self.router.bind(self.control)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.context.destroy(linger=2000)
        if self.own_directory:
            self.own_directory.cleanup()

    def wait_for_subscription(self, *prefixes):
        missing = set(prefixes)
        while missing:
            assert self.publisher.poll(PATIENCE_S * 1000), "nobody subscribes to %s" % missing
            missing.discard(self.publisher.recv()[1:])

    def send(self, *messages):
        for topic, body in messages:
            self.publisher.send_multipart([topic.encode(), json.dumps(body).encode()])

    def answer(self, reply):
        """Takes one request, sends bytes back; returns the request."""
        assert self.router.poll(PATIENCE_S * 1000), "no request comes"
        *envelope, request = self.router.recv_multipart()
        self.router.send_multipart(envelope + [reply])
        return json.loads(request)
