"""A function that does what its event says, with an internal extension if the layer has a plan."""

import http.client
import importlib.util
import json
import logging
import os
import resource
import subprocess
import sys
import threading
import time

RUNTIME_API = "/2018-06-01/runtime"

for number in range(int(os.environ.get("PRINT_LINES_AT_INIT", "0"))):
    print(number)

for _ in range(int(os.environ.get("PRINT_KIB_AT_INIT", "0"))):
    print("x" * 1023)

if "TOUCH_AT_INIT" in os.environ:
    os.close(os.open(os.environ["TOUCH_AT_INIT"], os.O_CREAT))

try:
    import obedience  # of the layer
except ImportError:
    obedience = None
else:
    obedience.internal()


def handler(event, context):
    """Do what the event says."""
    return globals()[event["do"]](event, context)


def answer(event, context):
    """Return what identifies the invocation and the process."""
    return {"request_id": context.aws_request_id, "pid": os.getpid()}


def fail(event, context):
    raise ValueError("no")


def hang(event, context):
    threading.Event().wait()


def exit_(event, context):
    os._exit(event["status"])


def large(event, context):
    """Return a JSON string of so many bytes."""
    return "x" * (event["bytes"] - 2)


def meet(event, context):
    """Make a file, and wait for the file that somebody else makes meanwhile."""
    os.close(os.open(event["touch"], os.O_CREAT))
    wait_for({"file": event["wait_for"]}, context)
    return True


def wait_for(event, context):
    while not os.path.exists(event["file"]):
        time.sleep(0.002)


def log(event, context):
    """Print a text and log a record."""
    print("printed")
    logging.getLogger().warning("logged")


def describe(event, context):
    """Return where the function finds itself."""
    child = [sys.executable, "-c", "import os; print(os.environ['PYTHONPATH'])"]
    client = context.client_context
    return {
        "variables": dict(os.environ),
        "path": sys.path,
        "argv": sys.orig_argv,
        "of_child": subprocess.check_output(child, text=True).strip(),
        "request_id": context.aws_request_id,
        "arn": context.invoked_function_arn,
        "deadline_ms": context._epoch_deadline_time_in_ms,
        "client": client and {"custom": client.custom, "env": client.env},
        "log_stream": context.log_stream_name,
    }


def find(event, context):
    """Return the files of modules, by name; None for those that are not there."""
    found = {name: importlib.util.find_spec(name) for name in event["modules"]}
    return {name: spec and spec.origin for name, spec in found.items()}


def limits(event, context):
    """Return the limit of open files, of this process and of a descendant."""
    script = "import resource as r; print(r.getrlimit(r.RLIMIT_NOFILE))"
    there = subprocess.check_output([sys.executable, "-S", "-c", script], text=True)
    return [str(resource.getrlimit(resource.RLIMIT_NOFILE)), there.strip()]


def hoard(event, context):
    """Use so many MiB, for as long as that is allowed."""
    held = b"x" * (event["mib"] << 20)
    threading.Event().wait()
    return len(held)


def spin(event, context):
    """Leave a thread and two descendants that use the CPU; one has left the session."""
    threading.Thread(target=obedience.spin, daemon=True).start()
    loop = [sys.executable, "-S", "-c", "while True: pass"]
    own, other = subprocess.Popen(loop), subprocess.Popen(loop, start_new_session=True)
    return [os.getpid(), own.pid, other.pid]


def wait_until_used(event, context):
    """Wait until each of some processes has used more CPU time than given, in ticks."""
    while any(ticks(pid) <= used for pid, used in event["ticks"].items()):
        time.sleep(0.005)


def ticks(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def keep(event, context):
    """Write a file, whole as soon as it is there."""
    with open(event["file"] + ".part", "w") as file:
        file.write(event["text"])
    os.rename(event["file"] + ".part", event["file"])


def keep_and_hang(event, context):
    keep(event, context)
    hang(event, context)


def calls(event, context):
    """Call the Runtime API beside the runtime client; print the answers."""
    api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    answers = []
    for method, path, headers, body in event["calls"]:
        path = path.replace("{request_id}", context.aws_request_id)
        api.request(method, path, body if isinstance(body, str) else "x" * body, headers)
        response = api.getresponse()
        answer = [response.status, dict(response.headers), response.read().decode()]
        answers.append(answer)
    print(json.dumps({"who": "function", "answers": answers}))


def defy(event, context):
    """Survive SIGTERM and have it written to a file."""
    # The main thread runs the handler: the only one that may say what is done about signals.
    obedience.defy(event["file"])
