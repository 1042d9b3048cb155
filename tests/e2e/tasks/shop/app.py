"""A shop whose orders come to a bad end."""

import requests
from opentelemetry import trace

tracer = trace.get_tracer("shop")


def checkout(event, context):
    """Look the order up, and charge the customer by a service that may not answer."""
    with tracer.start_as_current_span("look the order up"):
        requests.get(f"{event['service']}/orders/17")
    with tracer.start_as_current_span("charge the customer"):
        requests.post(f"{event['payments']}/charges")


def report(event, context):
    """Look all orders up, and keep more of them than there is memory for."""
    with tracer.start_as_current_span("look all orders up"):
        requests.get(f"{event['service']}/orders")
    with tracer.start_as_current_span("write the report"):
        pages = []
        while True:
            pages.append(bytearray(1_000_000))
