"""Which frames of a stack are the customer's."""

from __future__ import annotations

from otel_layer.core.stack import kept

OURS = "/opt/python/otel_layer/"
APP = "/var/task/app.py"
REQUESTS = "/var/task/requests/sessions.py"
INSTRUMENTOR = "/opt/python/opentelemetry/instrumentation/requests/__init__.py"
WRAPT = "/opt/python/wrapt/wrappers.py"


def shown(*filenames):
    return [filenames[i] for i in kept(filenames, OURS)]


class TestFrames:
    """The runtime reports what it would report without us."""

    def test_the_customer_s_are_shown(self):
        assert shown(APP, REQUESTS) == [APP, REQUESTS]

    def test_ours_are_not(self):
        assert shown(f"{OURS}edge/bootstrap.py", APP) == [APP]

    def test_those_of_an_instrumentor_are_not(self):
        assert shown(APP, INSTRUMENTOR, INSTRUMENTOR, REQUESTS) == [APP, REQUESTS]

    def test_those_that_lead_into_an_instrumentor_are_not(self):
        assert shown(APP, WRAPT, WRAPT, INSTRUMENTOR, REQUESTS) == [APP, REQUESTS]

    def test_those_that_lead_through_ours_into_an_instrumentor_are_not(self):
        guard = f"{OURS}edge/fail_open.py"

        assert shown(APP, WRAPT, guard, INSTRUMENTOR, guard, REQUESTS) == [APP, REQUESTS]

    def test_the_customer_may_use_the_same_library_to_wrap(self):
        assert shown(APP, WRAPT, APP, INSTRUMENTOR, REQUESTS) == [APP, WRAPT, APP, REQUESTS]

    def test_a_customer_s_file_may_be_called_like_ours(self):
        theirs = "/var/task/otel_layer/edge/bootstrap.py"

        assert shown(theirs) == [theirs]

    def test_those_that_only_import_our_handler_are_not(self):
        assert shown(REQUESTS, f"{OURS}handler.py", f"{OURS}assembly.py", REQUESTS, APP) == [
            REQUESTS,
            APP,
        ]

    def test_a_stack_may_be_empty(self):
        assert shown() == []
