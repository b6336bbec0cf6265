"""The page is there at all, and how a test of it is written.

Run them with ``PODIUM_TEST_ROUNDS=2 .venv/bin/pytest -n 2 tests/page``; they belong to ``make test-long``.

``look`` opens windows. Each is a Playwright ``Page``: wait for what a person would see with ``expect``,
whose patience is that of the other tests, never for a time. Hold on to roles and names of elements, to
``data-node``, ``data-state`` and ``data-action``, not to classes. A test fails for whatever the page writes
on the console too; one that stops the server says ``look.expect(UNREACHABLE)`` first.

``site`` has 48 nodes that :func:`watched.fleet` describes. ``site.switch(["r1n01"], "power off")`` switches
machines behind Podium's back, ``site.silence(names)`` has them not answer,
``site.conductor.failures["r1n02"] = "why"`` has the next change fail, ``site.conductor.kill()`` ends the
conductor, ``site.door.kill()`` and ``.start()`` the API. ``serve(users=True)`` is a site where people log
in: ``look(site.url, user="reader", password=PASSWORD)``. ``axe(page)`` returns what is wrong for people who
see, hear or point differently: it must be ``[]``.

What a test that failed saw last is in ``window0.png`` in its folder below /tmp/pytest-of-USER or in /dev/shm.
"""

from playwright.sync_api import expect

from chromium import Windows
from watched import Site


def test_the_page_is_served_at_the_root(site: Site, look: Windows) -> None:
    look.expect("favicon")
    page = look(site.url)
    expect(page).to_have_title("Fleet · Podium")
