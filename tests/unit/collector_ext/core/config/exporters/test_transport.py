"""What the exporters of OTLP have in transport."""

from __future__ import annotations

import pytest

from collector_ext.core.config.configuration import BearerAuth
from collector_ext.core.config.exporters import transport
from tests.fakes.documents import section, tls


class TestTls:
    """Is what the section says, unless the URL has decided."""

    def test_is_the_default_without_a_section(self):
        assert transport.tls_of(None, is_plain=False) == tls()

    def test_is_what_is_set(self):
        found = section(
            "insecure_skip_verify: true\nca_file: /ca\nca_pem: A\ncert_file: /c\ncert_pem: B\n"
            "key_file: /k\nkey_pem: C\nserver_name_override: s\nmin_version: 1.3"
        )

        assert transport.tls_of(found, is_plain=False) == tls(
            is_unverified=True,
            ca_file="/ca",
            ca_pem="A",
            cert_file="/c",
            cert_pem="B",
            key_file="/k",
            key_pem="C",
            server_name="s",
            version_min="1.3",
        )

    @pytest.mark.parametrize(("said", "is_plain"), [(None, True), (True, True), (False, False)])
    def test_is_left_out_as_the_url_or_else_the_section_says(self, said, is_plain):
        assert transport.tls_of(section("insecure: true"), is_plain=said).is_plain == is_plain


class TestAuthentication:
    """Is by an extension; without one that is asked for, nothing is sent."""

    def test_is_nobodys_without_a_section(self):
        assert transport.auth_of(None, {}) is None

    def test_is_that_of_the_extension(self):
        auth = BearerAuth("t")

        assert transport.auth_of(section("authenticator: bearer/x"), {"bearer/x": auth}) is auth

    def test_by_an_unknown_extension_makes_the_exporter_unusable(self):
        found = section("authenticator: oauth2", "exporters.x.auth")

        with pytest.raises(transport.UnusableError):
            transport.auth_of(found, {})

        assert found.remarks.complaints == (
            (
                "collector.yaml:1: exporters.x.auth.authenticator names oauth2, "
                "which is no extension that can be used here; nothing is exported"
            ),
        )

    def test_by_no_extension_makes_the_exporter_unusable(self):
        found = section("{}", "exporters.x.auth")

        with pytest.raises(transport.UnusableError):
            transport.auth_of(found, {})

        assert found.remarks.complaints == (
            "collector.yaml:1: exporters.x.auth.authenticator is missing; nothing is exported",
        )


class TestHeaders:
    """Are sent if they can be; of the others only the name is said."""

    def test_are_pairs(self):
        assert transport.headers_of(section(""), {"X-Key": "k"}) == (("X-Key", "k"),)

    def test_that_cannot_be_sent_are_said(self):
        found = section("\nheaders: {}")

        assert transport.headers_of(found, {"Host": "secret", "a b": "secret"}) == ()
        assert found.remarks.complaints == (
            (
                "collector.yaml:2: exporters.x.headers names Host, which belongs to the request "
                "itself; it is not sent"
            ),
            "collector.yaml:2: exporters.x.headers has 'a b', which is no header that can be sent",
        )


class TestCompression:
    """Is gzip or none, which is also written as nothing."""

    @pytest.mark.parametrize(
        ("text", "value"),
        [("", "gzip"), ("c: gzip", "gzip"), ("c: none", "none"), ("c: ''", "none")],
    )
    def test_is_one_of_the_two(self, text, value):
        key = transport.COMPRESSION

        found = section(text.replace("c:", "compression:")).read((key,))

        assert found == {"compression": value}

    def test_of_another_kind_is_said(self):
        found = section("compression: zstd")

        assert found.read((transport.COMPRESSION,)) == {"compression": "gzip"}
        assert found.remarks.complaints == (
            (
                "collector.yaml:1: exporters.x.compression is 'zstd', which is not one of gzip, "
                "none; using gzip"
            ),
        )
