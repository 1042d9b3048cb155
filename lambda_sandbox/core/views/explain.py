"""The lifecycle of an environment as a timeline for people.

It says what happened when, who was waited for and for how long, and what would be billed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lambda_sandbox.core.events import RUNTIME
from lambda_sandbox.core.function import MANAGED_INSTANCES
from lambda_sandbox.core.history import Moment, Told
from lambda_sandbox.core.views.wording import duration_text, printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lambda_sandbox.core.actions import PlatformEvent
    from lambda_sandbox.core.telemetry.records import Record

ENVIRONMENT = "environment"

_INVOKE = "INVOKE"

_FROZEN, _THAWED, _STORED = "frozen", "thawed", "snapshot taken"
"""What happens to the environment between two chapters."""

RESPONDED = "responded"
"""What the runtime did when it posted a response or, then with its type behind a colon, an
error."""

_REPORTS = ("platform.initReport", "platform.restoreReport", "platform.report")
_NAME_WIDTH_MAX = 20  # a longer name pushes its own line only
_SEVERAL = 2  # from there on, there is somebody to wait for
_INSTANT_WIDTH = 11  # "+2 min 30 s" and shorter


@dataclass(slots=True)
class Chapter:
    """A part of an environment's life: initialisation, restoration, invocation, shutdown.

    Attributes:
        title: What it is.
        began_at: In monotonic seconds.
        moments: What happened in it, in order.
        report: The record that ended it; None while it goes on, and for a shutdown.
        before: What became of the environment between the chapter before it and this one.
    """

    title: str
    began_at: float
    moments: list[Moment] = field(default_factory=list)
    report: Record | None = None
    before: str | None = None

    @property
    def finished(self) -> bool:
        """Whether it has been reported: what comes now belongs to the next."""
        return self.report is not None

    @property
    def awaits_report(self) -> bool:
        """Whether it is an invocation under way."""
        return self.report is None and self.title.startswith(_INVOKE)


def chapters(story: Sequence[Moment | Told]) -> list[Chapter]:
    """Divide what happened into chapters.

    Args:
        story: A sandbox's, from its beginning.
    """
    divided: list[Chapter] = []
    is_managed = _is_managed(story)
    frozen_at, before = None, None
    for item in story:
        title = _title(item)
        if title is not None:
            divided.append(Chapter(title, item.at_s, before=before))
            frozen_at, before = None, None
        if isinstance(item, Told):
            _take_report(item.event, divided)
        elif item.what == _FROZEN:
            frozen_at = item.at_s
        elif item.what == _THAWED:
            before = f"frozen for {_duration(item.at_s - (frozen_at or item.at_s))}"
        elif item.what == _STORED:
            before = item.what
        elif item.who != ENVIRONMENT and not (is_managed and _is_nobodys(item, divided[-1])):
            _chapter_of(item.request_id, divided).moments.append(item)
    return divided


def _is_managed(story: Sequence[Moment | Told]) -> bool:
    first = next((item for item in story if isinstance(item, Told)), None)
    record: Record = {} if first is None else first.event["record"]
    return record.get("initializationType") == MANAGED_INSTANCES


def _take_report(event: PlatformEvent, divided: Sequence[Chapter]) -> None:
    if event["type"] in _REPORTS:
        record = event["record"]
        _chapter_of(record.get("requestId"), divided).report = record


def _chapter_of(request_id: str | None, divided: Sequence[Chapter]) -> Chapter:
    """Return what something belongs to; invocations may run side by side."""
    title = None if request_id is None else _invocation(request_id)
    return next((part for part in reversed(divided) if part.title == title), divided[-1])


def _is_nobodys(moment: Moment, last: Chapter) -> bool:
    """Return whether a worker of a managed instance asks next after its invocation.

    Nothing says which worker it is; the invocation ended with the response.
    """
    is_at_work = last.finished or last.awaits_report
    return (moment.what, moment.who) == ("asked next", RUNTIME) and is_at_work


def finished(parts: Sequence[Chapter]) -> list[Chapter]:
    """Return the first chapters, as many as nothing can be added to."""
    last = max((index for index, part in enumerate(parts) if part.finished), default=-1)
    under_way = (index for index, part in enumerate(parts) if part.awaits_report)
    return list(parts[: min(last + 1, next(under_way, last + 1))])


def _invocation(request_id: str) -> str:
    return f"{_INVOKE} {request_id}"


def _title(item: Moment | Told) -> str | None:
    """Name the chapter that begins with this, if one does."""
    if isinstance(item, Moment):
        kind, _, reason = item.what.partition(": ")
        return f"SHUTDOWN {reason}" if kind == "shutdown" else None
    record = item.event["record"]
    match item.event["type"]:
        case "platform.initStart":
            return "INIT" if record["phase"] == "init" else "INIT again, within an invocation"
        case "platform.restoreStart":
            return "RESTORE"
        case "platform.start":
            return _invocation(record["requestId"])
        case _:
            return None


def explain(parts: Sequence[Chapter]) -> str:
    """Tell chapters, a line for each moment, with what there is to learn from them."""
    names = [len(moment.who) for part in parts for moment in part.moments]
    width = min(max(names, default=0), _NAME_WIDTH_MAX)
    return "".join(f"{line}\n" for part in parts for line in _told(part, width))


def _told(part: Chapter, width: int) -> Iterator[str]:
    if part.before is not None:
        yield part.before
    yield printable(f"{part.title}{_verdict(part)}")
    for moment in part.moments:
        instant = f"+{_duration(moment.at_s - part.began_at)}"
        yield printable(f"{instant:>{_INSTANT_WIDTH}}  {moment.who:<{width}}  {moment.what}")
    for lesson in _lessons(part):
        yield printable(f"{'':{_INSTANT_WIDTH}}  → {lesson}")


def _verdict(part: Chapter) -> str:
    if part.report is None:
        return ""
    status, error_type = part.report["status"], part.report.get("errorType")
    if error_type:
        return f": {status}, {error_type}"
    # To the platform an invocation is a success when the runtime has asked next, and its caller
    # may have an error all the same.
    raised = next((what for what in map(_raised, part.moments) if what), None)
    return f": {status}, the function raised {raised}" if raised else f": {status}"


def _raised(moment: Moment) -> str:
    """Return the type of the error that was posted instead of a response."""
    return moment.what.partition(f"{RESPONDED}: ")[2]


def _lessons(part: Chapter) -> Iterator[str]:
    yield from _start_of_runtime(part)
    yield from _wait_for_all(part)
    yield from _bill(part.report)


def _start_of_runtime(part: Chapter) -> Iterator[str]:
    """Lambda starts the runtime when every extension has registered; so a clone is ordered here."""
    registered = [moment for moment in part.moments if moment.what == "registered"]
    if registered:
        last = registered[-1]
        yield (
            f"the runtime was started when {last.who} had registered, "
            f"{_duration(last.at_s - part.began_at)} in"
        )


def _wait_for_all(part: Chapter) -> Iterator[str]:
    """An initialisation, a restoration or an invocation ends when all have asked next."""
    responded = [moment for moment in part.moments if moment.what.startswith(RESPONDED)]
    if responded:
        yield f"the caller had its answer after {_duration(responded[0].at_s - part.began_at)}"
    asked = {moment.who: moment.at_s for moment in part.moments if moment.what == "asked next"}
    if part.report is None or part.report["status"] != "success" or len(asked) < _SEVERAL:
        return
    *_, (second, second_at), (last, last_at) = sorted(asked.items(), key=lambda item: item[1])
    yield f"{last} was waited for, {_duration(last_at - second_at)} longer than {second}"


def _bill(report: Record | None) -> Iterator[str]:
    metrics = {} if report is None else report["metrics"]
    if "billedDurationMs" not in metrics:
        return
    parts = [f"{_duration(metrics['durationMs'] / 1000)} of invocation"]
    if "initDurationMs" in metrics:
        parts.insert(0, f"{_duration(metrics['initDurationMs'] / 1000)} of initialisation")
    yield f"billed: {metrics['billedDurationMs']} ms ({' + '.join(parts)})"
    if "billedRestoreDurationMs" in metrics:
        restored = _duration(metrics["restoreDurationMs"] / 1000)
        yield f"billed apart: {metrics['billedRestoreDurationMs']} ms ({restored} of restoration)"


def _duration(duration_s: float) -> str:
    return duration_text(round(duration_s * 1e9))
