"""Composition root of what is loaded after the first ``next``: it knows every other module."""

from __future__ import annotations

from collector_ext import settings
from collector_ext.core import telemetry
from collector_ext.core.actions import INFO, WARN
from collector_ext.core.config.delivery import Delivery, delivery_from
from collector_ext.core.config.own import without_ourselves
from collector_ext.core.config.start_line import start_line
from collector_ext.core.config.variables import TIMEOUT_S
from collector_ext.core.delivery.outbox import Outbox
from collector_ext.core.delivery.pipelines import Pipeline, Pipelines
from collector_ext.core.events import KeptFound, NextFailed
from collector_ext.core.lifecycle import Lifecycle
from collector_ext.edge import clock
from collector_ext.edge.chance import chance, random_bytes
from collector_ext.edge.config_sources import source_from
from collector_ext.edge.exporter import Exporter
from collector_ext.edge.extensions_api import ExtensionsApi
from collector_ext.edge.log import Log
from collector_ext.edge.receiver import Receiver
from collector_ext.edge.senders.table import sender_of
from collector_ext.edge.telemetry_api import TelemetryApi
from collector_ext.runner import Runner
from collector_ext.session import Session
from collector_ext.version import VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from collections.abc import Callable, Mapping
    from typing import Protocol

    from collector_ext.core.events import Event
    from collector_ext.core.initialisation import FailedInit
    from collector_ext.core.otlp import Signal
    from collector_ext.edge.config_sources import Source
    from collector_ext.edge.exporter import Sender
    from collector_ext.edge.keeper import Keeper
    from collector_ext.edge.telemetry_api import ReadBatch
    from collector_ext.observation import Observation
    from collector_ext.runner import Core, Receiving

    class Listeners(Protocol):
        """What `start` has bound before it registered."""

        receiver: _socket.socket
        telemetry: _socket.socket
        wanted_port: int
        has_telemetry: bool
        has_function_logs: bool
        remarks: list[str]


def collect(session: Session, listeners: Listeners) -> None:
    """Receive, buffer and export until SHUTDOWN.

    Args:
        session: Registered, the first ``next`` asked for.
        listeners: Owned by the collector from now on.
    """
    variables = settings.environment()
    options = settings.settings_from(variables)
    log = Log(is_json=options.is_log_json)
    collector = Collector(source_from(variables), delivery_from(variables), listeners, log)
    for remark in (*listeners.remarks, *collector.remarks):
        log.say(WARN, remark)
    for remark in collector.notes:
        log.say(INFO, remark)
    core, read = collector.core(variables, is_managed_instance=options.is_managed_instance)
    keeper = collector.keeper()
    kept = keeper.kept() if keeper else {}
    events: list[Event] = [KeptFound(exporter, payloads) for exporter, payloads in kept.items()]
    if not session.awaiting_next:
        events.append(NextFailed("it was not asked for"))
    receiver = collector.receiver()
    platform = TelemetryApi(listeners.telemetry, read) if listeners.has_telemetry else None
    runner = Runner(
        core,
        extensions_api=ExtensionsApi(session),
        telemetry=platform,
        receiver=receiver,
        exporter=Exporter(collector.senders),
        keep=keeper.keep if keeper else None,
        say=log.say,
        now=clock.now,
    )
    try:
        runner.run(*events)
    finally:
        receiver.close()
        if platform:
            platform.close()


class Collector:
    """What a configuration comes to: pipelines, and senders at their ends.

    Args:
        source: Of the configuration.
        delivery: When and how telemetry leaves, whoever exports it.
        listeners: Where our receivers are.
        log: Where telemetry may be written.

    Attributes:
        remarks: What could not be used, in a sentence each.
        notes: What there is to know beside that.
    """

    def __init__(self, source: Source, delivery: Delivery, listeners: Listeners, log: Log) -> None:
        self.delivery = delivery
        self._log = log
        self._source = source
        self._listeners = listeners
        found = source.configuration({})
        grpc = (found.grpc_receiver.port,) if found.grpc_receiver else ()
        http = (listeners.wanted_port, listeners.receiver.getsockname()[1])
        self._own_ports = (*http, *grpc)
        configuration, said = without_ourselves(found, self._own_ports)
        self._configuration = configuration
        self.remarks = [*delivery.remarks, *configuration.remarks]
        self.notes = [*configuration.ignored, *said]
        if configuration.remarks and not configuration.exporters:
            self.notes = []  # One was set, and it is said what is wrong with it.
        self.senders = self._senders()
        if self.senders:
            self.notes.insert(0, start_line(configuration, self.senders))
        self.pipelines = self._pipelines()

    @property
    def export_timeout_s(self) -> float:
        """How long an export may take: as long as the most patient exporter."""
        exporters = [self._configuration.exporters[name] for name in self.senders]
        timeouts = [exporter.timeout_s_max() for exporter in exporters]
        return max(timeouts, default=0.0) or TIMEOUT_S

    def _senders(self) -> dict[str, Sender]:
        senders = self._resolving_senders() if self._configuration.secrets else {}
        for name, exporter in self._configuration.exporters.items():
            if name in senders:
                continue
            try:
                senders[name] = sender_of(exporter, own_ports=self._own_ports, log=self._log)
            except ValueError as fault:
                self.remarks.append(f"{name} cannot be used: {fault}; nothing is exported by it")
        return {name: senders[name] for name in self._configuration.exporters if name in senders}

    def _resolving_senders(self) -> dict[str, Sender]:
        """Return the senders that are made of secrets; each waits for its own alone."""
        # Only for those who keep secrets elsewhere: it brings `json`, and later botocore.
        from collector_ext.edge.secrets import SecretKeeper  # noqa: PLC0415
        from collector_ext.edge.senders.resolving import (  # noqa: PLC0415
            ResolvingSender,
            references_of,
        )

        references = references_of(self._source.configuration)
        used = {reference: None for own in references.values() for reference in own}
        self.remarks += [
            f"{reference} stands where no exporter can use it; it is not read"
            for reference in self._configuration.secrets
            if reference not in used
        ]
        keeper = SecretKeeper(used)
        return {
            name: ResolvingSender(keeper, own, self._builder_of(name))
            for name, own in references.items()
            if own and name in self._configuration.exporters
        }

    def _builder_of(self, name: str) -> Callable[[Mapping[str, str]], Sender]:
        def build(values: Mapping[str, str]) -> Sender:
            exporters = self._source.configuration(values).exporters
            if name not in exporters:
                message = f"{name} cannot be used with the secrets as they are"
                raise ValueError(message)
            return sender_of(exporters[name], own_ports=self._own_ports, log=self._log)

        return build

    def _pipelines(self) -> Pipelines:
        exporters = self._configuration.exporters
        limits = self.delivery.limits
        outboxes = {
            name: Outbox(name, exporters[name].names(), limits, chance) for name in self.senders
        }
        pipelines = [
            Pipeline(
                pipeline.id,
                pipeline.signal,
                [processor for _, processor in pipeline.processors],
                [outboxes[name] for name in pipeline.exporters if name in outboxes],
                held_bytes_max=limits.buffer_bytes_max,
            )
            for pipeline in self._configuration.pipelines
        ]
        return Pipelines(pipelines, outboxes, _to_protobuf)

    def core(
        self, variables: Mapping[str, str], *, is_managed_instance: bool
    ) -> tuple[Core, ReadBatch]:
        """Return what the loop drives, and what reads the platform's telemetry for it.

        Args:
            variables: Of the function.
            is_managed_instance: Whether there are no INVOKE events.
        """
        delivery, observation = self.delivery, self._observation(variables)
        lifecycle = Lifecycle(
            self.pipelines,
            delivery.flush_strategy(is_managed_instance=is_managed_instance),
            flush_timeout_s=delivery.flush_timeout_s or self.export_timeout_s,
            has_telemetry=self._listeners.has_telemetry,
            report=observation.report(self.pipelines) if observation else None,
            root_of=_root_maker(variables),
        )
        around = observation.around(lifecycle) if observation else None
        return around or (lifecycle, telemetry.events_in)

    def _observation(self, variables: Mapping[str, str]) -> Observation | None:
        if not self.delivery.has_observation:
            return None
        from collector_ext.observation import Observation  # noqa: PLC0415 - if wanted

        exported = {pipeline.signal for pipeline in self._configuration.pipelines}
        listeners = self._listeners
        return Observation(
            self.delivery,
            exported,
            variables,
            self._log,
            has_telemetry=listeners.has_telemetry,
            has_function_logs=listeners.has_function_logs,
        )

    def keeper(self) -> Keeper | None:
        """Return what keeps payloads for the next process, if that is configured."""
        spill_bytes_max = self.delivery.limits.spill_bytes_max
        if not spill_bytes_max:
            return None
        from collector_ext.edge.keeper import Keeper  # noqa: PLC0415 - where it is configured
        from collector_ext.edge.spill_store import SpillStore  # noqa: PLC0415 - likewise

        return Keeper(SpillStore(self.delivery.spill_path, spill_bytes_max), self._log.say)

    def receiver(self) -> Receiving:
        """Return what receives from the function: over HTTP, and over gRPC where it is wanted."""
        receiver = Receiver(self._listeners.receiver)
        wanted = self._configuration.grpc_receiver
        if wanted is None:
            return receiver
        from collector_ext.edge.grpc_receiver import GrpcReceiver, Receivers  # noqa: PLC0415

        try:
            return Receivers(receiver, GrpcReceiver(wanted))
        except ValueError as fault:
            self._log.say(WARN, f"OTLP/gRPC is not received: {fault}; OTLP/HTTP is")
            return receiver


def _root_maker(variables: Mapping[str, str]) -> Callable[[FailedInit], bytes] | None:
    """Return what makes the root of an invocation that failed with its initialisation."""
    if variables.get("OTEL_TRACES_SAMPLER", "").endswith("always_off"):
        return None  # The internal half, had it come to it, would not have made one either.

    def root(failure: FailedInit) -> bytes:
        from collector_ext.core import failed_init  # noqa: PLC0415 - when one has failed
        from collector_ext.core.config.resource import resource_of  # noqa: PLC0415 - likewise

        ids = random_bytes(failed_init.TRACE_ID_BYTES + failed_init.SPAN_ID_BYTES)
        return failed_init.root_of(failure, resource_of(variables), VERSION, ids)

    return root


def _to_protobuf(signal: Signal, body: bytes) -> bytes:
    # Only when a processor wants what came in JSON.
    from collector_ext.core.transcode.from_json import json_to_protobuf  # noqa: PLC0415

    return json_to_protobuf(signal, body)
