"""Handlers that do harm to the layer around them."""

import os
import signal
import urllib.error
import urllib.request


def _collector():
    api = os.environ["AWS_LAMBDA_RUNTIME_API"].replace(":", "-")
    with open("/tmp/otel-layer-" + api) as file:
        port, pid = file.read().split()
    return int(port), int(pid)


def kill_the_collector(event, context):
    from opentelemetry import trace

    if event.get("kill"):
        # The reset follows at once; without SIGTERM there is time to see how we get on.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.kill(_collector()[1], signal.SIGKILL)
        for number in range(3):
            trace.get_tracer("user").start_span(f"unheard {number}").end()
        print("the function went on")
        signal.pause()
    return "done"


def stop_the_collector(event, context):
    from opentelemetry import trace

    os.kill(_collector()[1], signal.SIGSTOP)
    for number in range(event["spans"]):
        with trace.get_tracer("user").start_as_current_span(f"large {number}") as span:
            span.set_attribute("payload", "x" * 100_000)
    return "done"


def post_rubbish(event, context):
    port, _ = _collector()
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/traces",
        data=b"\xffrubbish",
        headers={"Content-Type": "application/x-protobuf"},
    )
    try:
        return urllib.request.urlopen(request).status
    except urllib.error.HTTPError as error:
        return error.code
