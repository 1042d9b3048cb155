"""OTLP's messages, as tables.

Source: https://github.com/open-telemetry/opentelemetry-proto (v1)
"""

from __future__ import annotations

from collector_ext.core.otlp import LOGS, METRICS, TRACES
from collector_ext.core.transcode.kinds import (
    BOOL,
    BYTES,
    DOUBLE,
    FIXED_32,
    FIXED_64,
    ID,
    INT32,
    INT64,
    SFIXED_64,
    SINT32,
    STRING,
    UINT32,
    UINT64,
    enum,
)
from collector_ext.core.transcode.schema import either, many, maybe, messages_of, one

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collector_ext.core.transcode.schema import Row

SPAN_KINDS = ("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")
STATUS_CODES = ("UNSET", "OK", "ERROR")
TEMPORALITIES = ("UNSPECIFIED", "DELTA", "CUMULATIVE")
SEVERITIES = (
    "UNSPECIFIED",
    *(
        f"{name}{level}"
        for name in ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
        for level in ("", "2", "3", "4")
    ),
)

_SPAN_KIND = enum(*(f"SPAN_KIND_{name}" for name in SPAN_KINDS))
_STATUS_CODE = enum(*(f"STATUS_CODE_{name}" for name in STATUS_CODES))
_TEMPORALITY = enum(*(f"AGGREGATION_TEMPORALITY_{name}" for name in TEMPORALITIES))
_SEVERITY = enum(*(f"SEVERITY_NUMBER_{name}" for name in SEVERITIES))

_POINT = (
    one(2, "startTimeUnixNano", FIXED_64),
    one(3, "timeUnixNano", FIXED_64),
)
_NUMBER = (either(4, "asDouble", DOUBLE), either(6, "asInt", SFIXED_64))

_TABLES: dict[str, tuple[Row, ...]] = {
    "ExportTraceServiceRequest": (many(1, "resourceSpans", "ResourceSpans"),),
    "ResourceSpans": (
        one(1, "resource", "Resource"),
        many(2, "scopeSpans", "ScopeSpans"),
        one(3, "schemaUrl", STRING),
    ),
    "ScopeSpans": (
        one(1, "scope", "InstrumentationScope"),
        many(2, "spans", "Span"),
        one(3, "schemaUrl", STRING),
    ),
    "Span": (
        one(1, "traceId", ID),
        one(2, "spanId", ID),
        one(3, "traceState", STRING),
        one(4, "parentSpanId", ID),
        one(5, "name", STRING),
        one(6, "kind", _SPAN_KIND),
        one(7, "startTimeUnixNano", FIXED_64),
        one(8, "endTimeUnixNano", FIXED_64),
        many(9, "attributes", "KeyValue"),
        one(10, "droppedAttributesCount", UINT32),
        many(11, "events", "Event"),
        one(12, "droppedEventsCount", UINT32),
        many(13, "links", "Link"),
        one(14, "droppedLinksCount", UINT32),
        one(15, "status", "Status"),
        one(16, "flags", FIXED_32),
    ),
    "Event": (
        one(1, "timeUnixNano", FIXED_64),
        one(2, "name", STRING),
        many(3, "attributes", "KeyValue"),
        one(4, "droppedAttributesCount", UINT32),
    ),
    "Link": (
        one(1, "traceId", ID),
        one(2, "spanId", ID),
        one(3, "traceState", STRING),
        many(4, "attributes", "KeyValue"),
        one(5, "droppedAttributesCount", UINT32),
        one(6, "flags", FIXED_32),
    ),
    "Status": (one(2, "message", STRING), one(3, "code", _STATUS_CODE)),
    "ExportMetricsServiceRequest": (many(1, "resourceMetrics", "ResourceMetrics"),),
    "ResourceMetrics": (
        one(1, "resource", "Resource"),
        many(2, "scopeMetrics", "ScopeMetrics"),
        one(3, "schemaUrl", STRING),
    ),
    "ScopeMetrics": (
        one(1, "scope", "InstrumentationScope"),
        many(2, "metrics", "Metric"),
        one(3, "schemaUrl", STRING),
    ),
    "Metric": (
        one(1, "name", STRING),
        one(2, "description", STRING),
        one(3, "unit", STRING),
        either(5, "gauge", "Gauge"),
        either(7, "sum", "Sum"),
        either(9, "histogram", "Histogram"),
        either(10, "exponentialHistogram", "ExponentialHistogram"),
        either(11, "summary", "Summary"),
        many(12, "metadata", "KeyValue"),
    ),
    "Gauge": (many(1, "dataPoints", "NumberDataPoint"),),
    "Sum": (
        many(1, "dataPoints", "NumberDataPoint"),
        one(2, "aggregationTemporality", _TEMPORALITY),
        one(3, "isMonotonic", BOOL),
    ),
    "Histogram": (
        many(1, "dataPoints", "HistogramDataPoint"),
        one(2, "aggregationTemporality", _TEMPORALITY),
    ),
    "ExponentialHistogram": (
        many(1, "dataPoints", "ExponentialHistogramDataPoint"),
        one(2, "aggregationTemporality", _TEMPORALITY),
    ),
    "Summary": (many(1, "dataPoints", "SummaryDataPoint"),),
    "NumberDataPoint": (
        *_POINT,
        *_NUMBER,
        many(5, "exemplars", "Exemplar"),
        many(7, "attributes", "KeyValue"),
        one(8, "flags", UINT32),
    ),
    "HistogramDataPoint": (
        *_POINT,
        one(4, "count", FIXED_64),
        maybe(5, "sum", DOUBLE),
        many(6, "bucketCounts", FIXED_64),
        many(7, "explicitBounds", DOUBLE),
        many(8, "exemplars", "Exemplar"),
        many(9, "attributes", "KeyValue"),
        one(10, "flags", UINT32),
        maybe(11, "min", DOUBLE),
        maybe(12, "max", DOUBLE),
    ),
    "ExponentialHistogramDataPoint": (
        many(1, "attributes", "KeyValue"),
        *_POINT,
        one(4, "count", FIXED_64),
        maybe(5, "sum", DOUBLE),
        one(6, "scale", SINT32),
        one(7, "zeroCount", FIXED_64),
        one(8, "positive", "Buckets"),
        one(9, "negative", "Buckets"),
        one(10, "flags", UINT32),
        many(11, "exemplars", "Exemplar"),
        maybe(12, "min", DOUBLE),
        maybe(13, "max", DOUBLE),
        one(14, "zeroThreshold", DOUBLE),
    ),
    "Buckets": (one(1, "offset", SINT32), many(2, "bucketCounts", UINT64)),
    "SummaryDataPoint": (
        *_POINT,
        one(4, "count", FIXED_64),
        one(5, "sum", DOUBLE),
        many(6, "quantileValues", "ValueAtQuantile"),
        many(7, "attributes", "KeyValue"),
        one(8, "flags", UINT32),
    ),
    "ValueAtQuantile": (one(1, "quantile", DOUBLE), one(2, "value", DOUBLE)),
    "Exemplar": (
        one(2, "timeUnixNano", FIXED_64),
        either(3, "asDouble", DOUBLE),
        one(4, "spanId", ID),
        one(5, "traceId", ID),
        either(6, "asInt", SFIXED_64),
        many(7, "filteredAttributes", "KeyValue"),
    ),
    "ExportLogsServiceRequest": (many(1, "resourceLogs", "ResourceLogs"),),
    "ResourceLogs": (
        one(1, "resource", "Resource"),
        many(2, "scopeLogs", "ScopeLogs"),
        one(3, "schemaUrl", STRING),
    ),
    "ScopeLogs": (
        one(1, "scope", "InstrumentationScope"),
        many(2, "logRecords", "LogRecord"),
        one(3, "schemaUrl", STRING),
    ),
    "LogRecord": (
        one(1, "timeUnixNano", FIXED_64),
        one(2, "severityNumber", _SEVERITY),
        one(3, "severityText", STRING),
        one(5, "body", "AnyValue"),
        many(6, "attributes", "KeyValue"),
        one(7, "droppedAttributesCount", UINT32),
        one(8, "flags", FIXED_32),
        one(9, "traceId", ID),
        one(10, "spanId", ID),
        one(11, "observedTimeUnixNano", FIXED_64),
        one(12, "eventName", STRING),
    ),
    "Resource": (
        many(1, "attributes", "KeyValue"),
        one(2, "droppedAttributesCount", UINT32),
        many(3, "entityRefs", "EntityRef"),
    ),
    "EntityRef": (
        one(1, "schemaUrl", STRING),
        one(2, "type", STRING),
        many(3, "idKeys", STRING),
        many(4, "descriptionKeys", STRING),
    ),
    "InstrumentationScope": (
        one(1, "name", STRING),
        one(2, "version", STRING),
        many(3, "attributes", "KeyValue"),
        one(4, "droppedAttributesCount", UINT32),
    ),
    "KeyValue": (
        one(1, "key", STRING),
        one(2, "value", "AnyValue"),
        one(3, "keyStrindex", INT32),
    ),
    "AnyValue": (
        either(1, "stringValue", STRING),
        either(2, "boolValue", BOOL),
        either(3, "intValue", INT64),
        either(4, "doubleValue", DOUBLE),
        either(5, "arrayValue", "ArrayValue"),
        either(6, "kvlistValue", "KeyValueList"),
        either(7, "bytesValue", BYTES),
        either(8, "stringValueStrindex", INT32),
    ),
    "ArrayValue": (many(1, "values", "AnyValue"),),
    "KeyValueList": (many(1, "values", "KeyValue"),),
}


MESSAGES = messages_of(_TABLES)

REQUESTS = {
    TRACES: MESSAGES["ExportTraceServiceRequest"],
    METRICS: MESSAGES["ExportMetricsServiceRequest"],
    LOGS: MESSAGES["ExportLogsServiceRequest"],
}
"""What each signal is exported as."""
