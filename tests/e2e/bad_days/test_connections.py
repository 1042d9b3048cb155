"""Nobody is there, somebody else is, or the connection breaks."""

from __future__ import annotations

import ssl

import grpc
import pytest
import trustme

from lambda_sandbox.edge.otlp_endpoint import RESET
from tests.e2e.bad_days.day import ASKED_NEXT, RESPONDED
from tests.e2e.test_faults import closed_port
from tests.fakes.relay import Cutter
from tests.fakes.scripted_endpoint import GRPC, HTTP, replies, variables_for

PATIENT = {"OTEL_EXPORTER_OTLP_TIMEOUT": "3000"}
"""Far more than it takes to find out: nothing is out of time."""

AT_ONCE = {"OTEL_LAYER_BREAKER_DELAY": "1", "OTEL_LAYER_BREAKER_DELAY_MAX": "1"}
"""An endpoint that is away is left alone for a millisecond: the next invocation tries again."""


def secured(protocol, authority):
    """Return what makes an endpoint serve TLS with a certificate for loopback."""
    certificate = authority.issue_cert("127.0.0.1")
    if protocol == GRPC:
        chain = b"".join(blob.bytes() for blob in certificate.cert_chain_pems)
        return grpc.ssl_server_credentials([(certificate.private_key_pem.bytes(), chain)])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


class TestOutOfReach:
    """The function is not touched; what waits is kept, and dropped aloud at the very end."""

    @pytest.fixture(params=["refused", "name", "certificate"])
    def unreachable(self, request, serve, stack, protocol):
        """Variables of an endpoint that cannot be reached, and a word that says why."""
        if request.param == "refused":
            return variables_for(protocol, stack.enter_context(closed_port())), "refused"
        if request.param == "name":
            host = "collector.invalid"
            return variables_for(protocol, 4318, host=host), host
        endpoint = serve(protocol, tls=secured(protocol, trustme.CA()))
        return endpoint.variables, "CERTIFICATE_VERIFY_FAILED"

    def test_the_function_has_responded_and_the_environment_goes_on(
        self, unreachable, serve, day, protocol
    ):
        variables, _ = unreachable
        today = day({**variables, **PATIENT})

        request_id = today.invoke_and_freeze()

        nobody = serve(protocol)
        assert today.order(request_id, nobody) == [RESPONDED, ASKED_NEXT]

    def test_one_line_says_why_and_one_at_the_end_what_it_came_to(self, unreachable, day):
        variables, reason = unreachable
        today = day({**variables, **PATIENT})

        for _ in range(3):
            today.invoke_and_freeze()
        today.end()

        said, discarded = today.warnings
        assert reason in said
        assert "1 span (" in said
        assert "kept" in said
        assert "discarded 3 spans" in discarded


class TestABrokenConnection:
    """What has not been accepted is sent again at once; what has been, never."""

    @pytest.fixture
    def cut(self, stack, serve, day, protocol):
        """A frozen day, whose only request was cut, once; its endpoint, the invocation."""
        endpoint = serve(protocol)
        relay = stack.enter_context(Cutter(b"story"))
        relay.leads_to = endpoint.port
        port = int(relay.target.rpartition(":")[2])
        plain = {"OTEL_EXPORTER_OTLP_COMPRESSION": "none"}  # or the relay would not know the body
        today = day({**variables_for(protocol, port), **plain, **PATIENT})

        request_id = today.invoke_and_freeze()
        assert relay.cut_count == 1
        return today, endpoint, request_id

    def test_a_reset_in_the_middle_of_a_body_costs_one_more_request(self, cut):
        _, endpoint, request_id = cut

        assert endpoint.accepted_invocations == [request_id]

    def test_that_is_not_worth_a_word(self, cut):
        today, _, _ = cut

        assert (today.warnings, today.notes) == ([], [])

    def test_a_reset_in_the_middle_of_a_good_answer_costs_nothing(self, serve, day):
        endpoint = serve(HTTP, replies(RESET))
        today = day({**endpoint.variables, **PATIENT})

        today.invoke_and_freeze()
        today.invoke_and_freeze()
        today.end()

        assert [arrival.names for arrival in endpoint.arrivals] == [["story"], ["story"]]
        assert today.warnings == []


class TestAnOutage:
    """When the endpoint is back, all that was still buffered arrives, once."""

    @pytest.fixture
    def begun(self, day, protocol):
        """A day on which the endpoint was away for some invocations; its requests, its port."""

        def begin(variables, *, count=3):
            with closed_port() as port:
                today = day({**variables_for(protocol, port), **PATIENT, **variables})
                requests = [today.invoke_and_freeze() for _ in range(count)]
            return today, requests, port

        return begin

    def test_the_next_invocation_brings_it(self, begun, serve, protocol):
        today, requests, port = begun(AT_ONCE)

        endpoint = serve(protocol, port=port)
        requests.append(today.invoke_and_freeze())
        accepted = endpoint.accepted_invocations
        today.end()

        assert sorted(accepted) == sorted(requests)
        assert endpoint.accepted_invocations == accepted
        assert len(today.warnings) == 1

    def test_shutdown_brings_it_however_long_it_is_to_be_left_alone(self, begun, serve, protocol):
        today, requests, port = begun({})

        endpoint = serve(protocol, port=port)
        today.end()

        assert sorted(endpoint.accepted_invocations) == sorted(requests)
        assert len(today.warnings) == 1

    def test_that_it_is_over_is_said_once(self, begun, serve, protocol):
        today, _, port = begun(AT_ONCE)

        serve(protocol, port=port)
        today.invoke_and_freeze()
        today.invoke_and_freeze()

        assert len([line for line in today.notes if "accepts exports again" in line]) == 1

    def test_the_oldest_make_room_and_are_counted(self, begun, serve, protocol):
        two_or_three_roots = {"OTEL_LAYER_BUFFER_SIZE": "2500"}
        today, requests, port = begun(two_or_three_roots, count=6)

        endpoint = serve(protocol, port=port)
        today.end()

        accepted = endpoint.accepted_invocations
        assert 1 < len(accepted) < 6
        assert sorted(accepted) == sorted(requests[-len(accepted) :])
        assert today.counters == {
            "received": 6,
            "exported": len(accepted),
            "carried": 0,
            "dropped": 6 - len(accepted),
        }
