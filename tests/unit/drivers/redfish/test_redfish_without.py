"""What a BMC offers and does not do is done without, for a while; what it demands is given."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import virtual_time
from podium import errors, states
from podium.drivers import base
from podium.drivers.redfish.http.answers import Refused
from podium.drivers.redfish.http.client import Timing
from podium.drivers.redfish.system import System

ROOT = "/redfish/v1/"
SYSTEMS = "/redfish/v1/Systems"
SYSTEM = "/redfish/v1/Systems/1"
SELECTED = f"{SYSTEM}?$select=PowerState"
RESET = f"{SYSTEM}/Actions/ComputerSystem.Reset"
SELECTS = {"ProtocolFeaturesSupported": {"SelectQuery": True}}
USUAL = Timing()


class Stage:
    """A BMC, its system as the driver knows it, and the time."""

    def __init__(self, bmc: Any, path: str = SYSTEM) -> None:
        self.bmc = bmc
        self.now = 1000.0
        self.path = path
        bmc.resources[ROOT] = {**bmc.resources[ROOT], **SELECTS, "Systems": {"@odata.id": SYSTEMS}}
        bmc.resources[SELECTED] = bmc.resources[SYSTEM]
        bmc.resources[SYSTEMS] = {"Members": [{"@odata.id": SYSTEM}]}
        bmc.resources[RESET] = {}

    async def read(self, *, force: bool = False) -> str:
        return await self.system.read_power(base.Node("n1", "n1", "redfish"), force=force)

    async def change(self, action: str) -> None:
        await self.system.change_power(action)

    def becomes(self, word: Any) -> None:
        self.bmc.resources[SYSTEM] = self.bmc.resources[SELECTED] = {"@odata.id": SYSTEM, "PowerState": word}

    @property
    def asked(self) -> list[tuple[str, str | None]]:
        """The paths of the system's GETs so far, and their conditions; forgets them."""
        found = [
            (one.path, one.headers.get("if-none-match"))
            for one in self.bmc.requests
            if one.method == "GET" and one.path.startswith(SYSTEM)
        ]
        self.bmc.requests.clear()
        return found


def play(
    scene: Callable[[Stage], Awaitable[None]], http_bmc: Any, *, path: str = SYSTEM, timing: Timing = USUAL
) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc:
            stage = Stage(bmc, path)
            async with bmc.connected(timing, clock=lambda: stage.now) as (_, one):
                stage.system = System(one, path, 300.0, lambda: stage.now)
                await scene(stage)

    virtual_time.run(main, virtual_time.TCP)


def odd(status: int, condition: Callable[[Any], bool], body: Any = None) -> Callable[[Any], bytes | None]:
    """An answer of the BMC's to some requests."""

    def answer(request: Any) -> bytes | None:
        from_stage = request.path.startswith(SYSTEM) and request.method == "GET"
        return stage_reply(status, body) if from_stage and condition(request) else None

    return answer


def stage_reply(status: int, body: Any) -> bytes:
    content = b"" if body is None else body
    return b"HTTP/1.1 %d Odd\r\nContent-Length: %d\r\n\r\n%s" % (status, len(content), content)


def is_selected(request: Any) -> bool:
    return "$select" in request.path


def is_conditional(request: Any) -> bool:
    return "if-none-match" in request.headers


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, None), (400, None), (501, None), (503, None), (204, None), (200, b""),
        (200, b"<html>"), (200, b"[]"), (200, b"{}"), (200, b'{"PowerState": null}'),
        (200, b'{"error": {"code": "Base.1.0.QueryNotSupported", "message": "No."}}'),
    ],
)  # fmt: skip
def test_a_select_that_fails_is_done_without_in_the_same_read_and_for_an_hour(
    http_bmc: Any, status: int, body: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene(stage: Stage) -> None:
        stage.bmc.answer = odd(status, is_selected, body)
        assert await stage.read() == states.POWER_ON
        assert [path for path, _ in stage.asked] == [SELECTED, SYSTEM]
        stage.now += 3599
        assert await stage.read(force=True) == states.POWER_ON
        assert stage.asked == [(SYSTEM, None)]
        stage.now += 1
        assert await stage.read() == states.POWER_ON
        assert [path for path, _ in stage.asked] == [SELECTED, SYSTEM]
        stage.now += 3600
        stage.bmc.answer = lambda request: None
        assert await stage.read() == states.POWER_ON
        assert [path for path, _ in stage.asked] == [SELECTED]

    with caplog.at_level(logging.INFO):
        play(scene, http_bmc)
    assert caplog.text.count("does not do $select") == 1


def test_a_select_that_is_always_answered_with_not_modified_is_done_without(http_bmc: Any) -> None:
    async def scene(stage: Stage) -> None:
        stage.bmc.answer = odd(304, is_selected)
        for word, state in (("On", states.POWER_ON), ("Off", states.POWER_OFF)):
            stage.becomes(word)
            assert await stage.read() == state
        assert [path for path, _ in stage.asked] == [SELECTED, SELECTED, SYSTEM, SYSTEM]

    play(scene, http_bmc)


def test_a_select_that_is_never_answered_is_done_without(http_bmc: Any) -> None:
    async def scene(stage: Stage) -> None:
        stage.bmc.answer = lambda request: b"" if is_selected(request) else None
        for _ in range(2):
            assert await stage.read() == states.POWER_ON
        assert [path for path, _ in stage.asked] == [SELECTED, SYSTEM, SYSTEM]

    play(scene, http_bmc, timing=Timing(read=0.2))


def test_a_bmc_that_is_silent_and_was_not_before_is_not_asked_twice(http_bmc: Any) -> None:
    async def scene(stage: Stage) -> None:
        for _ in range(2):
            await stage.read()
        assert len(stage.asked) == 2
        stage.bmc.answer = lambda request: b""
        with pytest.raises(errors.BMCUnreachable):
            await stage.read()
        assert len(stage.asked) == 1

    play(scene, http_bmc, timing=Timing(read=0.2))


@pytest.mark.parametrize(
    ("status", "body"), [(412, None), (400, None), (500, None), (428, None), (204, None), (200, b"{}")]
)
def test_a_conditional_request_that_fails_is_repeated_without_the_condition(
    http_bmc: Any, status: int, body: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene(stage: Stage) -> None:
        assert await stage.read() == states.POWER_ON
        stage.bmc.answer = odd(status, is_conditional, body)
        stage.asked  # noqa: B018
        assert await stage.read() == states.POWER_ON
        assert [(path, bool(etag)) for path, etag in stage.asked] == [(SELECTED, True), (SELECTED, False)]
        for _ in range(3):
            assert await stage.read() == states.POWER_ON
        assert not any(etag for _, etag in stage.asked)
        stage.now += 3600
        stage.bmc.answer = lambda request: None
        for _ in range(2):
            await stage.read()
        assert [bool(etag) for _, etag in stage.asked] == [False, True]

    with caplog.at_level(logging.INFO):
        play(scene, http_bmc)
    assert caplog.text.count("does not do conditional requests") == 1


def test_a_bmc_that_says_not_modified_to_every_second_request_is_read(http_bmc: Any) -> None:
    async def scene(stage: Stage) -> None:
        turns = iter(range(1000))
        stage.bmc.answer = odd(304, lambda request: not is_conditional(request) and next(turns) % 2 == 0)
        for word, state in (("On", states.POWER_ON), ("Off", states.POWER_OFF), ("On", states.POWER_ON)):
            stage.becomes(word)
            assert await stage.read() == state

    play(scene, http_bmc)


def test_not_modified_with_a_body_is_read_too(http_bmc: Any) -> None:
    async def scene(stage: Stage) -> None:
        stage.bmc.answer = odd(304, is_conditional, b'{"PowerState": "On"}')
        for _ in range(9):
            assert await stage.read() == states.POWER_ON
        assert stage.bmc.accepted == 3  # a body costs the connection, which is noticed at the next request
        assert [bool(etag) for _, etag in stage.asked].count(True) == 2
        stage.bmc.answer = lambda request: None
        stage.becomes("Off")
        assert await stage.read() == states.POWER_OFF

    play(scene, http_bmc)


def test_etags_that_hid_a_change_are_tried_again_after_a_day(http_bmc: Any) -> None:
    async def scene(stage: Stage) -> None:
        stage.bmc.answer = lambda request: (
            stage.bmc.reply(200, stage.bmc.resources[SYSTEM], ETag='"same"')
            if request.path.startswith(SYSTEM)
            else None
        )
        for word in ("On", "Off"):
            stage.becomes(word)
            await stage.read(force=True)
        stage.bmc.answer = lambda request: None
        stage.now += 86399
        stage.asked  # noqa: B018
        for _ in range(2):
            await stage.read()
        assert not any(etag for _, etag in stage.asked)
        stage.now += 1
        for _ in range(2):
            await stage.read()
        assert [bool(etag) for _, etag in stage.asked] == [False, True]

    play(scene, http_bmc)


def test_a_bmc_that_starts_is_read_as_soon_as_its_root_is_whole(http_bmc: Any) -> None:
    async def scene(stage: Stage) -> None:
        whole = stage.bmc.resources[ROOT]
        stage.bmc.resources[ROOT] = {"RedfishVersion": "1.6.0"}
        collection = stage.bmc.resources.pop(SYSTEMS)
        with pytest.raises(errors.DriverError, match="no systems in its service root"):
            await stage.read()
        stage.bmc.resources |= {ROOT: whole, SYSTEMS: collection}
        stage.now += 5
        assert await stage.read() == states.POWER_ON
        assert stage.bmc.accepted == 1

    play(scene, http_bmc, path="")


def test_select_is_found_although_the_root_did_not_offer_it_at_first(http_bmc: Any) -> None:
    async def scene(stage: Stage) -> None:
        whole = stage.bmc.resources[ROOT]
        stage.bmc.resources[ROOT] = {}
        assert await stage.read() == states.POWER_ON
        stage.bmc.resources[ROOT] = whole
        stage.asked  # noqa: B018
        stage.now += 3600
        assert await stage.read() == states.POWER_ON
        assert [path for path, _ in stage.asked] == [SELECTED]

    play(scene, http_bmc)


def test_a_second_system_that_shows_late_ends_the_choice_of_the_first(http_bmc: Any) -> None:
    async def scene(stage: Stage) -> None:
        assert await stage.read() == states.POWER_ON
        other = [{"@odata.id": f"{SYSTEMS}/2"}]
        stage.bmc.resources[SYSTEMS] = {"Members": [*stage.bmc.resources[SYSTEMS]["Members"], *other]}
        with pytest.raises(errors.InvalidDriverInfo, match="has 2 systems"):
            await stage.change(states.REBOOTING)
        assert not stage.bmc.asked(RESET, "POST")
        assert await stage.read() == states.POWER_ON
        stage.now += 3600
        with pytest.raises(errors.InvalidDriverInfo, match="has 2 systems"):
            await stage.read()

    play(scene, http_bmc, path="")


def test_a_bmc_that_renames_its_system_at_every_look_is_not_followed_for_ever(http_bmc: Any) -> None:
    async def scene(stage: Stage) -> None:
        await stage.read()
        looks = iter(range(1000))

        def answer(request: Any) -> bytes | None:
            if request.path == SYSTEMS:
                members = [{"@odata.id": f"{SYSTEMS}/new{next(looks)}"}]
                return stage.bmc.reply(200, {"Members": members})  # type: ignore[no-any-return]
            return stage.bmc.reply(404) if request.path.startswith(SYSTEMS) else None  # type: ignore[no-any-return]

        stage.bmc.answer = answer
        stage.bmc.requests.clear()
        for call in (stage.read(), stage.change(states.REBOOTING)):
            with pytest.raises(Refused, match="HTTP 404"):
                await call
        assert len(stage.bmc.requests) <= 16
        assert not any(request.method == "POST" for request in stage.bmc.requests)

    play(scene, http_bmc, path="")


@pytest.mark.parametrize("failing", [(ROOT,), (SYSTEMS,), (ROOT, SYSTEMS)])
def test_a_system_that_is_known_is_read_though_root_and_collection_fail(
    http_bmc: Any, failing: tuple[str, ...]
) -> None:
    async def scene(stage: Stage) -> None:
        assert await stage.read() == states.POWER_ON
        stage.bmc.answer = lambda request: stage.bmc.reply(500) if request.path in failing else None
        stage.now += 3600
        assert await stage.read() == states.POWER_ON
        await stage.change(states.REBOOTING)
        assert len(stage.bmc.asked(RESET, "POST")) == 1

    play(scene, http_bmc, path="")


@pytest.mark.parametrize("status", [412, 428])
@pytest.mark.parametrize("etag", ['"1"', 'W/"1"', None])
def test_a_reset_that_demands_an_etag_gets_it(
    http_bmc: Any, status: int, etag: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    wanted = "*" if etag is None else etag

    async def scene(stage: Stage) -> None:
        bmc, posts = stage.bmc, []

        def answer(request: Any) -> bytes | None:
            if request.path == SYSTEM:
                return bmc.reply(200, bmc.resources[SYSTEM], **({"ETag": etag} if etag else {}))  # type: ignore[no-any-return]
            if request.path != RESET:
                return None
            posts.append(request.headers.get("if-match"))
            return bmc.reply(204 if posts[-1] == wanted else status)  # type: ignore[no-any-return]

        bmc.answer = answer
        await stage.change(states.REBOOTING)
        assert posts == [None, wanted]
        await stage.change(states.REBOOTING)
        assert posts == [None, wanted, wanted]
        stage.now += 3600
        await stage.change(states.REBOOTING)
        assert posts[3:] == [None, wanted]

    with caplog.at_level(logging.INFO):
        play(scene, http_bmc)
    assert caplog.text.count("demands the ETag") == 1


def test_a_weak_etag_is_given_without_its_mark_to_a_bmc_that_takes_conditions_seriously(
    http_bmc: Any,
) -> None:
    async def scene(stage: Stage) -> None:
        bmc, posts = stage.bmc, []

        def answer(request: Any) -> bytes | None:
            if request.path == SYSTEM:
                return bmc.reply(200, {"PowerState": "On", "@odata.etag": 'W/"7"'})  # type: ignore[no-any-return]
            if request.path != RESET:
                return None
            posts.append(request.headers.get("if-match"))
            refusal = bmc.error(("Base.1.8.PreconditionRequired", "Give an ETag."))
            return bmc.reply(204) if posts[-1] == '"7"' else bmc.reply(400, refusal)  # type: ignore[no-any-return]

        bmc.answer = answer
        await stage.change(states.POWER_OFF)
        assert posts == [None, 'W/"7"', '"7"']

    play(scene, http_bmc)


def test_a_reset_that_no_etag_helps_is_refused_and_was_tried_few_times(http_bmc: Any) -> None:
    async def scene(stage: Stage) -> None:
        stage.bmc.answer = lambda request: stage.bmc.reply(412) if request.path == RESET else None
        with pytest.raises(Refused, match="HTTP 412"):
            await stage.change(states.REBOOTING)
        assert len(stage.bmc.asked(RESET, "POST")) == 3  # without, with it, with any

    play(scene, http_bmc)


@pytest.mark.parametrize(
    ("word", "state"), [("on", "power on"), ("OFF", "power off"), (" On\n\0", "power on")]
)
def test_a_power_state_in_another_case_is_one(http_bmc: Any, word: str, state: str) -> None:
    async def scene(stage: Stage) -> None:
        stage.becomes(word)
        assert [await stage.read(), await stage.read()] == [state, state]

    play(scene, http_bmc)


def test_a_missing_power_state_is_explained_in_the_bmcs_words(http_bmc: Any) -> None:
    async def scene(stage: Stage) -> None:
        told = [{"MessageId": "Base.1.8.InternalError", "Message": "The CPLD does not answer."}]
        body = {"@odata.id": SYSTEM, "PowerState@Message.ExtendedInfo": told}
        stage.bmc.resources[SYSTEM] = stage.bmc.resources[SELECTED] = body
        with pytest.raises(errors.DriverError, match="PowerState is missing; The CPLD does not answer"):
            await stage.read()
        for body in (
            {"error": {"message": "The host interface is busy."}},
            {"error": "The host interface is busy."},
            {"code": 7, "message": "The host interface is busy."},
        ):
            stage.bmc.resources[SYSTEM] = stage.bmc.resources[SELECTED] = body
            with pytest.raises(errors.DriverError, match="The host interface is busy"):
                await stage.read()

    play(scene, http_bmc)
