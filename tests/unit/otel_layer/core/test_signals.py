"""Where the requests of each signal go."""

from __future__ import annotations

from otel_layer.core.signals import LOGS, METRICS, TRACES


class TestSignals:
    """Their paths are the specification's."""

    def test_each_has_its_path_and_its_items(self):
        assert [(one.path, one.items) for one in (TRACES, METRICS, LOGS)] == [
            (b"/v1/traces", "spans"),
            (b"/v1/metrics", "metrics"),
            (b"/v1/logs", "log records"),
        ]
