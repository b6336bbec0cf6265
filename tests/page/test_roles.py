"""What the page offers to whom: nobody sees a button that would be refused."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from chromium import Windows
from screenshots import tell
from watched import PASSWORD, Site

VIEWS = ("#/fleet", "#/nodes/r1n09", "#/operations", "#/operations/1", "#/conductors", "#/tasks")
#: Buttons that everybody has: they change nothing of the fleet.
HARMLESS = {"log out"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with Site(tmp_path_factory.mktemp("site"), users=True) as serving:
        tell(serving)
        yield serving


def offered(site: Site, look: Windows, user: str, where: str) -> set[str]:
    """Return the actions that somebody is offered in a view, once it shows what it is about."""
    page = look(site.url, where, user=user, password=PASSWORD)
    expect(page.locator("podium-page")).to_have_attribute("data-connection", "live")
    if where == "#/fleet":
        page.locator("[data-node=r1n01]").click()
    else:
        expect(page.locator("main :is(h2, caption):visible").first).to_be_visible()
    buttons = page.locator("[data-action]").all()
    return {str(one.get_attribute("data-action")) for one in buttons if one.is_visible()} - HARMLESS


@pytest.mark.parametrize("where", VIEWS)
def test_a_reader_sees_no_buttons(site: Site, look: Windows, where: str) -> None:
    assert offered(site, look, "reader", where) == set()


def test_an_operator_may_switch_nodes(site: Site, look: Windows) -> None:
    fleet = look(site.url, user="operator", password=PASSWORD)
    fleet.locator("[data-node=r1n01]").click()
    node = look(site.url, "#/nodes/r1n01", user="operator", password=PASSWORD)
    for page in (fleet, node):
        for action in ("power on", "power off", "rebooting", "maintenance set"):
            expect(page.locator(f"[data-action='{action}']:visible").first).to_be_enabled()


def test_what_is_not_offered_is_refused_all_the_same(site: Site, look: Windows) -> None:
    page = look(site.url, user="reader", password=PASSWORD)
    answer = page.context.request.post(
        "/podium/v1/operations",
        data={"action": "power off", "nodes": ["r1n01"]},
        headers={"Origin": site.url},
    )
    assert answer.status == 403
    elsewhere = look(site.url, user="operator", password=PASSWORD).context.request.post(
        "/podium/v1/operations",
        data={"action": "power off", "nodes": ["r1n01"]},
        headers={"Origin": "http://elsewhere.example"},
    )
    assert elsewhere.status == 403
    assert site.states()["r1n01"] == "power on"
