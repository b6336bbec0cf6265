"""The Redfish client against a BMC on loopback: requests, connections, deadlines and refusals."""

import asyncio
import json
import logging
import ssl
import warnings
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

import virtual_time
from podium import errors
from podium.drivers.redfish.http.answers import retry_after
from podium.drivers.redfish.http.client import BMCBusy, Client, Refused, Target, Timing
from podium.drivers.redfish.http.connection import Answer

SYSTEM = "/redfish/v1/Systems/1"
RESET = f"{SYSTEM}/Actions/ComputerSystem.Reset"

BRISK = Timing(read=0.5)


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    virtual_time.run(main, virtual_time.TCP)


def test_a_resource_is_read(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, bmc.connected() as (_, one):
            response = await one.get(SYSTEM)
            assert (response.status, response.body["PowerState"]) == (200, "On")
            assert response.headers["content-type"] == "application/json"
            assert bmc.requests[-1].headers["host"] == f"127.0.0.1:{bmc.port}"

    run(main)


@pytest.mark.parametrize(
    ("target", "host"),
    [
        (Target("https", "bmc.example", 443, "", ""), "bmc.example"),
        (Target("http", "bmc.example", 80, "", ""), "bmc.example"),
        (Target("https", "fd00::1", 443, "", ""), "[fd00::1]"),
        (Target("http", "fd00::1", 443, "", ""), "[fd00::1]:443"),
    ],
)
def test_the_usual_port_is_not_part_of_the_hosts_name(target: Target, host: str) -> None:
    assert target.authority == host
    assert str(target).endswith(f":{target.port}")


@pytest.mark.parametrize("host", ["", "a b", "a\r\nX: y", "b\u00fccher", "user@host", "host/path"])
def test_a_host_that_can_be_none_is_refused(host: str) -> None:
    async def main() -> None:
        async with Client(Timing()) as client:
            with pytest.raises(errors.InvalidDriverInfo, match="redfish_address"):
                client.connect(Target("https", host, 443, "podium", "secret"))

    run(main)


def test_a_connection_is_held_and_used_again(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, bmc.connected() as (client, one):
            for _ in range(50):
                await one.get(SYSTEM)
            told = client.statistics()
            assert (bmc.accepted, told["connections"], told["reconnects"]) == (1, 1, 0)

    run(main)


def test_a_resource_that_has_not_changed_is_not_sent_again(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, bmc.connected() as (client, one):
            etag = (await one.get(SYSTEM)).etag
            assert (await one.get(SYSTEM, etag=etag)).status == 304
            bmc.resources[SYSTEM]["PowerState"] = "Off"
            assert (await one.get(SYSTEM, etag=etag)).body["PowerState"] == "Off"
            assert client.statistics()["not_modified"] == 1

    run(main)


def test_something_is_done(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, bmc.connected() as (_, one):
            bmc.resources[RESET] = {}
            response = await one.post(RESET, {"ResetType": "On"}, repeatable=True)
            assert (response.status, response.body) == (204, {})
            assert [request.body for request in bmc.asked(RESET, "POST")] == [{"ResetType": "On"}]

    run(main)


def test_what_is_done_may_be_answered_with_anything(http_bmc: Any) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected() as (_, one):
            bmc.answer = lambda request: bmc.reply(200, b"OK, done") if request.path == RESET else None
            assert (await one.post(RESET, {}, repeatable=True)).body == {}

    run(main)


def test_one_request_is_under_way_at_a_time_and_the_others_wait_in_order(http_bmc: Any) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected() as (_, one):
            await one.root()
            bmc.requests.clear()
            held = ["/0"]
            bmc.answer = lambda request: b"" if request.path in held else None
            bmc.resources |= {f"/{number}": {"Id": number} for number in range(4)}
            reads = [asyncio.create_task(one.get(f"/{number}")) for number in range(4)]
            reads[2].cancel()
            bmc.arrived.clear()
            await bmc.arrived.wait()
            assert [request.path for request in bmc.requests] == ["/0"]
            held.clear()
            bmc.peers[0].send(bmc.reply(200, {"Id": 0}))
            told = await asyncio.gather(*reads, return_exceptions=True)
            assert isinstance(told[2], asyncio.CancelledError)
            assert [one.body["Id"] for one in told if not isinstance(one, BaseException)] == [0, 1, 3]
            assert [request.path for request in bmc.requests] == ["/0", "/1", "/3"]

    run(main)


def test_the_answer_to_a_cancelled_request_is_not_taken_for_another(http_bmc: Any) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected() as (_, one):
            await one.get(SYSTEM)
            bmc.answer = lambda request: b"" if request.path == "/late" else None
            late = asyncio.create_task(one.get("/late"))
            bmc.arrived.clear()
            await bmc.arrived.wait()
            late.cancel()
            await asyncio.wait([late])
            assert (await one.get(SYSTEM)).body["PowerState"] == "On"
            assert bmc.accepted == 2

    run(main)


@pytest.mark.parametrize("unsaid", [True, False])
def test_a_connection_that_the_bmc_closes_after_each_answer_is_opened_again(
    fake_bmc: Any, unsaid: bool
) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, bmc.connected() as (_, one):
            bmc.closes = unsaid
            if not unsaid:
                bmc.answer = lambda request: bmc.usual(request).replace(
                    b"\r\n", b"\r\nConnection: close\r\n", 1
                )
            bmc.resources[RESET] = {}
            for _ in range(5):
                assert (await one.get(SYSTEM)).body["PowerState"] == "On"
                await one.post(RESET, {}, repeatable=False)
            assert len(bmc.asked(RESET, "POST")) == 5 and bmc.logins == 1

    run(main)


def test_an_idle_connection_that_the_bmc_closed_is_opened_again(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, bmc.connected() as (client, one):
            await one.get(SYSTEM)
            bmc.peers[0].close()
            while client.statistics()["connections"]:
                await asyncio.sleep(0)
            await one.get(SYSTEM)
            assert (bmc.accepted, client.statistics()["reconnects"], bmc.logins) == (2, 1, 1)
            assert len(bmc.asked(SYSTEM)) == 2

    run(main)


def test_a_read_whose_answer_broke_off_is_repeated_once(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, bmc.connected() as (_, one):
            await one.get(SYSTEM)
            whole = bmc.reply(200, {"PowerState": "Off"})

            def cut(request: Any) -> bytes:
                bmc.closes = len(bmc.asked(SYSTEM)) < 3
                return whole[:-3] if bmc.closes else whole

            bmc.answer = cut
            assert (await one.get(SYSTEM)).body["PowerState"] == "Off"
            bmc.requests.clear()
            with pytest.raises(
                errors.BMCUnreachable, match="closed the connection before its answer was whole"
            ):
                await one.get(SYSTEM)
            assert len(bmc.asked(SYSTEM)) == 2

    run(main)


def test_what_must_not_be_done_twice_is_not_repeated_and_its_fate_is_said_to_be_unknown(
    fake_bmc: Any,
) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, bmc.connected() as (_, one):
            await one.get(SYSTEM)

            def vanish(request: Any) -> bytes | None:
                bmc.closes = request.path == RESET
                return b"" if bmc.closes else None

            bmc.answer = vanish
            with pytest.raises(
                errors.BMCUnreachable, match=f"whether it carried out POST {RESET} is unknown"
            ):
                await one.post(RESET, {}, repeatable=False)
            assert len(bmc.asked(RESET, "POST")) == 1
            with pytest.raises(errors.BMCUnreachable):
                await one.post(RESET, {}, repeatable=True)
            assert len(bmc.asked(RESET, "POST")) == 3

    run(main)


def test_a_new_connection_resumes_the_tls_session_of_the_last(certificate: Path, http_bmc: Any) -> None:
    async def main() -> None:
        async with http_bmc(certificate) as bmc, bmc.connected() as (client, one):
            bmc.resources[RESET] = {}
            await one.get(SYSTEM)
            await one.post(RESET, {}, repeatable=False)
            assert bmc.tls.session_stats()["hits"] == 1
            bmc.peers[-1].close()
            while client.statistics()["connections"]:
                await asyncio.sleep(0)
            await one.get(SYSTEM)
            assert bmc.tls.session_stats()["hits"] == 2

    run(main)


def test_a_silent_bmc_is_given_up(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, bmc.connected(BRISK) as (client, one):
            await one.get(SYSTEM)
            bmc.answer = lambda request: b""
            with pytest.raises(errors.BMCUnreachable, match=r"127\.0\.0\.1.* it has said nothing for 0\.5"):
                await one.get(SYSTEM)
            await asyncio.sleep(0)
            assert client.statistics()["connections"] == 0
            bmc.answer = lambda request: None
            assert (await one.get(SYSTEM)).body["PowerState"] == "On"

    run(main)


def test_a_connection_that_broke_while_the_machine_slept_costs_one_repetition(fake_bmc: Any) -> None:
    async def main() -> None:
        now = [0.0]
        async with fake_bmc() as bmc, bmc.connected(BRISK, clock=lambda: now[0]) as (_, one):
            await one.get(SYSTEM)
            first = bmc.requests[-1].connection
            bmc.answer = lambda request: b"" if request.connection == first else None
            now[0] += 300
            assert (await one.get(SYSTEM)).body["PowerState"] == "On"
            assert bmc.requests[-1].connection != first
            bmc.answer = lambda request: b""
            with pytest.raises(errors.BMCUnreachable):  # nobody slept: the BMC is silent
                await one.get(SYSTEM)

    run(main)


def test_a_bmc_that_sends_byte_by_byte_is_given_up_when_its_time_is_over(http_bmc: Any) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected(Timing(read=5)) as (_, one):
            await one.root()
            dripping: set[asyncio.Task[None]] = set()

            async def drip() -> None:
                while bmc.peers:
                    bmc.peers[0].send(b"X: y\r\n")
                    await asyncio.sleep(0.02)

            def answer(request: Any) -> bytes:
                dripping.add(asyncio.create_task(drip()))
                return b"HTTP/1.1 200 OK\r\n"

            bmc.answer = answer
            with pytest.raises(errors.BMCUnreachable):
                await one.get(SYSTEM, patience=0.3)
            await asyncio.gather(*dripping)
            bmc.answer = lambda request: None

    run(main)


def test_waiting_for_ones_turn_has_an_end(http_bmc: Any) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected() as (_, one):
            await one.root()
            bmc.answer = lambda request: b""
            first = asyncio.create_task(one.get(SYSTEM))
            await asyncio.sleep(0)
            with pytest.raises(errors.BMCUnreachable, match="still busy with other requests after 0.1 s"):
                await one.get(SYSTEM, patience=0.1)
            first.cancel()
            await asyncio.wait([first])
            bmc.answer = lambda request: None
            await one.get(SYSTEM)

    run(main)


def test_a_port_where_nobody_listens_is_unreachable() -> None:
    async def main() -> None:
        async with Client(Timing()) as client:
            one = client.connect(Target("https", "127.0.0.1", 9, "podium", "secret"))
            with pytest.raises(errors.BMCUnreachable, match="no way to BMC https://127.0.0.1:9: "):
                await one.get(SYSTEM)

    run(main)


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a..b", "x" * 300])
def test_a_name_that_leads_nowhere_is_unreachable(host: str) -> None:
    async def main() -> None:
        async with Client(Timing()) as client:
            one = client.connect(Target("https", host, 443, "podium", "secret"))
            with pytest.raises(errors.BMCUnreachable, match="BMC https://"):
                await one.get(SYSTEM)

    run(main)


def test_a_peer_that_accepts_and_does_not_shake_hands_is_given_up() -> None:
    async def main() -> None:
        held: list[asyncio.StreamWriter] = []
        server = await asyncio.start_server(lambda _, writer: held.append(writer), "127.0.0.1", 0)
        async with Client(Timing(connect=0.2)) as client:
            port = server.sockets[0].getsockname()[1]
            one = client.connect(Target("https", "127.0.0.1", port, "podium", "secret"))
            with pytest.raises(errors.BMCUnreachable, match=r"no connection within 0\.2 s"):
                await one.get(SYSTEM)
            await asyncio.sleep(0)
            assert client.statistics()["connections"] == 0
        server.close()
        for writer in held:
            writer.close()
        await server.wait_closed()

    run(main)


def test_a_bmc_that_speaks_plain_http_is_found_out() -> None:
    async def main() -> None:
        def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with Client(Timing()) as client:
            one = client.connect(Target("https", "127.0.0.1", port, "podium", "secret"))
            with pytest.raises(errors.BMCUnreachable, match="redfish_address begins with http://"):
                await one.get(SYSTEM)
        server.close()
        await server.wait_closed()

    run(main)


def test_ipv6_works(certificate: Path, http_bmc: Any) -> None:
    async def main() -> None:
        async with http_bmc(certificate, host="::1") as bmc, bmc.connected() as (_, one):
            await one.get(SYSTEM)
            assert str(one.target) == f"https://[::1]:{bmc.port}"
            assert bmc.requests[-1].headers["host"] == f"[::1]:{bmc.port}"

    run(main)


def test_a_certificate_is_believed_when_its_authority_is_given(certificate: Path, http_bmc: Any) -> None:
    async def main() -> None:
        async with http_bmc(certificate) as bmc, Client(Timing()) as client:
            with pytest.raises(errors.BMCUnreachable, match="set redfish_verify_ca to the file of"):
                await client.connect(bmc.target(verify=True)).get(SYSTEM)
            await client.connect(bmc.target(verify=str(certificate))).get(SYSTEM)
            await client.connect(bmc.target(verify=False)).get(SYSTEM)
            by_name = client.connect(bmc.target(host="localhost"))
            await by_name.get(SYSTEM)

    run(main)


def test_a_certificate_for_another_host_is_not_believed(
    new_certificate: Any, tmp_path: Path, http_bmc: Any
) -> None:
    async def main() -> None:
        other = new_certificate(tmp_path / "other.pem", "127.9.9.9", "other.example")
        async with http_bmc(other) as bmc, bmc.connected() as (client, one):
            with pytest.raises(errors.BMCUnreachable, match="is not believed"):
                await one.get(SYSTEM)
            await client.connect(bmc.target(verify=False)).get(SYSTEM)

    run(main)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_old_tls_is_accepted_where_certificates_are_not_looked_at(
    certificate: Path, http_bmc: Any, version: ssl.TLSVersion
) -> None:
    async def main() -> None:
        async with http_bmc(certificate) as bmc, Client(Timing()) as client:
            bmc.tls.set_ciphers("DEFAULT@SECLEVEL=0")
            with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
                bmc.tls.minimum_version = bmc.tls.maximum_version = version
            for verify in (True, str(certificate)):
                with pytest.raises(errors.BMCUnreachable, match="on TLS: .*redfish_verify_ca: false accepts"):
                    await client.connect(bmc.target(verify=verify)).get(SYSTEM)
            assert not bmc.requests
            one = client.connect(bmc.target(verify=False))
            assert (await one.get(SYSTEM)).body["PowerState"] == "On"
            bmc.resources[RESET] = {}
            await one.post(RESET, {}, repeatable=False)

    run(main)


def test_an_authority_file_that_cannot_be_used_is_named(certificate: Path, http_bmc: Any) -> None:
    async def main() -> None:
        async with http_bmc(certificate) as bmc, Client(Timing()) as client:
            for path in ("/no/such/file.pem", "/etc/hostname"):
                with pytest.raises(errors.InvalidDriverInfo, match=f"redfish_verify_ca: {path} is of no use"):
                    await client.connect(bmc.target(verify=path)).get(SYSTEM)

    run(main)


@pytest.mark.parametrize(
    ("body", "words", "ids"),
    [
        ({"error": {"code": "Base.1.0.X", "message": "No luck"}}, "No luck", ()),
        ({"error": {"message": "No", "@Message.ExtendedInfo": [{"MessageId": "A"}]}}, "No; A", ("A",)),
        ({"error": {"@Message.ExtendedInfo": {"MessageId": "A", "Message": "one"}}}, "one", ("A",)),
        ({"error": {"@Message.ExtendedInfo": [{"MessageId": "A"}, {"Message": "b\nc"}]}}, "A; b c", ("A",)),
        ({"@Message.ExtendedInfo": [{"MessageId": "A", "Message": "one"}]}, "one", ("A",)),
        ({"error": {"@Message.ExtendedInfo": [1, None, {"MessageId": 5, "Message": []}]}}, "Conflict", ()),
        ({"error": "so"}, "so", ()),
        ({"message": "so", "code": 9}, "so", ()),
        ({"error": {}, "message": []}, "Conflict", ()),
        (b"<html>409</html>", "Conflict", ()),
        (None, "Conflict", ()),
    ],
)
def test_a_refusal_has_the_bmcs_words(http_bmc: Any, body: Any, words: str, ids: tuple[str, ...]) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected() as (_, one):
            await one.root()
            bmc.answer = lambda request: bmc.reply(409, body)
            with pytest.raises(Refused) as told:
                await one.post(RESET, {}, repeatable=True)
            assert str(told.value) == f"BMC {one.target} refuses POST {RESET} (HTTP 409): {words}"
            assert (told.value.status, told.value.messages) == (409, ids)
            with pytest.raises(Refused, match="refuses GET"):
                await one.get(SYSTEM)

    run(main)


def test_a_refusal_is_one_line_of_bounded_length(http_bmc: Any) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected() as (_, one):
            await one.root()
            much = [(f"Id{number}" * 500, "long\x1b[2J " * 500) for number in range(200)]
            bmc.answer = lambda request: bmc.reply(500, bmc.error(*much))
            with pytest.raises(Refused) as told:
                await one.get(SYSTEM)
            assert len(str(told.value)) < 500 and str(told.value).isprintable()
            assert sum(map(len, told.value.messages)) < 10_000

    run(main)


@pytest.mark.parametrize("body", [b"", b"[]", b"1", b"null", b"{", b"\xff\xfe", b"[" * 100_000, b"1" * 5000])
def test_a_resource_that_is_no_json_object_is_an_error(http_bmc: Any, body: bytes) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected() as (_, one):
            await one.root()
            bmc.answer = lambda request: bmc.reply(200, body)
            with pytest.raises(errors.DriverError, match=f"answers GET {SYSTEM} with no JSON object"):
                await one.get(SYSTEM)

    run(main)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "redfish",
        "//evil.example/x",
        "https://evil.example/",
        "/a b",
        "/a\r\nX: y",
        "/ü",
        "/" + "x" * 1024,
    ],
)
def test_a_path_that_is_not_the_bmcs_own_is_not_asked_for(http_bmc: Any, path: str) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected() as (_, one):
            with pytest.raises(errors.DriverError, match="no path of its own"):
                await one.get(path)
            with pytest.raises(errors.DriverError, match="no path of its own"):
                await one.post(path, {}, repeatable=False)
            with pytest.raises(errors.DriverError, match="no path of its own"):
                async with one.stream(path):
                    pass
            assert not bmc.requests

    run(main)


def test_a_fragment_is_left_out_and_a_query_is_sent(http_bmc: Any) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected() as (_, one):
            bmc.resources["/a?$select=b"] = {"b": 1}
            assert (await one.get("/a?$select=b#/c/0")).body == {"b": 1}

    run(main)


def test_an_etag_that_could_be_more_than_one_is_not_sent(http_bmc: Any) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected() as (_, one):
            with pytest.raises(errors.DriverError):
                await one.get(SYSTEM, etag='"x"\r\nX: y')
            assert not bmc.requests

    run(main)


def test_redirects_are_followed_within_the_bmc(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, bmc.connected() as (_, one):
            moved = {"/1": "/2", "/2": str(one.target).upper() + "/3", "/3": SYSTEM}

            def answer(request: Any) -> Any:
                to = moved.get(request.path)
                return bmc.reply(308, Location=to) if to else None

            bmc.answer = answer
            assert (await one.get("/1")).body["PowerState"] == "On"
            moved[SYSTEM] = "/1"
            with pytest.raises(errors.DriverError, match="again and again, last from"):
                await one.get("/1")

    run(main)


@pytest.mark.parametrize(
    "location",
    [
        None,
        "",
        "//evil.example/",
        "http://evil.example/x",
        "https://127.0.0.1.evil.example/",
        "/a\tb",
        "[",
    ],
)
def test_redirects_to_elsewhere_are_not_followed(http_bmc: Any, location: str | None) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected(auth="none") as (_, one):
            headers = {} if location is None else {"Location": location}
            bmc.answer = lambda request: bmc.reply(302, **headers)
            with pytest.raises(errors.DriverError, match="redirects"):
                await one.get(SYSTEM)
            with pytest.raises(errors.DriverError, match="redirects"):
                await one.post(RESET, {}, repeatable=True)
            assert len(bmc.requests) == 2

    run(main)


def test_a_bmc_that_is_busy_is_asked_again_when_it_said(http_bmc: Any) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected() as (client, one):
            await one.root()
            bmc.answer = lambda request: (
                None if len(bmc.asked(SYSTEM)) > 1 else bmc.reply(503, Retry_After="0")
            )
            assert (await one.get(SYSTEM)).body["PowerState"] == "On"
            assert client.statistics()["busy"] == 1

    run(main)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("after", ["300", "Fri, 01 Jan 2100 00:00:00 GMT", "999999999"])
def test_a_busy_bmc_is_left_alone_until_its_time_is_over(http_bmc: Any, status: int, after: str) -> None:
    async def main() -> None:
        now = [0.0]
        async with http_bmc(None) as bmc, bmc.connected(clock=lambda: now[0]) as (_, one):
            await one.root()
            bmc.answer = lambda request: bmc.reply(status, Retry_After=after)
            with pytest.raises(BMCBusy, match="asks to be left alone for [36]00 s"):
                await one.get(SYSTEM)
            bmc.requests.clear()
            now[0] = 200.0
            with pytest.raises(BMCBusy):
                await one.get(SYSTEM)
            assert not bmc.requests
            now[0] = 600.0
            bmc.answer = lambda request: None
            await one.get(SYSTEM)

    run(main)


@pytest.mark.parametrize(
    ("date", "after", "seconds"),
    [
        ("Thu, 01 Jan 1970 00:00:10 GMT", "Thu, 01 Jan 1970 00:02:10 GMT", 120),
        ("Wed, 01 Jan 2098 00:00:00 GMT", "Wed, 01 Jan 2098 00:01:00 GMT", 60),
        ("Wed, 01 Jan 2098 01:00:00 GMT", "Wed, 01 Jan 2098 00:00:00 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", 59),
        ("no date", "Wed, 01 Jan 2098 00:00:00 GMT", 600),
    ],
)
def test_a_date_is_by_the_bmc_s_own_clock(date: str, after: str, seconds: float) -> None:
    headers = [(b"Date", date.encode()), (b"Retry-After", after.encode())]
    assert retry_after(Answer(503, headers, b"")) == seconds


@pytest.mark.parametrize("after", [None, "soon", "-1", "١", "Fri, 99 Jan 2100 00:00:00 GMT"])
def test_a_bmc_that_does_not_say_how_long_it_is_busy_refuses(http_bmc: Any, after: str | None) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected() as (_, one):
            await one.root()
            headers = {} if after is None else {"Retry-After": after.encode().decode("latin-1")}
            bmc.answer = lambda request: bmc.reply(503, **headers)
            with pytest.raises(Refused, match="HTTP 503"):
                await one.get(SYSTEM)

    run(main)


def test_the_service_root_is_read_once_and_again_when_the_bmc_was_away(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, bmc.connected(BRISK) as (_, one):
            for _ in range(3):
                assert (await one.root())["@odata.id"] == "/redfish/v1/"
                await one.get(SYSTEM)
            assert len(bmc.asked("/redfish/v1/")) == 1
            bmc.answer = lambda request: b""
            with pytest.raises(errors.BMCUnreachable):
                await one.get(SYSTEM)
            bmc.answer = lambda request: None
            await one.root()
            assert len(bmc.asked("/redfish/v1/")) == 2

    run(main)


def test_nodes_with_one_target_share_its_bmc_until_the_last_gives_it_back(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, bmc.connected() as (client, one):
            other = client.connect(bmc.target())
            assert other is one
            await one.get(SYSTEM)
            client.release(one)
            await other.get(SYSTEM)
            assert bmc.sessions
            client.release(other)
            assert client.connect(bmc.target()) is not one
            while bmc.sessions or client.statistics()["connections"]:
                await asyncio.sleep(0.001)
            assert client.statistics()["sessions"] == 0

    run(main)


def test_a_client_that_closes_leaves_nothing(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, bmc.connected() as (client, one):
            await one.get(SYSTEM)
            await client.close()
            assert not bmc.sessions
            assert len(asyncio.all_tasks()) == 1
            assert client.statistics()["connections"] == 0

    run(main)


def test_a_client_closes_in_time_although_bmcs_do_not_answer(
    http_bmc: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        caplog.set_level(logging.WARNING)
        async with http_bmc(None) as bmc, bmc.connected(Timing(close=0.2)) as (client, one):
            await one.get(SYSTEM)
            bmc.answer = lambda request: b""
            await client.close()
            assert "1 of 1 BMCs did not close their session" in caplog.text
            assert client.statistics()["connections"] == 0

    run(main)


def test_a_password_is_nowhere_to_be_seen(
    http_bmc: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        caplog.set_level(logging.DEBUG)
        async with http_bmc(None) as bmc, bmc.connected(password="hidden") as (client, one):
            with pytest.raises(errors.AuthenticationRefused) as told:
                await one.get(SYSTEM)
            seen = json.dumps([str(told.value), repr(one.target), str(one.target), repr(one), caplog.text])
            assert "hidden" not in seen

    run(main)
