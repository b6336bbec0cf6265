"""The sample config file: the options that people edit most come first, and the options of logging last.

oslo-config-generator begins with [DEFAULT], which begins with oslo.log's options, and sorts all other
sections by name.
"""

import io
import re
from typing import Final

from oslo_config import cfg, generator

_SETTINGS: Final = (
    "--wrap-width=90",
    "--namespace=podium",
    "--namespace=podium.drivers",
    "--namespace=oslo.log",
)
#: Sections by how often they are edited. The sections of other drivers follow.
_FIRST: Final[tuple[str, ...]] = (
    "conductor",
    "DEFAULT",
    "database",
    "api",
    "secrets",
    "client",
    "ipmi",
    "redfish",
    "periodic_tasks",
    "notifications",
    "notifications_pager",
    "metrics",
)
_LOGGING: Final = "oslo.log"
_SECTION: Final = re.compile(r"^\[(.+)\]$", re.MULTILINE)
_ORIGIN: Final = re.compile(r"^#\n# From (.+)\n#$", re.MULTILINE)


def text() -> str:
    """Return the file with the options of the installed drivers."""
    settings = cfg.ConfigOpts()
    generator.register_cli_opts(settings)
    settings(_SETTINGS, default_config_files=[], default_config_dirs=[], use_env=False)
    made = io.StringIO()
    generator.generate(settings, made)
    bodies = _divided(_SECTION, made.getvalue())
    origins = _divided(_ORIGIN, bodies.pop("DEFAULT"))
    logging = _part(_LOGGING, origins.pop(_LOGGING))
    bodies["DEFAULT"] = "\n\n".join(_part(name, its) for name, its in origins.items())
    order = [name for name in _FIRST if name in bodies]
    order += [name for name in bodies if name not in _FIRST]
    sections = [f"[{name}]\n\n{bodies[name]}\n" for name in order]
    return "\n\n".join([*sections, f"[DEFAULT]\n\n{logging}\n"])


def _divided(heading: re.Pattern[str], text: str) -> dict[str, str]:
    """Return the text below each heading, by the heading's name."""
    _, *parts = heading.split(text)
    return dict(zip(parts[::2], (body.strip("\n") for body in parts[1::2]), strict=True))


def _part(origin: str, body: str) -> str:
    return f"#\n# From {origin}\n#\n\n{body}"
