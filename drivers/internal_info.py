"""How much a driver may save for itself with a node."""

import json
from collections.abc import Mapping
from typing import Any, Final

#: Bytes of a node's whole ``driver_internal_info`` as JSON.
LIMIT: Final = 65_536


def refusal(known: Mapping[str, Any], changes: Mapping[str, Any]) -> str | None:
    """Why changes of a ``driver_internal_info`` are refused; None where it has room for them.

    One that is too large already may become smaller.

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
