"""Stories of these tests: an environment runs once, and many tests look at what was seen."""

from __future__ import annotations

import json
import shutil
import threading
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from lambda_sandbox.sandbox import Function, Sandbox, Told

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

HERE = Path(__file__).parent
TASK = HERE / "sandbox_task"
LAYER = HERE / "sandbox_layer"

Step = dict[str, Any]
"""One step of a plan: ``do``, and the arguments; see ``sandbox_layer/python/obedience.py``."""

EXTENSION_API = "/2020-01-01/extension"
RUNTIME_API = "/2018-06-01/runtime"
ME = {"Lambda-Extension-Identifier": "{id}"}


def call(
    label: str,
    method: str,
    path: str,
    headers: Mapping[str, str] | None = None,
    body: str | None = None,
) -> Step:
    """Return the step that makes a call, and says under ``label`` how it was answered."""
    request = {"method": method, "path": path, "headers": headers, "body": body}
    return {"do": "call", "label": label, **request}


REGISTERED: Step = {"do": "register", "events": ["INVOKE", "SHUTDOWN"]}
LOOP: Step = {"do": "loop"}
LISTEN: Step = {"do": "listen"}
UNTIL_DONE: list[Step] = [
    {"do": "next"},
    {"do": "await_telemetry", "type": "platform.runtimeDone"},
]
"""A whole invocation, as a subscriber sees it."""


def layer_of(folder: Path, **plans: list[Step]) -> Path:
    """Build a layer.

    Args:
        folder: Where.
        plans: Of the external extensions by name; ``internal`` is the function's own.
    """
    layer = folder / "layer"
    for part in ("extensions", "plans", "python"):
        (layer / part).mkdir(parents=True)
    shutil.copy(LAYER / "python" / "obedience.py", layer / "python")
    for name, plan in plans.items():
        (layer / "plans" / f"{name}.json").write_text(json.dumps(plan))
        if name != "internal":
            shutil.copy(LAYER / "obedient", layer / "extensions" / name)
    return layer


def function(layer: Path | None = None, **kwargs: Any) -> Function:
    """Return the function of these tests; patient, unless it is told otherwise."""
    kwargs = {"handler": "app.handler", "name": "story", "timeout_s": 30, **kwargs}
    return Function(task=TASK, layer=layer, **kwargs)


def told(what: str, **kwargs: object) -> bytes:
    """Return an event that tells the function what to do."""
    return json.dumps({"do": what, **kwargs}).encode()


def until(holds: Callable[[], object], timeout_s: float = 20.0) -> None:
    """Wait until something holds that nobody tells us of."""
    deadline_at = monotonic() + timeout_s
    pause = threading.Event()
    while not holds():
        assert monotonic() < deadline_at
        pause.wait(0.002)


@dataclass(frozen=True)
class Answer:
    """How a call was answered.

    Attributes:
        status: Of HTTP.
        text: The body.
        headers: Of the answer.
    """

    status: int
    text: str
    headers: Mapping[str, str]

    @property
    def body(self) -> Any:
        """The body as JSON."""
        return json.loads(self.text)

    @property
    def error(self) -> tuple[int, str, str]:
        """Status, error type and message of a refusal."""
        return self.status, self.body["errorType"], self.body["errorMessage"]


class Story:
    """What was seen of an environment, which may be over."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.outcomes: dict[str, Any] = {}
        """What else the story kept, by a name of its own."""

    def said(self, who: str) -> list[dict[str, Any]]:
        """Return what an extension said, in order."""
        lines = [line.text for line in self.sandbox.logs if line.text.startswith('{"who": ')]
        said = [json.loads(text) for text in lines]
        return [what for what in said if what["who"] == who]

    def answer(self, who: str, label: str) -> Answer:
        """Return how a call was answered."""
        (found,) = (what for what in self.said(who) if what.get("label") == label)
        return Answer(found["status"], found["body"], found["headers"])

    def received(self, who: str, kind: str) -> list[dict[str, Any]]:
        """Return the events of a type that an extension received, with how they came."""
        events = [what for what in self.said(who) if "event" in what]
        return [what for what in events if what["event"]["eventType"] == kind]

    def batches(self, who: str) -> list[dict[str, Any]]:
        """Return the batches of telemetry that an extension received."""
        return [what for what in self.said(who) if "batch" in what]

    def telemetry(self, who: str) -> list[dict[str, Any]]:
        """Return the events of telemetry that an extension received and accepted."""
        accepted = [what["batch"] for what in self.batches(who) if what.get("answered", 200) == 200]
        return [event for batch in accepted for event in batch]

    def records(self, kind: str) -> list[dict[str, Any]]:
        """Return the records of the platform's events of a type."""
        events = self.sandbox.events
        return [event["record"] for event in events if event["type"] == f"platform.{kind}"]

    def status_of(self, kind: str) -> tuple[str, str | None]:
        """Return status and error type in the first record of a type."""
        record = self.records(kind)[0]
        return record["status"], record.get("errorType")

    def reasons(self, who: str) -> list[str]:
        """Return the reasons an extension was told to shut down for, in order."""
        return [what["event"]["shutdownReason"] for what in self.received(who, "SHUTDOWN")]

    @property
    def variables(self) -> dict[str, str]:
        """The variables of the function, of a story that is ``described``."""
        variables: dict[str, str] = self.outcomes["facts"]["variables"]
        return variables

    @property
    def order(self) -> list[tuple[str, str]]:
        """What happened, to whom; events of the platform happen to ``platform``."""
        return [
            (item.event["type"], "platform") if isinstance(item, Told) else (item.what, item.who)
            for item in self.sandbox.story
        ]

    def at_s(self, what: str, who: str) -> float:
        """Return when something happened last, in monotonic seconds."""
        return [at for at, *entry in self.sandbox.timeline if entry[:2] == [what, who]][-1]

    def shutdown_ms(self) -> float:
        """Return when the last shutdown began, in milliseconds since the epoch, to the ms."""
        begun = [at for at, what, *_ in self.sandbox.timeline if what.startswith("shutdown: ")][-1]
        event = next(item for item in self.sandbox.story if isinstance(item, Told))
        time = str(event.event["time"]).replace("Z", "+0000")
        epoch_s = datetime.strptime(time, "%Y-%m-%dT%H:%M:%S.%f%z").timestamp()
        return (epoch_s - event.at_s + begun) * 1000


def described(layer: Path | None, **kwargs: Any) -> Story:
    """Return the story of a function that describes where it is: ``outcomes["facts"]``."""
    with Sandbox(function(layer, **kwargs)) as sandbox:
        outcome = sandbox.invoke(told("describe"))
        limits = json.loads(sandbox.invoke(told("limits")).payload)
    story = Story(sandbox)
    story.outcomes |= {"facts": json.loads(outcome.payload), "limits": limits, "layer": layer}
    return story


def kinds(events: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the types of telemetry's events, in order."""
    return [event["type"] for event in events]
