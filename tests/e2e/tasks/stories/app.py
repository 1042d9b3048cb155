"""Handlers that the end-to-end tests tell their stories with: nothing but the standard library."""

import os
import sys
import traceback


def greet(event, context):
    return {"hello": event.get("name", "world"), "request": context.aws_request_id}


def fail(event, context):
    def inner():
        raise ValueError("no such thing: é")

    inner()


def fail_from_another(event, context):
    try:
        {}["absent"]
    except KeyError as error:
        raise RuntimeError("while looking") from error


def fail_to_serialise(event, context):
    return {"value": object()}


def leave(event, context):
    sys.exit(3)


def surroundings(event, context):
    """What the function can see of its surroundings."""
    names = ("_HANDLER", "PYTHONPATH", "AWS_LAMBDA_EXEC_WRAPPER")
    return {
        "environ": {name: os.environ.get(name) for name in names},
        "ours": sorted(name for name in os.environ if "OTEL_LAYER" in name),
        "stack": [frame.filename.rpartition("/")[2] for frame in traceback.extract_stack()],
    }


def child(event, context):
    """What a child process of the function sees: nothing of the layer's."""
    import subprocess

    program = "import sys; print(any(n.split('.')[0] in ('otel_layer', 'opentelemetry') for n in sys.modules))"
    return subprocess.check_output([sys.executable, "-c", program], text=True).strip()


class Service:
    @staticmethod
    def handler(event, context):
        return "from a class"
