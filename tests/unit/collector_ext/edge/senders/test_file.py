"""``file`` in a document."""

from __future__ import annotations

import pytest

from collector_ext.core.otlp import SIGNALS
from collector_ext.edge.senders import file
from collector_ext.edge.senders.file import File
from tests.fakes.documents import section


class TestAnExporter:
    """Needs a path."""

    @pytest.mark.parametrize(
        ("text", "is_json"), [("path: /tmp/a", True), ("path: /tmp/a\nformat: proto", False)]
    )
    def test_has_a_path_and_a_format(self, text, is_json):
        assert file.read(section(text, "exporters.file"), {}) == File("file", "/tmp/a", is_json)  # noqa: S108 - the only place there is

    def test_without_one_is_left_out(self):
        found = section("format: json", "exporters.file")

        assert file.read(found, {}) is None
        assert found.remarks.complaints == (
            "collector.yaml:1: exporters.file has no path; nothing is exported to it",
        )

    def test_with_one_that_leads_from_anywhere_is_left_out(self):
        found = section("path: otlp.jsonl", "exporters.file")

        assert file.read(found, {}) is None
        assert found.remarks.complaints == (
            (
                "collector.yaml:1: exporters.file.path does not begin with /; "
                "nothing is exported to it"
            ),
        )

    def test_is_told_by_its_path(self):
        found = File("file", "/var/spans.json", is_json=True)

        assert found.names() == dict.fromkeys(SIGNALS, "/var/spans.json")

    @pytest.mark.parametrize(("is_json", "written"), [(True, "json"), (False, "proto")])
    def test_tells_its_settings(self, is_json, written):
        assert File("file", "/a", is_json=is_json).rows() == [("path", "/a"), ("format", written)]
