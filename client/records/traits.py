"""Traits of a node: its capabilities, in words that schedulers compare."""

import re
from typing import Any, Final

from podium.client.enrolling.values import Kind

#: Maximum number of a node.
_MOST: Final = 50
#: Custom traits, and the namespaces of the library os-traits.
_FORM: Final = re.compile(r"(?:CUSTOM|COMPUTE|HW|MISC|OWNER|STORAGE)_[A-Z0-9_]{1,250}", re.ASCII)


def _check(value: Any) -> list[str]:
    if not isinstance(value, list):
        raise ValueError("must be a list")
    for one in value:
        if not (isinstance(one, str) and len(one) <= 255 and _FORM.fullmatch(one)):
            raise ValueError(f"has {str(one)[:80]!r}, which is no trait such as CUSTOM_GPU or HW_CPU_X86_VMX")
    found = list(dict.fromkeys(value))
    if len(found) > _MOST:
        raise ValueError(f"would be {len(found)}; a node has at most {_MOST}")
    return found


TRAITS: Final = Kind({"type": "array", "items": {"type": "string", "pattern": f"^{_FORM.pattern}$"}}, _check)
