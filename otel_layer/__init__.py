"""The internal half: makes one Python function observable from inside its own process."""
