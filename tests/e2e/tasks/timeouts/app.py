"""Functions that run out of time, or nearly."""

import time

import requests
from opentelemetry import trace

tracer = trace.get_tracer("app")


def hang(event, context):
    """Do some work that ends, and call a service in the middle of more of it."""
    with tracer.start_as_current_span("read the order"):
        pass
    with tracer.start_as_current_span("check the order"):
        pass
    with tracer.start_as_current_span("charge the customer"):
        if "url" in event:
            requests.get(event["url"])
    return "done"


def nearly(event, context):
    """Return, but only after the snapshot; what was open in it has ended then."""
    with tracer.start_as_current_span("slow"):
        while context.get_remaining_time_in_millis() > event["left_ms"]:
            time.sleep(0.005)
    return "done"


def hold_the_interpreter(event, context):
    """Spend the time in C, which lets no other thread run."""
    with tracer.start_as_current_span("compute"):
        return sum(range(event["rounds"]))
