"""What machines behind Redfish boot from: what is read, what is sent, and BMCs with forms of their own."""

from typing import Any

import pytest

from podium import errors, states
from podium.drivers import base

SYSTEM = "/redfish/v1/Systems/1"
PXE_ONCE = base.BootDevice("pxe", False, "uefi")


def test_a_machine_boots_once_from_what_was_chosen_and_then_as_before(simulated: Any) -> None:
    async def use(stage: Any) -> None:
        found = await stage.driver.get_boot_device(stage.node)
        assert found == base.Boot(
            base.BootDevice("default", False, "uefi"), ("pxe", "disk", "cdrom", "bios", "default")
        )
        assert await stage.choose("pxe") == PXE_ONCE
        await stage.driver.set_power_state(stage.node, states.POWER_ON)
        assert stage.machine.boot.booted == "Pxe"
        assert (await stage.boot_device()).device == "default"
        await stage.driver.set_power_state(stage.node, states.REBOOTING)
        assert stage.machine.boot.booted == "default"

    simulated("", use)


def test_what_is_chosen_for_good_stays_until_the_default_is_chosen(simulated: Any) -> None:
    async def use(stage: Any) -> None:
        assert await stage.choose("disk", True, "bios") == base.BootDevice("disk", True, "bios")
        for action in (states.POWER_ON, states.REBOOTING):
            await stage.driver.set_power_state(stage.node, action)
            assert stage.machine.boot.booted == "Hdd"
        assert await stage.boot_device() == base.BootDevice("disk", True, "bios")
        assert await stage.choose("default") == base.BootDevice("default", False, "bios")

    simulated("", use)


@pytest.mark.parametrize(
    "faults",
    [
        "demands-etags", "boot-settings", "boot-settings demands-etags", "boot-mode-alone", "boot-whole",
        "boot-mode-alone demands-etags", "boot-unlisted", "no-etags", "absolute-links", "cut-actions",
        "redirects", "odd-heads odd-json", "renamed", "forgets-sessions=2",
    ],
)  # fmt: skip
def test_a_bmc_that_wants_it_in_its_own_form_gets_it_so(simulated: Any, faults: str) -> None:
    async def use(stage: Any) -> None:
        for chosen in (
            PXE_ONCE,
            base.BootDevice("cdrom", True, "bios"),
            base.BootDevice("bios", False, "bios"),
            base.BootDevice("default", False, "uefi"),
        ):
            await stage.driver.set_boot_device(stage.node, chosen)
            assert await stage.boot_device() == chosen
        assert await stage.choose("disk") == base.BootDevice("disk", False, "uefi")
        await stage.driver.set_power_state(stage.node, states.POWER_ON)
        assert stage.machine.boot.booted == "Hdd"

    simulated(faults, use)


def test_a_device_that_it_does_not_have_is_refused_with_those_that_it_has(simulated: Any) -> None:
    async def use(stage: Any) -> None:
        with pytest.raises(errors.Unsupported, match="from safe, only from pxe, disk, cdrom, bios, default"):
            await stage.choose("safe")

    simulated("", use)


def test_a_bmc_that_lies_is_read_as_it_is(simulated: Any) -> None:
    async def use(stage: Any) -> None:
        assert (await stage.choose("pxe")).device == "default"

    simulated("boot-lies", use)


def test_of_two_systems_the_right_one_boots_from_it(simulated: Any) -> None:
    async def use(stage: Any) -> None:
        assert await stage.choose("pxe") == PXE_ONCE
        stage.bmc.at(stage.bmc.addresses[0]).power_on = True
        machines = stage.bmc.at(stage.bmc.addresses[0]).machines
        assert {name: machine.boot.booted for name, machine in machines.items()} == {
            "1": "default",
            "2": "Pxe",
        }

    simulated("", use, systems=2, redfish_system_id="2")


def override(target: Any, enabled: Any = "Once", mode: Any = "UEFI") -> dict[str, Any]:
    return {
        "BootSourceOverrideTarget": target,
        "BootSourceOverrideEnabled": enabled,
        "BootSourceOverrideMode": mode,
    }


@pytest.mark.parametrize(
    ("boot", "read"),
    [
        (override("Pxe"), base.BootDevice("pxe", False, "uefi")),
        (override("hdd", "continuous", "LEGACY"), base.BootDevice("disk", True, "bios")),
        (override("UsbCd", None, None), base.BootDevice("cdrom")),
        (override("Floppy"), base.BootDevice("floppy", False, "uefi")),
        (override("UefiHttp", "Continuous"), base.BootDevice("uefihttp", True, "uefi")),
        (override("Pxe", "Disabled"), base.BootDevice("default", False, "uefi")),
        (override("None", "Continuous"), base.BootDevice("default", False, "uefi")),
        (override(None, "Once", "what"), base.BootDevice(None)),
        (override(7, ["Once"], {}), base.BootDevice("7")),
        ({"BootSourceOverrideEnabled": "Disabled"}, base.BootDevice("default")),
        ({"BootSourceOverrideEnabled": "Continuous"}, base.BootDevice(None, True)),
    ],
)
def test_what_bmcs_write_is_understood(documented: Any, boot: Any, read: base.BootDevice) -> None:
    async def use(stage: Any) -> None:
        assert await stage.boot_device() == read

    documented(use, {SYSTEM: {"Boot": boot}})


@pytest.mark.parametrize("boot", [None, {}, [], "Pxe", {"BootOrder": ["Boot0001"]}])
def test_a_system_without_an_override_is_said_to_have_none(documented: Any, boot: Any) -> None:
    async def use(stage: Any) -> None:
        bmc = stage.bmc
        for asked in (stage.boot_device(), stage.choose("pxe")):
            with pytest.raises(errors.Unsupported, match=f"does not say what {SYSTEM} boots from"):
                await asked
        assert bmc.asked(SYSTEM, "PATCH") == []

    documented(use, {SYSTEM: {"Boot": boot}})


def test_devices_are_asked_for_as_the_bmc_spells_them(documented: Any) -> None:
    async def use(stage: Any) -> None:
        bmc = stage.bmc
        bmc.answer = lambda request: bmc.reply(204) if request.method == "PATCH" else None
        found = await stage.driver.get_boot_device(stage.node)
        assert found.supported == ("pxe", "cdrom", "default")
        for device in ("pxe", "cdrom", "default"):
            await stage.choose(device)
        sent = [request.body["Boot"] for request in bmc.asked(SYSTEM, "PATCH")]
        assert sent == [
            {"BootSourceOverrideTarget": "PXE", "BootSourceOverrideEnabled": "Once"},
            {"BootSourceOverrideTarget": "UsbCd", "BootSourceOverrideEnabled": "Once"},
            {"BootSourceOverrideEnabled": "Disabled"},
        ]

    listed = {"BootSourceOverrideTarget@Redfish.AllowableValues": ["PXE", "UsbCd", "Usb", 7, None]}
    documented(use, {SYSTEM: {"Boot": {**override("PXE"), **listed}}})


def test_a_setting_that_only_its_settings_resource_has_is_changed_there(documented: Any) -> None:
    """As on Nokia's and Lenovo's machines, which have the mode in one place and the device in the other."""
    settings = f"{SYSTEM}/SD"

    async def use(stage: Any) -> None:
        bmc = stage.bmc
        bmc.resources[settings] = {"Boot": {"BootSourceOverrideMode": "UEFI"}}
        bmc.answer = lambda request: bmc.reply(204) if request.method == "PATCH" else None
        assert await stage.choose("pxe", True, "bios") == base.BootDevice("disk", False, "uefi")
        assert bmc.asked(settings, "PATCH")[0].body == {"Boot": {"BootSourceOverrideMode": "Legacy"}}
        device = {"BootSourceOverrideTarget": "Pxe", "BootSourceOverrideEnabled": "Continuous"}
        assert [request.body for request in bmc.asked(SYSTEM, "PATCH")] == [{"Boot": device}]

    link = {"@Redfish.Settings": {"SettingsObject": {"@odata.id": settings}}}
    documented(use, {SYSTEM: {"Boot": override("Hdd", "Once", "Legacy"), **link}})


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (403, "Base.1.8.InsufficientPrivilege"),
        (500, "Base.1.8.InternalError"),
        (400, "Base.1.8.ResourceInUse"),
    ],
)
def test_a_refusal_that_has_nothing_to_do_with_the_form_is_asked_in_no_other(
    documented: Any, status: int, message: str
) -> None:
    async def use(stage: Any) -> None:
        bmc = stage.bmc
        refusal = bmc.reply(status, bmc.error((message, "Not you, and not now")))
        bmc.answer = lambda request: refusal if request.method == "PATCH" else None
        with pytest.raises(errors.DriverError, match="Not you, and not now"):
            await stage.choose("pxe", False, "bios")
        assert len(bmc.asked(SYSTEM, "PATCH")) == 1

    documented(use, {SYSTEM: {"Boot": override("Hdd")}})
