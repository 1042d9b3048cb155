"""Who may call what, and when: the state machines and the error tables, as data."""
