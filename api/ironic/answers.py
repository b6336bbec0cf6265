"""Answers in Ironic's form."""

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from podium.api.faults import Fault
from podium.api.ironic import versions
from podium.api.routing import MINOR_KEY


def fault(request: Request, fault: Fault) -> Response:
    """Return the answer to a failed request: JSON in JSON, as Ironic's clients expect it."""
    if fault.status == 401:
        body: dict[str, Any] = {"error": {"message": fault.text, "code": 401}}
    else:
        code = "Client" if fault.status < 500 else "Server"
        inner = {"faultcode": code, "faultstring": fault.text, "debuginfo": None}
        body = {"error_message": json.dumps(inner)}
    response = JSONResponse(body, fault.status, headers=fault.headers)
    versions.mark(response, request.scope.get(MINOR_KEY))
    return response
