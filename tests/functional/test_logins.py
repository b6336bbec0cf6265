"""Users, tokens and roles at a real podium-api."""

import os
import pwd
import subprocess
from pathlib import Path

import bcrypt
import httpx

from apis import Api
from daemons import BIN, eventually
from peers import PATIENCE


def hashed(password: str) -> str:
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()


def test_users_tokens_and_people_on_the_host_get_in_and_out(tmp_path: Path) -> None:
    users, me = tmp_path / "htpasswd", pwd.getpwuid(os.getuid()).pw_name
    users.write_text(f"alice:{hashed('wonderland')}\nbob:broken\n")
    api = Api(
        tmp_path,
        f"readers = alice\noperators = {me}\nadmins =\napi_workers = 2\n",
        default=f"http_basic_auth_user_file = {users}",
    )

    def podium(*arguments: str) -> str:
        done = subprocess.run(
            [BIN / "podium", "--url", "database", "--config-file", api.config, *arguments],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=True,
        )
        return done.stdout.strip()

    with api:
        url, local = f"http://127.0.0.1:{api.port}", httpx.HTTPTransport(uds=str(api.socket))
        with httpx.Client(base_url=url, timeout=PATIENCE) as http:

            def status(method: str = "GET", path: str = "/v1/nodes", **how: object) -> int:
                return http.request(method, path, **how).status_code  # type: ignore[arg-type]

            alice, carol = ("alice", "wonderland"), ("carol", "pa55word")
            assert [status(), status(auth=alice), status("DELETE", "/v1/nodes/n1", auth=alice)] == [
                401,
                200,
                403,
            ]
            assert status(auth=carol) == 401
            users.write_text(f"carol:{hashed('pa55word')}\n")
            eventually(lambda: [status(auth=alice), status(auth=carol)] == [401, 403], "carol follows alice")
            secret = podium("token", "create", "--name", "ci", "--role", "admin", "--expires", "1d")
            bearer = {"Authorization": f"Bearer {secret}"}
            assert status("DELETE", "/v1/nodes/n1", headers=bearer) == 404
            eventually(
                lambda: '"last_used_at": null' not in podium("token", "list", "-f", "json"),
                "its use is noted",
            )
            podium("token", "revoke", "ci")
            eventually(lambda: status(headers=bearer) == 401, "the token is refused")
        with httpx.Client(base_url="http://podium", transport=local, timeout=PATIENCE) as http:
            assert [http.get("/v1/nodes").status_code, http.delete("/v1/nodes/n1").status_code] == [200, 403]
        assert api.stop() == 0
    text = api.text()
    for line in (
        f"{users}, line 2, is left out",
        "DELETE /v1/nodes/n1 from 127.0.0.1: alice 403 [req-",
        "DELETE /v1/nodes/n1 from 127.0.0.1: token:ci 404 [req-",
        f": {me} 403 [req-",
        "A login of an unknown user from 127.0.0.1 failed",
    ):
        assert line in text
    assert not any(typed in text for typed in ("wonderland", "pa55word", secret, "$2b$", "Traceback"))


def test_without_the_file_of_users_it_says_how_to_make_one(tmp_path: Path) -> None:
    api = Api(tmp_path, default=f"http_basic_auth_user_file = {tmp_path}/none")
    assert api.refusal() == (
        f"podium-api: [DEFAULT] http_basic_auth_user_file = {tmp_path}/none cannot be read: No such file or"
        f" directory; make it with: htpasswd -B -c {tmp_path}/none USER"
    )
