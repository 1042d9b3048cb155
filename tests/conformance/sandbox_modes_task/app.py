"""A function that tells in which process it runs, and what it has in common with others."""

import os
import random
import threading

from snapshot_restore_py import register_after_restore, register_before_snapshot

imported_in = os.getpid()
hooks = []
drawn_before = random.random()


@register_before_snapshot
def before_snapshot():
    hooks.append("before")
    print("before the snapshot")


@register_after_restore
def after_restore():
    hooks.append("after")
    print("after the restore")
    if os.path.exists(os.environ.get("BREAK_RESTORE_IF", "")):
        raise ValueError("cannot be restored")


def handler(event, context):
    do = event.get("do")
    if do == "wait":
        # Two of them let each other go: they have to run at the same time.
        with open(event["write"], "w") as fifo:
            fifo.write("here")
        with open(event["read"]) as fifo:
            fifo.read()
    elif do == "hang":
        threading.Event().wait()
    elif do == "late":
        with open(event["read"]) as fifo:
            fifo.read()
    elif do == "exit":
        os._exit(3)
    elif do == "fail":
        raise ValueError("no")
    return {
        "pid": os.getpid(),
        "imported_in": imported_in,
        "hooks": hooks,
        "random": [drawn_before, random.random()],
        "urandom": os.urandom(8).hex(),
        "log_stream": context.log_stream_name,
        "variables": sorted(os.environ),
        "type": os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"],
    }
