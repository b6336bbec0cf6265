"""What Ironic has and Podium has not is answered with 404, and says so."""

from typing import Any

import pytest


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize(
    "path",
    [
        *("/v1/allocations", "/v1/allocations/a1", "/v1/portgroups/detail", "/v1/volume/connectors/c1"),
        *("/v1/deploy_templates", "/v1/runbooks/r/traits", "/v1/inspection_rules", "/v1/lookup"),
        *("/v1/heartbeat/n1", "/v1/nodes/n1/portgroups", "/v1/nodes/n1/volume/targets"),
        *("/v1/nodes/n1/allocation", "/v1/drivers/fake/vendor_passthru"),
    ],
)
def test_what_podium_has_not_is_told(http: Any, method: str, path: str) -> None:
    answer = http(method, path)
    assert answer.status_code == 404
    assert f"there is no {path}: Podium" in answer.text


def test_an_unknown_path_is_not_explained(http: Any) -> None:
    answer = http("GET", "/v1/allocation_of_nothing")
    assert answer.status_code == 404
    assert "Podium" not in answer.text
