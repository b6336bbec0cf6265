"""The files of the page over HTTP: what browsers get, and that they get nothing else."""

import gzip
from pathlib import Path
from typing import Any

import pytest

from podium.api.page.files import TYPES, File, site

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> File:
    """A script that the page has as ``core/some.js``."""
    file = File("text/javascript; charset=utf-8", b"export const some = 1\n")
    monkeypatch.setitem(site(), "core/some.js", file)  # type: ignore[arg-type]
    return file


def test_a_browser_gets_the_page_and_a_program_the_versions(http: Any) -> None:
    page = http("GET", "/", headers=BROWSER)
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "<title>Podium</title>" in page.text
    for accept in (
        "*/*",
        "application/json",
        "application/json, text/html;q=0.5",
        "text/html;q=0",
        "text/html;q=inf",
        "",
    ):
        answer = http("GET", "/", headers={"Accept": accept})
        assert answer.json()["name"] == "Podium", accept
        assert "Accept" in answer.headers["Vary"]  # no cache gives one of them to the other
        assert answer.headers["Cache-Control"] == "no-cache"
    assert "Accept" in page.headers["Vary"]


def test_a_file_is_sent_as_it_is_with_its_type(http: Any, script: File) -> None:
    answer = http("GET", "/page/core/some.js", headers={"Accept-Encoding": "identity"})
    assert (answer.status_code, answer.content) == (200, script.body)
    assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert "Content-Encoding" not in answer.headers


def test_a_file_is_packed_for_who_takes_that(http: Any, script: File) -> None:
    answer = http("GET", "/page/core/some.js", headers={"Accept-Encoding": "br, gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.content == script.body == gzip.decompress(script.packed)
    for refused in ("gzip;q=0", "gzip; q=0.0", "br", ""):
        answer = http("GET", "/page/core/some.js", headers={"Accept-Encoding": refused})
        assert "Content-Encoding" not in answer.headers, refused


def test_a_browser_asks_each_time_and_is_told_that_a_file_is_the_same(http: Any, script: File) -> None:
    first = http("GET", "/page/core/some.js")
    assert first.headers["Cache-Control"] == "no-cache"
    again = http("GET", "/page/core/some.js", headers={"If-None-Match": f'"old", W/{first.headers["ETag"]}'})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    other = http("GET", "/page/core/some.js", headers={"If-None-Match": '"old"'})
    assert other.status_code == 200


def test_the_packed_file_and_the_plain_one_are_told_apart_by_their_tags(http: Any, script: File) -> None:
    tags = {
        http("GET", "/page/core/some.js", headers={"Accept-Encoding": one}).headers["ETag"]
        for one in ("gzip", "identity")
    }
    assert len(tags) == 2


def test_a_page_may_load_nothing_from_elsewhere_and_run_nothing_from_its_text(http: Any) -> None:
    policy = http("GET", "/", headers=BROWSER).headers["Content-Security-Policy"]
    allowed = dict(one.split(" ", 1) for one in policy.split("; "))
    assert allowed["default-src"] == allowed["frame-ancestors"] == "'none'"
    assert {allowed[f"{one}-src"] for one in ("script", "style", "connect", "img")} == {"'self'"}
    assert "unsafe" not in policy
    assert (allowed["require-trusted-types-for"], allowed["trusted-types"]) == ("'script'", "'none'")


@pytest.mark.parametrize(
    "path",
    [
        "nothing.js",
        "../files.py",
        "%2e%2e/files.py",
        "..%2ffiles.py",
        "/etc/passwd",
        "index.html",
        "",
        "core",
    ],
)
def test_nothing_else_is_served(http: Any, path: str, script: File) -> None:
    assert http("GET", f"/page/{path}").status_code == 404


def test_a_head_is_answered_without_the_file(http: Any, script: File) -> None:
    assert (
        http("HEAD", "/page/core/some.js").headers["ETag"]
        == http("GET", "/page/core/some.js").headers["ETag"]
    )
    assert http("HEAD", "/", headers=BROWSER).headers["Content-Type"].startswith("text/html")


def test_every_file_of_the_folder_is_served() -> None:
    folder = Path(__file__).parents[4] / "api/page/site"
    assert site().keys() == {str(one.relative_to(folder)) for one in folder.rglob("*.*") if one.is_file()}
    assert {one.kind for one in site().values()} <= set(TYPES.values())
