"""Asking something of nodes in the page: who may, the question, what comes of it, and what goes wrong."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from chromium import UNREACHABLE, Windows, axe
from watched import PASSWORD, Site


def fleet(look: Windows, site: Site, user: str | None = None, **options: object) -> Page:
    """Show the fleet, once its nodes are loaded."""
    page = look(site.url, "#/fleet", user=user, password=PASSWORD, **options)
    is_loaded(page, site)
    return page


def is_loaded(page: Page, site: Site) -> None:
    """Wait for all nodes, which may come one after the other."""
    count = page.locator("podium-fleet .filter > [role=status]")
    expect(count).to_have_text(f"{len(site.states())} nodes")
    expect(page.locator('[data-node="r1n01"]')).to_be_visible()


def choose(page: Page, *names: str) -> None:
    for name in names:
        page.locator(f'[data-node="{name}"]').locator(".choose").click()
    expect(page.get_by_text(re.compile(rf"^{len(names)} nodes? chosen"))).to_be_visible()


def choose_all(page: Page) -> None:
    page.get_by_label("Choose all nodes that are shown").check()


def ask(page: Page, action: str) -> Locator:
    """Begin an action, and return the question."""
    button = page.locator(f'podium-actions [data-action="{action}"]')
    expect(button).to_be_visible()
    button.dispatch_event("click")  # it may move while the buttons of drivers' own actions come
    question = page.get_by_role("dialog")
    expect(question).to_be_visible()
    return question


def agree(question: Locator, action: str) -> None:
    question.locator(f'[data-action="{action}"]').click()


def test_nodes_are_switched_off_with_a_reason(site: Site, look: Windows) -> None:
    page = fleet(look, site)
    choose(page, "r1n01", "r1n02", "r1n04")
    question = ask(page, "power off")
    expect(question).to_have_accessible_name("Switch 3 nodes off?")
    expect(question).to_contain_text("1 rack: r1")
    expect(question).to_contain_text("Nodes: r1n[01-02,04]")
    expect(question).to_contain_text("On now, and stopped by this: 2 nodes")
    question.get_by_label("Reason").fill("a new board")
    agree(question, "power off")
    expect(question).to_be_hidden()
    expect(page.get_by_text("3 requested")).to_be_visible()
    for name in ("r1n01", "r1n02", "r1n04"):
        expect(page.locator(f'[data-node="{name}"]')).to_have_attribute("data-state", "power off")
    page.get_by_role("link", name=re.compile(r"operation \d+")).click()
    expect(page).to_have_url(re.compile(r"#/operations/\d+$"))
    operation = site.door.http.get("/podium/v1/operations").json()["items"][0]
    assert (operation["action"], operation["reason"]) == ("power off", "a new board")


def test_with_the_keyboard_alone_a_node_is_switched_off(site: Site, look: Windows) -> None:
    page = fleet(look, site)
    page.get_by_label("Choose all nodes that are shown").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    button = page.locator('podium-actions [data-action="power off"]')
    expect(button).to_be_visible()
    for _ in range(20):
        if button.evaluate("button => button === document.activeElement"):
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Reason")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(button).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("by hand")
    page.keyboard.press("Enter")
    expect(page.locator('[data-node="r1n01"]')).to_have_attribute("data-state", "power off")
    expect(button).to_be_focused()


@pytest.mark.parametrize("action", ["power off", "maintenance unset"])
def test_an_enter_that_is_held_or_pressed_twice_answers_no_question(
    site: Site, look: Windows, action: str
) -> None:
    page = fleet(look, site)
    choose(page, "r1n01", "r1n10")
    page.locator(f'podium-actions [data-action="{action}"]').focus()
    for _ in range(3):
        page.keyboard.down("Enter")  # which repeats it
    page.keyboard.up("Enter")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    assert site.door.http.get("/podium/v1/operations").json()["items"] == []
    assert site.door.http.get("/podium/v1/nodes/r1n10").json()["maintenance"] is True


def test_many_machines_are_told_what_to_boot_from(site: Site, look: Windows) -> None:
    site.conductor.head.results["set boot device"] = "pxe, persistent, uefi"
    page = fleet(look, site)
    choose(page, "r1n01", "r1n02")
    question = ask(page, "set boot device")
    expect(question).to_have_accessible_name("Set the boot device of 2 nodes?")
    question.get_by_label("for", exact=True).select_option("every boot")
    question.get_by_label("mode").select_option("uefi")
    question.get_by_label("Reason").fill("new image")
    agree(question, "set boot device")
    page.get_by_role("link", name="operation 1").click()
    expect(page.get_by_role("table", name="Results")).to_contain_text("pxe, persistent, uefi")
    operation = site.door.http.get("/podium/v1/operations").json()["items"][0]
    assert operation["arguments"] == {"boot": {"device": "pxe", "persistent": True, "mode": "uefi"}}
    assert operation["reason"] == "new image"


def test_a_machine_is_restarted_from_another_device_in_one_operation(site: Site, look: Windows) -> None:
    page = fleet(look, site)
    choose(page, "r1n01")
    question = ask(page, "rebooting")
    question.get_by_label("boot once from").select_option("pxe")
    agree(question, "rebooting")
    expect(page.get_by_text("1 requested")).to_be_visible()
    operation = site.door.http.get("/podium/v1/operations").json()["items"][0]
    assert (operation["action"], operation["what"]) == ("rebooting", "pxe, once")


def test_a_driver_that_sets_no_boot_device_is_not_asked_for_one(site: Site, look: Windows) -> None:
    page = fleet(look, site)

    def withhold(route: Route) -> None:
        answer = route.fetch()
        driver = answer.json()
        driver["abilities"].remove("boot device")
        route.fulfill(response=answer, json=driver)

    page.route("**/podium/v1/drivers/*", withhold)
    choose(page, "r1n01")
    expect(page.locator('podium-actions [data-action="set boot device"]')).to_be_hidden()
    question = ask(page, "rebooting")
    expect(question.get_by_label("Reason")).to_be_visible()
    expect(question.get_by_label("boot once from")).to_have_count(0)


@pytest.mark.parametrize(
    ("blink", "what"),
    [("for a minute", "60 s"), ("until it is ended", "until it is ended"), ("no longer", "end")],
)
def test_the_lights_of_machines_blink_for_who_looks_for_them(
    site: Site, look: Windows, blink: str, what: str
) -> None:
    page = fleet(look, site)
    choose(page, "r1n01", "r1n02")
    question = ask(page, "identify")
    question.get_by_label("blink").select_option(blink)
    agree(question, "identify")
    expect(page.get_by_text("2 requested")).to_be_visible()
    assert site.door.http.get("/podium/v1/operations").json()["items"][0]["what"] == what


def test_with_the_keyboard_alone_a_machine_is_told_what_to_boot_from(site: Site, look: Windows) -> None:
    page = fleet(look, site)
    choose(page, "r1n01")
    page.locator('podium-actions [data-action="set boot device"]').focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_label("device", exact=True)).to_be_focused()
    page.keyboard.press("d")  # of several letters the second may come too late for the same choice
    for label in ("for", "mode", "Reason"):
        page.keyboard.press("Tab")
        expect(page.get_by_role("dialog").get_by_label(label, exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_text("1 requested")).to_be_visible()
    assert site.door.http.get("/podium/v1/operations").json()["items"][0]["what"] == "disk, once"


@pytest.mark.parametrize("action", ["set boot device", "fake.blink"])
@pytest.mark.parametrize("how", [{}, {"dark": True}, {"width": 360}])
def test_axe_finds_nothing_wrong_with_a_question_that_has_choices(
    site: Site, look: Windows, action: str, how: dict[str, Any]
) -> None:
    page = fleet(look, site, **how)
    choose(page, "r1n01")
    ask(page, action)
    assert axe(page) == []


def test_for_many_nodes_their_number_is_to_be_typed(serve: Callable[..., Site], look: Windows) -> None:
    site = serve(racks=5)
    page = fleet(look, site)
    choose_all(page)
    question = ask(page, "power on")
    expect(question).to_contain_text("5 racks: r[1-5]")
    expect(question).to_contain_text("Nodes: r[1-5]n[01-12]")
    question.get_by_label("Type 60 to go on").fill("48")
    agree(question, "power on")
    assert question.locator("input:invalid").count() == 1
    expect(question).to_be_visible()
    assert site.door.http.get("/podium/v1/operations").json()["items"] == []
    question.get_by_label("Type 60 to go on").fill("60")
    agree(question, "power on")
    expect(page.get_by_text("60 requested")).to_be_visible()


def test_the_number_is_asked_for_too_where_only_the_api_knows_that_it_must_be(
    serve: Callable[..., Site], look: Windows
) -> None:
    """The limit has become lower since the page was loaded."""
    look.expect("400")
    site = serve(racks=5)
    page = look(site.url, "#/tasks")
    page.route("**/podium/v1/session", lambda route: route.fulfill(json=loosened(route)))
    page.goto(f"{site.url}/#/fleet")
    page.reload()
    is_loaded(page, site)
    choose_all(page)
    question = ask(page, "power on")
    expect(question.get_by_label("Type 60 to go on")).to_have_count(0)
    question.get_by_label("Reason").fill("all hands")
    agree(question, "power on")
    expect(question.get_by_role("alert")).to_contain_text("confirm_above")
    question.get_by_label("Type 60 to go on").fill("60")
    agree(question, "power on")
    expect(page.get_by_text("60 requested")).to_be_visible()
    assert site.door.http.get("/podium/v1/operations").json()["items"][0]["reason"] == "all hands"


def loosened(route: Route) -> Any:
    """Return what the API says of the session, with a limit that no question reaches."""
    return route.fetch().json() | {"confirm_above": 1000}


def test_what_is_refused_is_shown_for_each_reason(site: Site, look: Windows) -> None:
    site.change(["r1n03", "r1n04"], {"disable_power_off": True})
    page = fleet(look, site)
    choose(page, "r1n01", "r1n03", "r1n04")
    agree(ask(page, "power off"), "power off")
    expect(page.get_by_text("1 requested")).to_be_visible()
    refused = page.get_by_text("r1n[03-04]: its disable_power_off is true, so that it is never switched off")
    expect(refused).to_be_visible()
    page.locator("[data-action=dismiss]").click()
    expect(refused).to_be_hidden()


def test_soft_actions_can_be_followed_by_the_hard_one(site: Site, look: Windows) -> None:
    page = fleet(look, site)
    choose(page, "r1n01")
    question = ask(page, "soft power off")
    question.get_by_label("Switch off what is still on after the timeout").check()
    agree(question, "soft power off")
    expect(page.get_by_text("1 requested")).to_be_visible()
    assert site.door.http.get("/podium/v1/operations").json()["items"][0]["then_off"] is True


def test_nodes_go_into_maintenance_and_out_of_it(site: Site, look: Windows) -> None:
    page = fleet(look, site)
    choose(page, "r1n01", "r1n10")
    question = ask(page, "maintenance set")
    question.get_by_label("Reason").fill("new disks")
    agree(question, "maintenance set")
    expect(page.locator("podium-actions")).to_contain_text("in maintenance")
    assert site.door.http.get("/podium/v1/nodes/r1n01").json()["maintenance_reason"] == "new disks"
    question = ask(page, "maintenance unset")
    expect(question.get_by_label("Reason")).to_have_count(0)
    agree(question, "maintenance unset")
    expect(page.locator("podium-actions")).to_contain_text("2 out of maintenance")
    assert site.door.http.get("/podium/v1/nodes/r1n10").json()["maintenance"] is False


def test_a_failure_is_told_and_nothing_that_was_typed_is_lost(site: Site, look: Windows) -> None:
    look.expect(UNREACHABLE)
    page = fleet(look, site)
    choose(page, "r1n01")
    question = ask(page, "power off")
    question.get_by_label("Reason").fill("a new board")
    site.door.kill()
    expect(question).to_contain_text("The connection is lost")
    for _ in range(2):
        agree(question, "power off")
    expect(question.get_by_role("alert")).to_contain_text("podium-api does not answer")
    expect(question.get_by_label("Reason")).to_have_value("a new board")
    site.door.start()
    agree(question, "power off")
    expect(page.get_by_text("1 requested")).to_be_visible()
    assert len(site.door.http.get("/podium/v1/operations").json()["items"]) == 1


def test_the_words_of_the_api_are_shown(site: Site, look: Windows) -> None:
    look.expect("404")
    page = fleet(look, site)
    choose(page, "r1n01")
    meanwhile(page, "maintenance", lambda: site.delete(["r1n01"]))
    question = ask(page, "maintenance set")
    agree(question, "maintenance set")
    expect(question.get_by_role("alert")).to_contain_text("no node has the name or UUID r1n01")


def meanwhile(page: Page, path: str, happens: Callable[[], None]) -> None:
    """Have something happen that the page does not know yet when its next request is sent."""

    def carry_on(route: Route) -> None:
        happens()
        route.continue_()

    page.route(f"**/{path}", carry_on, times=1)


def swap(site: Site) -> None:
    """Have r1n02 get the name of r1n01."""
    site.change(["r1n01"], {"name": "old"})
    site.change(["r1n02"], {"name": "r1n01"})


def states(site: Site, *names: str) -> list[str]:
    return [site.door.http.get(f"/podium/v1/nodes/{name}").json()["power_state"] for name in names]


def test_a_machine_that_got_the_name_of_another_meanwhile_is_left_alone(site: Site, look: Windows) -> None:
    page = fleet(look, site)
    choose(page, "r1n01")
    question = ask(page, "power off")
    swap(site)
    expect(question).to_have_accessible_name("Switch old off?")
    agree(question, "power off")
    expect(question.get_by_role("alert")).to_contain_text("changed while you were asked")
    assert site.door.http.get("/podium/v1/operations").json()["items"] == []
    agree(question, "power off")
    expect(question).to_be_hidden()
    site.wait_for_operations()
    assert states(site, "old", "r1n01") == ["power off", "power on"]


@pytest.mark.parametrize(
    ("action", "path"), [("power off", "operations"), ("maintenance set", "maintenance")]
)
def test_so_it_is_where_the_page_does_not_know_it_yet(
    site: Site, look: Windows, action: str, path: str
) -> None:
    look.expect("409")
    page = fleet(look, site)
    choose(page, "r1n01")
    question = ask(page, action)
    meanwhile(page, path, lambda: swap(site))
    agree(question, action)
    expect(question.get_by_role("alert")).to_contain_text("other nodes than are meant; nothing was done")
    assert states(site, "old", "r1n01") == ["power on", "power on"]
    assert site.door.http.get("/podium/v1/nodes/r1n01").json()["maintenance"] is False
    expect(question).to_have_accessible_name(re.compile(r"\bold\b"))
    agree(question, action)
    expect(question.get_by_role("alert")).to_contain_text("changed while you were asked")
    agree(question, action)
    expect(question).to_be_hidden()


def test_the_question_says_what_has_become_of_the_nodes_since(site: Site, look: Windows) -> None:
    page = fleet(look, site)
    choose(page, "r1n04", "r1n08", "r1n01")
    question = ask(page, "power off")
    expect(question).to_contain_text("On now, and stopped by this: 1 node")
    site.switch(["r1n04"], "power on")
    expect(question).to_contain_text("On now, and stopped by this: 2 nodes")
    site.delete(["r1n08"])
    expect(question).to_have_accessible_name("Switch 2 nodes off?")
    expect(question).to_contain_text("Nodes: r1n[01,04]")
    site.change(["r1n01"], {"maintenance": True})
    expect(question).to_contain_text("In maintenance: 1 node")
    agree(question, "power off")
    expect(question.get_by_role("alert")).to_contain_text("changed while you were asked")
    agree(question, "power off")
    expect(page.get_by_text("2 requested")).to_be_visible()


def test_the_question_says_that_it_is_about_what_was_known_when_the_connection_was_lost(
    site: Site, look: Windows
) -> None:
    look.expect(UNREACHABLE)
    page = fleet(look, site)
    choose(page, "r1n04")
    question = ask(page, "power off")
    expect(question).not_to_contain_text("The connection is lost")
    site.door.kill()
    expect(question).to_contain_text("The connection is lost: what is said here of the nodes is old")


def test_the_question_says_that_another_filter_is_typed(site: Site, look: Windows) -> None:
    page = fleet(look, site)
    choose_all(page)
    page.locator("[data-role=filter]").fill("extra.zone = north and")
    expect(page.locator("[data-role=filter]")).to_have_attribute("aria-invalid", "true")
    expect(ask(page, "power off")).to_contain_text("The filter that is typed is not in force")


def test_the_feeds_of_a_node_that_cannot_be_read_say_whether_it_is_on(site: Site, look: Windows) -> None:
    site.change(["r1n07"], {"extra": {"power_feeds": ["r2n01", "r9n99"]}})
    page = fleet(look, site)
    choose(page, "r1n01", "r1n07")
    question = ask(page, "power off")
    expect(question).to_contain_text("r1n07 cannot be read; its feed r9n99 is no node")
    agree(question, "power off")  # which were seen
    expect(question).to_be_hidden()


def test_what_becomes_less_needs_no_second_look(site: Site, look: Windows) -> None:
    page = fleet(look, site)
    choose(page, "r1n01", "r1n02")
    question = ask(page, "power off")
    site.switch(["r1n01"], "power off")
    expect(question).to_contain_text("On now, and stopped by this: 1 node")
    agree(question, "power off")
    expect(page.get_by_text("2 requested")).to_be_visible()


def test_where_all_nodes_were_deleted_nothing_else_is_meant(site: Site, look: Windows) -> None:
    page = fleet(look, site)
    choose(page, "r1n01")
    question = ask(page, "power off")
    site.delete(["r1n01"])
    expect(question).to_contain_text("All of them have been deleted")
    agree(question, "power off")
    assert site.door.http.get("/podium/v1/operations").json()["items"] == []
    expect(question).to_be_visible()


def test_an_answer_that_got_lost_does_not_switch_twice(site: Site, look: Windows) -> None:
    look.expect("ERR_FAILED")
    page = fleet(look, site)
    choose(page, "r1n01")

    def lose(route: object) -> None:
        route.fetch()  # type: ignore[attr-defined]
        route.abort()  # type: ignore[attr-defined]

    page.route("**/podium/v1/operations", lose, times=1)
    question = ask(page, "rebooting")
    agree(question, "rebooting")
    expect(question.get_by_role("alert")).to_be_visible()
    agree(question, "rebooting")
    expect(page.get_by_text("1 requested")).to_be_visible()
    assert len(site.door.http.get("/podium/v1/operations").json()["items"]) == 1


@pytest.mark.parametrize("status", [502, 503, 504])
def test_what_may_have_been_done_is_not_done_twice(site: Site, look: Windows, status: int) -> None:
    """A proxy gave up, or podium-api did; the person changes what was typed, and asks once more."""
    look.expect(str(status))
    page = fleet(look, site)
    choose(page, "r1n01")

    def give_up(route: Route) -> None:
        route.fetch()
        route.fulfill(status=status, body="<html>Time-out</html>", headers={"Content-Type": "text/html"})

    page.route("**/podium/v1/operations", give_up, times=1)
    question = ask(page, "power cycle")
    question.get_by_label("Reason").fill("stuck")
    agree(question, "power cycle")
    expect(question.get_by_role("alert")).to_contain_text("once")
    expect(question.get_by_label("Reason")).not_to_be_editable()
    site.wait_for_operations()
    agree(question, "power cycle")
    expect(page.get_by_text("1 requested")).to_be_visible()
    assert len(site.door.http.get("/podium/v1/operations").json()["items"]) == 1


@pytest.mark.parametrize("other", ["admin", "reader", "nobody"])
def test_what_one_person_was_asked_is_not_put_to_the_next(
    serve: Callable[..., Site], look: Windows, other: str
) -> None:
    look.expect("401")
    site = serve(users=True)
    page = fleet(look, site, "operator")
    choose(page, "r1n01")
    question = ask(page, "power off")
    question.get_by_label("Reason").fill("a new board")
    page.context.clear_cookies()
    page.get_by_label("Name").fill(other)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("banner")).to_contain_text(other)
    expect(page.locator("podium-question")).to_have_count(0)


def test_readers_see_no_buttons(serve: Callable[..., Site], look: Windows) -> None:
    site = serve(users=True)
    page = fleet(look, site, "reader")
    page.locator('[data-node="r1n01"]').click()
    assert page.locator("podium-actions button:visible").count() == 0


def test_one_node_is_acted_on_from_its_own_view_on_a_narrow_screen(site: Site, look: Windows) -> None:
    page = look(site.url, "#/nodes/r1n02", width=360)
    question = ask(page, "power off")
    expect(question).to_have_accessible_name("Switch r1n02 off?")
    agree(question, "power off")
    expect(page.get_by_text("1 requested")).to_be_visible()
    expect(page.locator('[data-node="r1n02"][data-state="power off"]')).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("dark", [False, True])
def test_the_question_is_there_for_all(
    serve: Callable[..., Site], look: Windows, width: int, dark: bool
) -> None:
    page = fleet(look, serve(racks=5), width=width, dark=dark)
    choose_all(page)
    question = ask(page, "soft power off")
    assert axe(page) == []
    question.get_by_label("Type 60 to go on").fill("60")
    agree(question, "soft power off")
    expect(page.get_by_text("60 requested")).to_be_visible()
    assert axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
