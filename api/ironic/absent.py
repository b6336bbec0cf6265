"""What Ironic has and Podium has not: requests for it are told so, and not only that a path is unknown."""

import re
from typing import Final

_PARTS: Final = {
    "allocations": "it allocates no machines",
    "deploy_templates": "it deploys no machines",
    "runbooks": "it deploys no machines",
    "inspection_rules": "it does not inspect machines from inside",
    "portgroups": "it has no port groups",
    "volume": "it attaches no volumes",
    "lookup": "no agent runs on its machines",
    "heartbeat": "no agent runs on its machines",
    "continue_inspection": "no agent runs on its machines",
    "events": "no network service reports to it",
    "allocation": "it allocates no machines",
    "vendor_passthru": "the actions of drivers' own are of nodes, and asked for by POST or PUT",
    "raid": "it sets no RAID up",
}
_PATH: Final = re.compile(r"/v1/(?:(?:nodes|drivers|ports|chassis)/[^/]+/)?([a-z_]+)(?:/.*)?")


def text(path: str) -> str | None:
    """Return why there is no such path; None if it is not one of Ironic's."""
    found = _PATH.fullmatch(path)
    why = _PARTS.get(found[1]) if found else None
    return None if why is None else f"there is no {path[:200]}: Podium switches machines, and {why}"
