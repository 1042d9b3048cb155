"""We may lose telemetry; we never lose an invocation.

Each piece of our code that the runtime, the customer's code or the interpreter calls runs
inside a shield. It never surrounds the customer's own code. A fault costs what the piece was
to do, and says so once.
"""

from __future__ import annotations

from types import TracebackType

from otel_layer.edge.interruption import is_interruption
from otel_layer.edge.log import Log


class Shield:
    """Ends every fault of ours."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def __call__(self, purpose: str, consequence: str) -> Shielded:
        """Return the context to run a piece of our code in.

        Args:
            purpose: What it is for, to follow "cannot".
            consequence: What its failure means for the operator.
        """
        return Shielded(self._log, purpose, consequence)


class Shielded:
    """A context that no ``Exception`` leaves, but those of the customer's signal handlers."""

    __slots__ = ("_consequence", "_log", "_purpose")

    def __init__(self, log: Log, purpose: str, consequence: str) -> None:
        self._log = log
        self._purpose = purpose
        self._consequence = consequence

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        fault: BaseException | None,
        where: TracebackType | None,
    ) -> bool:
        """Say what went wrong, once for each purpose, and go on."""
        if fault is None or not isinstance(fault, Exception) or is_interruption(fault):
            return False
        try:
            self._log.say_once(
                self._purpose,
                f"cannot {self._purpose}: {_described(fault, where)}; {self._consequence}",
            )
        except Exception as unsaid:  # the shield, of what it says itself
            if is_interruption(unsaid):
                raise
        return True


def _described(fault: BaseException, where: TracebackType | None) -> str:
    # The innermost frame: one line has to be enough to find the cause.
    while where is not None and where.tb_next is not None:
        where = where.tb_next
    text = f"{type(fault).__name__}: {fault}"
    if where is not None:
        text += f" ({where.tb_frame.f_code.co_filename}:{where.tb_lineno})"
    return text
