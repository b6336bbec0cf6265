"""How long one stays logged in, and where the browser keeps that."""

import os
import signal
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from playwright.sync_api import Page, expect

from chromium import UNREACHABLE, Windows
from daemons import eventually
from podium.db import clock
from podium.db.models import sessions
from watched import PASSWORD, Site

#: What a browser logs by itself of the requests after which the page asks for a login.
REFUSED = "status of 401"
#: Seconds without input after which a session is over, and a part of them that tests have pass at a time.
IDLE, PART = 3600, 2000
SETTINGS = f"session_idle_timeout = {IDLE}"


def is_seen_as(page: Page, name: str, role: str | None = None) -> None:
    expect(page.get_by_role("banner")).to_contain_text(f"{name} · {role or name}")


def log_in(page: Page, name: str) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.locator("[data-action='log in']").click()


def is_over(page: Page) -> None:
    expect(page.get_by_text("Your session has ended")).to_be_visible()


def have_time_pass(site: Site, *pages: Page) -> None:
    """Have a part of the time pass after which sessions are over, for the database and in windows."""
    for page in pages:
        page.evaluate("more => { const now = Date.now; Date.now = () => now() + more; }", 1000 * PART)
    with site.database.write() as connection:
        for row in connection.execute(sa.select(sessions)).all():
            earlier = sa.update(sessions).where(sessions.c.id == row.id)
            connection.execute(earlier.values(used_at=clock.later(row.used_at, -PART)))


def touch(site: Site, page: Page, name: str) -> None:
    """Do something on the page, and wait until that is written down."""

    def idle() -> Any:
        with site.database.read() as connection:
            used_at = connection.scalar(sa.select(sessions.c.used_at).where(sessions.c.name == name))
            return (clock.now(connection) - used_at).total_seconds()

    page.mouse.move(10, 10)
    page.mouse.move(20, 20)
    eventually(lambda: idle() < PART / 2, "it is written down that somebody did something")


def test_no_script_can_read_what_the_browser_keeps_of_a_login(
    serve: Callable[..., Site], look: Windows
) -> None:
    site = serve(users=True)
    page = look(site.url, user="reader", password=PASSWORD)
    expect(page.get_by_role("banner")).to_contain_text("reader")
    (cookie,) = page.context.cookies()
    assert (cookie["name"], cookie["httpOnly"], cookie["sameSite"]) == ("podium_session", True, "Strict")
    assert cookie["expires"] == -1  # it goes when the browser is closed
    assert page.evaluate("[document.cookie, localStorage.length, sessionStorage.length]") == ["", 0, 0]
    assert cookie["value"] not in page.content() + page.url


def test_a_page_that_nobody_touches_is_logged_out_whatever_it_asks_by_itself(
    serve: Callable[..., Site], look: Windows
) -> None:
    look.expect(REFUSED)
    site = serve(users=True, settings=SETTINGS)
    left = look(site.url, user="reader", password=PASSWORD)
    used = look(site.url, user="operator", password=PASSWORD)
    is_seen_as(left, "reader")
    is_seen_as(used, "operator")
    for _ in range(2):
        have_time_pass(site, left, used)
        touch(site, used, "operator")
    is_over(left)
    with used.expect_response(lambda answer: answer.url.endswith("/podium/v1/status")) as answered:
        pass
    assert answered.value.ok
    is_seen_as(used, "operator")


def test_who_looks_with_a_token_sees_nothing_more_once_it_is_revoked(
    serve: Callable[..., Site], look: Windows
) -> None:
    look.expect(REFUSED)
    site = serve(users=True)
    admin = ("admin", PASSWORD)
    asked = {"name": "wall", "role": "reader", "expires_in": 3600}
    made = site.door.http.post("/podium/v1/tokens", json=asked, auth=admin)
    page = look(site.url)
    page.get_by_label("Password or token").fill(made.json()["secret"])
    page.locator("[data-action='log in']").click()
    expect(page.get_by_role("banner")).to_contain_text("token:wall")
    assert site.door.http.post("/podium/v1/tokens/wall/revoke", auth=admin).status_code == 204
    is_over(page)


def test_a_changed_password_ends_what_was_begun_with_the_one_before(
    serve: Callable[..., Site], look: Windows
) -> None:
    look.expect(REFUSED)
    site = serve(users=True)
    page = look(site.url, user="reader", password=PASSWORD)
    expect(page.get_by_role("banner")).to_contain_text("reader")
    site.passwords.write_text("reader:$2y$04$" + "a" * 53 + "\n")
    is_over(page)


def test_who_is_idle_is_logged_out_without_a_connection_and_whatever_the_clock_is_set_to(
    serve: Callable[..., Site], look: Windows
) -> None:
    look.expect(UNREACHABLE)
    site = serve(users=True, settings=SETTINGS)
    page = look(site.url, user="reader", password=PASSWORD)
    expect(page.locator("[data-node=r1n01]")).to_be_visible()
    page.evaluate("{ const now = Date.now; Date.now = () => now() - 3_600_000 }")
    site.door.kill()
    page.evaluate(
        "more => { const now = performance.now.bind(performance); performance.now = () => now() + more; }",
        1000 * IDLE,
    )
    is_over(page)
    expect(page.locator("[data-node]")).to_have_count(0)


def test_a_window_in_use_keeps_the_login_of_another_that_is_not(
    serve: Callable[..., Site], look: Windows
) -> None:
    site = serve(users=True, settings=SETTINGS)
    used = look(site.url, user="reader", password=PASSWORD)
    other = used.context.new_page()
    other.goto("/")
    is_seen_as(used, "reader")
    is_seen_as(other, "reader")
    for _ in range(2):
        have_time_pass(site, used, other)
        touch(site, used, "reader")
    with other.expect_response(lambda answer: answer.url.endswith("/podium/v1/session")):
        pass  # it asks whether the session is over, because nobody has touched it
    is_seen_as(other, "reader")
    expect(other.locator("[data-node=r1n01]")).to_be_visible()


def test_who_may_look_no_more_sees_nothing_more(serve: Callable[..., Site], look: Windows) -> None:
    look.expect("status of 403")
    site = serve(users=True)
    page = look(site.url, user="operator", password=PASSWORD)
    expect(page.locator("[data-node=r1n01]")).to_be_visible()
    config = site.door.api.config
    config.write_text(config.read_text().replace("operators = operator", "operators ="))
    assert site.door.api.process is not None
    os.kill(site.door.api.process.pid, signal.SIGHUP)
    expect(page.get_by_role("heading", name="operator has no role here")).to_be_visible()
    expect(page.locator("[data-node]")).to_have_count(0)


def test_all_windows_say_who_is_logged_in(serve: Callable[..., Site], look: Windows) -> None:
    look.expect(REFUSED)
    site = serve(users=True)
    one = look(site.url, user="operator", password=PASSWORD)
    is_seen_as(one, "operator")
    other = one.context.new_page()
    other.goto("/")
    is_seen_as(other, "operator")
    one.locator("[data-action='log out']").click()
    is_over(other)
    log_in(other, "reader")
    is_seen_as(one, "reader")


def test_nothing_is_done_as_somebody_else_than_the_page_says(
    serve: Callable[..., Site], look: Windows
) -> None:
    look.expect("status of 409", "net::ERR_FAILED")
    site = serve(users=True)
    page = look(site.url, user="operator", password=PASSWORD)
    page.locator("[data-node=r1n01] .choose").click()
    page.locator("podium-actions [data-action='power off']").click()
    # The page learns of it by its next request, so that this has to be the one.
    page.route(
        "**/podium/v1/**", lambda route: route.abort() if route.request.method == "GET" else route.fallback()
    )
    said = {"name": "admin", "password": PASSWORD}
    page.context.request.post("/podium/v1/session", data=said, headers={"Origin": site.url})
    page.get_by_role("dialog").locator("[data-action='power off']").click()
    page.unroute_all()
    is_seen_as(page, "admin")
    assert site.door.http.get("/podium/v1/operations", auth=("admin", PASSWORD)).json()["items"] == []
