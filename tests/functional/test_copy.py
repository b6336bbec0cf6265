"""From SQLite to a server and back, between a stop of the daemon and its next start."""

from pathlib import Path

import pytest

from daemons import Daemon, eventually
from rounds import only_long
from servers import Server


@only_long
@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_what_was_asked_for_before_a_move_is_done_after_it(
    tmp_path: Path, request: pytest.FixtureRequest, kind: str
) -> None:
    server: Server = request.getfixturevalue(f"{kind}_server")
    url = server.url(server.create_database())
    (tmp_path / "url").write_text(url)
    (tmp_path / "moved").mkdir()
    before = Daemon(tmp_path)
    with before:
        before.podium("node", "create", "--driver", "fake", "--name", "n1")
        before.podium("node", "power", "on", "n1", "--wait")
        refused = before.podium("db", "copy", "--to", f"@{tmp_path}/url", expect=1)
        assert "conductors are at work on" in refused.stderr
        assert before.stop() == 0
    before.podium("node", "power", "off", "n1")  # nobody begins it
    done = before.podium("db", "copy", "--to", f"@{tmp_path}/url")
    assert "nodes: 1" in done.stdout.splitlines()

    key_file = f"[secrets]\nkey_file = {tmp_path}/podium.keys\n"
    with Daemon(tmp_path / "moved", key_file, url=url) as after:
        eventually(lambda: after.nodes()["n1"]["power_state"] == "power off", "the request is carried out")
        assert after.podium("operation", "wait", "2").returncode == 0
        assert after.stop() == 0
    back = tmp_path / "back.sqlite"
    after.podium("db", "copy", "--to", f"sqlite:///{back}")
    (tmp_path / "back").mkdir()
    with Daemon(tmp_path / "back", key_file, url=f"sqlite:///{back}") as again:
        again.podium("node", "power", "on", "n1", "--wait")
        assert again.stop() == 0
