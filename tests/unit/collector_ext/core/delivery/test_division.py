"""A refused request in parts."""

from __future__ import annotations

import pytest

from collector_ext.core.delivery.division import REFUSED_IN_A_ROW_MAX, Division
from collector_ext.core.otlp import JSON, PROTOBUF, TRACES, ExportRequest
from tests.fakes.outcomes import refused
from tests.fakes.payloads import payload_of
from tests.fakes.trace_requests import export_request, span_id, spans_in

A = payload_of(TRACES, PROTOBUF, export_request(("a", span_id(1))))
TWO = payload_of(TRACES, PROTOBUF, export_request(("a", span_id(1)), ("b", span_id(2))))
TEXT = payload_of(TRACES, JSON, b'{"resourceSpans":[]}')


def refusal(*payloads, status=413):
    return refused(ExportRequest("otlp", TRACES, payloads), status)


class TestADivision:
    """It ends with what is to blame."""

    @pytest.mark.parametrize("status", [400, 413])
    def test_of_several_payloads_is_each_of_them_as_a_suspect(self, status):
        assert Division().parts(refusal(A, TWO, status=status)) == [
            A.as_suspect(),
            TWO.as_suspect(),
        ]

    def test_of_one_that_is_too_large_is_its_halves(self):
        parts = Division().parts(refusal(TWO))

        assert [[span.name for span in spans_in(part.body)] for part in parts] == [["a"], ["b"]]
        assert [(part.item_count, part.is_suspect) for part in parts] == [(1, True)] * 2

    @pytest.mark.parametrize(
        "refused_alone",
        [refusal(A), refusal(TEXT), refusal(TWO, status=400)],
        ids=["one item", "JSON", "a bad body"],
    )
    def test_of_one_that_has_no_good_part_is_nothing(self, refused_alone):
        assert Division().parts(refused_alone) == []

    @pytest.mark.parametrize("status", [401, 404, 500])
    def test_of_what_is_refused_for_its_sender_is_nothing(self, status):
        assert Division().parts(refusal(A, TWO, status=status)) == []

    @pytest.mark.parametrize(("payload_count", "together"), [(1, 1), (2, 1), (3, 2), (128, 64)])
    def test_puts_half_as_many_together_as_were_refused(self, payload_count, together):
        division = Division()

        division.divided(payload_count)

        assert division.suspect_count_max == together


class TestAnEndpointThatRefusesEverything:
    """It is believed after a while: all the parts would be asked for in vain."""

    def test_has_nothing_divided_any_more(self):
        division = Division()
        for _ in range(REFUSED_IN_A_ROW_MAX):
            assert division.parts(refusal(A, TWO)) != []

        assert division.parts(refusal(A, TWO)) == []

    def test_unless_it_has_taken_something_since(self):
        division = Division()
        for _ in range(REFUSED_IN_A_ROW_MAX):
            division.parts(refusal(A, TWO))

        division.taken()

        assert division.parts(refusal(A, TWO)) != []
