import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import proto

FIVE = ["AccountProtocol", "AdapterProtocol", "OAuthStateProtocol", "SessionProtocol", "UserProtocol"]
SEVENTEEN = {
    "create_account",
    "create_oauth_state",
    "create_session",
    "create_user",
    "delete_expired_sessions",
    "delete_oauth_state",
    "delete_session",
    "delete_user",
    "get_account",
    "get_account_by_user_and_provider",
    "get_oauth_state",
    "get_session",
    "get_user_by_email",
    "get_user_by_id",
    "update_account",
    "update_session",
    "update_user",
}
FOLDER = Path(proto.__file__).parent
PROTOCOLS = sorted(name for name in proto.__all__ if getattr(getattr(proto, name), "_is_protocol", False))


def module_of(name: str) -> str:
    """The module that a protocol's name calls for: `OAuthStateProtocol` -> `oauth_state`."""
    stem = name.removesuffix("Protocol").replace("OAuth", "Oauth").replace("DBConnection", "Connection")
    return re.sub(r"(?<!^)(?=[A-Z])", "_", stem).lower()


def test_the_package_is_the_workspaces_own_and_no_one_elses() -> None:
    assert Path(__file__).parents[2] / "packages" / "proto" / "src" / "proto" == FOLDER


def test_every_public_name_is_listed_once_and_exists() -> None:
    assert len(set(proto.__all__)) == len(proto.__all__)
    assert all(hasattr(proto, name) for name in proto.__all__)


def test_every_module_is_reachable_through_the_public_names() -> None:
    modules = {path.stem for path in FOLDER.glob("*.py")} - {"__init__"}
    assert {getattr(proto, name).__module__.removeprefix("proto.") for name in proto.__all__} == modules


@pytest.mark.parametrize("name", PROTOCOLS)
def test_each_protocol_has_a_file_of_its_own(name: str) -> None:
    assert getattr(proto, name).__module__ == f"proto.{module_of(name)}"
    tree = ast.parse((FOLDER / f"{module_of(name)}.py").read_text())
    classes = [node.name for node in tree.body if isinstance(node, ast.ClassDef)]
    assert [one for one in classes if one in PROTOCOLS] == [name]


def test_the_five_protocols_that_every_application_meets_are_there() -> None:
    assert set(FIVE) < set(PROTOCOLS)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_protocol_can_be_asked_about_at_run_time(name: str) -> None:
    assert isinstance(object(), getattr(proto, name)) is False


def test_seventeen_methods_make_an_adapter_and_any_sixteen_do_not() -> None:
    def method(self: object) -> None: ...

    assert isinstance(type("Whole", (), dict.fromkeys(SEVENTEEN, method))(), proto.AdapterProtocol)
    for name in SEVENTEEN:
        partial = type("Partial", (), dict.fromkeys(SEVENTEEN - {name}, method))
        assert not isinstance(partial(), proto.AdapterProtocol), name


def test_importing_the_package_loads_the_standard_library_only() -> None:
    program = (
        "import sys; before = set(sys.modules); import proto;"
        "print(*{name.partition('.')[0] for name in set(sys.modules) - before})"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) - sys.stdlib_module_names == {"proto"}
