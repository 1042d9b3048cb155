"""What the collector wrote down, and what is no writing of its own."""

from __future__ import annotations

import pytest

from otel_layer.core.rendezvous import parsed, path


def test_each_environment_of_a_machine_has_its_own_file():
    assert path("127.0.0.1:9001") == "/tmp/otel-layer-127.0.0.1-9001"  # noqa: S108  # the contract


class TestTheContent:
    """A port and a process id."""

    def test_it_is_read(self):
        assert parsed(b"4318 17\n") == (4318, 17)

    @pytest.mark.parametrize(
        "content",
        [b"", b"4318", b"4318 17 1", b"x 17", b"-1 17", b"0 17", b"65536 17", b"4318 0", b"4318 x"],
    )
    def test_anything_else_is_none_of_ours(self, content):
        assert parsed(content) is None

    def test_a_number_that_is_no_process_is_none_of_ours(self):
        assert parsed(b"4318 99999999999999999999") is None
