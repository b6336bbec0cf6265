"""Answers in the form of Ironic's."""

import json

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from podium.api.faults import Fault


def fault(request: Request, fault: Fault) -> Response:
    """Return the answer for a request that failed: JSON in JSON, as Ironic's clients expect it."""
    if fault.status == 401:
        body = {"error": {"message": fault.text, "code": 401}}
        return JSONResponse(body, 401, headers=fault.headers)
    code = "Client" if fault.status < 500 else "Server"
    inner = {"faultcode": code, "faultstring": fault.text, "debuginfo": None}
    return JSONResponse({"error_message": json.dumps(inner)}, fault.status, headers=fault.headers)
