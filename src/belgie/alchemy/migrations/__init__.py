"""Alembic for an application on belgie's database settings: `env.py` in three lines, on both databases.

It needs the extra `belgie[migrations]`. `MIGRATIONS.md`, beside this package, shows the way from `alembic init` on.
"""

try:
    import alembic as _alembic
except ModuleNotFoundError as error:
    if error.name != "alembic":
        raise
    msg = (
        "belgie.alchemy.migrations needs Alembic, which is not installed. Install it: pip install 'belgie[migrations]'"
    )
    raise ModuleNotFoundError(msg, name="alembic") from None

from belgie.alchemy.migrations.environment import run_migrations, upgrade

__all__ = ["run_migrations", "upgrade"]

del _alembic
