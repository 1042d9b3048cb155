"""Reads secrets: from Secrets Manager, Parameter Store and S3, as few calls as may be.

Sources: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_BatchGetSecretValue.html
and https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html
"""

from __future__ import annotations

import _thread
import json

from collector_ext.core.secrets import (
    PARAMETER_STORE,
    REFRESH_S_MIN,
    SECRETS_MANAGER,
    Fault,
    Reference,
    Secrets,
    reference_of,
)
from collector_ext.edge import clock
from collector_ext.edge.aws import Aws, AwsError, clause

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    Answers = dict[str, str | Fault]

_SECRETS_PER_CALL, _PARAMETERS_PER_CALL = 20, 10
"""The services' own limits."""

_OBJECT_BYTES_MAX = 1024 * 1024  # a configuration file


class SecretKeeper:
    """Know the secrets of all exporters, and read them when they are needed or were refused.

    Each exporter has a thread; while one has secrets read, others that need some wait for it.

    Args:
        references: Of all exporters: those that are due are read together.
        resolve: Asks for them, within a deadline; of AWS, unless a test has another idea.
        refresh_s_min: Between two refusals that are a reason to read them again.
    """

    def __init__(
        self,
        references: Iterable[str],
        resolve: Callable[[Iterable[str], float], Mapping[str, str | Fault]] | None = None,
        *,
        refresh_s_min: float = REFRESH_S_MIN,
    ) -> None:
        self._secrets = Secrets(references, refresh_s_min=refresh_s_min)
        self._resolve = resolve or Resolver().resolve
        self._lock = _thread.allocate_lock()

    def known(self, references: tuple[str, ...], deadline_at: float) -> dict[str, str]:
        """Return the values of ``references``, read now if they must be.

        Raises:
            LookupError: One has none; the message is a clause that names it.
        """
        if not self._lock.acquire(timeout=max(0.0, deadline_at - clock.now())):
            message = "secrets are still being read"
            raise LookupError(message)
        try:
            due = self._secrets.due(clock.now())
            if any(reference in due for reference in references):
                self._secrets.settle(self._resolve(due, deadline_at), clock.now())
            fault = self._secrets.fault_of(references)
            if fault:
                raise LookupError(fault)
            return {reference: self._secrets.values[reference] for reference in references}
        finally:
            self._lock.release()

    def refused(self, references: tuple[str, ...]) -> None:
        """Have these read again by the next ``known``, unless they just were for this reason."""
        with self._lock:
            self._secrets.refused(references, clock.now())


class Resolver:
    """Ask AWS. It is imported by the first call."""

    def __init__(self) -> None:
        self._aws: Aws | None = None

    def resolve(self, references: Iterable[str], deadline_at: float) -> Answers:
        """Return for each reference its value, or why there is none."""
        references = tuple(references)
        answers: Answers = {}
        groups: dict[tuple[str, str], list[Reference]] = {}
        for text in references:
            try:
                reference = reference_of(text)
            except ValueError as fault:
                answers[text] = Fault(str(fault))
                continue
            groups.setdefault((reference.service, reference.region), []).append(reference)
        for (service, region), group in groups.items():
            texts = self._texts(service, region, group, deadline_at)
            answers |= {r.text: _value(r, texts[r.name]) for r in group}
        return {text: answers[text] for text in references}

    def _texts(
        self, service: str, region: str, group: list[Reference], deadline_at: float
    ) -> Answers:
        """Return by name what is stored, all of it."""
        names = list(dict.fromkeys(reference.name for reference in group))
        try:
            if self._aws is None:
                self._aws = Aws()
            exceptions = self._aws.load("botocore.exceptions")
        except AwsError as fault:
            return dict.fromkeys(names, Fault(str(fault)))
        try:
            client = self._aws.client(service, region, deadline_at)
        except AwsError as fault:
            return dict.fromkeys(names, Fault(str(fault)))
        except (exceptions.BotoCoreError, ValueError) as fault:  # e.g. what is no region
            return dict.fromkeys(names, Fault(clause(fault)))
        calls = _Calls(client, (exceptions.BotoCoreError, exceptions.ClientError))
        with self._aws.importable():
            if service == SECRETS_MANAGER:
                return calls.secrets(names)
            if service == PARAMETER_STORE:
                return calls.parameters(names)
            return {name: calls.one(calls.object, name) for name in names}


class _Calls:
    """What is asked of one service in one region."""

    def __init__(self, client: Any, faults: tuple[type[Exception], ...]) -> None:  # noqa: ANN401 - botocore has no types
        self._client = client
        self._faults = faults

    def one(self, call: Callable[[str], str], name: str) -> str | Fault:
        """Return what a call gives, or why it gives nothing."""
        try:
            return call(name)
        except self._faults as fault:
            return Fault(clause(fault))
        except UnicodeDecodeError:
            return Fault("it is not text")

    def secrets(self, names: list[str]) -> Answers:
        """Read secrets together; alone those that were not among what came back.

        A policy may allow GetSecretValue only, and an older botocore knows nothing else.
        """
        found: Answers = {}
        if len(names) > 1 and hasattr(self._client, "batch_get_secret_value"):
            for at in range(0, len(names), _SECRETS_PER_CALL):
                found |= self._batch(names[at : at + _SECRETS_PER_CALL])
        return found | {n: self.one(self._secret, n) for n in names if n not in found}

    def _batch(self, names: list[str]) -> Answers:
        try:
            entries = self._client.batch_get_secret_value(SecretIdList=names)["SecretValues"]
            by_name = {name: _entry_of(name, entries) for name in names}
            return {name: _text(entry) for name, entry in by_name.items() if entry}
        except self._faults:
            return {}  # What each of them is answered is more to the point.
        except UnicodeDecodeError:
            return {}  # As above: one of them is not text.

    def _secret(self, name: str) -> str:
        return _text(self._client.get_secret_value(SecretId=name))

    def parameters(self, names: list[str]) -> Answers:
        """Read parameters together, decrypted."""
        found: Answers = {}
        for at in range(0, len(names), _PARAMETERS_PER_CALL):
            part = names[at : at + _PARAMETERS_PER_CALL]
            try:
                answer = self._client.get_parameters(Names=part, WithDecryption=True)
            except self._faults as fault:
                found |= dict.fromkeys(part, Fault(clause(fault)))
                continue
            for parameter in answer["Parameters"]:
                selectors = (parameter.get("Selector", ""), f":{parameter.get('Version')}")
                for name in (parameter["Name"], parameter.get("ARN", "")):
                    found |= {name + selector: parameter["Value"] for selector in selectors}
        return {name: found.get(name, Fault("there is no such parameter")) for name in names}

    def object(self, name: str) -> str:
        """Return an object of S3."""
        bucket, _, key = name.partition("/")
        body = self._client.get_object(Bucket=bucket, Key=key)["Body"]
        content: bytes = body.read(_OBJECT_BYTES_MAX)
        return content.decode()


def _entry_of(name: str, entries: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the entry of a name, an ARN, or an ARN without its six random characters."""
    for entry in entries:
        if name in (entry["Name"], entry["ARN"]) or entry["ARN"].rpartition("-")[0] == name:
            return entry
    return None


def _text(entry: dict[str, Any]) -> str:
    text: str = entry.get("SecretString") or entry["SecretBinary"].decode()
    return text


def _value(reference: Reference, text: str | Fault) -> str | Fault:
    """Return the part of a secret that a reference is for. What it holds is never quoted."""
    if isinstance(text, Fault) or not reference.key:
        return text
    try:
        content = json.loads(text)
    except ValueError:
        return Fault("it is not JSON, so that it has no keys")
    if not isinstance(content, dict) or reference.key not in content:
        return Fault(f"it has no key {reference.key!r}")
    value = content[reference.key]
    return value if isinstance(value, str) else json.dumps(value)
