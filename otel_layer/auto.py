"""``import otel_layer.auto``, for code that owns its entry point.

Instruments the libraries this code imports, now and later. Where Lambda's runtime client for
Python runs the code, its handler is traced as well: make it the first import of the handler's
module. With the exec wrapper it does nothing that is not done already.
"""

from __future__ import annotations

from otel_layer.assembly import layer

layer().join_runtime()
