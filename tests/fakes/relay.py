"""What may stand between a client and a server: a relay that listens in, cuts, or is a proxy.

::

    with Relay() as relay:
        relay.leads_to = server.port
        ...talk to relay.target...
        assert b"secret" not in relay.sent

One connection at a time.
"""

from __future__ import annotations

import contextlib
import select
import socket
import threading


class Relay:
    """A relay that keeps what the client sends."""

    def __init__(self):
        self.sent = b""
        self.leads_to = 0
        self._server = socket.create_server(("127.0.0.1", 0))
        self.target = f"127.0.0.1:{self._server.getsockname()[1]}"
        self._thread = threading.Thread(target=self._relay)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._server.close()

    def _relay(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._server.accept()
                with client, contextlib.suppress(OSError):
                    self._serve(client)

    def _serve(self, client):
        client = self._opened(client)
        with socket.create_connection(("127.0.0.1", self.leads_to)) as server:
            while True:
                for end in select.select([client, server, self._server], [], [])[0]:
                    received = b"" if end is self._server else end.recv(65536)
                    if not received:
                        return
                    if end is client:
                        self.sent += received
                        if self.has_to_cut(received):
                            return
                    (server if end is client else client).sendall(received)

    def has_to_cut(self, _received):
        """Return whether the connection ends here, before the server has these bytes."""
        return False

    def _opened(self, client):
        return client


class Cutter(Relay):
    """A relay that cuts the connection, once, when it is to carry a certain span."""

    def __init__(self, name):
        super().__init__()
        self._name = name
        self.cut_count = 0

    def has_to_cut(self, received):
        if self.cut_count or self._name not in received:
            return False
        self.cut_count += 1
        return True


class Proxy(Relay):
    """An HTTP proxy: the relay, after CONNECT."""

    def __init__(self):
        super().__init__()
        self.asked: list[str] = []

    def _opened(self, client):
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(65536)
        self.asked.append(head.decode())
        self.leads_to = int(head.split()[1].rpartition(b":")[2])
        client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        return client
