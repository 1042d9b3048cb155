"""One module for each kind of exporter: how an export request leaves."""
