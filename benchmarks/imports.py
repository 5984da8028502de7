"""What an import costs: time, memory and modules, each in a fresh process, all of them in turn."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import Final

from benchmarks.contenders.registry import ROOT
from benchmarks.figures import Sample
from benchmarks.tables import markdown

_PROBE: Final = """
import json, sys, time
before = set(sys.modules)
start, used = time.perf_counter(), time.process_time()
{code}
taken, used = time.perf_counter() - start, time.process_time() - used
modules = set(sys.modules)
import psutil
held = psutil.Process().memory_info().rss
tops = {{name.partition(".")[0] for name in modules - before}}
others = tops - sys.stdlib_module_names - {{"auth", "belgie", "benchmarks", "examples", "proto", "__main__"}}
others = {{name for name in others if not name.startswith("_")}}
found = {{"wall": taken * 1e3, "cpu": used * 1e3, "memory": held / 2**20}}
json.dump(found | {{"modules": len(modules), "others": len(others)}}, sys.stdout)
"""

_APPLICATION: Final = """
from fastapi import Depends, FastAPI
from examples.alchemy.auth_models import Account, OAuthState, Session, User
from belgie import AlchemyAdapter, Auth, AuthSettings, DatabaseSettings
db = DatabaseSettings(type="sqlite", database=":memory:")
adapter = AlchemyAdapter(user=User, account=Account, session=Session, oauth_state=OAuthState, db=db)
auth = Auth(settings=AuthSettings(secret="0" * 64, base_url="http://127.0.0.1"), adapter=adapter)
app = FastAPI()
app.include_router(auth.router)
app.get("/me")(lambda: None)
"""

_BY_HAND: Final = """
from fastapi import Depends, FastAPI
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from benchmarks.plain_models import PlainSession, PlainUser
maker = async_sessionmaker(create_async_engine("sqlite+aiosqlite://"), expire_on_commit=False)
app = FastAPI()
app.get("/me")(lambda: None)
"""

CODES: Final = {
    "nothing": "pass",
    "belgie": "import belgie",
    "belgie.proto": "import belgie.proto",
    "fastapi": "import fastapi",
    "sqlalchemy.ext.asyncio": "import sqlalchemy.ext.asyncio",
    "fastapi and sqlalchemy.ext.asyncio": "import fastapi, sqlalchemy.ext.asyncio",
    "auth": "import auth",
    "auth, and Auth used": "from auth import Auth, AuthSettings",
    "belgie.alchemy": "import belgie.alchemy",
    "belgie.alchemy, and used": "from belgie.alchemy import AlchemyAdapter, Base, DatabaseSettings",
    "an application by hand": _BY_HAND,
    "an application with belgie": _APPLICATION,
}


@dataclass(frozen=True, slots=True)
class Cost:
    """One import in one process: milliseconds, mebibytes, and the modules that are loaded then."""

    wall: float
    cpu: float
    memory: float
    modules: int
    others: int


def measure(*, rounds: int) -> None:
    """Import everything in turn, and print the medians; the first round, which compiles modules, does not count."""
    costs: dict[str, list[Cost]] = {name: [] for name in CODES}
    for number in range(-1, rounds):
        for name, code in CODES.items():
            cost = _cost(code)
            if number >= 0:
                costs[name].append(cost)
    rows: list[list[str]] = []
    for name, found in costs.items():
        cpu = Sample.of(cost.cpu for cost in found)
        low, high = cpu.middle_half
        row = [
            name,
            f"{Sample.of(cost.wall for cost in found).median:.0f}",
            f"{cpu.median:.0f}",
            f"{low:.0f} - {high:.0f}",
        ]
        row += [f"{Sample.of(cost.memory for cost in found).median:.0f}", str(found[0].modules), str(found[0].others)]
        rows.append(row)
    print(f"\nmedians of {rounds} fresh processes of each\n")
    heads = ["import", "ms", "CPU ms", "half of the rounds", "MiB", "modules", "third-party packages"]
    print(markdown(heads, rows))


def _cost(code: str) -> Cost:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BELGIE_")}
    done = subprocess.run(  # noqa: S603  our own command
        [sys.executable, "-c", _PROBE.format(code=code)],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment | {"PYTHONPATH": str(ROOT)},
    )
    return Cost(**json.loads(done.stdout))
