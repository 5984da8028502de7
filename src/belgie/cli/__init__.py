"""The command `belgie`, of the extra `belgie[cli]`; its README, beside this file, has an example of each use.

`belgie` and `belgie.alchemy` never import it, and it imports nothing of theirs before a command needs it.
"""

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command with the arguments of this process, and exit: 0 well done, 1 failed, 2 wrongly called."""
    try:
        from belgie.cli.app import run  # noqa: PLC0415 - Typer is an extra
    except ModuleNotFoundError as error:
        if error.name != "typer":
            raise
        sys.exit("belgie: this command needs Typer, which is not installed. Install it: pip install 'belgie[cli]'")
    sys.exit(run(sys.argv[1:]))
