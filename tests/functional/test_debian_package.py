"""The package that ``make deb`` builds, on a machine with systemd: ``make test-deb``."""

import os
import re
import shutil
from collections.abc import Iterator

import pytest

from machines_of_debian import Machine, install_debian, lacking

PACKAGE = os.environ.get("PODIUM_TEST_DEB")

pytestmark = [
    pytest.mark.skipif(PACKAGE is None, reason="make test-deb does this one"),
    pytest.mark.skipif(lacking() is not None, reason=str(lacking())),
]


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    root = tmp_path_factory.mktemp("debian") / "root"
    install_debian(root)
    assert PACKAGE is not None
    shutil.copy(PACKAGE, root / "srv/podium.deb")
    with Machine(root) as machine:
        yield machine


def test_the_package_is_installed_used_upgraded_removed_and_purged(machine: Machine) -> None:
    before = machine.files()

    machine.run("dpkg --install /srv/podium.deb")
    assert machine.try_to("systemctl is-enabled podium-conductor podium-api").stdout == "enabled\nenabled\n"
    assert machine.try_to("systemctl is-active podium-conductor podium-api").stdout == "inactive\ninactive\n"
    listing = machine.run("stat -c '%A %U %G %n' /etc/podium /etc/podium/* /var/lib/podium")
    assert listing == (
        "drwxr-x--- root podium /etc/podium\n"
        "-rw-r----- root podium /etc/podium/htpasswd\n"
        "-rw-r----- root podium /etc/podium/podium.conf\n"
        "drwxr-x--- podium podium /var/lib/podium\n"
    )
    machine.run("podium config check")
    for page in ("podium", "podium-conductor", "podium-api", "podium-sim", "podium.conf"):
        machine.run(f"man {page} | grep -q DESCRIPTION")

    machine.run("systemctl start podium-conductor podium-api")
    machine.run("useradd --groups podium-admins alice && useradd bob")
    machine.run("runuser -u alice -- podium node create --name n1 --driver fake")
    machine.run("runuser -u alice -- podium node power on n1 --wait")
    assert machine.run("runuser -u alice -- podium node list -f value -c power_state") == "power on\n"
    refused = machine.try_to("runuser -u bob -- podium node list")
    assert refused.returncode == 1
    assert refused.stderr.startswith("podium: ")
    assert machine.run("dpkg --verify podium") == "", "the programs wrote into /opt/podium"

    machine.run("sed -i '/^.DEFAULT/a host = here' /etc/podium/podium.conf")
    main = machine.run("systemctl show --property=MainPID podium-conductor podium-api")
    machine.run("/var/lib/dpkg/info/podium.preinst upgrade 0")
    assert machine.try_to("systemctl is-active podium-conductor podium-api").stdout == "inactive\ninactive\n"
    machine.run("dpkg --install /srv/podium.deb")
    machine.run("systemctl is-active podium-conductor podium-api")
    machine.run("systemctl stop podium-api && /var/lib/dpkg/info/podium.preinst upgrade 0")
    machine.run("/var/lib/dpkg/info/podium.postinst configure 0")
    assert machine.try_to("systemctl is-active podium-conductor podium-api").stdout == "active\ninactive\n"
    machine.run("systemctl start podium-api")
    assert machine.run("systemctl show --property=MainPID podium-conductor podium-api") != main
    assert "here" in machine.run("podium conductor list -f value -c hostname").splitlines()
    assert machine.run("podium node list -f value -c power_state") == "power on\n"

    machine.run("/opt/podium/bin/python -c 'import this' && touch /opt/podium/lib/plugin.py")
    machine.run("dpkg --remove podium")
    assert machine.try_to("pgrep podium").stdout == ""
    left = machine.files() - before
    assert {path for path in left if path.startswith(("/opt", "/usr", "/lib"))} == set()
    assert {"/etc/podium/podium.conf", "/var/lib/podium/podium.sqlite"} <= left

    machine.run("dpkg --purge podium")
    # Data, what the command noted for root in its home, and the copies that tools for users make.
    known = re.compile(r"/var/lib/podium(/.*)?|/root/.*|/etc/(sub)?(passwd|shadow|group|gshadow|uid|gid)-")
    assert {path for path in machine.files() - before if not known.fullmatch(path)} == set()


def test_an_installation_by_hand_is_not_mixed_with_the_package_and_keeps_its_files(machine: Machine) -> None:
    machine.run("systemd-sysusers --inline 'u podium -'")
    machine.run("install -d -o root -g podium -m 750 /etc/podium && install -d /opt/podium/bin")
    for name, owner in {"podium.conf": "podium", "podium.keys": "podium", "tls.pem": "root"}.items():
        machine.run(f"install -o {owner} -g {owner} -m 600 /dev/null /etc/podium/{name}")
    machine.run("touch /opt/podium/bin/podium")
    refused = machine.try_to("dpkg --force-confold --install /srv/podium.deb")
    assert refused.returncode == 1
    assert "remove it first" in refused.stderr
    assert machine.run("ls /opt/podium/bin") == "podium\n"

    machine.run("rm -r /opt/podium && dpkg --force-confold --install /srv/podium.deb")
    listing = machine.run("cd /etc/podium && stat -c '%a %U %G %n' htpasswd podium.conf podium.keys tls.pem")
    assert listing == (
        "640 root podium htpasswd\n"
        "600 podium podium podium.conf\n"
        "600 podium podium podium.keys\n"
        "600 root root tls.pem\n"
    )
