"""Payloads as a receiver makes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from collector_ext.core.otlp import PROTOBUF, Payload
from collector_ext.core.otlp_items import item_count

if TYPE_CHECKING:
    from collector_ext.core.otlp import Signal


def payload_of(
    signal: Signal, content_type: str, body: bytes, *, is_suspect: bool = False
) -> Payload:
    """Return a payload; what is no export request in protobuf counts as one item."""
    count = item_count(signal, body) if content_type == PROTOBUF else 1
    return Payload(signal, content_type, body, count or int(bool(body)), is_suspect)
