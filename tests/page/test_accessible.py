"""Each state of the page for people who see, hear or point differently: axe, in light, dark and 360 px."""

from collections.abc import Iterator

import pytest

from chromium import UNREACHABLE, Windows, axe
from screenshots import SIZES, STATES, Pose, tell
from watched import PASSWORD, Site

_SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with Site(tmp_path_factory.mktemp("site"), users=True) as serving:
        tell(serving)
        yield serving


@pytest.mark.parametrize(("where", "pose", "user"), [pytest.param(*one[1:], id=one[0]) for one in STATES])
def test_axe_finds_nothing_wrong(where: str, pose: Pose, user: str | None, site: Site, look: Windows) -> None:
    look.expect(UNREACHABLE)
    page = look(site.url, where, user=user, password=PASSWORD)
    pose(page, site)
    found = []
    for size, how in SIZES.items():
        page.set_viewport_size({"width": how["width"], "height": how["height"]})
        page.emulate_media(color_scheme="dark" if how.get("dark") else "light")
        found += [f"{size}: {fault}" for fault in axe(page)]
        if (pixels := page.evaluate(_SIDEWAYS)) > 0:
            found.append(f"{size}: {pixels} px are to be scrolled to sideways")
    process = site.door.api.process
    if process is not None and process.poll() is not None:
        site.door.start()
    assert not found, "\n".join(found)
