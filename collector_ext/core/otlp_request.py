"""Export requests of our own, written on the wire: what those of all signals have in common.

Shapes, from opentelemetry-proto v1, for ``Spans``, ``Metrics`` and ``Logs`` in place of X::

    ExportXServiceRequest  1: ResourceX*
    ResourceX              1: Resource {1: KeyValue*}  2: ScopeX*  3: schema_url
    ScopeX                 1: InstrumentationScope {1: name  2: version}  2: items

Loaded when the collector makes a request itself.
"""

from __future__ import annotations

from collector_ext.core.processors.any_value import field, write, write_key_value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def request(resource: bytes, scope_name: str, version: str, items: Iterable[bytes]) -> bytes:
    """Return a serialised export request.

    Args:
        resource: Fields of the ResourceX, with their tags: its resource, and its schema_url.
        scope_name: Of what made the items.
        version: Likewise.
        items: Spans, metrics or log records, serialised.
    """
    scope = field(1, scope_name.encode()) + field(2, version.encode())
    content = b"".join([field(2, item) for item in items])
    return field(1, resource + field(2, field(1, scope) + content))


def attributes(number: int, pairs: Iterable[tuple[str, object]]) -> bytes:
    """Return fields of a number with a ``KeyValue`` for each pair."""
    return b"".join([field(number, write_key_value(key, write(value))) for key, value in pairs])
