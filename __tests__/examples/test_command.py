"""`python -m examples.auth`, as a person starts it."""

import signal
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from examples.auth.browser import Browser

type Run = Callable[..., subprocess.CompletedProcess[str]]
type StartExample = Callable[..., tuple[subprocess.Popen[str], str]]

SIGN_IN = "Sign in with the local provider"
READ_USERS = """
import asyncio, sys
from sqlalchemy import select
from belgie import DatabaseRuntime, DatabaseSettings
from examples.alchemy.auth_models import User

async def main():
    async with DatabaseRuntime(DatabaseSettings.from_url(sys.argv[1])) as runtime, runtime.session_maker() as session:
        for user in await session.scalars(select(User)):
            print(user.email, user.name, user.email_verified, user.scopes)

asyncio.run(main())
"""


def test_the_walkthrough_signs_in_and_out_and_tells_each_step(run: Run, folder: Path, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    done = run("-m", "examples.auth", "--walkthrough", TMPDIR=str(scratch))
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    for line in (
        "signed in as Ada Lovelace <ada@example.org>, id ",
        "200: the first user has the scopes ['admin'], by the hook on_signup",
        "Grace Hopper gets 403 insufficient_scope",
        "Phone at 127.0.0.1, until ",
        "the phone gets 401, the laptop stays signed in",
        "401 not_authenticated: the session ended at the server",
    ):
        assert line in done.stdout
    assert done.stdout.rstrip().endswith("All is well.")
    assert list(folder.iterdir()) == []
    assert list(scratch.iterdir()) == []


def test_the_walkthrough_ends_with_1_and_names_the_step_that_failed(run: Run, folder: Path) -> None:
    done = run("-m", "examples.auth", "--walkthrough", BELGIE_COOKIE_NAME="another_name")
    assert done.returncode == 1
    assert "FAILED at: sign in: follow the button" in done.stderr
    assert "All is well" not in done.stdout
    assert list(folder.iterdir()) == []


def test_the_example_signs_in_and_another_process_reads_the_user(start_example: StartExample, run: Run) -> None:
    process, url = start_example("--database", "people.db")
    with Browser("Test") as browser:
        page = browser.press(browser.open(browser.open(f"{url}/").links[SIGN_IN]), "ada")
    assert "Ada Lovelace" in page.text
    done = run("-c", READ_USERS, "sqlite:///people.db")
    assert done.stdout == "ada@example.org Ada Lovelace True ['admin']\n", done.stderr
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0
    assert process.stdout is not None
    assert "Traceback" not in process.stdout.read()


def test_sessions_outlive_the_process_when_the_secret_is_given(start_example: StartExample) -> None:
    secret = {"BELGIE_SECRET": "0123456789abcdef0123456789abcdef"}
    process, url = start_example("--database", "people.db", **secret)
    with Browser("Test") as browser:
        browser.press(browser.open(browser.open(f"{url}/").links[SIGN_IN]), "ada")
        cookie = f"belgie_session={browser.cookies['belgie_session']}"
    process.send_signal(signal.SIGINT)
    process.wait(20)
    _, url = start_example("--database", "people.db", **secret)
    assert httpx.get(f"{url}/me", headers={"Cookie": cookie}).json()["email"] == "ada@example.org"
    _, url = start_example("--database", "people.db")
    assert httpx.get(f"{url}/me", headers={"Cookie": cookie}).status_code == 401


def test_the_example_offers_google_when_it_is_configured_and_nothing_else(start_example: StartExample) -> None:
    _, url = start_example(BELGIE_GOOGLE_CLIENT_ID="client", BELGIE_GOOGLE_CLIENT_SECRET="secret")
    with Browser("Test") as browser:
        page = browser.open(f"{url}/")
    assert page.links == {"Sign in with Google": f"{url}/auth/provider/google/signin"}


def test_half_a_google_configuration_is_not_offered(start_example: StartExample) -> None:
    _, url = start_example(BELGIE_GOOGLE_CLIENT_ID="client")
    with Browser("Test") as browser:
        assert list(browser.open(f"{url}/").links) == [SIGN_IN]


def test_a_port_that_is_taken_is_told_in_one_line(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run("-m", "examples.auth", "--port", str(port))
    assert done.returncode == 1
    assert done.stderr.startswith(f"cannot listen on 127.0.0.1, port {port}: ")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("option", [["--port", "many"], ["--unknown"]])
def test_an_option_that_makes_no_sense_is_refused(run: Run, option: list[str]) -> None:
    done = run("-m", "examples.auth", *option)
    assert done.returncode == 2
    assert "usage: python -m examples.auth" in done.stderr


@pytest.mark.parametrize("host", ["0.0.0.0", "::1", "::"])
def test_the_printed_address_works_for_every_listening_address(start_example: StartExample, host: str) -> None:
    _, url = start_example("--host", host)
    with Browser("Test") as browser:
        page = browser.press(browser.open(browser.open(f"{url}/").links[SIGN_IN]), "grace")
    assert page.url == f"{url}/"
    assert "Grace Hopper" in page.text
