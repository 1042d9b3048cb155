"""The only module that reads the clock."""

import time

now = time.time
"""Seconds since the epoch: the clock of Lambda's deadlines, which goes on in a freeze."""
