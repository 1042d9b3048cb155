"""The exporters of OTLP in a document: a module for each, with ``KEYS`` and ``read``.

Variables alone make these exporters too, and must not load what only documents need; so this
is apart from what sends. Other exporters are one module each, in `collector_ext.edge.senders`.
"""
