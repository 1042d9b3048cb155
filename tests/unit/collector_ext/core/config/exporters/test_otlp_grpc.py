"""``otlp_grpc`` in a document."""

from __future__ import annotations

import pytest

from collector_ext.core.config.configuration import BasicAuth, OtlpGrpc
from collector_ext.core.config.exporters import otlp_grpc
from collector_ext.core.otlp import SIGNALS, TRACES
from tests.fakes.documents import section, tls

PLACE = "exporters.otlp_grpc/x"


def exporter(text, authenticators=None):
    """The exporter that a text makes, without a remark."""
    found = section(text, PLACE)
    made = otlp_grpc.read(found, authenticators or {})
    assert found.remarks.complaints == ()
    return made


class TestAnExporter:
    """Has one target for all signals."""

    def test_has_the_collectors_defaults(self):
        assert exporter("endpoint: a.example") == OtlpGrpc(
            id="otlp_grpc/x",
            targets=dict.fromkeys(SIGNALS, "a.example:4317"),
            headers=dict.fromkeys(SIGNALS, ()),
            is_gzip=dict.fromkeys(SIGNALS, True),
            timeout_s=dict.fromkeys(SIGNALS, 5.0),
            tls=dict.fromkeys(SIGNALS, tls()),
            auth=None,
        )

    def test_has_what_is_set(self):
        found = exporter(
            "endpoint: a.example:443\ntimeout: 1s\ncompression: none\nheaders: {X-Key: k}\n"
            "auth: {authenticator: basicauth}",
            {"basicauth": BasicAuth("u", "p")},
        )

        assert (found.timeout_s[TRACES], found.is_gzip[TRACES]) == (1.0, False)
        assert (found.headers[TRACES], found.auth) == ((("x-key", "k"),), BasicAuth("u", "p"))

    @pytest.mark.parametrize(
        ("text", "is_plain"),
        [
            ("endpoint: a.example", False),
            ("endpoint: http://a.example", True),
            ("endpoint: https://a.example\ntls: {insecure: true}", False),
            ("endpoint: a.example\ntls: {insecure: true}", True),
        ],
    )
    def test_is_plain_by_its_scheme_or_when_insecure(self, text, is_plain):
        assert exporter(text).tls[TRACES].is_plain == is_plain


class TestWhatIsWrong:
    """Leaves the exporter out, with one line."""

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("timeout: 1s", " has no endpoint; nothing is exported to it"),
            (
                "endpoint: ftp://a.example",
                ".endpoint is not a host:port that can be used; nothing is exported to it",
            ),
            (
                "endpoint: a.example\nauth: {}",
                ".auth.authenticator is missing; nothing is exported",
            ),
        ],
    )
    def test_is_said(self, text, said):
        found = section(text, PLACE)

        assert otlp_grpc.read(found, {}) is None
        assert [line.partition(PLACE)[2] for line in found.remarks.complaints] == [said]
