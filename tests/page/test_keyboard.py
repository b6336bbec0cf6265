"""Keyboard alone: from the login to machines that are switched, and never lost on the way."""

from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

from chromium import Windows
from watched import PASSWORD, Site

#: More than there are places to go to by Tab on any view.
FAR = 60


def tab_to(page: Page, wanted: Locator) -> None:
    """Press Tab until an element has the focus, which must be visible all the way."""
    for _ in range(FAR):
        if wanted.count() and wanted.first.evaluate("one => one === document.activeElement"):
            return
        page.keyboard.press("Tab")
        focused = page.evaluate(
            "(({outlineStyle, boxShadow}) => [document.activeElement.tagName, outlineStyle, boxShadow])"
            "(getComputedStyle(document.activeElement))"
        )
        assert focused[0] == "BODY" or focused[1] != "none" or focused[2] != "none", focused
    raise AssertionError(f"not reached by Tab: {wanted}")


def row(page: Page, name: str, state: str | None = None) -> Locator:
    return page.locator(f'[data-node="{name}"]' + (f'[data-state="{state}"]' if state else ""))


def test_machines_are_found_chosen_and_switched_by_keyboard_alone(
    serve: Callable[..., Site], look: Windows
) -> None:
    site = serve(users=True)
    page = look(site.url)
    expect(page.get_by_label("Name")).to_be_focused()
    page.keyboard.type("operator")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(row(page, "r1n01")).to_be_visible()
    tab_to(page, page.locator("[data-role=filter]"))
    page.keyboard.type("r2n[01-03]")
    expect(row(page, "r1n01")).to_have_count(0)
    expect(row(page, "r2n03")).to_be_visible()
    page.keyboard.press("Escape")  # closes suggestions, where there are any
    tab_to(page, row(page, "r2n01"))
    page.keyboard.press("Space")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Shift+ArrowDown")
    expect(page.locator("[data-node][aria-selected=true]")).to_have_count(3)
    expect(page.locator("[data-action='power off']").first).to_be_visible()
    tab_to(page, page.locator("[data-action='power off']"))
    page.keyboard.press("Enter")
    question = page.locator("dialog[open]")
    expect(question).to_contain_text("r2n[01-03]")
    expect(question.get_by_role("heading")).to_be_focused()
    tab_to(page, question.get_by_label("Reason"))
    page.keyboard.type("the power is needed elsewhere")
    page.keyboard.press("Enter")
    for name in ("r2n01", "r2n02", "r2n03"):
        expect(row(page, name, "power off")).to_be_visible()
    assert page.evaluate("document.activeElement !== document.body"), "the focus is lost"


def test_a_question_is_closed_by_escape_and_the_focus_is_where_it_was(site: Site, look: Windows) -> None:
    page = look(site.url)
    row(page, "r1n01").click()
    action = page.locator("[data-action='power off']").first
    expect(action).to_be_visible()
    action.focus()
    page.keyboard.press("Enter")
    expect(page.locator("dialog[open]")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("dialog[open]")).to_have_count(0)
    expect(action).to_be_focused()
    assert site.states()["r1n01"] == "power on"


def test_the_focus_stays_on_a_row_whose_node_changes(site: Site, look: Windows) -> None:
    page = look(site.url)
    row(page, "r1n02").click()
    row(page, "r1n02").focus()
    site.switch(["r1n02", "r1n03"], "power off")
    expect(row(page, "r1n02", "power off")).to_be_focused()
    site.delete(["r1n01"])
    expect(row(page, "r1n01")).to_have_count(0)
    expect(row(page, "r1n02")).to_be_focused()
