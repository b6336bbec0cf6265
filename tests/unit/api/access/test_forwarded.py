"""What proxies say of a request."""

from typing import Any

import pytest

from podium.api.access.forwarded import Proxies


def settled(client: str, *headers: tuple[str, str], trusted: tuple[str, ...] = ("10.0.0.0/24",)) -> Any:
    raw = [(name.lower().encode(), value.encode()) for name, value in headers]
    scope: Any = {"client": (client, 1), "scheme": "http", "headers": [(b"host", b"inner"), *raw]}
    Proxies(trusted).settle(scope)
    return scope["client"][0], scope["scheme"], dict(reversed(scope["headers"]))[b"host"]


FORWARDED = [
    ("X-Forwarded-For", "192.0.2.1"),
    ("X-Forwarded-Proto", "https"),
    ("X-Forwarded-Host", "podium.example.org"),
]


def test_a_proxy_that_is_trusted_is_believed() -> None:
    assert settled("10.0.0.5", *FORWARDED) == ("192.0.2.1", "https", b"podium.example.org")
    assert settled("::ffff:10.0.0.5", *FORWARDED) == ("192.0.2.1", "https", b"podium.example.org")


def test_nobody_else_is() -> None:
    for client in ("192.0.2.66", "unknown"):
        assert settled(client, *FORWARDED) == (client, "http", b"inner")
    assert settled("10.0.0.5", *FORWARDED, trusted=()) == ("10.0.0.5", "http", b"inner")


@pytest.mark.parametrize(
    "chain, sender",
    [
        ("192.0.2.1, 198.51.100.7", "198.51.100.7"),
        ("192.0.2.1, 198.51.100.7, 10.0.0.6", "198.51.100.7"),
        ("10.0.0.7,10.0.0.6", "10.0.0.7"),
        ("192.0.2.1, nonsense, 10.0.0.6", "10.0.0.6"),
        ("nonsense", "10.0.0.5"),
        ("fe80::1%x admin 200 [req-1]", "10.0.0.5"),
        ("[fe80::1%eth0]:443", "10.0.0.5"),
        ("192.0.2.1, fe80::1%eth0, 10.0.0.6", "10.0.0.6"),
        ("", "10.0.0.5"),
        ("192.0.2.1:4711", "192.0.2.1"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
    ],
)
def test_the_last_address_that_is_no_proxy_counts(chain: str, sender: str) -> None:
    assert settled("10.0.0.5", ("X-Forwarded-For", chain))[0] == sender


def test_several_headers_are_one_list() -> None:
    twice = [("X-Forwarded-For", "192.0.2.1"), ("X-Forwarded-For", "198.51.100.7")]
    assert settled("10.0.0.5", *twice)[0] == "198.51.100.7"


def test_another_scheme_is_not_taken() -> None:
    assert settled("10.0.0.5", ("X-Forwarded-Proto", "gopher"))[1] == "http"
