"""Boot devices in a domain's XML: https://libvirt.org/formatdomain.html#operating-system-booting.

The XML either lists classes of devices (``<os><boot dev='network'/>``), or orders single devices
(``<interface>...<boot order='1'/>``). A domain uses only one of the two forms. This module preserves it.
"""

from typing import Final
from xml.etree import ElementTree

from podium import errors
from podium.drivers import base

_CLASSES: Final = {"pxe": "network", "disk": "hd", "cdrom": "cdrom"}
_WORDS: Final = {name: word for word, name in _CLASSES.items()} | {"fd": "floppy"}
_DISKS: Final = {"cdrom": "cdrom", "floppy": "fd"}


def boot_of(xml: str) -> base.Boot:
    """Return the persistent boot device of a domain, and the other possible ones.

    :param xml: of the domain
    """
    root = ElementTree.fromstring(xml)
    devices = list(root.iterfind("devices/*"))
    if root.find("os/kernel") is not None:
        return base.Boot(base.BootDevice("kernel", persistent=True, mode=_mode(root)), [])
    ordered = _ordered(devices)
    first = _class_of(ordered[0]) if ordered else None
    if (chosen := root.find("os/boot")) is not None:
        first = chosen.get("dev")
    there = {_class_of(device) for device in devices}
    return base.Boot(
        base.BootDevice(_WORDS.get(first or "", first), persistent=True, mode=_mode(root)),
        [word for word, name in _CLASSES.items() if name in there],
    )


def booting_from(xml: str, boot: base.BootDevice) -> str:
    """Return the XML with another first boot device. The previous boot devices come after it.

    :param xml: including the secrets of the domain, which would be lost otherwise
    :raises podium.errors.Unsupported: if the domain cannot boot this way
    """
    now = boot_of(xml)
    if not boot.persistent:
        raise errors.Unsupported("libvirt has no boot device for one boot alone; choose it for every boot")
    if boot.device is None or boot.device not in now.supported:
        able = ", ".join(now.supported) or "nothing else"
        raise errors.Unsupported(f"the domain cannot boot from {boot.device}, only from {able}")
    if boot.mode not in (None, now.chosen.mode):
        its = f"is {now.chosen.mode}" if now.chosen.mode else "is neither bios nor uefi"
        raise errors.Unsupported(f"the firmware of the domain {its}, and stays that")
    root = ElementTree.fromstring(xml)
    wanted, devices = _CLASSES[boot.device], list(root.iterfind("devices/*"))
    if ordered := _ordered(devices):
        first = [device for device in ordered if _class_of(device) == wanted]
        first = first or [next(device for device in devices if _class_of(device) == wanted)]
        for order, device in enumerate([*first, *(one for one in ordered if one not in first)], 1):
            element = device.find("boot")
            if element is None:
                element = ElementTree.SubElement(device, "boot")
            element.set("order", str(order))
    elif (system := root.find("os")) is not None:
        before = system.findall("boot")
        names = [wanted, *(one.get("dev", "") for one in before if one.get("dev") != wanted)]
        for one in before:
            system.remove(one)
        for name in names:
            ElementTree.SubElement(system, "boot", dev=name)
    return ElementTree.tostring(root, encoding="unicode")


def _ordered(devices: list[ElementTree.Element]) -> list[ElementTree.Element]:
    """Return the devices with a boot order, in that order."""
    orders = [(int(boot.get("order", "0")), one) for one in devices if (boot := one.find("boot")) is not None]
    return [one for _, one in sorted(orders, key=lambda pair: pair[0])]


def _class_of(device: ElementTree.Element) -> str:
    """Return the class of a device, or its own name if it belongs to none."""
    if device.tag == "disk":
        return _DISKS.get(device.get("device", "disk"), "hd")
    return "network" if device.tag == "interface" else device.tag


def _mode(root: ElementTree.Element) -> str | None:
    """Return the boot mode of a domain, or None if it is unknown."""
    system, loader = root.find("os"), root.find("os/loader")
    if system is None or system.findtext("type") != "hvm":
        return None
    is_uefi = system.get("firmware") == "efi" or (loader is not None and loader.get("type") == "pflash")
    return "uefi" if is_uefi else "bios"
