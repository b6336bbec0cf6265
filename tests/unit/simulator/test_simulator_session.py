"""The LAN channel of a simulated BMC, with a small console that speaks to it without a network."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.drivers.ipmi.lan import crypto, handshake, packet
from podium.simulator import bmc, faults, session
from podium.simulator.ipmi import codes

OFF, ON, CYCLE = b"\0", b"\1", b"\2"
RANDOM = bytes(range(16))


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Refused(Exception):
    """The BMC answered with a status other than 0, or does not know the password."""


class Console:
    """A remote console, which logs in at once unless the test says otherwise."""

    def __init__(
        self,
        channel: session.LanChannel,
        *,
        suite: int = 17,
        user: bytes = b"admin",
        password: bytes = b"podium-sim",
        kg: bytes = b"",
        role: int = packet.PRIVILEGE_ADMINISTRATOR,
        console_id: int = 1,
    ) -> None:
        self.channel, self.suite, self.console_id = channel, crypto.SUITES[suite], console_id
        self.user, self.password, self.kg, self.role = user, password, kg, role
        self.sequence = self.number = 0

    def say(
        self, kind: int, message: handshake.OpenSessionRequest | handshake.Rakp1 | handshake.Rakp3
    ) -> bytes:
        answer = self.channel.receive(packet.wrap_plain(kind, message.encode()))
        assert answer is not None
        return answer

    def hear(self, datagram: bytes) -> handshake.Answer:
        answer = handshake.decode_answer(*packet.unwrap_plain(datagram))
        if isinstance(answer, handshake.Refusal):
            raise Refused(handshake.STATUS_MEANINGS[answer.status])
        return answer

    def open(self) -> None:
        request = handshake.OpenSessionRequest(0, self.role, self.console_id, self.suite.algorithms)
        answer = self.hear(self.say(packet.OPEN_SESSION_REQUEST, request))
        assert isinstance(answer, handshake.OpenSessionResponse)
        self.bmc_id = answer.bmc_id

    def rakp_1(self) -> handshake.Rakp2:
        message = handshake.Rakp1(1, self.bmc_id, RANDOM, self.role | packet.NAME_ONLY_LOOKUP, self.user)
        answer = self.hear(self.say(packet.RAKP_1, message))
        assert isinstance(answer, handshake.Rakp2)
        return answer

    def rakp_3(self, heard: handshake.Rakp2) -> None:
        exchange = crypto.Exchange(
            suite=self.suite,
            console_id=self.console_id,
            bmc_id=self.bmc_id,
            console_random=RANDOM,
            bmc_random=heard.bmc_random,
            guid=heard.guid,
            role=self.role | packet.NAME_ONLY_LOOKUP,
            user=self.user,
            user_key=self.password,
            bmc_key=self.kg,
        )
        message = handshake.Rakp3(2, 0, self.bmc_id, exchange.rakp_3_code())
        answer = self.hear(self.say(packet.RAKP_3, message))
        assert isinstance(answer, handshake.Rakp4)
        if (heard.code, answer.code) != (
            exchange.rakp_2_code(),
            exchange.rakp_4_code(exchange.session_key()),
        ):
            raise Refused("the BMC does not know the keys")
        self.keys = crypto.SessionKeys(self.suite, exchange.session_key())

    def log_in(self) -> "Console":
        self.open()
        self.rakp_3(self.rakp_1())
        return self

    def request(self, command: tuple[int, int], data: bytes = b"") -> bytes:
        """A datagram with a new request."""
        self.number = (self.number + 1) & 0x3F
        return self.seal(packet.encode_request(command, self.number, data))

    def seal(self, message: bytes) -> bytes:
        self.sequence += 1
        return self.keys.seal(self.bmc_id, self.sequence, message)

    def ask(self, command: tuple[int, int], data: bytes = b"") -> tuple[int, bytes]:
        """Completion code and data of the answer to a new request."""
        answer = self.channel.receive(self.request(command, data))
        assert answer is not None
        return packet.decode_response(self.keys.open(answer)[1])[3:]

    def raise_privilege(self) -> "Console":
        assert self.ask(packet.SET_SESSION_PRIVILEGE_LEVEL, bytes((self.role,))) == (
            codes.OK,
            bytes((self.role,)),
        )
        return self


def channel_with(*placed: str, kg: bytes = b"", limit: int = 4) -> tuple[session.LanChannel, Clock]:
    clock = Clock()
    made = session.LanChannel(bmc.Settings(kg=kg, session_limit=limit, clock=clock), b"G" * 16)
    for fault in placed:
        made.bmc.faults = faults.parse_fault(fault).apply(made.bmc.faults)
    return made, clock


@pytest.mark.parametrize("suite", [3, 17])
def test_a_console_logs_in_and_switches_the_machine(suite: int) -> None:
    channel, _ = channel_with()
    console = Console(channel, suite=suite).log_in().raise_privilege()
    assert (console.ask(packet.CHASSIS_CONTROL, ON), channel.bmc.power_on) == ((codes.OK, b""), True)


def test_a_wrong_password_is_refused() -> None:
    channel, _ = channel_with()
    with pytest.raises(Refused, match="invalid integrity check value"):
        Console(channel, password=b"guess").log_in()
    assert (channel.sessions, channel.logins_refused) == (0, 1)


def test_a_password_counts_for_new_sessions_and_open_ones_stay() -> None:
    channel, _ = channel_with()
    open_before = Console(channel).log_in().raise_privilege()
    assert open_before.ask(packet.SET_USER_PASSWORD, b"\2\2" + b"another one".ljust(16, b"\0"))[0] == codes.OK
    with pytest.raises(Refused):
        Console(channel, console_id=2).log_in()
    Console(channel, password=b"another one", console_id=3).log_in()
    assert open_before.ask(packet.GET_DEVICE_ID)[0] == codes.OK


def test_sessions_end_with_the_password_where_a_fault_says_so() -> None:
    channel, _ = channel_with("password-ends-sessions")
    console = Console(channel).log_in().raise_privilege()
    assert console.ask(packet.SET_USER_PASSWORD, b"\2\2" + b"x" * 16)[0] == codes.OK
    assert (channel.sessions, channel.receive(console.request(packet.GET_DEVICE_ID))) == (0, None)


def test_a_silent_bmc_does_not_answer_a_new_password_however_often_it_is_sent() -> None:
    channel, _ = channel_with("password-silent")
    console = Console(channel).log_in().raise_privilege()
    message = packet.encode_request(packet.SET_USER_PASSWORD, 9, b"\2\2" + b"x" * 16)
    assert [channel.receive(console.seal(message)) for _ in range(2)] == [None, None]
    assert channel.bmc.accounts.changes == 1
    assert console.ask(packet.GET_DEVICE_ID)[0] == codes.OK


def test_logins_are_counted_by_whether_they_were_wrong() -> None:
    channel, _ = channel_with()
    for console in (Console(channel, user=b"root"), Console(channel, password=b"guess")):
        with pytest.raises(Refused):
            console.log_in()
    found_out = Console(channel)  # which knows by RAKP message 2 that the passwords differ
    found_out.open()
    found_out.rakp_1()
    refusal = handshake.Rakp3(2, 0x0F, found_out.bmc_id, b"")
    channel.receive(packet.wrap_plain(packet.RAKP_3, refusal.encode()))
    Console(channel).log_in()
    report = channel.bmc.accounts.report()
    assert (report["logins"], report["wrong_logins"]) == (1, 3)


def test_a_locked_account_refuses_the_right_password_for_a_time() -> None:
    channel, clock = channel_with("lockout=1/60s")
    with pytest.raises(Refused):
        Console(channel, password=b"guess").log_in()
    with pytest.raises(Refused, match="unauthorized name"):
        Console(channel).log_in()
    clock.now += 60
    assert Console(channel).log_in()


def test_an_unknown_user_is_refused() -> None:
    with pytest.raises(Refused, match="unauthorized name"):
        Console(channel_with()[0], user=b"root").log_in()


def test_a_bmc_with_another_password_refuses_the_right_one() -> None:
    with pytest.raises(Refused, match="invalid integrity check value"):
        Console(channel_with("wrong-password")[0]).log_in()


def test_the_bmc_key_is_needed_where_it_is_set() -> None:
    channel, _ = channel_with(kg=b"K" * 20)
    with pytest.raises(Refused, match="does not know the keys"):
        Console(channel).log_in()


def test_the_bmc_key_opens_a_session_where_it_is_set() -> None:
    channel, _ = channel_with(kg=b"K" * 20)
    console = Console(channel, kg=b"K" * 20).log_in()
    assert console.ask(packet.GET_DEVICE_ID)[0] == codes.OK


def test_a_session_starts_at_the_user_level() -> None:
    console = Console(channel_with()[0]).log_in()
    assert console.ask(packet.CHASSIS_CONTROL, ON)[0] == codes.INSUFFICIENT_PRIVILEGE


def test_a_session_does_not_rise_above_its_role() -> None:
    console = Console(channel_with()[0], role=packet.PRIVILEGE_USER).log_in()
    assert console.ask(packet.SET_SESSION_PRIVILEGE_LEVEL, b"\4") == (0x81, b"")


def test_a_request_that_is_sent_again_is_answered_and_not_carried_out_twice() -> None:
    channel, _ = channel_with()
    channel.bmc.power_on = True
    console = Console(channel).log_in().raise_privilege()
    message = packet.encode_request(packet.CHASSIS_CONTROL, 9, CYCLE)
    answers = [channel.receive(console.seal(message)) for _ in range(2)]
    assert (None in answers, channel.bmc.log) == (False, ("cycle",))


def test_a_datagram_that_is_replayed_gets_no_answer() -> None:
    channel, _ = channel_with()
    datagram = Console(channel).log_in().request(packet.GET_DEVICE_ID)
    channel.receive(datagram)
    assert channel.receive(datagram) is None


def test_rakp_messages_that_are_sent_again_do_not_spoil_the_session() -> None:
    channel, _ = channel_with()
    console = Console(channel)
    console.open()
    console.rakp_1()
    heard = console.rakp_1()
    console.rakp_3(heard)
    console.rakp_3(heard)
    assert (console.ask(packet.GET_DEVICE_ID)[0], channel.sessions_opened) == (codes.OK, 1)


def test_a_closed_session_answers_once_more_and_is_gone() -> None:
    channel, _ = channel_with()
    console = Console(channel).log_in()
    code, _ = console.ask(packet.CLOSE_SESSION, console.bmc_id.to_bytes(4, "little"))
    assert (code, channel.sessions, channel.receive(console.request(packet.GET_DEVICE_ID))) == (
        codes.OK,
        0,
        None,
    )


def test_a_full_session_table_refuses_one_more() -> None:
    channel, _ = channel_with(limit=2)
    for console_id in (1, 2):
        Console(channel, console_id=console_id).log_in()
    with pytest.raises(Refused, match="insufficient resources"):
        Console(channel, console_id=3).log_in()


def test_sessions_left_idle_make_way_when_the_table_is_full() -> None:
    channel, clock = channel_with(limit=2)
    Console(channel, console_id=1).log_in()
    clock.now += 60
    Console(channel, console_id=2).log_in()
    Console(channel, console_id=3).log_in()
    assert channel.sessions == 2


def test_logins_left_half_way_do_not_fill_the_table() -> None:
    channel, _ = channel_with(limit=2)
    for console_id in range(1, 10):
        Console(channel, console_id=console_id).open()
    Console(channel, console_id=10).log_in()
    assert channel.sessions == 1


def test_the_fault_session_table_full_refuses_every_session() -> None:
    with pytest.raises(Refused, match="insufficient resources"):
        Console(channel_with("session-table-full")[0]).log_in()


def test_a_forgetful_bmc_falls_silent_after_its_number_of_commands() -> None:
    channel, _ = channel_with("forgets-sessions=2")
    console = Console(channel).log_in()
    answers = [channel.receive(console.request(packet.GET_DEVICE_ID)) is not None for _ in range(3)]
    assert (answers, channel.sessions) == ([True, True, False], 0)


def test_a_forgetful_bmc_falls_silent_after_its_time() -> None:
    channel, clock = channel_with("forgets-sessions=30s")
    console = Console(channel).log_in()
    clock.now += 30
    assert channel.receive(console.request(packet.GET_DEVICE_ID)) is None


def test_capabilities_are_told_outside_of_a_session() -> None:
    request = packet.encode_request(packet.GET_CHANNEL_AUTHENTICATION_CAPABILITIES, 1, b"\x8e\x04")
    answer = channel_with()[0].receive(packet.wrap_sessionless(request))
    assert answer is not None
    *_, code, data = packet.decode_response(packet.unwrap_sessionless(answer))
    assert (code, data) == (codes.OK, bytes.fromhex("01 80 04 02 00 00 00 00"))


def test_power_is_not_switched_outside_of_a_session() -> None:
    request = packet.encode_request(packet.CHASSIS_CONTROL, 1, ON)
    answer = channel_with()[0].receive(packet.wrap_sessionless(request))
    assert answer is not None
    assert packet.decode_response(packet.unwrap_sessionless(answer))[3] == codes.INSUFFICIENT_PRIVILEGE


def test_a_response_is_not_answered() -> None:
    message = packet.encode_response(packet.NETFN_APP, 1, 0x38, 0)
    with pytest.raises(packet.Malformed):
        channel_with()[0].receive(packet.wrap_sessionless(message))


def test_an_rmcp_presence_ping_is_answered_with_its_tag() -> None:
    pong = channel_with()[0].receive(bytes.fromhex("0600ff06 000011be 80 2a 00 00"))
    assert pong == bytes.fromhex("0600ff06 000011be 40 2a 00 10 000011be 00000000 81 00 000000000000")


def feed(channel: session.LanChannel, datagram: bytes) -> None:
    with contextlib.suppress(packet.Malformed):
        channel.receive(datagram)


@given(st.binary(max_size=200))
def test_garbage_never_raises_anything_but_malformed(datagram: bytes) -> None:
    channel, _ = channel_with()
    feed(channel, datagram)
    for kind in (0x00, 0x10, 0x12, 0x14):
        feed(channel, packet.wrap_plain(kind, datagram))
    feed(channel, packet.wrap_sessionless(datagram))


@given(st.data())
def test_a_mutated_datagram_never_raises_nor_ends_the_session(data: st.DataObject) -> None:
    channel, _ = channel_with()
    console = Console(channel).log_in()
    datagram = bytearray(console.request(packet.GET_CHASSIS_STATUS))
    for _ in range(data.draw(st.integers(1, 4))):
        datagram[data.draw(st.integers(0, len(datagram) - 1))] = data.draw(st.integers(0, 255))
    feed(channel, bytes(datagram[: data.draw(st.integers(0, len(datagram)))]))
    assert console.ask(packet.GET_CHASSIS_STATUS)[0] == codes.OK


@given(netfn=st.integers(0, 31), command=st.integers(0, 255), data=st.binary(max_size=40))
def test_any_command_of_a_session_gets_an_answer(netfn: int, command: int, data: bytes) -> None:
    channel, _ = channel_with()
    console = Console(channel).log_in().raise_privilege()
    code, _ = console.ask((netfn * 2, command), data)
    assert 0 <= code <= 0xFF


@given(st.binary(max_size=40))
def test_any_message_of_a_session_leaves_it_usable(message: bytes) -> None:
    channel, _ = channel_with()
    console = Console(channel).log_in()
    feed(channel, console.seal(message))
    assert console.ask(packet.GET_DEVICE_ID)[0] == codes.OK


class Wire:
    """The way of one client to a BMC."""

    def __init__(self, channel: session.LanChannel, client: str) -> None:
        self.channel, self.client = channel, client

    def receive(self, datagram: bytes) -> bytes | None:
        return self.channel.receive(datagram, self.client)


def test_a_bmc_tells_which_clients_gave_it_commands_by_turns() -> None:
    channel, clock = channel_with()
    one, two = (Console(Wire(channel, name), console_id=number) for number, name in ((1, "a"), (2, "b")))
    one.log_in().raise_privilege()
    two.log_in()
    one.ask(packet.GET_CHASSIS_STATUS)
    clock.now += 5
    two.raise_privilege()
    one.ask(packet.CLOSE_SESSION, (1).to_bytes(4, "little"))
    assert [name for _, name in channel.clients] == ["a", "b"]
    assert channel.clients[1][0] - channel.clients[0][0] == 5
