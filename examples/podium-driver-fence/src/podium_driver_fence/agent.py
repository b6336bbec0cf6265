"""Runs fence agents, the programs of ClusterLabs' fence-agents package. Each switches one kind of hardware.

doc/FenceAgentAPI.md in the repository ClusterLabs/fence-agents describes the interface. Options are
``key=value`` lines on standard input, so that the arguments, which every user can see, contain no secret.
Exit status 0 means success. ``status`` returns 0 for on and 2 for off. ``monitor`` returns 0 or 2 if the
device answers. ``metadata`` prints XML that lists the options.
"""

import json
import os
import re
import shutil
from collections.abc import Mapping
from typing import Final
from xml.etree import ElementTree

from podium import errors, masking
from podium.drivers.command import CommandResult, run

#: Folders to search for an agent besides PATH. They are seldom in a service's PATH.
_SBIN: Final = ("/usr/sbin", "/sbin")
_OPTION: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


def agent_name(value: object) -> str:
    """Convert the name of an agent. It names a program to run, so it must not name any other program.

    :raises ValueError: if the value is not an agent's name
    """
    if not isinstance(value, str) or not re.fullmatch(r"fence_[a-z0-9_]+", value):
        raise ValueError("an agent's name looks like fence_ipmilan")
    return value


def agent_options(value: object) -> dict[str, str]:
    """Convert an agent's options, given as a mapping or as a text ``key=value key=value``.

    :raises ValueError: for an option that an agent would misunderstand; the message contains no value
    :raises TypeError: if the options are neither a mapping nor a text
    """
    if isinstance(value, str):
        pairs = [word.partition("=") for word in value.split()]
        value = {key: text for key, _, text in pairs}
    if not isinstance(value, Mapping):
        raise TypeError("options are a mapping, or a text such as ip=192.0.2.1 plug=3")
    options = {str(key): one if isinstance(one, str) else json.dumps(one) for key, one in value.items()}
    for key, text in options.items():
        if not _OPTION.fullmatch(key) or key == "action":
            raise ValueError(f"an agent's option cannot be called {key!r}")
        if not text.isprintable():
            raise ValueError(f"the value of {key} is not one line of text")
    return options


def public_options(value: object) -> dict[str, str]:
    """Convert options like :func:`agent_options`, for values that everyone may see.

    :raises ValueError: also for an option with the name of a secret
    """
    options = agent_options(value)
    for key in options:
        if masking.is_secret(key):
            raise ValueError(f"{key} is a secret: put it into fence_password or fence_secret_options")
    return options


def call(agent: str, action: str, options: Mapping[str, str], timeout: float) -> CommandResult:
    """Run an agent and wait for it.

    :param timeout: seconds
    :raises podium.errors.DriverError: if the agent is not installed or does not end
    """
    path = shutil.which(agent, path=os.pathsep.join([os.environ.get("PATH", os.defpath), *_SBIN]))
    if path is None:
        raise errors.DriverError(f"{agent} is not installed; the package fence-agents has it")
    lines = [f"action={action}", *(f"{key}={value}" for key, value in options.items())]
    return run([path], timeout=timeout, input="".join(f"{line}\n" for line in lines))


def complaint(agent: str, result: CommandResult) -> str:
    """Return the last line that a failed agent printed, without its time stamp."""
    printed = [line.strip() for line in f"{result.stdout}\n{result.stderr}".splitlines() if line.strip()]
    text = re.sub(r"^[\d:, -]+(?=[A-Z])", "", printed[-1]) if printed else "nothing"
    return f"{agent} ended with status {result.returncode} and printed: {text}"


def known_options(metadata: str) -> frozenset[str]:
    """Return the names of the options in the output of ``metadata``.

    :raises podium.errors.DriverError: if the output is not XML
    """
    try:
        root = ElementTree.fromstring(metadata)
    except ElementTree.ParseError as error:
        raise errors.DriverError(f"the metadata cannot be understood: {error}") from None
    return frozenset(found.get("name", "").replace("-", "_") for found in root.iter("parameter"))
