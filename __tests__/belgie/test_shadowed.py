"""What belgie says when `auth` or `proto` is somebody else's: real files, real processes."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import belgie
import proto

type RunPython = Callable[..., subprocess.CompletedProcess[str]]
type Write = Callable[[str, str], Path]

FOREIGN = "print('foreign code ran')\n"
NEEDS = {"auth": "from belgie import Auth", "proto": "import belgie.proto"}


def only_error(done: subprocess.CompletedProcess[str]) -> str:
    """The text of the one ImportError that ended the process."""
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stderr.count("Traceback") == 1, done.stderr
    assert "foreign code ran" not in done.stdout
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: "), done.stderr
    return last.removeprefix("ImportError: ")


@pytest.mark.parametrize("kind", ["{}.py", "{}/__init__.py"])
@pytest.mark.parametrize("name", ["auth", "proto"])
def test_a_file_or_folder_beside_the_script_is_named_with_what_to_do(
    run_python: RunPython, write: Write, name: str, kind: str
) -> None:
    foreign = write(kind.format(name), FOREIGN)
    error = only_error(run_python(write("main.py", NEEDS[name])))
    assert f"package '{name}' of the distribution 'belgie-{name}'" in error
    assert f"finds another one: {foreign}." in error
    assert "Rename it" in error


@pytest.mark.parametrize(
    "statement", ["import belgie.auth", "import belgie; belgie.Auth", "import belgie.auth.providers"]
)
def test_every_way_to_sign_in_tells_of_a_foreign_auth(run_python: RunPython, write: Write, statement: str) -> None:
    foreign = write("auth.py", FOREIGN)
    assert str(foreign) in only_error(run_python("-c", statement))


@pytest.mark.parametrize("statement", ["import belgie", "import belgie.alchemy", "import belgie.auth"])
def test_every_part_of_belgie_tells_of_a_foreign_proto(run_python: RunPython, write: Write, statement: str) -> None:
    foreign = write("proto/__init__.py", FOREIGN)
    assert str(foreign) in only_error(run_python("-c", statement))


def test_auth_by_itself_tells_of_a_foreign_proto(run_python: RunPython, write: Write) -> None:
    foreign = write("proto.py", FOREIGN)
    assert str(foreign) in only_error(run_python("-c", "import auth"))


def test_an_applications_auth_module_that_itself_asks_for_belgie_is_told(run_python: RunPython, write: Write) -> None:
    foreign = write("auth.py", "from belgie import Auth, AuthClient\n")
    assert str(foreign) in only_error(run_python(write("main.py", "import auth")))


def test_a_script_that_is_called_auth_is_told(run_python: RunPython, write: Write) -> None:
    script = write("auth.py", "from belgie import Auth\n")
    assert str(script) in only_error(run_python(script))


def test_the_database_layer_works_beside_an_applications_own_auth(run_python: RunPython, write: Write) -> None:
    write("auth.py", "mine = True\n")
    program = (
        "import auth, belgie.alchemy; from belgie import DatabaseSettings; print(auth.mine, DatabaseSettings.__name__)"
    )
    done = run_python("-c", program)
    assert (done.returncode, done.stdout.split()) == (0, ["True", "DatabaseSettings"]), done.stderr


@pytest.mark.parametrize("name", ["auth", "proto"])
def test_a_foreign_module_that_is_imported_already_is_named(run_python: RunPython, write: Write, name: str) -> None:
    foreign = write(f"elsewhere/{name}.py", "")
    program = f"import sys; sys.path.insert(0, 'elsewhere'); import {name}; sys.path.pop(0); {NEEDS[name]}"
    assert str(foreign) in only_error(run_python("-c", program))


@pytest.mark.parametrize("name", ["auth", "proto"])
def test_a_module_made_by_hand_is_told_from_ours(run_python: RunPython, name: str) -> None:
    program = f"import sys, types; sys.modules['{name}'] = types.ModuleType('{name}'); {NEEDS[name]}"
    assert "another one: a module made at run time" in only_error(run_python("-c", program))


def test_a_foreign_file_that_does_not_even_compile_is_named(run_python: RunPython, write: Write) -> None:
    foreign = write("auth.py", "def (:\n")
    assert str(foreign) in only_error(run_python("-c", "import belgie.auth"))


def test_a_folder_without_code_shadows_nothing(run_python: RunPython, write: Write) -> None:
    write("auth/notes.txt", "")
    write("proto/schema.proto", "")
    done = run_python("-c", "import belgie.auth, belgie.proto")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("folder", [False, True])
def test_a_missing_distribution_is_named_with_the_command_that_installs_it(
    run_python: RunPython, write: Write, *, folder: bool
) -> None:
    if folder:
        write("proto/schema.proto", "")
    source = Path(belgie.__file__).parents[1]
    error = only_error(run_python("-S", "-c", "import belgie", path=(source,)))
    assert error.endswith("which is not installed. Install it: pip install belgie-proto")


def test_our_own_package_is_recognised_in_a_zip_file(run_python: RunPython, tmp_path: Path) -> None:
    packed = tmp_path / "packed"
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(proto.__file__).parent, packed / "proto", ignore=ignore)
    shutil.copytree(Path(belgie.__file__).parent, packed / "belgie", ignore=ignore)
    archive = shutil.make_archive(str(tmp_path / "application"), "zip", packed)
    done = run_python("-S", "-c", "import belgie.proto as it; print(it.AdapterProtocol.__module__)", path=(archive,))
    assert (done.returncode, done.stdout.strip()) == (0, "proto.adapter"), done.stderr


@pytest.fixture(scope="module")
def proto_plus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with proto-plus installed in it, as pip would."""
    folder = tmp_path_factory.mktemp("site")
    uv = os.environ.get("UV") or shutil.which("uv")
    assert uv is not None, "the tests run under uv"
    install = [uv, "pip", "install", "--quiet", "--no-deps", "--target", folder, "proto-plus==1.29.0"]
    done = subprocess.run(install, capture_output=True, check=False, text=True)
    assert done.returncode == 0, done.stderr
    return folder


def test_proto_plus_in_front_of_ours_is_named(run_python: RunPython, proto_plus: Path) -> None:
    error = only_error(run_python("-c", "import belgie.proto", path=(proto_plus,)))
    assert f"finds {proto_plus}/proto/__init__.py, which the distribution 'proto-plus' has put there" in error
    assert "cannot share an environment" in error


def test_proto_plus_written_over_ours_is_named(run_python: RunPython, proto_plus: Path, tmp_path: Path) -> None:
    both = tmp_path / "site"
    shutil.copytree(Path(proto.__file__).parent, both / "proto")
    shutil.copytree(proto_plus, both, dirs_exist_ok=True)
    assert (both / "proto" / "adapter.py").exists()
    error = only_error(run_python("-c", "from belgie.proto import AdapterProtocol", path=(both,)))
    assert "'proto-plus'" in error
    assert "reinstall 'belgie-proto'" in error


def test_ours_written_over_proto_plus_works(run_python: RunPython, proto_plus: Path, tmp_path: Path) -> None:
    both = tmp_path / "site"
    shutil.copytree(proto_plus, both)
    shutil.copytree(Path(proto.__file__).parent, both / "proto", dirs_exist_ok=True)
    done = run_python("-c", "from belgie.proto import AdapterProtocol as it; print(it.__module__)", path=(both,))
    assert (done.returncode, done.stdout.strip()) == (0, "proto.adapter"), done.stderr
