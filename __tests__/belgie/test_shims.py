import importlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

import belgie

type RunPython = Callable[..., subprocess.CompletedProcess[str]]

HEAVY = {"fastapi", "pydantic", "pydantic_settings", "sqlalchemy", "starlette"}
# Each module of belgie's that shows another module's names, and that module.
SHIMS = {
    "belgie.proto": "proto",
    "belgie.auth": "auth",
    "belgie.auth.providers": "auth.providers",
    "belgie.auth.adapters.protocols": "auth.adapters.protocols",
    "belgie.auth.adapters.connection": "auth.adapters.connection",
    "auth.adapters.protocols": "proto",
    "auth.adapters.connection": "proto",
}


def module(name: str) -> ModuleType:
    return importlib.import_module(name)


@pytest.mark.parametrize(("shim", "home"), SHIMS.items())
def test_a_shim_shows_the_very_objects_of_its_home(shim: str, home: str) -> None:
    own = {"AlchemyAdapter"} if shim == "belgie.auth" else set[str]()
    names = set(module(shim).__all__) - own
    assert names
    for name in names:
        assert getattr(module(shim), name) is getattr(module(home), name)


@pytest.mark.parametrize(
    ("shim", "homes"),
    {
        "belgie.proto": ["proto"],
        "belgie.auth": ["auth"],
        "belgie.auth.providers": ["auth.providers"],
        "belgie.auth.adapters.protocols": ["auth.adapters.protocols"],
        "belgie": ["auth", "belgie.alchemy"],
    }.items(),
)
def test_a_shim_leaves_no_public_name_out(shim: str, homes: list[str]) -> None:
    assert {name for home in homes for name in module(home).__all__} <= set(module(shim).__all__)


def test_the_protocols_former_place_has_every_protocol() -> None:
    protocols = {name for name in module("proto").__all__ if name.endswith("Protocol")}
    assert set(module("auth.adapters.protocols").__all__) == protocols
    assert module("auth.adapters.connection").__all__ == ["DBConnection"]


@pytest.mark.parametrize("name", sorted(belgie.__all__))
def test_a_name_of_belgie_is_the_object_of_its_own_package(name: str) -> None:
    home = module("belgie.alchemy") if name in module("belgie.alchemy").__all__ else module("auth")
    assert getattr(belgie, name) is getattr(home, name)


def test_the_adapter_is_one_class_under_each_of_its_names() -> None:
    home = module("belgie.alchemy.adapter").AlchemyAdapter
    for shim in ("belgie", "belgie.alchemy", "belgie.auth", "belgie.auth.adapters.alchemy"):
        assert module(shim).AlchemyAdapter is home, shim


@pytest.mark.parametrize("name", ["belgie", *SHIMS])
def test_public_names_are_listed_in_order_and_once(name: str) -> None:
    listed = module(name).__all__
    assert len(listed) == len(set(listed))
    assert set(listed) <= set(dir(module(name)))


@pytest.mark.parametrize("name", ["belgie", "belgie.auth", "belgie.auth.providers"])
def test_a_name_that_is_not_there_is_an_attribute_error(name: str) -> None:
    with pytest.raises(AttributeError, match=f"module '{name}' has no attribute 'nothing'"):
        _ = module(name).nothing


@pytest.mark.parametrize("statement", ["import belgie", "import belgie.proto", "import belgie; dir(belgie)"])
def test_importing_belgie_or_its_protocols_loads_no_other_package(run_python: RunPython, statement: str) -> None:
    program = f"import sys; before = set(sys.modules); {statement}; print(*set(sys.modules) - before)"
    done = run_python("-c", program)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert loaded - sys.stdlib_module_names <= {"belgie", "proto"}, done.stderr
    assert "belgie" in loaded


@pytest.mark.parametrize(
    ("statement", "allowed"),
    [
        ("from belgie import Auth", HEAVY - {"sqlalchemy"}),
        ("import belgie.auth.providers", HEAVY - {"sqlalchemy"}),
        ("from belgie import DatabaseSettings, AlchemyAdapter", HEAVY - {"fastapi", "starlette"}),
    ],
)
def test_a_name_loads_only_the_package_it_lives_in(run_python: RunPython, statement: str, allowed: set[str]) -> None:
    done = run_python("-c", f"import sys; {statement}; print(*sys.modules)")
    assert done.returncode == 0, done.stderr
    assert HEAVY & set(done.stdout.split()) <= allowed


def test_a_name_is_asked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("Auth", "AlchemyAdapter"):
        monkeypatch.delitem(vars(belgie), name, raising=False)
        assert name not in vars(belgie)
        assert getattr(belgie, name) is vars(belgie)[name]


def test_a_star_import_gives_every_public_name(run_python: RunPython) -> None:
    done = run_python("-c", "from belgie import *; import belgie; print(set(belgie.__all__) <= set(globals()))")
    assert (done.returncode, done.stdout.strip()) == (0, "True"), done.stderr


@pytest.mark.parametrize("package", ["auth", "belgie", "proto"])
def test_each_package_says_that_it_is_typed(package: str) -> None:
    assert (Path(str(module(package).__file__)).parent / "py.typed").is_file()
