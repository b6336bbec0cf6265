"""Fence agents, the programs of ClusterLabs' fence-agents package, each of which switches one kind of hardware.

They are run as doc/FenceAgentAPI.md in the repository ClusterLabs/fence-agents describes: options as ``key=value``
lines on standard input, so that no secret is in the arguments that every user sees; exit status 0 for success, of
``status`` 0 for on and 2 for off, of ``monitor`` 0 or 2 for a device that answers; ``metadata`` prints XML that
lists the options.
"""

import os
import re
import shutil
from collections.abc import Mapping
from typing import Final
from xml.etree import ElementTree

from podium import errors, masking
from podium.drivers.command import CommandResult, run

#: Where an agent is looked for besides PATH, which a service's seldom has.
_SBIN: Final = ("/usr/sbin", "/sbin")
_OPTION: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


def agent_name(value: object) -> str:
    """The type of a property that names an agent, and so a program: it must not name any other.

    :raises ValueError: for what is no agent's name
    """
    if not isinstance(value, str) or not re.fullmatch(r"fence_[a-z0-9_]+", value):
        raise ValueError("an agent's name looks like fence_ipmilan")
    return value


def agent_options(value: object) -> dict[str, str]:
    """The type of a property that is a mapping of an agent's options, or a text ``key=value key=value``.

    :raises ValueError: for what an agent would take for something else; it does not tell any value
    :raises TypeError: for what is neither
    """
    if isinstance(value, str):
        pairs = [word.partition("=") for word in value.split()]
        value = {key: text for key, _, text in pairs}
    if not isinstance(value, Mapping):
        raise TypeError("options are a mapping, or a text such as ip=192.0.2.1 plug=3")
    options = {str(key): str(text) for key, text in value.items()}
    for key, text in options.items():
        if not _OPTION.fullmatch(key) or key == "action":
            raise ValueError(f"an agent's option cannot be called {key!r}")
        if not text.isprintable():
            raise ValueError(f"the value of {key} is not one line of text")
    return options


def public_options(value: object) -> dict[str, str]:
    """As :func:`agent_options`, for values that everybody may see.

    :raises ValueError: also for an option that is a secret by its name
    """
    options = agent_options(value)
    for key in options:
        if masking.is_secret(key):
            raise ValueError(f"{key} is a secret, which belongs into fence_password or fence_secret_options")
    return options


def call(agent: str, action: str, options: Mapping[str, str], timeout: float) -> CommandResult:
    """Run an agent and wait for it.

    :param timeout: seconds
    :raises podium.errors.DriverError: when it is not installed or does not end
    """
    path = shutil.which(agent, path=os.pathsep.join([os.environ.get("PATH", os.defpath), *_SBIN]))
    if path is None:
        raise errors.DriverError(f"{agent} is not installed; the package fence-agents has it")
    lines = [f"action={action}", *(f"{key}={value}" for key, value in options.items())]
    return run([path], timeout=timeout, input="".join(f"{line}\n" for line in lines))


def complaint(agent: str, result: CommandResult) -> str:
    """What an agent that failed said last, without its time stamp."""
    said = [line.strip() for line in f"{result.stdout}\n{result.stderr}".splitlines() if line.strip()]
    text = re.sub(r"^[\d:, -]+(?=[A-Z])", "", said[-1]) if said else "nothing"
    return f"{agent} ended with status {result.returncode} and said: {text}"


def known_options(metadata: str) -> frozenset[str]:
    """The names of the options in what ``metadata`` printed.

    :raises podium.errors.DriverError: when it is not XML
    """
    try:
        root = ElementTree.fromstring(metadata)
    except ElementTree.ParseError as error:
        raise errors.DriverError(f"the metadata cannot be understood: {error}") from None
    return frozenset(found.get("name", "").replace("-", "_") for found in root.iter("parameter"))
