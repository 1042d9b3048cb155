"""Headers as gRPC sends them."""

from __future__ import annotations

import pytest

from collector_ext.core.config.configuration import BasicAuth, BearerAuth, SigV4Auth
from collector_ext.core.grpc_metadata import metadata, secrets


class TestHeaders:
    """Names are in small letters and count once; values are text, or bytes by their name."""

    def test_names_are_in_small_letters_and_the_last_of_two_counts(self):
        headers = [("X-Api-Key", "one"), ("x-api-key", "a key"), ("other", "")]

        assert metadata(headers, None) == (("x-api-key", "a key"), ("other", ""))

    def test_what_is_called_binary_is_bytes(self):
        assert metadata([("trace-bin", "abc")], None) == (("trace-bin", b"abc"),)

    @pytest.mark.parametrize("name", ["", "a b", "a/b", "ключ", "a:"])
    def test_a_name_that_cannot_be_sent_is_refused(self, name):
        with pytest.raises(ValueError, match="has a name that gRPC cannot send"):
            metadata([(name, "secret")], None)

    @pytest.mark.parametrize("name", ["grpc-timeout", "Content-Type", "te", "user-agent", "host"])
    def test_a_name_of_the_librarys_own_is_refused(self, name):
        with pytest.raises(ValueError, match=f"'{name}' belongs to gRPC itself"):
            metadata([(name, "secret")], None)

    @pytest.mark.parametrize("value", ["secrét", "secret\n", "\x7fsecret"])
    def test_a_value_that_cannot_be_sent_is_refused_and_not_said(self, value):
        with pytest.raises(ValueError, match="'x-key' has a value") as refusal:
            metadata([("x-key", value)], None)

        assert "secr" not in str(refusal.value)


class TestAuthorization:
    """It is a header like others, and goes before one of that name."""

    @pytest.mark.parametrize(
        ("auth", "value"),
        [(BasicAuth("me", "pass"), "Basic bWU6cGFzcw=="), (BearerAuth("token"), "Bearer token")],
    )
    def test_basic_and_bearer(self, auth, value):
        headers = [("Authorization", "mine")]

        assert metadata(headers, auth) == (("authorization", value),)

    def test_a_signature_is_not_possible(self):
        with pytest.raises(ValueError, match="use otlp_http"):
            metadata([], SigV4Auth("eu-west-1", "xray", ""))


class TestSecrets:
    """Whatever a header holds may be one."""

    def test_they_are_the_values_and_their_words_longest_first(self):
        found = (("authorization", "Bearer token"), ("x", "12"), ("y-bin", b"bytes"))

        assert secrets(found) == ("Bearer token", "token")
