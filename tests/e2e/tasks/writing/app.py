"""A function that writes, in the ways that functions do."""

import logging
import os
import sys
import time

print("while it starts")

LOGGER = logging.getLogger("shop")
LOGGER.setLevel(logging.DEBUG)


def write(event, context):
    print("printed")
    print("to standard error", file=sys.stderr)
    for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL):
        LOGGER.log(level, "at a level\nof two lines")
    return "done"


def hang(event, context):
    print("before it hangs")
    time.sleep(60)


def vanish(event, context):
    print("before it vanishes")
    os._exit(1)


def fail(event, context):
    try:
        raise KeyError("caught")
    except KeyError:
        LOGGER.exception("it broke", extra={"order": 7})
    raise ValueError("no such thing")


def spanned(event, context):
    from opentelemetry import trace

    with trace.get_tracer("x").start_as_current_span("inner"):
        LOGGER.warning("in a span")
