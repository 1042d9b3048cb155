"""A function whose first initialisation never ends; the second one takes its time."""

import os
import threading
import time

try:
    os.close(os.open(os.environ["MARKER"], os.O_CREAT | os.O_EXCL))
except FileExistsError:
    time.sleep(float(os.environ["SECOND_TAKES_S"]))
else:
    threading.Event().wait()


def handler(event, context):
    return "initialised"
