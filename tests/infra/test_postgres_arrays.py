"""Arrays made of whole columns are what the server reads of them, and what psycopg makes of the same lists."""

from collections.abc import Iterator, Sequence
from typing import Any

import psycopg
import pytest

from infra.postgres_arrays import blobs, numbers, texts

LONG = 100_000


@pytest.fixture
def connection(postgres_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(postgres_url) as connected:
        yield connected


def read(connection: psycopg.Connection[Any], kind: str, given: object) -> Sequence[Any]:
    (found,) = connection.execute(f"SELECT %b::{kind}[]", (given,)).fetchone() or ()
    return found  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    "values", [["a"], ["", "客户", "x" * 1023, "x" * 1024, "y" * LONG], [None, "", "a", None], [None], ["a"] * LONG]
)
def test_texts(connection: psycopg.Connection[Any], values: list[str | None]) -> None:
    assert read(connection, "text", texts(values)) == values == read(connection, "text", values)


@pytest.mark.parametrize("values", [[b"a"], [b"", b"\0\xff", b"x" * 1024], [None, b"", b"a"], [b"1" * LONG] * 3])
def test_blobs(connection: psycopg.Connection[Any], values: list[bytes | None]) -> None:
    assert read(connection, "bytea", blobs(values)) == values == read(connection, "bytea", values)


@pytest.mark.parametrize("values", [[0], [2**63 - 1, -(2**63), -1, 1], [None, 7, -(2**63), None], list(range(LONG))])
def test_numbers(connection: psycopg.Connection[Any], values: list[int | None]) -> None:
    assert read(connection, "bigint", numbers(values)) == values == read(connection, "bigint", values)


@pytest.mark.parametrize("values", [[2**63], [-(2**63) - 1, 0]])
def test_a_number_beyond_64_bits_is_none_of_them(values: list[int]) -> None:
    with pytest.raises(OverflowError):
        numbers(values)
