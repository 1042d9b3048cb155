"""References in the headers of variables."""

from __future__ import annotations

import pytest

from collector_ext.core.config.header_references import resolved
from collector_ext.core.config.variables import configuration_from
from collector_ext.core.otlp import TRACES
from collector_ext.core.secrets import Fault

REFERENCE = "secretsmanager:arn:aws:secretsmanager:eu-west-1:1:secret:x#key"


def read(headers, secrets=None, protocol="http/protobuf", **others):
    """What variables with these headers come to."""
    variables = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://a.example",
        "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
        "OTEL_EXPORTER_OTLP_HEADERS": headers,
        **others,
    }
    return resolved(configuration_from(variables), variables, secrets or {})


def sent(configuration):
    """The headers of traces."""
    (exporter,) = configuration.exporters.values()
    return exporter.headers[TRACES]


class TestAReference:
    """Stands for a secret that is read later."""

    def test_is_named_at_first(self):
        found = read(f"x-key=${{{REFERENCE}}},a=b")

        assert found.secrets == (REFERENCE,)
        assert sent(found) == (("x-key", f"${{{REFERENCE}}}"), ("a", "b"))

    @pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
    def test_is_replaced_by_the_secret_as_it_is(self, protocol):
        found = read(f"x-key=Bearer ${{{REFERENCE}}}", {REFERENCE: "a,b%2C$$"}, protocol)

        assert (found.secrets, found.remarks) == ((), ())
        assert sent(found) == (("x-key", "Bearer a,b%2C$$"),)

    def test_that_did_not_resolve_is_said(self):
        found = read("x-key=${ssm:/key}", {"ssm:/key": Fault("AccessDenied")})

        assert sent(found) == (("x-key", ""),)
        assert found.remarks == ("the header x-key names ssm:/key: AccessDenied; it is empty",)

    def test_may_be_to_a_variable_that_looks_like_anything(self):
        assert sent(read("x-key=${KEY}", KEY="[a: b]")) == (("x-key", "[a: b]"),)

    def test_keeps_what_was_remarked_before(self):
        found = read("secret,x-key=${UNSET}")

        assert found.remarks == (
            "OTEL_EXPORTER_OTLP_HEADERS has a part that is not name=value; that part is not sent",
            "the header x-key names the variable UNSET, which is not set; it is empty",
        )
