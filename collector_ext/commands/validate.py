"""``validate``: what is wrong with a configuration, and what it came to."""

from __future__ import annotations

from collector_ext.commands.reading import source_of
from collector_ext.core.config import explanation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SOUND, FAULTY, UNUSABLE = 0, 1, 2
"""Exit statuses: nothing to complain about; some of it cannot be used; nothing is exported."""


def validate(file: str | None, variables: Mapping[str, str], say: Callable[[str], None]) -> int:
    """Say what is wrong with a configuration and what its settings are; return the exit status.

    Args:
        file: A document, by its path or URI; None for what the environment says.
        variables: Of the environment.
        say: Takes a line.
    """
    configuration = source_of(file, variables).configuration({})
    for remark in configuration.remarks:
        say(f"fault    {remark}")
    for remark in configuration.ignored:
        say(f"ignored  {remark}")
    for reference in configuration.secrets:
        say(f"secret   {reference} is read before the first export")
    for exporter in configuration.exporters.values():
        for line in explanation.settings(exporter):
            say(line)
    if not configuration.pipelines:
        say("unusable: nothing is exported")
        return UNUSABLE
    count = len(configuration.remarks)
    pipelines = ", ".join(pipeline.id for pipeline in configuration.pipelines)
    say(f"{'faulty' if count else 'sound'}: {count} faults; exported are {pipelines}")
    return FAULTY if count else SOUND
