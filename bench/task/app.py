"""What is measured: a handler that makes one HTTP call."""

import os

import requests

SESSION = requests.Session()


def handler(event, context):
    return SESSION.get(os.environ["SERVICE_URL"]).status_code
