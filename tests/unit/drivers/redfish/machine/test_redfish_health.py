"""What a BMC says of a system's health, and why."""

import asyncio
from typing import Any

import pytest

from bmc_tree import CHASSIS, MANAGER, ROOT, SYSTEM, TreeBMC, collection, link, walk
from podium import errors
from podium.drivers import base
from podium.drivers.redfish.http.answers import BMCBusy
from podium.drivers.redfish.machine import health

LINKS = {"Chassis": [link(CHASSIS)], "ManagedBy": [link(MANAGER)]}


def status(word: str | None, **more: Any) -> dict[str, Any]:
    return {"State": "Enabled", "Health": word, **more}


def check(system: dict[str, Any], others: dict[str, Any] | None = None) -> tuple[Any, list[str]]:
    bmc = TreeBMC(others or {})
    found = asyncio.run(health.health(walk(bmc), {"Links": LINKS, **system}, SYSTEM))
    return found, bmc.asked


def test_a_system_that_speaks_for_all_it_depends_on_is_asked_alone() -> None:
    assert check({"Status": status("OK", HealthRollup="OK")}) == (base.Health("OK"), [])


def test_conditions_are_the_reasons_and_the_worst_comes_first() -> None:
    conditions = [
        {"Message": "Chassis open.", "Severity": "Warning", "OriginOfCondition": link(CHASSIS)},
        {"Message": "All is well.", "Severity": "OK"},
        {"MessageId": "Environmental.1.0.FanFailed", "MessageArgs": ["Fan 1", 3], "Severity": "Critical"},
    ]
    found, asked = check({"Status": status("OK", HealthRollup="Critical", Conditions=conditions)})
    assert found == base.Health(
        "Critical", ("Environmental.1.0.FanFailed: Fan 1, 3", "Chassis open. (Chassis/1)")
    )
    assert asked == []


def test_a_condition_of_unknown_severity_is_a_warning_though_all_else_is_well() -> None:
    conditions = [{"Message": "Battery low", "Severity": "Sad"}]
    found, _ = check({"Status": status("OK", HealthRollup="OK", Conditions=conditions)})
    assert found == base.Health("Warning", ("Battery low",))


def test_a_summary_beside_the_status_tells_what_is_wrong() -> None:
    system = {
        "Status": status("OK", HealthRollup="Warning"),
        "MemorySummary": {"Status": {"HealthRollup": "Warning"}},
        "ProcessorSummary": {"Status": {"HealthRollup": "OK"}},
        "Oem": {"Acme": {"Fans": [{"Name": "Fan 2", "Status": {"Health": "Critical", "State": "Absent"}}]}},
    }
    found, asked = check(system)
    assert found == base.Health("Critical", ("Fan 2 (Fans/0): Critical, Absent", "MemorySummary: Warning"))
    assert asked == []


def test_a_system_that_speaks_for_itself_alone_has_its_chassis_asked() -> None:
    chassis = {"Name": "Rack unit", "Status": status("OK"), "PhysicalSecurity": {"IntrusionSensor": "Normal"}}
    found, asked = check({"Status": status("OK")}, {CHASSIS: chassis})
    assert (found, asked) == (base.Health("OK"), [CHASSIS])


@pytest.mark.parametrize(("word", "rank"), [("ok", "OK"), ("CRITICAL", "Critical"), (" warning", "Warning")])
def test_a_word_of_health_in_another_case_is_one(word: str, rank: str) -> None:
    found, _ = check({"Status": status(word, HealthRollup=word)})
    assert found.status == rank


def test_an_open_chassis_is_a_warning() -> None:
    chassis = {"Status": status("OK"), "PhysicalSecurity": {"IntrusionSensor": "HardwareIntrusion"}}
    found, _ = check({"Status": status("OK")}, {CHASSIS: chassis})
    assert found == base.Health("Warning", ("chassis intrusion",))


@pytest.mark.parametrize(
    "power",
    [
        {"Power": {"PowerSupplies": [{"Name": "PSU2", "Status": status("Critical")}]}},
        {"PowerSubsystem": {"PowerSupplies": link("/psus")}},
    ],
    ids=["older model", "newer model"],
)
def test_a_fault_without_a_reason_is_looked_for_in_the_chassis(power: dict[str, Any]) -> None:
    key = next(iter(power))
    tree = {
        CHASSIS: {"Name": "1U", "Status": status("Critical"), key: link("/power")},
        "/power": power[key],
        "/psus": collection("/psu"),
        "/psu": {"Name": "PSU2", "Status": status("Critical")},
    }
    found, _ = check({"Status": status("OK", HealthRollup="Critical")}, tree)
    assert found == base.Health("Critical", ("chassis 1U: Critical", "PSU2 (PowerSupplies/0): Critical"))


def test_a_fault_without_a_reason_is_looked_for_in_the_manager_and_in_the_parts_of_the_system() -> None:
    system = {"Status": status("Warning", HealthRollup="Warning"), "Memory": link("/memory")}
    manager = {MANAGER: {"Name": "BMC", "Status": status("Warning")}}
    assert check(system, manager)[0].reasons == ("manager BMC: Warning",)
    memory = {"/memory": collection("/dimm"), "/dimm": {"Name": "DIMM 3", "Status": status("Warning")}}
    assert check(system, memory)[0].reasons == ("DIMM 3 (Memory/0): Warning",)


def test_a_warning_does_not_explain_what_is_critical() -> None:
    system = {
        "Status": status("OK", HealthRollup="Critical"),
        "ProcessorSummary": {"Status": status("Warning")},
        "Storage": link("/storage"),
    }
    storage = {"/storage": collection("/raid"), "/raid": {"Name": "RAID", "Status": status("Critical")}}
    found, _ = check(system, storage)
    assert found == base.Health("Critical", ("RAID (Storage/0): Critical", "ProcessorSummary: Warning"))
    without, _ = check(system)
    assert without.reasons == (
        f"{SYSTEM} is Critical, and the BMC does not say why",
        "ProcessorSummary: Warning",
    )


def test_a_fault_that_nobody_explains_says_so() -> None:
    found, _ = check({"Status": status("Critical")})
    assert found == base.Health("Critical", (f"{SYSTEM} is Critical, and the BMC does not say why",))


@pytest.mark.parametrize(
    "told", [None, {}, {"Health": None}, {"Health": "Fine"}, "OK", {"State": "Disabled"}]
)
def test_a_system_without_health_is_as_well_as_its_chassis(told: Any) -> None:
    found, _ = check({"Status": told}, {CHASSIS: {"Name": "1U", "Status": status("OK")}})
    assert found == base.Health("OK")


def test_health_that_nobody_tells_is_unknown_rather_than_good() -> None:
    assert check({"Status": status(None)}, {CHASSIS: {"Status": {"State": "Enabled"}}})[0] is None


def test_health_for_which_there_was_no_time_is_not_said_to_be_unknown() -> None:
    bmc = TreeBMC({CHASSIS: {"Status": status("OK")}})
    with pytest.raises(errors.DriverError, match="no time to ask for the health"):
        asyncio.run(health.health(walk(bmc, requests=0), {"Links": LINKS}, SYSTEM))


def test_the_only_chassis_of_a_bmc_is_the_systems() -> None:
    tree = {
        ROOT: {"Chassis": link("/all")},
        "/all": collection(CHASSIS),
        CHASSIS: {"Name": "1U", "Status": status("Warning")},
    }
    found, _ = check({"Status": status("OK"), "Links": {}}, tree)
    assert found == base.Health("Warning", ("chassis 1U: Warning",))


def test_reasons_are_few_short_and_not_repeated() -> None:
    conditions = [{"Message": f"{n % 20} " + "x" * 500, "Severity": "Warning"} for n in range(100)]
    found, _ = check({"Status": status("Warning", HealthRollup="Warning", Conditions=conditions)})
    assert len(found.reasons) == len(set(found.reasons)) == 16
    assert max(map(len, found.reasons)) == 200


def test_a_bmc_that_is_busy_meanwhile_ends_it() -> None:
    with pytest.raises(BMCBusy):
        check({"Status": status("Warning")}, {CHASSIS: BMCBusy("later")})
