"""A function that calls a service and then dies, in as many ways as there are.

``ORDER_FILE`` says what becomes of the import of this module; the event, of the invocation.
"""

import faulthandler
import os
import signal
import sys

import urllib3

pool = urllib3.PoolManager()


def obey_order():
    try:
        with open(os.environ["ORDER_FILE"]) as file:
            order = file.read()
    except FileNotFoundError:
        return
    if order == "import":
        import not_packaged_at_all
    if order == "raise":
        raise LookupError("the table is not there")
    if order == "hang":
        signal.pause()


obey_order()


class Stop(BaseException):
    pass


def handler(event, context):
    """Call the service, so that there is a span that has ended; then do as the event says."""
    pool.request("GET", event["service"])
    return globals()[event["do"]](event)


def succeed(event):
    return "done"


def raise_exception(event):
    raise ValueError("no such thing: é")


def time_out(event):
    pool.request("GET", event["silent"], retries=False)


def sys_exit(event):
    sys.exit(3)


def os_exit(event):
    os._exit(3)


def segfault(event):
    faulthandler._sigsegv()


def kill_itself(event):
    os.kill(os.getpid(), signal.SIGKILL)


def run_out_of_memory(event):
    hoard = []
    for _ in range(64):
        hoard.append(b"x" * (16 * 1024 * 1024))
    signal.pause()


def keyboard_interrupt(event):
    raise KeyboardInterrupt


def base_exception(event):
    raise Stop("that is all")


def unserialisable_result(event):
    return {"value": object()}


def too_large_result(event):
    return "x" * (6 * 1024 * 1024 + 101)


def crash_neighbour(event):
    with open(os.environ["NEIGHBOUR_FILE"]) as file:
        os.kill(int(file.read()), signal.SIGTERM)
    signal.pause()
