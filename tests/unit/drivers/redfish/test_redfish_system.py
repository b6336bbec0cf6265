"""One node's system: how it is found, what its power state is said to be, and how it is reset."""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peers import PATIENCE
from podium import errors, states
from podium.drivers import base
from podium.drivers.redfish.http.answers import Refused, Response
from podium.drivers.redfish.system import System

PATH = "/redfish/v1/Systems/1"
RESET = f"{PATH}/Actions/ComputerSystem.Reset"
INFO = f"{PATH}/ResetActionInfo"
SELECTED = f"{PATH}?$select=PowerState"
CONFIRM = 300.0


class FakeBMC:
    """JSON documents in memory, and a machine whose resets take effect at once."""

    target = "https://bmc"

    def __init__(self, *, selects: bool = True, etags: bool = True, allowed: Any = None) -> None:
        self.now = 1000.0
        self.selects = selects
        self.etags = etags
        self.version = 0
        self.reset: dict[str, Any] = {"target": RESET, "ResetType@Redfish.AllowableValues": allowed}
        self.system: dict[str, Any] = {
            "@odata.id": PATH, "PowerState": "Off", "Actions": {"#ComputerSystem.Reset": self.reset}
        }  # fmt: skip
        self.documents: dict[str, dict[str, Any]] = {
            "/redfish/v1/Systems": {"Members": [{"@odata.id": PATH}]},
            PATH: self.system,
        }
        self.root_document: dict[str, Any] = {
            "Systems": {"@odata.id": "/redfish/v1/Systems"},
            "ProtocolFeaturesSupported": {"SelectQuery": selects},
        }
        self.refusals: dict[str, errors.DriverError] = {}  # by path or ResetType
        self.effects = {"On": "On", "ForceOff": "Off", "ForceRestart": "On", "GracefulShutdown": "Off"}
        self.gets: list[tuple[str, str | None]] = []
        self.posts: list[tuple[str, bool]] = []

    def becomes(self, power: Any) -> None:
        self.system["PowerState"] = power
        self.version += 1

    async def root(self, needed: str = "") -> dict[str, Any]:
        return self.root_document

    async def get(self, path: str, *, etag: str | None = None, links: bool = True) -> Response:
        self.gets.append((path, etag))
        if path in self.refusals:
            raise self.refusals[path]
        plain = path.removesuffix("?$select=PowerState")
        if plain not in self.documents or (plain != path and not self.selects):
            raise Refused(f"no {path}", 404)
        current = f'"{self.version}"'
        if etag == current:
            return Response(304, [], {})
        whole = json.loads(json.dumps(self.documents[plain]))
        body = {"PowerState": whole["PowerState"]} if plain != path else whole
        return Response(200, [(b"ETag", current.encode())] if self.etags else [], body)

    async def post(
        self,
        path: str,
        body: dict[str, Any],
        *,
        repeatable: bool,
        etag: str | None = None,
        patience: float = 0.0,
    ) -> Response:
        assert path == RESET
        kind = body["ResetType"]
        self.posts.append((kind, repeatable))
        if kind in self.refusals:
            raise self.refusals[kind]
        self.becomes(self.effects.get(kind, self.system["PowerState"]))
        return Response(204, [], {})

    def sent(self) -> list[str]:
        return [kind for kind, _ in self.posts]

    def made(self, path: str = "") -> System:
        return System(self, path, CONFIRM, lambda: self.now)  # type: ignore[arg-type]


def run(main: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(main(), PATIENCE))


def node(power_state: str | None = None) -> base.Node:
    return base.Node("n1", "n1", "redfish", power_state=power_state)


async def read(system: System, power_state: str | None = None, *, force: bool = False) -> str:
    return await system.read_power(node(power_state), force=force)


def test_the_only_system_is_found_once() -> None:
    async def main() -> None:
        bmc = FakeBMC()
        system = bmc.made()
        assert [await read(system), await read(system)] == [states.POWER_OFF] * 2
        assert system.path == PATH
        assert [path for path, _ in bmc.gets] == ["/redfish/v1/Systems", SELECTED, SELECTED]

    run(main)


def test_several_systems_are_named_in_the_error() -> None:
    async def main() -> None:
        bmc = FakeBMC()
        members = [{"@odata.id": f"/redfish/v1/Systems/{number}"} for number in (1, 2)]
        bmc.documents["/redfish/v1/Systems"] = {"Members": members}
        words = "lacks redfish_system_id: BMC https://bmc has 2 systems, /redfish/v1/Systems/1, .*/2"
        with pytest.raises(errors.InvalidDriverInfo, match=words):
            await read(bmc.made())

    run(main)


@pytest.mark.parametrize(
    ("root", "collection"),
    [
        ({}, {}),
        ({"Systems": []}, {}),
        ({"Systems": {"@odata.id": "/redfish/v1/Systems"}}, {}),
        ({"Systems": {"@odata.id": "/redfish/v1/Systems"}}, {"Members": [None, 3, {}]}),
        ({"Systems": {"@odata.id": "http://elsewhere/redfish/v1/Systems"}}, {}),
    ],
)
def test_a_bmc_without_systems_is_an_error(root: dict[str, Any], collection: dict[str, Any]) -> None:
    async def main() -> None:
        bmc = FakeBMC()
        bmc.root_document = root
        bmc.documents["/redfish/v1/Systems"] = collection
        with pytest.raises(errors.DriverError, match="BMC "):
            await read(bmc.made())

    run(main)


def test_a_system_that_the_bmc_does_not_have_names_the_property() -> None:
    async def main() -> None:
        with pytest.raises(errors.DriverError, match="has no /redfish/v1/Systems/9; set redfish_system_id"):
            await read(FakeBMC().made("/redfish/v1/Systems/9"))

    run(main)


def test_a_system_that_was_found_and_has_another_name_now_is_found_again() -> None:
    async def main() -> None:
        bmc = FakeBMC()
        system = bmc.made()
        await read(system)
        bmc.documents["/redfish/v1/Systems/new"] = bmc.documents.pop(PATH)
        bmc.documents["/redfish/v1/Systems"] = {"Members": [{"@odata.id": "/redfish/v1/Systems/new"}]}
        assert await read(system) == states.POWER_OFF
        assert system.path == "/redfish/v1/Systems/new"

    run(main)


@pytest.mark.parametrize(
    ("word", "state"), [("On", states.POWER_ON), ("Off", states.POWER_OFF), ("Paused", states.POWER_ON)]
)
def test_a_power_state_that_stays_is_what_it_says(word: str, state: str) -> None:
    async def main() -> None:
        bmc = FakeBMC()
        bmc.becomes(word)
        assert await read(bmc.made(PATH)) == state

    run(main)


@pytest.mark.parametrize(
    ("word", "known", "state"),
    [
        ("PoweringOn", None, states.POWER_OFF),
        ("PoweringOff", None, states.POWER_ON),
        ("PoweringOn", states.ERROR, states.POWER_OFF),
        ("PoweringOn", states.POWER_ON, states.POWER_ON),
        ("PoweringOff", states.POWER_ON, states.POWER_ON),
    ],
)
def test_a_power_state_that_passes_is_the_one_before(word: str, known: str | None, state: str) -> None:
    async def main() -> None:
        bmc = FakeBMC()
        bmc.becomes(word)
        assert await read(bmc.made(), known) == state

    run(main)


def test_a_machine_that_was_seen_off_is_not_on_while_it_is_powering_on() -> None:
    async def main() -> None:
        bmc = FakeBMC()
        system = bmc.made()
        assert await read(system, states.POWER_ON) == states.POWER_OFF
        bmc.becomes("PoweringOn")
        assert await read(system, states.POWER_ON) == states.POWER_OFF
        bmc.becomes("On")
        assert await read(system, states.POWER_ON) == states.POWER_ON

    run(main)


@pytest.mark.parametrize(
    ("word", "shown"),
    [
        (None, "null"),
        ("", '""'),
        ("Unknown", '"Unknown"'),
        (1, "not a text"),
        (True, "true"),
        (["On"], "not a text"),
        ({"On": "On"}, "not a text"),
        ("x" * 10000, '"xxx'),
    ],
)
def test_what_is_no_power_state_is_an_error(word: Any, shown: str) -> None:
    async def main() -> None:
        bmc = FakeBMC()
        bmc.becomes(word)
        with pytest.raises(
            errors.DriverError, match="reports no power state of /redfish/v1/Systems/1"
        ) as told:
            await read(bmc.made())
        assert f"PowerState is {shown}" in str(told.value)
        assert len(str(told.value)) < 200

    run(main)


@pytest.mark.parametrize("status", [200, 304, 400, 404, 405, 500, 501, 503])
def test_a_bmc_that_refuses_select_after_all_is_read_without(status: int) -> None:
    async def main() -> None:
        bmc = FakeBMC()
        bmc.refusals[SELECTED] = Refused("no $select", status)
        system = bmc.made(PATH)
        for _ in range(2):
            assert await read(system) == states.POWER_OFF
        assert [path for path, _ in bmc.gets] == [SELECTED, PATH, PATH]

    run(main)


def test_a_bmc_whose_select_leaves_out_the_power_is_read_without() -> None:
    async def main() -> None:
        bmc = FakeBMC()
        bmc.documents[SELECTED] = {"PowerState": None}
        system = bmc.made(PATH)
        whole = bmc.get

        async def without(path: str, **asked: Any) -> Response:
            response = await whole(path, **asked)
            return Response(200, [], {}) if path == SELECTED else response

        bmc.get = without  # type: ignore[method-assign]
        assert await read(system) == states.POWER_OFF

    run(main)


def test_an_unchanged_etag_stands_for_the_power_that_came_with_it() -> None:
    async def main() -> None:
        bmc = FakeBMC()
        system = bmc.made(PATH)
        for _ in range(3):
            assert await read(system) == states.POWER_OFF
        bmc.becomes("On")
        assert await read(system) == states.POWER_ON
        assert [etag for _, etag in bmc.gets] == [None, '"0"', '"0"', '"0"']

    run(main)


@pytest.mark.parametrize("wait", [601.0, 0.0])
def test_an_etag_that_hides_the_power_is_found_out(wait: float) -> None:
    async def main() -> None:
        bmc = FakeBMC()
        system = bmc.made(PATH)
        await read(system)
        bmc.system["PowerState"] = "On"  # and the ETag stays
        bmc.now += wait
        assert await read(system, force=not wait) == states.POWER_ON
        bmc.system["PowerState"] = "Off"
        assert await read(system) == states.POWER_OFF
        assert [etag for _, etag in bmc.gets] == [None] * 3

    run(main)


def test_after_a_failure_an_etag_is_not_trusted() -> None:
    async def main() -> None:
        bmc = FakeBMC()
        system = bmc.made(PATH)
        assert not system.was_read
        await read(system)
        await read(system)
        assert system.was_read
        bmc.refusals[SELECTED] = errors.BMCUnreachable("gone")
        with pytest.raises(errors.BMCUnreachable):
            await read(system)
        assert not system.was_read
        del bmc.refusals[SELECTED]
        await read(system)
        assert [etag for _, etag in bmc.gets] == [None, '"0"', '"0"', None]

    run(main)


def test_after_a_reset_of_ours_reads_are_whole_until_it_has_settled() -> None:
    async def main() -> None:
        bmc = FakeBMC()
        bmc.effects["On"] = "PoweringOn"
        system = bmc.made(PATH)
        await read(system)
        await system.change_power(states.POWER_ON)
        bmc.gets.clear()
        for word, state in [
            ("PoweringOn", states.POWER_OFF),
            ("On", states.POWER_ON),
            ("On", states.POWER_ON),
        ]:
            bmc.becomes(word)
            assert await read(system) == state
        bmc.now += 61
        await read(system)
        await read(system)
        assert [etag for _, etag in bmc.gets] == [None] * 4 + [f'"{bmc.version}"']

    run(main)


def test_while_events_tell_of_changes_a_reading_stands_for_the_interval() -> None:
    async def main() -> None:
        bmc = FakeBMC()
        system = bmc.made(PATH)
        await read(system)
        system.stream_alive = True
        for _ in range(3):
            assert await read(system) == states.POWER_OFF
        assert len(bmc.gets) == 2  # nobody saw what happened before the stream lived
        bmc.becomes("On")
        assert await read(system, force=True) == states.POWER_ON
        assert await read(system) == states.POWER_ON
        bmc.becomes("Off")
        bmc.now += CONFIRM
        assert await read(system) == states.POWER_OFF
        assert [etag for _, etag in bmc.gets] == [None] * 4

    run(main)


def test_when_the_stream_is_lost_every_read_asks_the_bmc() -> None:
    async def main() -> None:
        bmc = FakeBMC()
        system = bmc.made(PATH)
        system.stream_alive = True
        await read(system)
        system.stream_alive = False
        bmc.becomes("On")
        assert await read(system) == states.POWER_ON

    run(main)


def test_while_a_reset_of_ours_has_not_settled_events_are_not_waited_for() -> None:
    async def main() -> None:
        bmc = FakeBMC()
        bmc.becomes("On")
        bmc.effects["GracefulShutdown"] = "On"  # an operating system that takes its time
        system = bmc.made(PATH)
        system.stream_alive = True
        await read(system)
        await system.change_power(states.SOFT_POWER_OFF)
        bmc.now += 400
        for _ in range(2):
            assert await read(system) == states.POWER_ON
        bmc.becomes("Off")
        for _ in range(2):  # what is new is read twice before it stands
            assert await read(system) == states.POWER_OFF
        bmc.gets.clear()
        assert await read(system) == states.POWER_OFF
        assert not bmc.gets

    run(main)


@pytest.mark.parametrize(
    ("action", "word", "allowed", "sent"),
    [
        (states.POWER_ON, "Off", None, ["On"]),
        (states.POWER_ON, "Off", [], ["On"]),
        (states.POWER_ON, "Off", "On", ["On"]),
        (states.POWER_ON, "Off", [1, None, "ForceOn"], ["ForceOn"]),
        (states.POWER_ON, "Paused", ["On", "Resume"], ["Resume"]),
        (states.POWER_ON, "On", ["On"], ["On"]),
        (states.POWER_OFF, "On", ["On", "GracefulShutdown"], ["GracefulShutdown"]),
        (states.REBOOTING, "On", ["ForceRestart", "PowerCycle"], ["ForceRestart"]),
        (states.REBOOTING, "On", ["On", "PowerCycle"], ["PowerCycle"]),
        (states.REBOOTING, "Off", ["On", "ForceRestart"], ["On"]),
        (states.SOFT_POWER_OFF, "On", ["PushPowerButton"], ["PushPowerButton"]),
        (states.SOFT_POWER_OFF, "Off", ["PushPowerButton"], []),
        (states.SOFT_POWER_OFF, "PoweringOff", ["GracefulShutdown"], []),
        (states.INJECT_NMI, "On", ["Nmi"], ["Nmi"]),
    ],
)
def test_a_power_change_is_a_reset_that_the_bmc_allows(
    action: str, word: str, allowed: Any, sent: list[str]
) -> None:
    async def main() -> None:
        bmc = FakeBMC(allowed=allowed)
        bmc.becomes(word)
        await bmc.made(PATH).change_power(action)
        assert bmc.sent() == sent

    run(main)


@pytest.mark.parametrize(
    ("action", "word", "allowed", "words"),
    [
        (
            states.POWER_OFF,
            "On",
            ["On", "PushPowerButton"],
            "no reset but On, PushPowerButton; asked for power",
        ),
        (states.REBOOTING, "On", ["On", "ForceOff", "GracefulRestart"], "rebooting; power cycle does it"),
        (states.SOFT_POWER_OFF, "PoweringOn", ["PushPowerButton"], "asked for soft power off"),
        (states.INJECT_NMI, "On", ["On"], "asked for inject nmi"),
    ],
)
def test_what_no_allowed_reset_does_is_unsupported_and_sends_nothing(
    action: str, word: str, allowed: list[str], words: str
) -> None:
    async def main() -> None:
        bmc = FakeBMC(allowed=allowed)
        bmc.becomes(word)
        with pytest.raises(errors.UnsupportedPowerState, match=words):
            await bmc.made(PATH).change_power(action)
        assert not bmc.posts

    run(main)


def test_only_what_does_no_harm_twice_may_be_repeated() -> None:
    async def main() -> None:
        bmc = FakeBMC(allowed=["On", "ForceOff", "ForceRestart", "PushPowerButton", "Nmi"])
        system = bmc.made(PATH)
        for action in (states.POWER_ON, states.REBOOTING, states.INJECT_NMI, states.SOFT_POWER_OFF):
            await system.change_power(action)
        await system.change_power(states.POWER_OFF)
        repeatable = [True, False, False, False, True]
        kinds = ["On", "ForceRestart", "Nmi", "PushPowerButton", "ForceOff"]
        assert bmc.posts == list(zip(kinds, repeatable, strict=True))

    run(main)


def action_info(*kinds: str) -> dict[str, Any]:
    return {"Parameters": [None, {"Name": "Other"}, {"Name": "ResetType", "AllowableValues": list(kinds)}]}


def test_allowed_resets_are_told_by_an_action_info_which_is_read_for_each_change() -> None:
    async def main() -> None:
        bmc = FakeBMC()
        bmc.reset["@Redfish.ActionInfo"] = INFO
        bmc.documents[INFO] = action_info("ForceOn", "ForceOff")
        system = bmc.made(PATH)
        bmc.effects["ForceOn"] = "On"
        for action in (states.POWER_ON, states.POWER_OFF):
            await system.change_power(action)
        assert bmc.sent() == ["ForceOn", "ForceOff"]
        bmc.documents[INFO] = action_info()
        bmc.refusals["ForceOn"] = Refused("no more", 400, ("Base.1.8.ActionParameterNotSupported",))
        await system.change_power(states.POWER_ON)
        assert bmc.sent()[-1] == "On"

    run(main)


@pytest.mark.parametrize("info", [{}, {"Parameters": "ResetType"}, action_info(), None])
def test_an_action_info_that_tells_nothing_leaves_the_usual_reset(info: dict[str, Any] | None) -> None:
    async def main() -> None:
        bmc = FakeBMC()
        bmc.reset["@Redfish.ActionInfo"] = INFO
        if info is not None:
            bmc.documents[INFO] = info
        await bmc.made(PATH).change_power(states.POWER_ON)
        assert bmc.sent() == ["On"]

    run(main)


@pytest.mark.parametrize(
    "actions", [None, [], {}, {"#ComputerSystem.Reset": []}, {"#ComputerSystem.Reset": {}}]
)
def test_a_system_that_tells_of_no_reset_action_is_reset_where_it_usually_is(actions: Any) -> None:
    async def main() -> None:
        bmc = FakeBMC()
        bmc.system["Actions"] = actions
        await bmc.made(PATH).change_power(states.POWER_ON)
        assert bmc.sent() == ["On"]

    run(main)


def test_with_no_list_of_resets_one_that_is_unknown_is_followed_by_the_next() -> None:
    async def main() -> None:
        bmc = FakeBMC()
        bmc.refusals["On"] = Refused("not On", 400, ("Base.1.8.ActionParameterNotSupported",))
        bmc.effects["ForceOn"] = "On"
        await bmc.made(PATH).change_power(states.POWER_ON)
        assert bmc.sent() == ["On", "ForceOn"]

    run(main)


def test_a_refusal_for_now_is_not_worked_around() -> None:
    async def main() -> None:
        bmc = FakeBMC()
        bmc.refusals["On"] = Refused("not yet", 409, ("Base.1.18.ActionParameterValueConflict",))
        with pytest.raises(Refused, match="not yet"):
            await bmc.made(PATH).change_power(states.POWER_ON)
        assert bmc.sent() == ["On"]

    run(main)


@pytest.mark.parametrize(
    ("action", "kind", "word"),
    [
        (states.POWER_ON, "On", "On"),
        (states.POWER_OFF, "ForceOff", "Off"),
        (states.POWER_ON, "On", "PoweringOn"),
    ],
)
def test_a_refusal_because_it_is_so_already_is_a_success(action: str, kind: str, word: str) -> None:
    async def main() -> None:
        bmc = FakeBMC()
        bmc.becomes(word)
        bmc.refusals[kind] = Refused("already so", 409)
        await bmc.made(PATH).change_power(action)
        assert bmc.sent() == [kind]

    run(main)


def test_a_reboot_that_is_refused_is_not_a_success_because_the_machine_is_on() -> None:
    async def main() -> None:
        bmc = FakeBMC()
        bmc.becomes("On")
        bmc.refusals["ForceRestart"] = Refused("no", 500)
        with pytest.raises(Refused):
            await bmc.made(PATH).change_power(states.REBOOTING)

    run(main)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=20), inner, max_size=3),
    max_leaves=8,
)


def some(*usual: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(usual) | JSON


RESET_ACTION = st.fixed_dictionaries(
    {},
    optional={
        "target": some(RESET),
        "ResetType@Redfish.AllowableValues": some(["On", "ForceOff"]),
        "@Redfish.ActionInfo": some(INFO),
    },
)
SYSTEM = st.fixed_dictionaries(
    {},
    optional={
        "PowerState": some("On", "Off", "PoweringOn", "Paused"),
        "Actions": JSON | st.fixed_dictionaries({"#ComputerSystem.Reset": JSON | RESET_ACTION}),
    },
)
COLLECTION = st.fixed_dictionaries({"Members": some([{"@odata.id": PATH}])})
INFO_BODY = st.fixed_dictionaries({"Parameters": some([{"Name": "ResetType", "AllowableValues": ["On"]}])})
ROOT = st.fixed_dictionaries(
    {
        "Systems": some({"@odata.id": "/redfish/v1/Systems"}),
        "ProtocolFeaturesSupported": some({"SelectQuery": True}),
    }
)


class TellsAnything:
    """Documents of any shape; resets are refused."""

    target = "https://bmc"

    def __init__(self, documents: dict[str, dict[str, Any]], root: dict[str, Any]) -> None:
        self.documents = documents
        self.root_document = root

    async def root(self, needed: str = "") -> dict[str, Any]:
        return self.root_document

    async def get(self, path: str, *, etag: str | None = None, links: bool = True) -> Response:
        plain = path.removesuffix("?$select=PowerState")
        if plain not in self.documents:
            raise Refused(f"no {path}", 404)
        return Response(200, [(b"ETag", b'"1"')], self.documents[plain])

    async def post(
        self,
        path: str,
        body: dict[str, Any],
        *,
        repeatable: bool,
        etag: str | None = None,
        patience: float = 0.0,
    ) -> Response:
        raise Refused(f"not {path}", 409)


@given(root=ROOT, collection=COLLECTION, system=SYSTEM, info=INFO_BODY)
def test_whatever_a_bmc_tells_there_is_a_state_or_an_error_of_the_driver(
    root: dict[str, Any], collection: dict[str, Any], system: dict[str, Any], info: dict[str, Any]
) -> None:
    async def main() -> None:
        bmc = TellsAnything({"/redfish/v1/Systems": collection, PATH: system, INFO: info}, root)
        made = System(bmc, "", CONFIRM)  # type: ignore[arg-type]
        for _ in range(2):
            try:
                assert await read(made) in (states.POWER_ON, states.POWER_OFF)
            except errors.DriverError as failure:
                assert len(errors.one_line(failure)) <= 500
        for action in (states.POWER_ON, states.POWER_OFF, states.REBOOTING, states.INJECT_NMI):
            with contextlib.suppress(errors.DriverError):
                await made.change_power(action)

    run(main)
