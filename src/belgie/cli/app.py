"""The commands and their options."""

import secrets
import traceback
from contextvars import ContextVar
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Final

import typer

_SECRET_BYTES: Final = 32
_EXIT_CODES: Final = "Exit codes: 0 well done, 1 failed (the reason is on standard error), 2 wrongly called."
_HELP_NAMES: Final = {"help_option_names": ["-h", "--help"]}
_show_traceback: ContextVar[bool] = ContextVar("belgie.cli.traceback", default=False)

app = typer.Typer(
    name="belgie",
    add_completion=False,
    context_settings=_HELP_NAMES,
    epilog=_EXIT_CODES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
db = typer.Typer(
    context_settings=_HELP_NAMES,
    epilog=(
        "The database is the one of BELGIE_DATABASE_URL, or of BELGIE_DATABASE_HOST and its like. There is no option "
        "for the URL: every user of the machine sees the arguments of a command, and the URL holds the password. "
        + _EXIT_CODES
    ),
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(
    db,
    name="db",
    help="Look at the database, make its tables, clear it of what has expired.",
    short_help="Chores of the database.",
)


def run(arguments: list[str]) -> int:
    """Run the command and return its exit code."""
    try:
        app(arguments, prog_name="belgie")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    except Exception as error:  # noqa: BLE001 - whatever it is, a traceback is no answer
        return _report(error)
    return 0


def _report(error: Exception) -> int:
    from belgie.cli.failure import explain, place  # noqa: PLC0415 - loads SQLAlchemy

    if _show_traceback.get():
        traceback.print_exception(error)
        return 1
    text = explain(error)
    if text is None:
        text = f"unexpected {type(error).__name__} ({place(error)})\nThe whole error: belgie --traceback ..."
    typer.echo(f"belgie: {text}", err=True)
    return 1


def _print_version(value: bool) -> None:
    if value:
        typer.echo(f"belgie {version('belgie')}")
        raise typer.Exit


@app.callback()
def main(
    *,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    show_traceback: Annotated[
        bool, typer.Option("--traceback", help="Show an error with its traceback. It may hold secrets.")
    ] = False,
) -> None:
    """The chores around belgie's sign-in: its secret, its database."""
    _show_traceback.set(show_traceback)


@app.command(short_help="Print a new secret.")
def secret() -> None:
    """Print a new secret, for BELGIE_SECRET: 32 random bytes in 43 characters that need no quoting."""
    typer.echo(secrets.token_urlsafe(_SECRET_BYTES))


_Name = Annotated[
    str | None,
    typer.Option("--name", metavar="NAME", help="One of several databases: the one of BELGIE_DATABASE_<NAME>__URL."),
]
_EnvFile = Annotated[
    Path | None,
    typer.Option(
        "--env-file",
        metavar="FILE",
        exists=True,
        dir_okay=False,
        readable=True,
        help="Read variables from this file, too. Those of the environment win.",
    ),
]


@db.command(short_help="Ask whether it answers.")
def ping(
    *,
    wait: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", min=0, help="Go on trying so long, for a database that is starting."),
    ] = None,
    name: _Name = None,
    env_file: _EnvFile = None,
) -> None:
    """Ask the database for its version, and print that and how long it took, connecting included."""
    from belgie.cli import database, loop  # noqa: PLC0415 - loads SQLAlchemy

    typer.echo(loop.finish(database.ping(database.runtime_of(name, env_file), wait)))


def _target(value: str) -> str:
    module, colon, path = value.partition(":")
    names = [*module.split("."), *path.split(".")]
    if not colon or module.endswith(".py") or not all(name.isidentifier() for name in names):
        msg = "expected MODULE:NAME, such as app.models:Base for the Base of app/models.py"
        raise typer.BadParameter(msg)
    return value


@db.command(short_help="Create the missing tables of MODULE:BASE.")
def create(
    base: Annotated[
        str,
        typer.Argument(metavar="MODULE:BASE", callback=_target, help="The models' declarative base, or a MetaData."),
    ],
    *,
    name: _Name = None,
    env_file: _EnvFile = None,
) -> None:
    """Create the tables that are missing, from MODULE:BASE, such as app.models:Base.

    The module is imported from the working directory. Tables that are there stay as they are, whether or not they agree
    with the models: that is for migrations.
    """
    from belgie.cli import database, load, loop  # noqa: PLC0415 - loads SQLAlchemy

    metadata = load.load_metadata(base)
    created = loop.finish(database.create(database.runtime_of(name, env_file), metadata))
    for table in created:
        typer.echo(f"created {table}")
    if not created:
        typer.echo(f"nothing to create: the {len(metadata.tables)} tables are there")


@db.command(short_help="Delete expired sessions and sign-ins.")
def purge(
    *,
    adapter: Annotated[
        str,
        typer.Option(
            metavar="MODULE:ADAPTER", callback=_target, help="The application's AlchemyAdapter, as in app.main:adapter."
        ),
    ],
    batch: Annotated[
        int | None,
        typer.Option(metavar="ROWS", min=1, help="Rows to delete at a time; by default, as the adapter says (1000)."),
    ] = None,
) -> None:
    """Delete the sessions and the unfinished sign-ins that have expired, and print how many there were.

    The module is imported from the working directory, with the settings that the application needs; the database is the
    adapter's own. Every batch is committed by itself, and nobody has to wait: it can run while the application does.
    """
    from belgie.cli import expired, load, loop  # noqa: PLC0415 - loads SQLAlchemy

    loop.finish(expired.purge(load.load_adapter(adapter), batch))
