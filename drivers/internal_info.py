"""How much a driver may save for itself in a node."""

import json
from collections.abc import Mapping
from typing import Any, Final

#: Maximum bytes of a node's whole ``driver_internal_info`` as JSON.
LIMIT: Final = 65_536


def refusal(known: Mapping[str, Any], changes: Mapping[str, Any]) -> str | None:
    """Return why changes of a ``driver_internal_info`` are refused; None if they fit.

    A ``driver_internal_info`` that is already too large may become smaller.

    :param changes: values by key; None removes one
    """
    merged = {key: value for key, value in {**known, **changes}.items() if value is not None}
    size = len(json.dumps(merged))
    if size <= LIMIT or size < len(json.dumps(dict(known))):
        return None
    return (
        f"driver_internal_info would have {size} bytes, and has room for {LIMIT}; keep less in it: a value of"
        " None removes a key"
    )
