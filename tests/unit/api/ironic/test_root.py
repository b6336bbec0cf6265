"""The documents that clients read first."""

from typing import Any


def test_the_root_says_which_versions_there_are(http: Any) -> None:
    found = http.get("/")
    assert found["versions"] == [found["default_version"]]
    assert found["default_version"]["id"] == "v1"
    assert (found["default_version"]["min_version"], found["default_version"]["version"]) == ("1.1", "1.115")
    assert found["default_version"]["links"] == [{"href": "http://api.example/v1/", "rel": "self"}]


def test_resources_are_shown_from_their_version_on(http: Any) -> None:
    assert {"nodes", "ports", "conductors", "shards"} <= http.get("/v1").keys()
    http.version = "1.48"
    assert "conductors" not in http.get("/v1/")
