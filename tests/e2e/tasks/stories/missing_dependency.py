"""A module that imports what was not packaged."""

import not_packaged_at_all


def handler(event, context):
    return not_packaged_at_all
