import importlib
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

MODULES = ["auth._guard", "belgie._guard"]


@pytest.fixture(params=MODULES)
def guard(request: pytest.FixtureRequest) -> ModuleType:
    return importlib.import_module(request.param)


@pytest.fixture
def shadow(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder first on `sys.path`, with nothing imported yet that it could hide."""
    for name in [name for name in sys.modules if name.partition(".")[0] in {"auth", "proto"}]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_both_packages_hold_the_same_text() -> None:
    one, other = (Path(str(importlib.import_module(name).__file__)).read_text() for name in MODULES)
    assert one == other


@pytest.mark.parametrize("name", ["auth", "proto"])
def test_our_own_package_passes_when_it_is_imported(guard: ModuleType, name: str) -> None:
    importlib.import_module(name)
    guard.require(name)


@pytest.mark.parametrize("name", ["auth", "proto"])
def test_our_own_package_passes_before_it_is_imported(guard: ModuleType, shadow: Path, name: str) -> None:
    guard.require(name)
    assert name not in sys.modules


@pytest.mark.parametrize("text", ["", "def (:\n", "from auth.core import auth\n"])
def test_a_file_that_does_not_import_what_ours_imports_is_foreign(guard: ModuleType, shadow: Path, text: str) -> None:
    (shadow / "auth.py").write_text(text)
    with pytest.raises(ImportError, match="belgie-auth") as caught:
        guard.require("auth")
    assert (caught.value.name, caught.value.path) == ("auth", str(shadow / "auth.py"))


def test_looking_at_a_file_does_not_import_it(guard: ModuleType, shadow: Path) -> None:
    (shadow / "proto.py").write_text("")
    with pytest.raises(ImportError, match="another one"):
        guard.require("proto")
    assert "proto" not in sys.modules


def test_a_loader_that_cannot_show_code_is_believed(guard: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    loader: Any = object()  # a freezer's need not have more than the import system calls
    module = ModuleType("auth")
    module.__spec__ = ModuleSpec("auth", loader)
    monkeypatch.setitem(sys.modules, "auth", module)
    guard.require("auth")


def test_a_folder_without_code_counts_as_missing(guard: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("auth")
    module.__spec__ = ModuleSpec("auth", None, is_package=True)
    monkeypatch.setitem(sys.modules, "auth", module)
    with pytest.raises(ImportError, match="pip install belgie-auth"):
        guard.require("auth")


def test_a_built_in_module_is_foreign(guard: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "proto", sys)
    with pytest.raises(ImportError, match="finds another one: built-in"):
        guard.require("proto")


def test_a_module_without_a_spec_is_named_by_its_file(guard: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("proto")
    module.__file__ = "made/by/hand.py"
    monkeypatch.setitem(sys.modules, "proto", module)
    with pytest.raises(ImportError, match=r"finds another one: made/by/hand\.py"):
        guard.require("proto")


def test_a_package_that_is_switched_off_counts_as_missing(guard: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    switched_off: Any = None
    monkeypatch.setitem(sys.modules, "proto", switched_off)
    with pytest.raises(ImportError, match="pip install belgie-proto"):
        guard.require("proto")


def test_a_distribution_that_has_written_the_file_is_named(guard: ModuleType, shadow: Path) -> None:
    (shadow / "proto").mkdir()
    (shadow / "proto" / "__init__.py").write_text("")
    records = shadow / "other_proto-1.0.dist-info"
    records.mkdir()
    (records / "METADATA").write_text("Metadata-Version: 2.4\nName: other-proto\nVersion: 1.0\n")
    (records / "RECORD").write_text("proto/__init__.py,,\nother_proto-1.0.dist-info/METADATA,,\n")
    with pytest.raises(ImportError, match="which the distribution 'other-proto' has put there"):
        guard.require("proto")
    (shadow / "proto" / "other.py").write_text("")
    (records / "RECORD").write_text("proto/other.py,,\nother_proto-1.0.dist-info/METADATA,,\n")
    with pytest.raises(ImportError, match="finds another one"):
        guard.require("proto")
