"""Processors that are what the collector does by itself."""

from __future__ import annotations

import pytest

from collector_ext.core.config import mapped
from tests.fakes.documents import section


class TestAMappedProcessor:
    """Is accepted as users write it."""

    @pytest.mark.parametrize(
        ("component_type", "text"),
        [
            ("batch", ""),
            (
                "batch",
                "timeout: 1m\nsend_batch_size: 512\nsend_batch_max_size: 0\nmetadata_keys: [a]",
            ),
            ("decouple", "max_queue_size: 200"),
            ("memory_limiter", "check_interval: 1s\nlimit_mib: 100\nspike_limit_percentage: 20"),
        ],
    )
    def test_is_nothing_to_remark(self, component_type, text):
        found = section(text, f"processors.{component_type}")

        mapped.check(component_type, found)

        assert (found.remarks.complaints, found.remarks.ignored) == ((), ())

    def test_that_is_misspelt_is_said(self):
        found = section("timeot: 1s", "processors.batch")

        mapped.check("batch", found)

        assert found.remarks.complaints == (
            (
                "collector.yaml:1: processors.batch.timeot is not a key that is known here "
                "(did you mean timeout?); it is ignored"
            ),
        )
