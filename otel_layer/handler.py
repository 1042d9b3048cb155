"""The handler to configure by hand, where the exec wrapper cannot be used.

``otel_layer.handler.handler`` as the function's handler, and the function's own one in
``OTEL_LAYER_HANDLER`` (``ORIG_HANDLER``, as other layers call it, is read too). It is also
what ``_HANDLER`` is made to name where the runtime is of a kind we do not know.
"""

from __future__ import annotations

from otel_layer.assembly import layer

handler = layer().configured_handler()
