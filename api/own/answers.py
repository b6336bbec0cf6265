"""Answers to failed requests, in the form of Podium's own API."""

from typing import Any, Final

from starlette.responses import JSONResponse, Response

from podium import errors
from podium.api.faults import Fault

#: The beginning of this API's paths.
ROOT: Final = "/podium/"
#: The names of faults that are not errors of Podium's own, for every status that podium-api answers.
CODES: Final = {
    400: "BadRequest",
    401: "LoginNeeded",
    403: "NotAllowed",
    404: "NoSuchPath",
    405: "NoSuchMethod",
    406: "NotAcceptable",
    409: "Conflict",
    412: "PreconditionFailed",
    413: "TooLarge",
    415: "WrongMediaType",
    429: "TooManyRequests",
    500: "ServerError",
    503: "Unavailable",
}


def refusal(fault: Fault) -> Response:
    """Return the answer to a failed request: the error's name, its text, and each fault of a list."""
    error: dict[str, Any] = {"code": CODES[fault.status], "message": fault.text}
    if fault.error is not None:
        error |= {"code": type(fault.error).__name__, "message": str(fault.error)}
        if faults := getattr(fault.error, "faults", None):
            error["faults"] = list(faults)
        if isinstance(fault.error, errors.NeedsConfirmation):
            error |= {"nodes": fault.error.nodes, "limit": fault.error.limit}
    return JSONResponse({"error": error}, fault.status, headers=fault.headers)
