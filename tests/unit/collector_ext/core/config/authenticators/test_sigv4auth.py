"""``sigv4auth`` in a document."""

from __future__ import annotations

from collector_ext.core.config.authenticators import sigv4auth
from collector_ext.core.config.configuration import SigV4Auth
from tests.fakes.documents import section


class TestASignature:
    """Leaves open what is not said."""

    def test_may_be_empty(self):
        assert sigv4auth.read(section("")) == SigV4Auth("", "", "")

    def test_has_a_region_a_service_and_a_role(self):
        found = section(
            "region: eu-west-1\nservice: xray\nassume_role: {arn: 'arn:aws:iam::1:role/r'}"
        )

        assert sigv4auth.read(found) == SigV4Auth("eu-west-1", "xray", "arn:aws:iam::1:role/r")
