"""A function with a handler for every way to end."""

import json
import os
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
    """Leave a daemon: an orphan in a session of its own, with none of our pipes."""
    script = (
        "import os, sys, time\n"
        "if os.fork(): os._exit(0)\n"
        "os.setsid()\n"
        "if os.fork(): os._exit(0)\n"
        "print(os.getpid(), flush=True)\n"
        "os.closerange(0, 3)\n"
        "time.sleep(600)\n"
    )
    return int(subprocess.check_output([sys.executable, "-S", "-c", script]))


def speak(event, context):
    sys.stdout.write("to stdout\n")
    sys.stderr.write("to stderr\n")
    sys.stdout.write("unfinished")
    return json.dumps(event)
