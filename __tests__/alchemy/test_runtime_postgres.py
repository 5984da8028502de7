import asyncio
import ssl
import struct
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import trustme
from sqlalchemy import Column, Integer, MetaData, Table, exc, func, insert, select, text

from belgie.alchemy.errors import translated
from belgie.alchemy.settings import DatabaseRuntime, DatabaseSettings, PostgresSettings
from proto import UnavailableError

metadata = MetaData()
rows = Table("rows", metadata, Column("id", Integer, primary_key=True))
SSL_REQUEST = struct.pack("!ii", 8, 80877103)


def _changed(settings: PostgresSettings, **values: Any) -> PostgresSettings:
    given = settings.model_dump(exclude_defaults=True, exclude={"type"})
    return PostgresSettings.model_validate({**given, "password": settings.password, **values})


async def _show(runtime: DatabaseRuntime, name: str) -> Any:
    async with runtime.session() as session:
        return await session.scalar(text(f"SHOW {name}"))


async def test_the_server_is_told_the_settings(postgres_settings: PostgresSettings) -> None:
    settings = _changed(
        postgres_settings,
        application_name="the shop",
        search_path="shop,public",
        statement_timeout=1.5,
        lock_timeout=2,
        idle_in_transaction_timeout=60,
        options="-c jit=off -c work_mem=5MB",
    )
    expected = {
        "application_name": "the shop",
        "search_path": "shop,public",
        "statement_timeout": "1500ms",
        "lock_timeout": "2s",
        "idle_in_transaction_session_timeout": "1min",
        "jit": "off",
        "work_mem": "5MB",
    }
    async with settings.runtime as runtime:
        assert {name: await _show(runtime, name) for name in expected} == expected


async def test_a_read_only_runtime_writes_nothing(postgres_settings: PostgresSettings) -> None:
    async with postgres_settings.runtime as writer, _changed(postgres_settings, read_only=True).runtime as reader:
        await writer.create_all(metadata)
        async with reader.session() as session:
            assert await session.scalar(select(func.count()).select_from(rows)) == 0
            with pytest.raises(UnavailableError), translated():
                await session.execute(insert(rows))


async def test_a_statement_that_takes_too_long_is_ended_by_the_server(postgres_settings: PostgresSettings) -> None:
    async with _changed(postgres_settings, statement_timeout=0.1).runtime as runtime, runtime.session() as session:
        with pytest.raises(UnavailableError), translated():
            await session.execute(text("SELECT pg_sleep(5)"))
        await session.rollback()
        assert await session.scalar(text("SELECT 1")) == 1


async def test_a_statement_that_takes_too_long_is_given_up_by_the_client(postgres_settings: PostgresSettings) -> None:
    async with _changed(postgres_settings, command_timeout=0.2).runtime as runtime:
        start = time.perf_counter()
        async with runtime.session() as session:
            with pytest.raises(UnavailableError), translated():
                await session.execute(text("SELECT pg_sleep(5)"))
        assert time.perf_counter() - start < 4
        assert runtime.connections.in_use == 0
        await runtime.ping()


async def test_an_exhausted_pool_is_unavailability_and_recovers(postgres_settings: PostgresSettings) -> None:
    settings = _changed(postgres_settings, pool_size=1, max_overflow=1, pool_timeout=0.2)
    async with settings.runtime as runtime:
        async with runtime.session() as one, runtime.session() as two, runtime.session() as three:
            await one.execute(text("SELECT 1"))
            await two.execute(text("SELECT 1"))
            with pytest.raises(UnavailableError), translated():
                await three.execute(text("SELECT 1"))
            await one.close()
            await three.execute(text("SELECT 1"))
        assert runtime.connections.in_use == 0


async def test_who_waits_longest_gets_the_next_connection(postgres_settings: PostgresSettings) -> None:
    settings = _changed(postgres_settings, pool_size=1, max_overflow=0)
    served: list[int] = []
    async with settings.runtime as runtime:

        async def use(number: int) -> None:
            for turn in range(3):
                async with runtime.session() as session:
                    await session.execute(text("SELECT 1"))
                served.append(number + 10 * turn)

        await asyncio.gather(*(use(number) for number in range(4)))
    assert served == [0, 1, 2, 3, 10, 11, 12, 13, 20, 21, 22, 23]


async def test_a_wait_that_is_cancelled_or_a_connection_that_fails_takes_no_turn(
    postgres_settings: PostgresSettings,
) -> None:
    settings = _changed(postgres_settings, pool_size=1, max_overflow=0, pool_timeout=5)
    async with settings.runtime as runtime:
        for _ in range(3):
            async with runtime.session() as session:
                await session.execute(text("SELECT 1"))
                waiting = asyncio.create_task(runtime.ping())
                await asyncio.sleep(0.02)
                waiting.cancel()
                await asyncio.wait([waiting])
        async with runtime.session() as session:
            connection = await session.connection()
            await connection.invalidate()
        async with runtime.engine.connect() as connection:
            (await connection.get_raw_connection()).detach()
        await asyncio.gather(*(runtime.ping() for _ in range(5)))
        absent = _changed(postgres_settings, database="absent", pool_size=1, max_overflow=0, pool_timeout=1)
        for _ in range(3):
            with pytest.raises(UnavailableError) as caught:
                await absent.runtime.ping()
            assert not isinstance(caught.value.__cause__, exc.TimeoutError)


async def test_an_unlimited_pool_never_waits(postgres_settings: PostgresSettings) -> None:
    async with _changed(postgres_settings, pool_size=1, max_overflow=-1).runtime as runtime:
        async with AsyncExitStack() as stack:
            for _ in range(4):
                session = await stack.enter_async_context(runtime.session())
                await session.execute(text("SELECT 1"))
            assert runtime.connections.in_use == 4
        await runtime.ping()


async def test_two_hundred_tasks_share_five_connections(postgres_settings: PostgresSettings) -> None:
    settings = _changed(postgres_settings, pool_size=5, max_overflow=0)
    async with settings.runtime as runtime:
        await runtime.create_all(metadata)

        async def add() -> None:
            async with runtime.transaction() as session:
                await session.execute(insert(rows))

        await asyncio.gather(*(add() for _ in range(200)))
        async with runtime.session() as session:
            assert await session.scalar(select(func.count()).select_from(rows)) == 200
        assert runtime.connections.in_use == 0
        assert runtime.connections.idle <= 5


async def test_without_a_pool_no_connection_stays(postgres_settings: PostgresSettings) -> None:
    async with _changed(postgres_settings, pool="null").runtime as runtime:
        async with runtime.session() as session:
            first = await session.scalar(text("SELECT pg_backend_pid()"))
        async with runtime.session() as session:
            assert await session.scalar(text("SELECT pg_backend_pid()")) != first


async def test_statements_have_unique_names_without_the_cache(postgres_settings: PostgresSettings) -> None:
    async with _changed(postgres_settings, pool="pgbouncer").runtime as runtime, runtime.session() as session:
        names = [
            await session.scalar(text("SELECT max(name) FROM pg_prepared_statements WHERE name LIKE '\\_\\_belgie%'"))
            for _ in range(3)
        ]
        assert len(set(names)) == 3


async def test_a_unix_socket_works(postgres_settings: PostgresSettings, postgres_server: Any) -> None:
    url = (
        f"postgresql://postgres@/{postgres_settings.database}?host={postgres_server.folder}&port={postgres_server.port}"
    )
    settings = DatabaseSettings.from_url(url)
    async with settings.runtime as runtime, runtime.session() as session:
        assert await session.scalar(text("SELECT inet_server_addr()")) is None


async def test_the_next_host_answers_when_the_first_is_gone(
    postgres_settings: PostgresSettings, unused_tcp_port: int
) -> None:
    settings = _changed(postgres_settings, host=f"127.0.0.1:{unused_tcp_port},127.0.0.1:{postgres_settings.port}")
    async with settings.runtime as runtime:
        assert (await runtime.ping()).version


async def test_the_server_that_may_be_written_to_is_found(own_postgres_server: Any, standby_server: Any) -> None:
    hosts = f"127.0.0.1:{standby_server.port},127.0.0.1:{own_postgres_server.port}"
    found = {}
    for attributes in ("primary", "standby"):
        url = f"postgresql://postgres@{hosts}/postgres?target_session_attrs={attributes}"
        async with DatabaseSettings.from_url(url).runtime as runtime:
            found[attributes] = await _show(runtime, "port")
    assert found == {"primary": str(own_postgres_server.port), "standby": str(standby_server.port)}


async def test_stale_reads_go_to_the_replica_and_writes_to_the_primary(
    own_postgres_server: Any, standby_server: Any
) -> None:
    url = own_postgres_server.dsn
    settings = DatabaseSettings.from_url(url, replica={"host": "127.0.0.1", "port": standby_server.port})
    async with settings.runtime as runtime:
        await runtime.wait()
        await runtime.create_all(metadata)
        async with runtime.transaction() as session:
            await session.execute(insert(rows).values(id=7))
        assert await _show(runtime, "port") == str(own_postgres_server.port)
        assert await _show(runtime.replica, "port") == str(standby_server.port)
        for _ in range(500):
            with suppress(exc.ProgrammingError):
                async with runtime.replica.session() as session:
                    if await session.scalar(select(rows.c.id)) == 7:
                        break
            await asyncio.sleep(0.01)
        else:
            pytest.fail("the replica did not follow")
        async with runtime.replica.session() as session:
            with pytest.raises(UnavailableError), translated():
                await session.execute(insert(rows))
        # The replica's loss is no concern of the primary's.
        standby_server.stop()
        with pytest.raises(UnavailableError):
            await runtime.replica.ping()
        assert (await runtime.ping()).version


async def test_disposing_of_the_primary_s_runtime_disposes_of_the_replica_s(
    postgres_settings: PostgresSettings,
) -> None:
    settings = _changed(postgres_settings, replica={"host": postgres_settings.host})
    async with settings.runtime as runtime:
        await runtime.replica.ping()
        assert runtime.replica.connections.idle == 1
    assert runtime.replica.connections.idle == 0


async def test_a_server_that_restarts_fails_what_is_in_flight_and_nothing_after(own_postgres_server: Any) -> None:
    async with DatabaseSettings.from_url(own_postgres_server.dsn).runtime as runtime:
        await runtime.create_all(metadata)
        async with runtime.session() as session:
            await session.execute(insert(rows).values(id=1))
            await asyncio.to_thread(own_postgres_server.stop)
            with pytest.raises(UnavailableError), translated():
                await session.commit()
        with pytest.raises(UnavailableError):
            await runtime.ping()
        waiting = asyncio.create_task(runtime.wait(30))
        await asyncio.to_thread(own_postgres_server.start)
        await waiting
        async with runtime.transaction() as session:
            await session.execute(insert(rows).values(id=2))
        async with runtime.session() as session:
            assert list(await session.scalars(select(rows.c.id))) == [2]
        assert runtime.connections.in_use == 0


async def test_the_password_file_is_read_at_every_connect(own_postgres_server: Any, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("first\n")
    (own_postgres_server.folder / "data" / "pg_hba.conf").write_text(
        "host all ada 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\n"
    )
    url = f"postgresql://ada@127.0.0.1:{own_postgres_server.port}/postgres"
    async with (
        DatabaseSettings.from_url(own_postgres_server.dsn).runtime as admin,
        DatabaseSettings.from_url(url, password_file=secret, pool="null").runtime as runtime,
    ):
        async with admin.transaction() as session:
            await session.execute(text("SELECT pg_reload_conf()"))
            await session.execute(text("CREATE ROLE ada LOGIN PASSWORD 'first'"))
        await runtime.wait(5)
        async with admin.transaction() as session:
            await session.execute(text("ALTER ROLE ada PASSWORD 'second'"))
        start = time.perf_counter()
        with pytest.raises(UnavailableError):  # at once: waiting for a wrong password is no use
            await runtime.wait(30)
        assert time.perf_counter() - start < 10
        secret.write_text("second")
        await runtime.ping()


@asynccontextmanager
async def _tls(port: int, context: ssl.SSLContext | None) -> AsyncGenerator[int]:
    """Stand in front of the server, which speaks no TLS itself, and answer the client's request for it."""

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            first = await reader.readexactly(8)
            if first == SSL_REQUEST:
                writer.write(b"N" if context is None else b"S")
                await writer.drain()
                if context is not None:
                    await writer.start_tls(context)
                first = await reader.read(65536)
            server_reader, server_writer = await asyncio.open_connection("127.0.0.1", port)
            server_writer.write(first)
            await asyncio.gather(copy(reader, server_writer), copy(server_reader, writer))
        except (OSError, asyncio.IncompleteReadError):  # the client did not like the certificate, or has gone
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def root_cert(authority: trustme.CA, tmp_path: Path) -> Path:
    authority.cert_pem.write_to_path(tmp_path / "root.pem")
    return tmp_path / "root.pem"


def _server_context(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(*names).configure_cert(context)
    return context


async def _connects(settings: PostgresSettings, **values: Any) -> bool:
    async with _changed(settings, **values).runtime as runtime:
        try:
            await runtime.ping(10)
        except UnavailableError:
            return False
        return True


async def test_verify_full_asks_for_the_right_name_and_the_right_authority(
    postgres_settings: PostgresSettings, authority: trustme.CA, root_cert: Path, tmp_path: Path
) -> None:
    stranger = tmp_path / "stranger.pem"
    trustme.CA().cert_pem.write_to_path(stranger)
    full = {"ssl": "verify-full", "ssl_root_cert": root_cert}
    async with _tls(postgres_settings.port, _server_context(authority, "127.0.0.1")) as port:
        assert await _connects(postgres_settings, port=port, **full)
        assert await _connects(postgres_settings, port=port, ssl="verify-ca", ssl_root_cert=root_cert)
        assert not await _connects(postgres_settings, port=port, ssl="verify-full", ssl_root_cert=stranger)
        assert not await _connects(postgres_settings, port=port, ssl="verify-full")
        assert not await _connects(postgres_settings, port=port, ssl="require", ssl_root_cert=stranger)
        assert await _connects(postgres_settings, port=port, ssl="require")
    async with _tls(postgres_settings.port, _server_context(authority, "other.example")) as port:
        assert not await _connects(postgres_settings, port=port, **full)
        assert await _connects(postgres_settings, port=port, ssl="verify-ca", ssl_root_cert=root_cert)
        start = time.perf_counter()
        async with _changed(postgres_settings, port=port, **full).runtime as runtime:
            with pytest.raises(UnavailableError):
                await runtime.wait(30)
        assert time.perf_counter() - start < 10


async def test_a_server_without_tls_is_taken_only_by_the_modes_that_allow_it(
    postgres_settings: PostgresSettings, root_cert: Path
) -> None:
    async with _tls(postgres_settings.port, None) as port:
        for mode in ("disable", "allow", "prefer"):
            assert await _connects(postgres_settings, port=port, ssl=mode)
        for mode in ("require", "verify-ca", "verify-full"):
            assert not await _connects(postgres_settings, port=port, ssl=mode, ssl_root_cert=root_cert)


async def test_a_client_certificate_is_shown(
    postgres_settings: PostgresSettings, authority: trustme.CA, root_cert: Path, tmp_path: Path
) -> None:
    client = authority.issue_cert("ada")
    client.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    client.private_key_pem.write_to_path(tmp_path / "key.pem")
    context = _server_context(authority, "127.0.0.1")
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    full = {"ssl": "verify-full", "ssl_root_cert": root_cert}
    async with _tls(postgres_settings.port, context) as port:
        shown = {"ssl_cert": tmp_path / "cert.pem", "ssl_key": tmp_path / "key.pem"}
        assert await _connects(postgres_settings, port=port, **full, **shown)
        assert not await _connects(postgres_settings, port=port, **full)
