"""``python -m collector_ext``: look at a configuration without a function.

    python -m collector_ext validate FILE     what is wrong with it, and what it comes to
    python -m collector_ext validate --env    the same of the variables of this environment
    python -m collector_ext explain [FILE]    which way data takes

Exit status of validate: 0 nothing is wrong, 1 some of it cannot be used, 2 nothing is exported.
"""

from __future__ import annotations

import argparse
import sys

from collector_ext import settings
from collector_ext.commands.explain import explain
from collector_ext.commands.validate import validate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str]) -> int:
    """Carry out the command; return the exit status."""
    parsed = _parser().parse_args(arguments)
    variables = settings.environment()
    command = {"validate": validate, "explain": explain}[parsed.command]
    return command(parsed.file, variables, _say)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m collector_ext",
        description="Look at a configuration of the collector. Secrets are never shown.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser("validate", help="what is wrong with it, and what it comes to")
    what = check.add_mutually_exclusive_group(required=True)
    what.add_argument("file", nargs="?", metavar="FILE", help="a document: a path or a URI")
    what.add_argument("--env", action="store_true", help="what this environment's variables say")
    way = commands.add_parser("explain", help="which way data takes")
    way.add_argument("file", nargs="?", metavar="FILE", help="a document; without, the variables")
    return parser


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
