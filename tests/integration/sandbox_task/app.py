"""A function with a handler for every way to end."""

import json
import logging
import os
import resource
import socket
import stat
import subprocess
import sys
import threading
import time


def succeed(event, context):
    print("handling", context.aws_request_id)
    return {"event": event, "request_id": context.aws_request_id}


def fail(event, context):
    raise ValueError("no")


def exit_(event, context):
    os._exit(event["status"])


def hang(event, context):
    threading.Event().wait()


def wait_for(event, context):
    """Work until a file is there."""
    while not os.path.exists(event["file"]):
        time.sleep(0.005)


def obey(event, context):
    """Do what the event says: one task for stories that change."""
    return globals()[event["do"]](event, context)


def describe(event, context):
    """Return where the function finds itself."""
    return {
        "variables": dict(os.environ),
        "path": sys.path,
        "cwd": os.getcwd(),
        "executable": sys.executable,
        "remaining_ms": context.get_remaining_time_in_millis(),
        "arn": context.invoked_function_arn,
        "client": getattr(context.client_context, "custom", None),
        "modules": sorted(sys.modules),
    }


def spin(event, context):
    """Leave a thread and two descendants that use the CPU; one has left the session."""
    threading.Thread(target=_spin, daemon=True).start()
    loop = [sys.executable, "-S", "-c", "while True: pass"]
    return [
        subprocess.Popen(loop).pid,
        subprocess.Popen(loop, start_new_session=True).pid,
    ]


def _spin():
    while True:
        pass


def scatter(event, context):
    """Leave a daemon: an orphan in a session of its own, with none of our pipes.

    It has the variables of the event, or else ours.
    """
    script = (
        "import os, sys, time\n"
        "if os.fork(): os._exit(0)\n"
        "os.setsid()\n"
        "if os.fork(): os._exit(0)\n"
        "print(os.getpid(), flush=True)\n"
        "os.closerange(0, 3)\n"
        "time.sleep(600)\n"
    )
    argv = [sys.executable, "-S", "-c", script]
    return int(subprocess.check_output(argv, env=event.get("environ")))


def speak(event, context):
    sys.stdout.write("to stdout\n")
    sys.stderr.write("to stderr\n")
    sys.stdout.write("unfinished")
    return json.dumps(event)


def hoard(event, context):
    """Use so many MiB for so many seconds."""
    held = b"x" * (event["mib"] << 20)
    time.sleep(event["for_s"])
    return len(held)


def hoard_elsewhere(event, context):
    """Let a descendant use so many MiB; return how it ended."""
    script = f"held = b'x' * ({event['mib']} << 20); import time; time.sleep(600)"
    return subprocess.call([sys.executable, "-S", "-c", script])


def limits(event, context):
    """Return the limits of this process and of a descendant."""
    script = "import resource as r; print(r.getrlimit(r.RLIMIT_NOFILE), r.getrlimit(r.RLIMIT_CORE))"
    here = f"{resource.getrlimit(resource.RLIMIT_NOFILE)} {resource.getrlimit(resource.RLIMIT_CORE)}"
    there = subprocess.check_output([sys.executable, "-S", "-c", script], text=True)
    return [here, there.strip()]


def log(event, context):
    """Print, log a record of two lines, write to standard error, log again."""
    print("printed")
    logging.warning("one\ntwo")
    sys.stderr.write("to stderr\n")
    logging.error("last")


def tear(event, context):
    """Write garbage and half a frame to the log's descriptor, and die."""
    half = bytes.fromhex("a55a0003ffffffff") + bytes(8) + b"half"
    os.write(next(filter(_is_pipe, range(3, 1024))), b"garbage\n" + half)
    os._exit(1)


def _is_pipe(descriptor):
    try:
        return stat.S_ISFIFO(os.fstat(descriptor).st_mode)
    except OSError:
        return False


def burn(event, context):
    """Use so many seconds of CPU time."""
    until = time.process_time() + event["cpu_s"]
    while time.process_time() < until:
        pass


def write(event, context):
    """Write to each file; return what was wrong with that."""
    return [_wrong_with(path) for path in event["files"]]


def _wrong_with(path):
    try:
        with open(path, "w"):
            os.remove(path)
    except OSError as error:
        return error.strerror


CONNECTIONS = []


def talk(event, context):
    """Keep a connection from one invocation to the next; return what has become of it."""
    if not CONNECTIONS:
        CONNECTIONS.append(socket.create_connection(("127.0.0.1", event["port"])))
        return "is new"
    CONNECTIONS[0].setblocking(False)
    try:
        return "was cut" if CONNECTIONS[0].recv(1) == b"" else "has answered"
    except BlockingIOError:
        return "is as it was"
