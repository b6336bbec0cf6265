"""Turns the fault of a request into an answer in the form of the requested API."""

from starlette.requests import Request
from starlette.responses import Response

from podium.api.faults import Fault
from podium.api.ironic import answers
from podium.api.own import answers as own_answers


def refusal(request: Request, fault: Fault) -> Response:
    """Return the answer to a failed request."""
    own = request.url.path.startswith(own_answers.ROOT)
    return own_answers.refusal(fault) if own else answers.fault(request, fault)
