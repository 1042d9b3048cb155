"""A function that observes itself with the stock SDK and exporters."""

import logging
import os

from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

COLLECTOR = os.environ["COLLECTOR"]
traces = TracerProvider()
traces.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(f"{COLLECTOR}/v1/traces")))
metrics = MeterProvider(
    [PeriodicExportingMetricReader(OTLPMetricExporter(f"{COLLECTOR}/v1/metrics"))]
)
logs = LoggerProvider()
logs.add_log_record_processor(SimpleLogRecordProcessor(OTLPLogExporter(f"{COLLECTOR}/v1/logs")))


def handler(event, context):
    with traces.get_tracer("user").start_as_current_span("work"):
        metrics.get_meter("user").create_counter("orders").add(1)
    logger = logging.Logger("user")
    logger.addHandler(LoggingHandler(logger_provider=logs))
    logger.warning("something is odd")
    metrics.force_flush()
    return "done"
