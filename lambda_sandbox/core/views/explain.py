"""The lifecycle of an environment as a timeline for people.

It says what happened when, who was waited for and for how long, and what would be billed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lambda_sandbox.core.history import Moment, Told
from lambda_sandbox.core.views.wording import duration_text, printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lambda_sandbox.core.telemetry.records import Record

ENVIRONMENT = "environment"

_REPORTS = ("platform.initReport", "platform.report")
_NAME_WIDTH_MAX = 20  # a longer name pushes its own line only
_SEVERAL = 2  # from there on, there is somebody to wait for
_INSTANT_WIDTH = 11  # "+2 min 30 s" and shorter


@dataclass(slots=True)
class Chapter:
    """A part of an environment's life: an initialisation, an invocation, a shutdown.

    Attributes:
        title: What it is.
        began_at: In monotonic seconds.
        moments: What happened in it, in order.
        report: The record that ended it; None while it goes on, and for a shutdown.
        paused_s: How long the environment was frozen before it.
    """

    title: str
    began_at: float
    moments: list[Moment] = field(default_factory=list)
    report: Record | None = None
    paused_s: float | None = None

    @property
    def finished(self) -> bool:
        """Whether it has been reported: what comes now belongs to the next."""
        return self.report is not None


def chapters(story: Sequence[Moment | Told]) -> list[Chapter]:
    """Divide what happened into chapters.

    Args:
        story: A sandbox's, from its beginning.
    """
    divided: list[Chapter] = []
    frozen_at, paused_s = None, None
    for item in story:
        title = _title(item)
        if title is not None:
            divided.append(Chapter(title, item.at_s, paused_s=paused_s))
            frozen_at, paused_s = None, None
        if isinstance(item, Told):
            if item.event["type"] in _REPORTS:
                divided[-1].report = item.event["record"]
        elif item.what == "frozen":
            frozen_at = item.at_s
        elif item.what == "thawed":
            paused_s = item.at_s - (frozen_at or item.at_s)
        elif item.who != ENVIRONMENT:
            divided[-1].moments.append(item)
    return divided


def _title(item: Moment | Told) -> str | None:
    """Name the chapter that begins with this, if one does."""
    if isinstance(item, Moment):
        kind, _, reason = item.what.partition(": ")
        return f"SHUTDOWN {reason}" if kind == "shutdown" else None
    record = item.event["record"]
    match item.event["type"]:
        case "platform.initStart":
            return "INIT" if record["phase"] == "init" else "INIT again, within an invocation"
        case "platform.start":
            return f"INVOKE {record['requestId']}"
        case _:
            return None


def explain(parts: Sequence[Chapter]) -> str:
    """Tell chapters, a line for each moment, with what there is to learn from them."""
    names = [len(moment.who) for part in parts for moment in part.moments]
    width = min(max(names, default=0), _NAME_WIDTH_MAX)
    return "".join(f"{line}\n" for part in parts for line in _told(part, width))


def _told(part: Chapter, width: int) -> Iterator[str]:
    if part.paused_s is not None:
        yield f"frozen for {_duration(part.paused_s)}"
    yield printable(f"{part.title}{_verdict(part.report)}")
    for moment in part.moments:
        instant = f"+{_duration(moment.at_s - part.began_at)}"
        yield printable(f"{instant:>{_INSTANT_WIDTH}}  {moment.who:<{width}}  {moment.what}")
    for lesson in _lessons(part):
        yield printable(f"{'':{_INSTANT_WIDTH}}  → {lesson}")


def _verdict(report: Record | None) -> str:
    if report is None:
        return ""
    error_type = report.get("errorType")
    return f": {report['status']}" + (f", {error_type}" if error_type else "")


def _lessons(part: Chapter) -> Iterator[str]:
    yield from _start_of_runtime(part)
    yield from _wait_for_all(part)
    yield from _bill(part.report)


def _start_of_runtime(part: Chapter) -> Iterator[str]:
    """Lambda starts the runtime when every extension has registered."""
    registered = [moment for moment in part.moments if moment.what == "registered"]
    if registered:
        last = registered[-1]
        yield (
            f"the runtime was started when {last.who} had registered, "
            f"{_duration(last.at_s - part.began_at)} in"
        )


def _wait_for_all(part: Chapter) -> Iterator[str]:
    """An initialisation or an invocation ends when all have asked next."""
    responded = [moment for moment in part.moments if moment.what == "responded"]
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


def _duration(duration_s: float) -> str:
    return duration_text(round(duration_s * 1e9))
