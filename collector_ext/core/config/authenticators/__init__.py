"""Extensions that authenticate: a module for each type, with ``KEYS`` and ``read``."""
