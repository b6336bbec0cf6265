"""The log of a machine behind Redfish: in every order and in every sort of pages, read and emptied."""

import datetime
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium import errors
from podium.drivers import base
from podium.drivers.redfish.abilities import log, log_reader
from podium.drivers.redfish.abilities.entries import entry
from rounds import ONLY_LONG

SYSTEM, MANAGER = "/redfish/v1/Systems/1", "/redfish/v1/Managers/1"
SERVICES = f"{SYSTEM}/LogServices"
SEL = f"{SERVICES}/SEL"
BMC = "127.21.9.3"
UTC = datetime.UTC


def fill(stage: Any, count: int) -> None:
    stage.bmc.add_event({"message": "Something happened.", "severity": "Warning"}, count, BMC)


async def read(
    stage: Any, limit: int = 1000, before: str | None = None, after: str | None = None
) -> tuple[list[str], bool]:
    found: base.Log = await stage.driver.get_log(stage.node, before, after, limit)
    return [one.id for one in found.entries], found.more


def ids(first: int, last: int) -> list[str]:
    return [str(number) for number in range(first, last + 1)]


FORMS = [
    "", "log-newest-first", "log-of-manager", "log-references", "log-references log-newest-first",
    "no-queries", "no-queries log-newest-first", "expand-fails log-references", "select-fails",
    "absolute-links", "renamed", "odd-heads odd-json", "redirects", "local-times", "lacks=clock",
]  # fmt: skip


@pytest.mark.parametrize("faults", FORMS)
def test_a_log_is_read_from_its_end_to_its_beginning(simulated: Any, faults: str) -> None:
    async def use(stage: Any) -> None:
        assert await read(stage) == ([], False)
        fill(stage, 230)
        assert await read(stage, 7) == (ids(224, 230), True)
        assert await read(stage, 120, before="224") == (ids(104, 223), True)
        assert await read(stage, 1000, before="104") == (ids(1, 103), False)
        assert await read(stage, 1000, before="1") == ([], False)
        assert await read(stage, 1000, after="228") == (ids(229, 230), False)
        assert await read(stage, 3, after="200") == (ids(228, 230), True)
        assert await read(stage, 1000, after="230") == ([], False)
        assert await read(stage, 5, before="99", after="93") == (ids(94, 98), False)
        assert await read(stage, 230) == (ids(1, 230), False)

    simulated(faults, use)


@pytest.mark.parametrize("faults", ["", "log-newest-first"])
@pytest.mark.parametrize("count", [2500, pytest.param(10_000, marks=ONLY_LONG)])
def test_a_long_log_costs_few_requests_for_each_thousand_entries(
    simulated: Any, faults: str, count: int
) -> None:
    async def use(stage: Any) -> None:
        fill(stage, count)
        found, before, more = [], None, True
        while more:
            asked = stage.bmc.status()["requests"]
            part, more = await read(stage, 1000, before)
            found, before = part + found, part[0]
            assert stage.bmc.status()["requests"] - asked < 30
        assert found == ids(1, count)

    simulated(faults, use, log_entries=count)


@pytest.mark.parametrize(
    "faults", ["log-wraps", "log-wraps log-newest-first", "log-grows", "log-grows log-newest-first"]
)
def test_a_log_that_changes_while_it_is_read_is_read_without_gaps(simulated: Any, faults: str) -> None:
    async def use(stage: Any) -> None:
        fill(stage, 512)
        found, more = await read(stage, 100)
        while more:
            fill(stage, 3)
            older, more = await read(stage, 100, before=found[0])
            assert not older or int(older[-1]) == int(found[0]) - 1
            found = older + found
        assert found == ids(int(found[0]), int(found[-1]))
        assert len(found) >= 400

    simulated(faults, use)


def test_an_entry_that_is_gone_is_no_bound(simulated: Any) -> None:
    async def use(stage: Any) -> None:
        fill(stage, 10)
        assert await read(stage, 3, before="99") == (ids(8, 10), True)
        assert await read(stage, 3, after="99") == (ids(8, 10), True)

    simulated("", use)


@pytest.mark.parametrize("faults", ["", "log-wordless", "local-times", "log-of-manager"])
def test_what_happened_is_said_in_words_with_its_sensor_and_its_time(simulated: Any, faults: str) -> None:
    async def use(stage: Any) -> None:
        stage.bmc.set_fault("cooling-fault", "1")
        stage.bmc.add_event({"sensor": "CPU1 Temp", "offset": 9}, 1, BMC)
        found = await stage.driver.get_log(stage.node, None, None, 10)
        fan, sensor = found.entries
        assert (fan.severity, "Fan1" in fan.message, "ailed" in fan.message) == ("Critical", True, True)
        assert (sensor.severity, sensor.sensor) == ("Critical", "CPU1 Temp")
        assert "upper critical" in sensor.message
        assert found.clock_offset == pytest.approx(3600, abs=60)
        assert fan.at is not None
        ahead = fan.at - datetime.datetime.now(UTC)
        assert ahead.total_seconds() == pytest.approx(3600, abs=60)

    simulated(f"clock-off=3600 {faults}", use)


@pytest.mark.parametrize(
    "faults", ["", "demands-etags", "no-etags", "log-newest-first", "log-of-manager", "log-references",
               "renamed", "absolute-links", "cut-actions", "no-queries"],
)  # fmt: skip
def test_a_log_is_emptied_if_nobody_has_missed_anything(simulated: Any, faults: str) -> None:
    async def use(stage: Any) -> None:
        fill(stage, 130)
        with pytest.raises(errors.LogChanged, match="is 130, not 129; read the log again"):
            await stage.driver.clear_log(stage.node, "129")
        assert len(stage.machine.events.entries) == 130
        await stage.driver.clear_log(stage.node, "130")
        assert await read(stage) == ([], False)
        await stage.driver.clear_log(stage.node, "130")
        fill(stage, 2)
        assert await read(stage, before="50") == (ids(1, 2), False)

    simulated(faults, use)


@pytest.mark.parametrize("faults", ["clear-lies", "clear-lies log-references"])
def test_a_log_that_is_still_there_after_it_was_emptied_is_a_failure(simulated: Any, faults: str) -> None:
    async def use(stage: Any) -> None:
        fill(stage, 1)
        system = stage.driver._connections.of(stage.node)
        with pytest.raises(errors.DriverError, match="says that its log is cleared, and still has 1 in it"):
            await log.clear(system, "1", pauses=(0.0,))

    simulated(faults, use)


@pytest.mark.parametrize("references", ["", " log-references"])
def test_an_event_after_it_does_not_hide_that_a_log_was_not_emptied(simulated: Any, references: str) -> None:
    async def use(stage: Any) -> None:
        fill(stage, 3)
        system = stage.driver._connections.of(stage.node)
        with pytest.raises(errors.DriverError, match="says that its log is cleared, and still has 3 in it"):
            await log.clear(system, "3", pauses=(0.0, 0.0))
        assert (await read(stage))[0][:3] == ids(1, 3)

    simulated(f"clear-lies clear-logged{references}", use)


def test_whether_a_log_was_emptied_is_unknown_where_it_cannot_be_read_afterwards(documented: Any) -> None:
    async def use(stage: Any) -> None:
        def answer(request: Any) -> Any:
            if request.path.endswith("ClearLog"):
                return stage.bmc.reply(204)
            return stage.bmc.reply(503) if stage.bmc.asked(f"{SEL}/ClearLog", "POST") else None

        stage.bmc.answer = answer
        system = stage.driver._connections.of(stage.node)
        with pytest.raises(errors.BMCUnreachable, match="accepted that its log is cleared; whether it was"):
            await log.clear(system, "SEL", pauses=(0.0,))
        assert len(stage.bmc.asked(f"{SEL}/ClearLog", "POST")) == 1

    actions = {"#LogService.ClearLog": {"target": f"{SEL}/ClearLog"}}
    documented(use, one_log(service("SEL", Actions=actions)))


def event(stage: Any, created: str) -> None:
    stage.bmc.add_event({"entry": {"Created": created, "Message": "x"}}, 1, BMC)


@pytest.mark.parametrize("faults", ["", "log-newest-first", "log-references"])
@pytest.mark.parametrize(
    "times",
    [
        ["2026-10-25T02:59:50+02:00", "2026-10-25T02:00:10+01:00", "2026-10-25T02:00:11+01:00"],
        ["2026-10-25T02:59:50", "2026-10-25T02:00:10", "2026-10-25T02:00:11"],
        ["2026-11-30T10:00:00Z", "1970-01-01T00:00:09Z", "1970-01-01T00:00:09Z"],
        ["2026-11-30T10:00:00Z", "2026-11-29T10:00:00Z", "2026-11-28T10:00:00Z"],
    ],
    ids=["end of summer time", "the same without an offset", "battery lost", "set back twice"],
)
def test_numbers_of_entries_say_which_is_newest_whatever_the_clock_did(
    simulated: Any, faults: str, times: list[str]
) -> None:
    async def use(stage: Any) -> None:
        event(stage, times[0])
        event(stage, times[1])
        assert await read(stage) == (["1", "2"], False)
        event(stage, times[2])
        assert await read(stage, after="2") == (["3"], False)
        for seen in ("1", "2"):
            with pytest.raises(errors.LogChanged, match="is 3, not"):
                await stage.driver.clear_log(stage.node, seen)

    simulated(faults, use)


def one_log(*parts: dict[str, Any]) -> dict[str, Any]:
    tree = {SYSTEM: {"LogServices": link(SERVICES)}, SERVICES: {"Members": [link(SEL)]}}
    for part in parts:
        tree |= part
    return tree


def at(time: str, name: str = "", **more: Any) -> dict[str, Any]:
    return {"Created": time, "Message": f"At {time}", **({"Id": name} if name else {}), **more}


@pytest.mark.parametrize(
    ("times", "newest"),
    [
        (["2026-10-25T02:59:50+02:00", "2026-10-25T02:00:10+01:00"], "b"),
        (["2026-10-25T02:00:10+01:00", "2026-10-25T02:59:50+02:00"], "a"),
        (["1970-01-01T00:10:00Z", "1970-01-01T00:00:01Z", "2026-11-30T10:00:00Z"], "c"),
    ],
)
def test_without_numbers_instants_say_which_entry_is_newest(
    documented: Any, times: list[str], newest: str
) -> None:
    async def use(stage: Any) -> None:
        assert (await read(stage))[0][-1] == newest

    members = [at(time, name) for time, name in zip(times, "abc", strict=False)]
    documented(use, one_log(service("SEL"), {f"{SEL}/Entries": {"Members": members}}))


@pytest.mark.parametrize(
    ("steps", "order"),
    [
        ([1, 2, 3, 4], "abcde"),
        ([-1, -2, -3, -4], "edcba"),
        ([1, 2, 3, -50], "abcde"),
        ([-1, -2, -3, 50], "edcba"),
        ([0, 0, 0, 0], "abcde"),
    ],
)
def test_a_clock_that_was_set_once_turns_no_log_upside_down(
    documented: Any, steps: list[int], order: str
) -> None:
    async def use(stage: Any) -> None:
        assert (await read(stage))[0] == [*order]

    times = [datetime.datetime(2026, 11, 30, 10, 0) + datetime.timedelta(minutes=m) for m in (0, *steps)]
    members = [at(f"{time:%Y-%m-%dT%H:%M:%SZ}", name) for time, name in zip(times, "abcde", strict=True)]
    documented(use, one_log(service("SEL"), {f"{SEL}/Entries": {"Members": members}}))


def test_what_was_learned_of_the_order_is_not_given_up_for_a_doubt(documented: Any) -> None:
    async def use(stage: Any) -> None:
        assert (await read(stage))[0] == ["a", "b"]
        stage.bmc.resources[f"{SEL}/Entries"]["Members"] += [
            at(f"2026-11-30T0{hour}:00:00Z", name) for hour, name in ((9, "c"), (8, "d"))
        ]
        assert (await read(stage))[0] == ["a", "b", "c", "d"]
        with pytest.raises(errors.DriverError, match="which entry of its log is the newest does not show"):
            await stage.driver.clear_log(stage.node, "d")
        assert not stage.bmc.asked(f"{SEL}/ClearLog", "POST")

    members = [at("2026-11-30T10:00:00Z", "a"), at("2026-11-30T11:00:00Z", "b")]
    documented(use, one_log(service("SEL"), {f"{SEL}/Entries": {"Members": members}}))


@pytest.mark.parametrize("name", ["1", ""], ids=["one id for all", "no ids"])
def test_entries_that_a_bmc_calls_alike_are_told_apart(documented: Any, name: str) -> None:
    async def use(stage: Any) -> None:
        entries = stage.bmc.resources[f"{SEL}/Entries"]["Members"]
        found = await stage.driver.get_log(stage.node, None, None, 10)
        names = [one.id for one in found.entries]
        assert [one.message[-3:] for one in found.entries] == ["01Z", "02Z", "03Z"]
        assert len({*names}) == 3 and all(names)
        assert await read(stage, 1) == (names[2:], True)
        assert await read(stage, 1, before=names[2]) == ([names[1]], True)
        assert await read(stage, 9, before=names[1]) == ([names[0]], False)
        entries.append(at("2026-11-30T10:00:04Z", name))
        assert [one for one in (await read(stage))[0] if one in names[:2]] == names[:2]

    members = [at(f"2026-11-30T10:00:0{n}Z", name) for n in (1, 2, 2, 3)]
    documented(use, one_log(service("SEL"), {f"{SEL}/Entries": {"Members": members}}))


def test_a_sensor_has_the_name_that_its_readings_have(documented: Any) -> None:
    async def use(stage: Any) -> None:
        for _ in range(2):
            found = await stage.driver.get_log(stage.node, None, None, 10)
            assert [one.sensor for one in found.entries] == ["Inlet air", "gone", None]
        assert len(stage.bmc.asked(f"{SYSTEM}/Sensors/T1", "GET")) == 1

    origins = [f"{SYSTEM}/Sensors/T1", f"{SYSTEM}/Sensors/gone", SYSTEM]
    members = [
        at(f"2026-11-30T10:00:0{n}Z", str(n), Links={"OriginOfCondition": link(path)})
        for n, path in enumerate(origins)
    ]
    sensor = {f"{SYSTEM}/Sensors/T1": {"Id": "T1", "Name": "Inlet air"}}
    documented(use, one_log(service("SEL"), sensor, {f"{SEL}/Entries": {"Members": members}}))


def test_a_log_that_begins_with_an_entry_about_that_was_emptied(simulated: Any) -> None:
    async def use(stage: Any) -> None:
        fill(stage, 1)
        await stage.driver.clear_log(stage.node, "1")
        assert await read(stage) == (["1"], False)

    simulated("clear-logged", use)


def test_a_machine_without_a_log_is_said_to_have_none(simulated: Any) -> None:
    async def use(stage: Any) -> None:
        for asked in (read(stage), stage.driver.clear_log(stage.node, "1")):
            with pytest.raises(errors.Unsupported, match=f"keeps no log of {SYSTEM}"):
                await asked

    simulated("lacks=log", use)


def link(path: str) -> dict[str, str]:
    return {"@odata.id": path}


def service(name: str, **more: Any) -> dict[str, dict[str, Any]]:
    """A log of that name with one entry, which is named like it."""
    path = f"{SERVICES}/{name}"
    return {
        path: {"Id": name, "Entries": link(f"{path}/Entries"), **more},
        f"{path}/Entries": {"Members": [{"Id": name, "Message": "It happened"}]},
    }


@pytest.mark.parametrize(
    ("names", "read_one"),
    [
        (("AuditLog", "EventLog", "SEL", "Dump"), "SEL"),
        (("Lclog", "Sel", "FaultList"), "Sel"),
        (("IEL", "IML"), "IML"),
        (("PostCodes", "EventLog", "Journal", "CrashdumpLog"), "EventLog"),
        (("AuditLog", "PlatformLog"), "PlatformLog"),
        (("Log1", "AuditLog"), "Log1"),
        (("AuditLog",), "AuditLog"),
    ],
)
def test_of_many_logs_the_one_about_the_hardware_is_read(
    documented: Any, names: tuple[str, ...], read_one: str
) -> None:
    async def use(stage: Any) -> None:
        assert await read(stage) == ([read_one], False)

    tree = {
        SYSTEM: {"LogServices": link(SERVICES)},
        SERVICES: {"Members": [link(f"{SERVICES}/{n}") for n in names]},
    }
    for name in names:
        tree |= service(name)
    documented(use, tree)


def test_a_log_is_known_by_its_type_and_one_that_is_off_is_the_last_choice(documented: Any) -> None:
    async def use(stage: Any) -> None:
        assert await read(stage) == (["Two"], False)

    members = [link(f"{SERVICES}/{name}") for name in ("SEL", "One", "Two", "Broken")]
    tree = {SYSTEM: {"LogServices": link(SERVICES)}, SERVICES: {"Members": members}}
    tree |= service("SEL", ServiceEnabled=False) | service("One") | service("Two", LogEntryType="SEL")
    documented(use, tree)


def test_a_log_that_went_elsewhere_is_found_again(documented: Any) -> None:
    async def use(stage: Any) -> None:
        assert await read(stage) == (["SEL"], False)
        del stage.bmc.resources[SEL]
        stage.bmc.resources |= {path: {**link(path), **made} for path, made in service("EventLog").items()}
        stage.bmc.resources[SERVICES] = {"Members": [link(f"{SERVICES}/EventLog")]}
        assert await read(stage) == (["EventLog"], False)

    tree = {SYSTEM: {"LogServices": link(SERVICES)}, SERVICES: {"Members": [link(SEL)]}}
    documented(use, tree | service("SEL"))


def pages(newest_first: bool, size: int, *, count: Any = 95, following: Any = None) -> dict[str, Any]:
    """A log of 95 entries in pages of 20, which its BMC links to in its own way."""
    names = range(95, 0, -1) if newest_first else range(1, 96)
    members = [
        {"Id": str(n), "Created": f"2024-01-01T00:{n // 60:02}:{n % 60:02}Z", "Message": "x"} for n in names
    ]
    tree: dict[str, Any] = {}
    for start in range(0, 95, size):
        path = f"{SEL}/Entries" if start == 0 else f"{SEL}/Entries?{following(start)}"
        tree[path] = {"Members": members[start : start + size], "Members@odata.count": count}
        if start + size < 95:
            tree[path]["Members@odata.nextLink"] = f"{SEL}/Entries?{following(start + size)}"
    return tree


@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize("count", [95, None, 5, 300])
@pytest.mark.parametrize("query", ["$skip={0}", "%24skip={0}&$top=20", "page={0}", "after=x{0}"])
def test_pages_are_followed_however_the_bmc_links_to_them(
    documented: Any, newest_first: bool, count: Any, query: str
) -> None:
    async def use(stage: Any) -> None:
        assert await read(stage, 30) == (ids(66, 95), True)
        assert await read(stage, 30, before="66") == (ids(36, 65), True)
        assert await read(stage, 100, before="36") == (ids(1, 35), count == 300)
        assert await read(stage, 30, after="80") == (ids(81, 95), False)
        if count == 300:
            with pytest.raises(errors.DriverError, match="of the 300 entries that .* only 95 can be read"):
                await read(stage, 30, before="1")

    tree = {SYSTEM: {"LogServices": link(SERVICES)}, SERVICES: {"Members": [link(SEL)]}} | service("SEL")
    documented(use, tree | pages(newest_first, 20, count=count, following=query.format))


@pytest.mark.parametrize("features", [{}, {"ProtocolFeaturesSupported": {"TopSkipQuery": True}}])
@pytest.mark.parametrize("names", [["1", "2", "3"], ["5", "4", "3"]], ids=["oldest first", "newest first"])
def test_a_log_of_which_only_a_part_comes_has_no_end_and_is_not_emptied(
    documented: Any, names: list[str], features: dict[str, Any]
) -> None:
    async def use(stage: Any) -> None:
        newest, *_, oldest = sorted(names, reverse=True)
        assert await read(stage) == (sorted(names), True)
        assert await read(stage, 2, before=newest) == (sorted(names)[:2], True)
        with pytest.raises(errors.DriverError, match="of the 5 entries that .* only 3 can be read"):
            await read(stage, before=oldest)
        assert await read(stage, after=oldest) == (sorted(names)[1:], False)
        with pytest.raises(
            errors.Unsupported, match="only 3 can be read; so that none is lost, clear the log"
        ):
            await stage.driver.clear_log(stage.node, newest)

    tree = one_log(service("SEL"), {"/redfish/v1": features})
    tree[SEL]["Actions"] = {"#LogService.ClearLog": {"target": f"{SEL}/Actions/LogService.ClearLog"}}
    members = [at(f"2026-11-30T10:00:0{name}Z", name) for name in names]
    documented(use, tree | {f"{SEL}/Entries": {"Members": members, "Members@odata.count": 5}})


def test_the_newest_of_many_references_in_one_page_is_seen(simulated: Any) -> None:
    async def use(stage: Any) -> None:
        fill(stage, 10_100)
        assert await read(stage, 3) == (ids(10_098, 10_100), True)

    simulated("no-queries log-references", use, log_entries=10_100)


def test_a_log_that_is_too_long_to_be_kept_has_no_end(
    documented: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def use(stage: Any) -> None:
        assert await read(stage) == (ids(36, 95), True)
        with pytest.raises(errors.DriverError, match="only the newest 60 entries of .* can be read"):
            await read(stage, before="36")

    monkeypatch.setattr(log_reader, "_KEPT", 60)
    documented(use, one_log(service("SEL")) | pages(False, 20, following="page={0}".format))


def test_a_log_whose_newest_entries_come_too_late_says_what_helps(
    documented: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def use(stage: Any) -> None:
        with pytest.raises(errors.DriverError, match="newest do not come in time: 60 came; if it stays so"):
            await read(stage)

    monkeypatch.setattr(log_reader, "_REQUESTS", 3)
    documented(use, one_log(service("SEL")) | pages(False, 20, following="page={0}".format))


def test_pages_without_an_end_are_left_and_a_link_elsewhere_is_an_error(documented: Any) -> None:
    async def use(stage: Any) -> None:
        assert await read(stage, 30) == (["1"], False)
        stage.bmc.resources[f"{SEL}/Entries"]["Members@odata.nextLink"] = "https://192.0.2.1/more"
        with pytest.raises(errors.DriverError, match="no path on itself"):
            await read(stage, 30)

    tree = {SYSTEM: {"LogServices": link(SERVICES)}, SERVICES: {"Members": [link(SEL)]}} | service("SEL")
    loop = {"Members": [{"Id": "1"}], "Members@odata.nextLink": f"{SEL}/Entries"}
    documented(use, tree | {f"{SEL}/Entries": loop})


@pytest.mark.parametrize(
    ("given", "severity", "message"),
    [
        ({"Message": "Fan %1 of %2 failed", "MessageArgs": ["3", 4]}, "OK", "Fan 3 of 4 failed"),
        ({"Message": "At 50%", "Severity": "warning"}, "Warning", "At 50%"),
        ({"Message": "%1 and %9", "MessageArgs": None}, "OK", "%1 and %9"),
        (
            {"MessageId": "Power.1.0.PowerSupplyFailed", "MessageArgs": ["PSU2"]},
            "OK",
            "Power supply failed: PSU2",
        ),
        ({"MessageId": "iLO.2.14.PSU0001", "Severity": "Informational"}, "OK", "PSU0001"),
        ({"MessageId": "0x00010203", "Severity": "Critical"}, "Critical", "0x00010203"),
        ({"SensorType": "Fan", "EntryCode": "Assert", "MessageId": "0x01"}, "OK", "Fan: Assert"),
        ({"Message": "", "EntryCode": "Deassert"}, "OK", "Deassert"),
        ({"Message": None, "MessageArgs": ["a", "b"]}, "OK", "a, b"),
        ({"MessageId": "OpenBMC.0.1.CPUError", "Severity": "Error"}, "Critical", "Cpu error"),
        ({"Message": ["a list"], "MessageSeverity": "Non-Recoverable"}, "Critical", "an entry without words"),
        ({"Message": "two\nlines\x00", "Severity": 7}, "OK", "two lines"),
    ],
)
def test_entries_are_put_into_words(given: dict[str, Any], severity: str, message: str) -> None:
    found = entry({"Id": "1", **given}, UTC)
    assert (found.severity, found.message) == (severity, message)


def test_an_entry_without_words_is_kept_as_it_came() -> None:
    found = entry({"@odata.id": "/x/Entries/7", "EntryType": "Oem", "Oem": {"Acme": "0102"}}, UTC)
    assert (found.id, found.raw) == ("7", '{"EntryType":"Oem","Oem":{"Acme":"0102"}}')
    assert found.message == "an entry without words"


def test_what_words_leave_out_of_an_entry_is_kept_as_json() -> None:
    said = {"Id": "1", "Name": "An entry", "Created": "2024-05-01T12:00:00Z", "Severity": "OK"}
    more = {"Resolution": "Replace it.", "Oem": {"Acme": {"Code": "0x17"}}, "SensorNumber": 0, "Links": {}}
    found = entry({**said, "Message": "PSU2 failed", "MessageId": "P.1.0.Failed", **more}, UTC)
    wanted = {"MessageId": "P.1.0.Failed", "Resolution": "Replace it.", "SensorNumber": 0}
    assert json.loads(found.raw) == {**wanted, "Oem": {"Acme": {"Code": "0x17"}}}
    assert entry({**said, "Message": "PSU2 failed"}, UTC).raw == ""
    odd = entry({**said, "Created": "1970-01-01T00:00:09Z", "Severity": "Severe", "Message": "x"}, UTC)
    assert json.loads(odd.raw) == {"Created": "1970-01-01T00:00:09Z", "Severity": "Severe"}
    assert len(entry({**said, "Oem": "x" * 100_000}, UTC).raw) < 5000


@pytest.mark.parametrize(
    ("given", "at"),
    [
        ({"Created": "2024-05-01T12:00:00"}, "2024-05-01T12:00:00+00:00"),
        ({"Created": "2024-05-01T12:00:00-05:00"}, "2024-05-01T12:00:00-05:00"),
        ({"Created": None, "EventTimestamp": "2024-05-01T12:00:00Z"}, "2024-05-01T12:00:00+00:00"),
        ({"Created": "1970-01-01T00:00:10Z"}, None),
        ({"Created": "yesterday"}, None),
        ({}, None),
    ],
)
def test_times_before_a_clock_was_set_are_none(given: dict[str, Any], at: str | None) -> None:
    found = entry({"Id": "1", **given}, UTC).at
    assert (found and found.isoformat()) == at


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KEYS = ("@odata.id", "Id", "Created", "EventTimestamp", "Severity", "Message", "MessageId", "MessageArgs",
        "EntryCode", "SensorType", "Links", "OriginOfCondition", "Oem")  # fmt: skip


@given(st.dictionaries(st.sampled_from(KEYS), JSON))
def test_whatever_stands_in_an_entry_it_is_one(member: dict[str, Any]) -> None:
    found = entry(member, UTC)
    assert found.message
    assert found.message.isprintable()
