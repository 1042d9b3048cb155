"""An extension that follows a plan: a list of steps, each an object with ``do`` and arguments.

An external one finds its plan in the layer, as ``plans/<its name>.json``; an internal one, which
the function starts, in ``plans/internal.json``. What it sees it says on standard output, as
lines of JSON that begin with who says it. Written from the public API documentation alone:

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html
https://docs.aws.amazon.com/lambda/latest/dg/telemetry-api.html
"""

import http.client
import json
import os
import signal
import socketserver
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

EXTENSION_API = "/2020-01-01/extension"
LAYER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TEXT_MAX = 200
"""How much is repeated of a log line that was delivered."""

_writing = threading.Lock()


def external(path):
    """Be the external extension that was started from this file."""
    name = os.path.basename(path)
    Extension(name).follow(plan_of(name))


def internal():
    """Be an internal extension: the steps up to ``go_on`` now, the others beside the function."""
    plan = plan_of("internal")
    me = Extension("internal")
    names = [step["do"] for step in plan]
    turn = names.index("go_on") if "go_on" in names else len(plan)
    me.follow(plan[:turn])
    threading.Thread(target=me.follow, args=(plan[turn + 1 :],), daemon=True).start()


def plan_of(name):
    """Return a plan; an empty one if there is none."""
    path = os.path.join(LAYER, "plans", name + ".json")
    if not os.path.exists(path):
        return []
    with open(path) as file:
        return json.load(file)


class Extension:
    """One extension; each method is a step of a plan."""

    def __init__(self, name):
        self.name = name
        self.identifier = ""
        self.port = 0
        self.api = connection()
        self.left = []
        self.types = []  # of the telemetry received
        self.news = threading.Condition()

    def follow(self, plan):
        """Do the steps; one with ``unless``, a file, only if it is not there, and make it."""
        for step in plan:
            arguments = dict(step)
            if first_time(arguments.pop("unless", None)):
                getattr(self, arguments.pop("do"))(**arguments)

    def say(self, **what):
        """Write a line, undivided."""
        line = (json.dumps({"who": self.name, **what}) + "\n").encode()
        with _writing:
            while line:
                line = line[os.write(1, line) :]

    # Calls.

    def call(self, label, method, path, headers=None, body=None):
        """Make a call and say how it was answered; ``{id}`` and ``{port}`` are filled in."""
        response, text = self.answer(self.api, method, path, headers or {}, body)
        self.say(label=label, status=response.status, headers=dict(response.headers), body=text)

    def answer(self, api, method, path, headers, body=None):
        """Make a call; return the response and its body."""
        headers = {name: value.replace("{id}", self.identifier) for name, value in headers.items()}
        body = None if body is None else body.replace("{port}", str(self.port))
        api.request(method, path, body, headers)
        response = api.getresponse()
        self.identifier = response.headers.get("Lambda-Extension-Identifier", self.identifier)
        return response, response.read().decode()

    def register(self, events, name=None, label="registered"):
        """Register, by default under the own name."""
        headers = {"Lambda-Extension-Name": name or self.name}
        path = EXTENSION_API + "/register"
        self.call(label, "POST", path, headers, json.dumps({"events": events}))

    def next(self):
        """Wait for one event and say it."""
        me = {"Lambda-Extension-Identifier": "{id}"}
        answer = self.answer(self.api, "GET", EXTENSION_API + "/event/next", me)
        return self.tell_event(*answer)

    def tell_event(self, response, text):
        """Say an event, when it came, and in which process."""
        event = json.loads(text)
        now_ms = time.time() * 1000
        headers = dict(response.headers)
        self.say(
            event=event, status=response.status, headers=headers, now_ms=now_ms, pid=os.getpid()
        )
        return event["eventType"]

    def loop(self):
        """Ask next until SHUTDOWN."""
        while self.next() != "SHUTDOWN":
            pass

    def leave_next(self):
        """Ask next and do not wait; it has arrived when this returns."""
        waiting = connection()
        self.left.append(waiting)
        self.ping(waiting)
        headers = {"Lambda-Extension-Identifier": self.identifier}
        waiting.request("GET", EXTENSION_API + "/event/next", headers=headers)
        # Both connections are known to the server: it reads them in the order of arrival.
        self.ping(self.api)

    def ping(self, api):
        """Make the call that changes nothing."""
        self.answer(api, "GET", "/2018-06-01/ping", {})

    def take_next(self):
        """Wait for the event of the ``next`` that was left last."""
        response = self.left[-1].getresponse()
        self.tell_event(response, response.read().decode())

    # Telemetry.

    def listen(self, statuses=()):
        """Receive telemetry over HTTP; answer the first batches with these statuses."""
        server = HTTPServer(("0.0.0.0", 0), Listener)
        server.extension, server.statuses = self, list(statuses)
        self.serve(server)

    def listen_for_lines(self):
        """Receive telemetry over TCP."""
        server = socketserver.TCPServer(("0.0.0.0", 0), Lines)
        server.extension = self
        self.serve(server)

    def serve(self, server):
        """Serve beside the plan."""
        self.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, daemon=True).start()

    def subscribe(self, label="subscribed", **changes):
        """Subscribe to what the platform and the function say, over HTTP."""
        wanted = {
            "schemaVersion": "2022-12-13",
            "types": ["platform", "function"],
            "buffering": {"maxItems": 1000, "maxBytes": 262144, "timeoutMs": 25},
            "destination": {"protocol": "HTTP", "URI": "http://sandbox.localdomain:{port}/"},
            **changes,
        }
        body = json.dumps(wanted).replace('"{port}"', "{port}")
        headers = {"Lambda-Extension-Identifier": "{id}"}
        self.call(label, "PUT", "/2022-07-01/telemetry", headers, body)

    def received(self, events, **how):
        """Say a batch, long log lines shortened."""
        short = [{**event, "record": shortened(event["record"])} for event in events]
        self.say(batch=short, **how)
        with self.news:
            self.types += [event["type"] for event in events]
            self.news.notify_all()

    def await_telemetry(self, type, times=1):
        """Wait until so many events of a type were delivered."""
        with self.news:
            self.news.wait_for(lambda: self.types.count(type) >= times)

    # What else an extension may do.

    def wait_for(self, file):
        """Wait until a file is there."""
        while not os.path.exists(file):
            time.sleep(0.002)

    def touch(self, file):
        """Make a file."""
        with open(file, "w"):
            pass

    def spin(self):
        """Use the CPU beside the plan."""
        threading.Thread(target=spin, daemon=True).start()

    def defy(self, file):
        """Survive SIGTERM; the kernel's word of it goes to a file, whatever Python is doing."""
        defy(file)

    def hang(self):
        """Do nothing for ever."""
        threading.Event().wait()

    def exit(self, status):
        """Exit."""
        os._exit(status)

    def variables(self):
        """Say the variables."""
        self.say(variables=dict(os.environ))


class Listener(BaseHTTPRequestHandler):
    """Receives batches."""

    def do_POST(self):
        events = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status = self.server.statuses.pop(0) if self.server.statuses else 200
        content_type = self.headers["Content-Type"]
        how = {"path": self.path, "content_type": content_type, "answered": status}
        self.server.extension.received(events, **how)
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        """Say nothing of it."""


class Lines(socketserver.StreamRequestHandler):
    """Receives lines."""

    def handle(self):
        for line in self.rfile:
            self.server.extension.received([json.loads(line)])


def connection():
    """Return a connection to the APIs."""
    return http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])


def first_time(marker):
    """Whether a file is not there yet; it is now."""
    if marker is None:
        return True
    try:
        os.close(os.open(marker, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True


def shortened(record):
    """Return a record, cut off if it is a long text."""
    return record[:TEXT_MAX] if isinstance(record, str) else record


def defy(file):
    """Survive SIGTERM and have it written to a file."""
    signal.signal(signal.SIGTERM, lambda *_: None)
    signal.set_wakeup_fd(os.open(file, os.O_CREAT | os.O_WRONLY | os.O_NONBLOCK))


def spin():
    """Use the CPU for ever."""
    while True:
        pass


if __name__ == "__main__":
    external(sys.argv[1])
