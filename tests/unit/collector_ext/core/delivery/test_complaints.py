"""What was complained about is said once, until something changes."""

from __future__ import annotations

from collector_ext.core.actions import WARN, Say
from collector_ext.core.delivery.complaints import REASON_COUNT_MAX, Complaints


class TestAComplaint:
    """Is made once for each reason."""

    def test_is_said(self):
        assert Complaints().complain("it", "HTTP 503", "text") == [Say(WARN, "text")]

    def test_is_not_repeated(self):
        complaints = Complaints()
        complaints.complain("it", "HTTP 503", "text")

        assert complaints.complain("it", "HTTP 503", "other text") == []

    def test_is_made_of_each_peer_and_reason(self):
        complaints = Complaints()
        complaints.complain("it", "HTTP 503", "text")

        assert complaints.complain("it", "HTTP 500", "text") == [Say(WARN, "text")]
        assert complaints.complain("that", "HTTP 503", "text") == [Say(WARN, "text")]

    def test_is_not_another_one_for_what_differs_each_time(self):
        complaints = Complaints()
        reasons = [
            f"HTTP 503: try again at 10:0{n} (request {n}f9c, from 10.0.0.{n}:4318)"
            for n in range(5)
        ]

        said = [complaints.complain("it", reason, reason) for reason in reasons]

        assert said == [[Say(WARN, reasons[0])], [], [], [], []]

    def test_is_another_one_for_another_status_or_other_words(self):
        complaints = Complaints()
        reasons = ["HTTP 403: no key", "HTTP 401: no key", "HTTP 403: no leave", "HTTP 403"]

        said = [complaints.complain("it", reason, reason) for reason in reasons]

        assert said == [[Say(WARN, reason)] for reason in reasons]

    def test_is_made_again_once_all_was_well(self):
        complaints = Complaints()
        complaints.complain("it", "HTTP 503", "text")

        assert complaints.forget("it")
        assert not complaints.forget("it")
        assert complaints.complain("it", "HTTP 503", "text") == [Say(WARN, "text")]

    def test_is_one_of_a_bounded_number(self):
        complaints = Complaints()

        said = [complaints.complain("it", "x" * n, "text") for n in range(1000)]

        assert sum(map(len, said)) == REASON_COUNT_MAX
