"""What is known of the secrets that the configuration refers to, and when to ask again.

Promises: a secret that is known is not asked for again unless an endpoint refused us; however
often one does, that is a reason at most once in ``REFRESH_S_MIN``; a value that was known is used
until another is.
"""

from __future__ import annotations

from collector_ext.core.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

REFRESH_S_MIN = 30.0
"""Between two refusals that are a reason to read a known secret again. What Secrets Manager
rotates is known everywhere within seconds; each reading is billed ($0.05 for 10,000) and
delays an export by some 100 ms."""

RETRY_S_MIN = 1.0
"""Until a secret that could not be read is asked for again: then twice as long each time."""

RETRY_S_MAX = 300.0

_NEVER = float("inf")

SECRETS_MANAGER, PARAMETER_STORE, S3 = "secretsmanager", "ssm", "s3"


class Fault(Value):
    """Why a reference has no value; one clause without its content."""

    reason: str


class Reference(Value):
    """Where a secret is, as ``secretsmanager:name-or-arn#key``, ``ssm:name``, ``s3://…`` say."""

    text: str  # all of it, for messages
    service: str  # SECRETS_MANAGER, PARAMETER_STORE or S3
    name: str  # or ARN; of an S3 object bucket/key
    key: str  # of the JSON object that the secret is; empty for all of its text
    region: str  # empty for the function's own


def reference_of(text: str) -> Reference:
    """Return what a reference refers to.

    Raises:
        ValueError: It is none.
    """
    service, _, rest = text.partition(":")
    if service == S3:
        return _object(text, rest)
    name, _, key = rest.partition("#")
    if service not in {SECRETS_MANAGER, PARAMETER_STORE} or not name:
        message = f"{text!r} is not secretsmanager:…, ssm:… or s3://…"
        raise ValueError(message)
    return Reference(text, service, name, key, _region_of(name))


class Secrets:
    """Keep the values of references.

    Args:
        references: As the configuration has them.
        refresh_s_min: Between two refusals that count.

    Attributes:
        values: By reference; without those that are not known.
    """

    def __init__(self, references: Iterable[str], *, refresh_s_min: float = REFRESH_S_MIN) -> None:
        self._refresh_s_min = refresh_s_min
        self._references = tuple(dict.fromkeys(references))
        self._faults: dict[str, str] = {}
        self._due_at = dict.fromkeys(self._references, float("-inf"))
        self._pauses_s = dict.fromkeys(self._references, RETRY_S_MIN)
        self._refused_at: dict[str, float] = {}
        self.values: dict[str, str] = {}

    def due(self, now: float) -> tuple[str, ...]:
        """Return the references to ask for now; feed what comes back to ``settle``."""
        return tuple(r for r in self._references if self._due_at[r] <= now)

    def settle(self, answers: Mapping[str, str | Fault], now: float) -> None:
        """Take what was found. What is missing from ``answers`` is asked for again."""
        for reference, answer in answers.items():
            if isinstance(answer, Fault):
                self._faults[reference] = answer.reason
                self._due_at[reference] = now + self._pauses_s[reference]
                self._pauses_s[reference] = min(2 * self._pauses_s[reference], RETRY_S_MAX)
            else:
                self.values[reference] = answer
                self._faults.pop(reference, None)
                self._pauses_s[reference] = RETRY_S_MIN
                self._due_at[reference] = _NEVER

    def refused(self, references: Iterable[str], now: float) -> None:
        """An endpoint did not accept these: have them read again, unless it did so just now."""
        for reference in references:
            if self._due_at[reference] != _NEVER:
                continue  # It has its time already.
            refused_at = self._refused_at.get(reference, float("-inf"))
            # Also when the clock was set back.
            if not 0 <= now - refused_at < self._refresh_s_min:
                self._due_at[reference] = self._refused_at[reference] = now

    def fault_of(self, references: Iterable[str]) -> str:
        """Return what is missing, and why, as one clause; empty when all are known."""
        for reference in references:
            if reference not in self.values:
                why = self._faults.get(reference, "it has not been read")
                return f"the secret {reference} is not known: {why}"
        return ""


def _region_of(name: str) -> str:
    """Return the region of an ARN: arn:partition:service:region:account:resource."""
    parts = name.split(":", 5)
    return parts[3] if parts[0] == "arn" and len(parts) == 6 else ""  # noqa: PLR2004 - as above


def _object(text: str, rest: str) -> Reference:
    """Return an object of S3: ``//bucket.s3.region.amazonaws.com/key`` or ``//bucket/key``."""
    host, _, key = rest.removeprefix("//").partition("/")
    bucket, _, domain = host.partition(".s3.")
    region = domain.partition(".amazonaws.com")[0]
    if not bucket or not key:
        message = f"{text!r} is not s3://bucket.s3.region.amazonaws.com/key"
        raise ValueError(message)
    return Reference(text, S3, f"{bucket}/{key}", "", region)
