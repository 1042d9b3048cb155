"""Functions that record metrics and log records with the layer's own OpenTelemetry."""

import logging
import os
import time
import warnings

from opentelemetry import metrics, trace
from opentelemetry.metrics import Observation
from opentelemetry.sdk._logs import LoggingHandler

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it will move to another package
    logging.getLogger("shop").addHandler(LoggingHandler())
shop = logging.getLogger("shop")
shop.setLevel(logging.INFO)

meter = metrics.get_meter("shop")
orders = meter.create_counter("orders")
stock = meter.create_up_down_counter("stock")
sizes = meter.create_histogram("sizes")
meter.create_observable_gauge("depth", [lambda options: [Observation(7)]])
orders.add(10)
shop.info("loaded")


def handler(event, context):
    orders.add(event["orders"])
    stock.add(-event["orders"])
    sizes.record(event["orders"] * 1.5)
    with trace.get_tracer("shop").start_as_current_span("sell"):
        shop.warning("sold %d", event["orders"])
    return "done"


def hang(event, context):
    orders.add(1)
    shop.warning("about to hang")
    time.sleep(60)


def hang_observed(event, context):
    meter.create_observable_gauge("hanging", [lambda options: time.sleep(60)])
    orders.add(1)
    return "done"


def die(event, context):
    shop.error("about to die")
    os._exit(1)
