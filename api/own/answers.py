"""Answers to requests that failed, in the form of Podium's own API."""

from typing import Any, Final

from starlette.responses import JSONResponse, Response

from podium import errors
from podium.api.faults import Fault

#: Where the paths of this API begin.
ROOT: Final = "/podium/"
#: The names of faults that are no error of Podium's own.
_CODES: Final = {
    401: "LoginNeeded",
    403: "NotAllowed",
    404: "NoSuchPath",
    405: "NoSuchMethod",
    413: "TooLarge",
    503: "Unavailable",
}


def refusal(fault: Fault) -> Response:
    """Return the answer for a request that failed: the error's name, its text, and each fault of a list."""
    code = _CODES.get(fault.status, "BadRequest" if fault.status < 500 else "ServerError")
    error: dict[str, Any] = {"code": code, "message": fault.text}
    if fault.error is not None:
        error |= {"code": type(fault.error).__name__, "message": str(fault.error)}
        if faults := getattr(fault.error, "faults", None):
            error["faults"] = list(faults)
        if isinstance(fault.error, errors.NeedsConfirmation):
            error |= {"nodes": fault.error.nodes, "limit": fault.error.limit}
    return JSONResponse({"error": error}, fault.status, headers=fault.headers)
