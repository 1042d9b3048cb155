"""What export requests of all signals have in common, read back by the real protobuf library."""

from __future__ import annotations

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from collector_ext.core import otlp_request
from collector_ext.core.processors.any_value import field

RESOURCE = field(1, otlp_request.attributes(1, [("service.name", "shop"), ("host.cpus", 2)]))
EMPTY = b""


@pytest.mark.parametrize(
    ("message", "of_resource", "of_scope", "items"),
    [
        (ExportTraceServiceRequest, "resource_spans", "scope_spans", "spans"),
        (ExportMetricsServiceRequest, "resource_metrics", "scope_metrics", "metrics"),
        (ExportLogsServiceRequest, "resource_logs", "scope_logs", "log_records"),
    ],
)
def test_it_has_one_resource_and_one_scope(message, of_resource, of_scope, items):
    body = otlp_request.request(RESOURCE, "tests", "1.2", [EMPTY, EMPTY])

    (found,) = getattr(message.FromString(body), of_resource)
    (scope,) = getattr(found, of_scope)
    assert [(one.key, one.value.WhichOneof("value")) for one in found.resource.attributes] == [
        ("service.name", "string_value"),
        ("host.cpus", "int_value"),
    ]
    assert (scope.scope.name, scope.scope.version) == ("tests", "1.2")
    assert len(getattr(scope, items)) == 2


def test_no_pairs_are_no_fields():
    assert otlp_request.attributes(9, []) == b""
