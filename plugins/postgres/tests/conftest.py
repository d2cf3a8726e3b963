"""A real PostgreSQL for the module, where its programs are installed."""

import uuid

import psycopg
import pytest

from gateway.testing.postgres_server import PostgresServer, find_programs


@pytest.fixture(scope="session")
def server():
    programs = find_programs()
    if programs is None:
        pytest.skip("no postgresql is installed: initdb and postgres are not there")
    with PostgresServer(programs) as started:
        yield started


@pytest.fixture
def schema():
    """Each test fills its own."""
    return f"test_{uuid.uuid4().hex[:12]}"


@pytest.fixture
def ask(server):
    """Rows of one statement."""

    def answer(query):
        with psycopg.connect(server.dsn, password=server.password) as connection:
            cursor = connection.execute(query)
            return cursor.fetchall() if cursor.description else []

    return answer
