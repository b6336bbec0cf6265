"""Features of Ironic that Podium lacks: answers name the missing feature, not only an unknown path."""

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
    """Return why a path does not exist here; None if Ironic does not have it either."""
    found = _PATH.fullmatch(path)
    why = _PARTS.get(found[1]) if found else None
    return None if why is None else f"there is no {path[:200]}: Podium switches machines, and {why}"
