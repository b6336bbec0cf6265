"""Periodic tasks on the page: which of them need a look, and what can be asked of them."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from chromium import Windows
from watched import PASSWORD, Site


@pytest.fixture
def worn(serve: Callable[..., Site]) -> Iterator[Site]:
    yield serve(users=True, worn=True)


def row(page: Page, task: str) -> Locator:
    return page.locator(f"tr[data-key='{task} on c1']")


def test_failing_tasks_come_first_and_then_late_ones(worn: Site, look: Windows) -> None:
    page = look(worn.url, "#/tasks", user="reader", password=PASSWORD)
    expect(row(page, "ipmi.check_status")).to_contain_text("it was asked three times")
    states = page.locator("tr[data-key$=' on c1'] td[data-label=state]")
    assert states.all_inner_texts() == ["failing", "late", "slowed", "idle", "running", "disabled"]
    expect(page.locator("main [data-action]")).to_have_count(0)


def test_a_task_is_run(worn: Site, look: Windows) -> None:
    page = look(worn.url, "#/tasks", user="operator", password=PASSWORD)
    page.get_by_role("button", name="run acme.check_fans on c1").click()
    page.get_by_role("dialog").get_by_role("button", name="run").click()
    expect(page.get_by_text("acme.check_fans on c1: to be run")).to_be_visible()
    expect(page.locator("main [data-action=disable]")).to_have_count(0)


def test_a_task_is_disabled_and_enabled_with_the_keyboard(worn: Site, look: Windows) -> None:
    page = look(worn.url, "#/tasks", user="admin", password=PASSWORD)
    page.get_by_role("button", name="disable acme.check_fans on c1").press("Enter")
    dialog = page.get_by_role("dialog", name="Disable acme.check_fans on c1?")
    page.keyboard.press("Escape")
    expect(row(page, "acme.check_fans")).not_to_contain_text("disabled")
    page.get_by_role("button", name="disable acme.check_fans on c1").press("Enter")
    dialog.get_by_role("button", name="disable").press("Enter")
    expect(page.get_by_text("acme.check_fans on c1: disabled")).to_be_visible()
    expect(row(page, "acme.check_fans")).to_contain_text("idle, disabled")
    expect(row(page, "acme.check_fans").get_by_role("button").first).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.get_by_role("dialog").get_by_role("button", name="enable").press("Enter")
    expect(page.get_by_text("acme.check_fans on c1: enabled")).to_be_visible()
    expect(row(page, "acme.check_fans")).not_to_contain_text("disabled")
