"""``explain``: the effective pipelines."""

from __future__ import annotations

from collector_ext.commands.reading import receiver_port, source_of
from collector_ext.core.config import explanation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def explain(file: str | None, variables: Mapping[str, str], say: Callable[[str], None]) -> int:
    """Say which way data takes; return the exit status.

    Args:
        file: A document, by its path or URI; None for what the environment says.
        variables: Of the environment.
        say: Takes a line.
    """
    source = source_of(file, variables)
    configuration = source.configuration({})
    say(f"configured by {source.name}")
    for line in explanation.pipelines(configuration, receiver_port(variables)):
        say(line)
    if not configuration.pipelines:
        say("nothing is exported")
    for remark in (*configuration.remarks, *configuration.ignored):
        say(f"note: {remark}")
    return 0 if configuration.pipelines else 2
