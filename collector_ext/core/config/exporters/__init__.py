"""Exporters of a document: a module for each type, with the ``KEYS`` it reads and ``read``."""
