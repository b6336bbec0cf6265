"""Hardware that lies, refuses, is silent or reboots, and what a change of its password makes of it.

Time is simulated. Wrong logins are counted: none for a password that is right, and one where there is no way
to know.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podium import errors, states
from podium.conductor.power.credentials import Became, CredentialChange, Wanted
from podium.conductor.rooms.hiding import HideSecrets
from podium.conductor.rooms.places import NotAsked
from podium.conductor.rooms.room import DriverRoom
from podium.db.credential_changes import ASKED, IN_FORCE, KEPT, SENT, UNKNOWN, Change
from podium.db.sealed import Unreadable
from podium.drivers import base
from rounds import ROUNDS

NODE = base.Node("u1", "n1", "bmc", driver_info={"user": "admin", "password": "old-one"})
OTHER = base.Node("u2", "n2", "bmc", driver_info={"user": "admin", "password": "old-one"})


class BMC(base.Driver):
    """One BMC, whose time is its own, and what is wrong with it.

    :param fault: of the change: refuse, reject (no refusal of the password itself), lost (not taken,
        no answer), silent (taken, no answer), lie (not taken, though it says so), feign (taken, though it
        says that it is not), late (taken, but not used at once)
    """

    properties = {"user": base.Property("user"), "password": base.Property("password", secret=True)}
    supported_power_states = (states.POWER_ON, states.POWER_OFF)
    login = base.Login("password", "user")
    needs_api = (2, 1)

    def __init__(self, password: str = "old-one", fault: str | None = None) -> None:
        super().__init__("bmc", None)
        self.now = 0.0
        self.password = password
        self.fault = fault
        self.deaf_until = -1.0
        self.reboots = 0.0  # seconds for which it does not answer after a change
        self.used_at = 0.0
        self.before = password
        self.logins: list[str] = []
        self.wrong: list[str] = []
        self.set: list[str] = []
        self.late_error: Exception | None = None

    async def get_power_state(self, node: base.Node) -> base.states.PowerState:
        return states.POWER_ON

    async def set_power_state(self, node: base.Node, target: str) -> None:
        raise AssertionError("nobody asked for the power")

    def _log_in(self, node: base.Node) -> None:
        if self.now < self.deaf_until:
            raise errors.BMCUnreachable("no answer")
        given = node.driver_info["password"]
        if given != (self.password if self.now >= self.used_at else self.before):
            self.wrong.append(given)
            raise errors.AuthenticationRefused(f"wrong password {given}")
        self.logins.append(given)

    async def check_login(self, node: base.Node) -> base.LoginReport:
        self._log_in(node)
        if self.late_error is not None:
            raise self.late_error
        return base.LoginReport("admin", "administrator", states.POWER_ON)

    async def set_password(self, node: base.Node, password: str) -> None:
        self._log_in(node)
        self.logins.pop()
        self.set.append(password)
        if self.fault == "refuse":
            raise errors.PasswordRefused(f"{password} was used before")
        if self.fault == "reject":
            raise errors.DriverError("node busy")
        if self.fault not in ("lost", "lie"):
            self.before, self.password = self.password, password
            self.used_at = self.now + (5.0 if self.fault == "late" else 0.0)
        if self.reboots:
            self.deaf_until = self.now + self.reboots
        if self.fault == "feign":
            raise errors.DriverError("node busy")
        if self.fault in ("lost", "silent"):
            raise errors.BMCUnreachable("no answer")


class Outage:
    """Confirms, after some failures."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.confirmed = 0

    async def __call__(self) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.confirmed += 1


class Notes:
    """Where it is written down how many logins were refused in a row, and when."""

    def __init__(self, bmc: BMC, *failures: Exception) -> None:
        self.bmc = bmc
        self.failures = list(failures)
        self.counts: list[int] = []
        self.at = 0.0

    async def __call__(self, count: int) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.counts.append(count)
        self.at = self.bmc.now

    @property
    def count(self) -> int:
        return self.counts[-1] if self.counts else 0


def change_of(
    bmc: BMC,
    *,
    on_bmc: bool,
    state: str = ASKED,
    tried: bool = False,
    old: str = "old-one",
    refused: int = 0,
    ago: float = 0.0,
    timeout: float = 900.0,
    **more: Any,
) -> Any:
    async def pause(seconds: float) -> None:
        bmc.now += seconds
        await asyncio.sleep(0)

    new = {"password": "new-one"}
    change = Change(1, 1, 1, None, on_bmc, state, new, {"password": old}, None, refused_logins=refused)
    wanted = Wanted(change, timeout, tried, ago)
    more.setdefault("confirm", Outage())
    more.setdefault("note_refused", Notes(bmc))
    room = more.pop("room", None) or DriverRoom(bmc)
    return CredentialChange(room, NODE, wanted, clock=lambda: bmc.now, pause=pause, **more)


def carry_out(bmc: BMC, **more: Any) -> Became:
    async def main() -> Became:
        return await asyncio.wait_for(change_of(bmc, **more).carry_out(), 20)

    return asyncio.run(main())


# The hardware is said to have the new ones


def test_a_password_that_is_right_is_in_force_after_one_login() -> None:
    bmc, confirm = BMC("new-one"), Outage()
    assert carry_out(bmc, on_bmc=False, confirm=confirm) == (None, IN_FORCE)
    assert (bmc.logins, bmc.wrong, bmc.set, confirm.confirmed) == (["new-one"], [], [], 1)


def test_a_password_that_is_wrong_costs_one_wrong_login_and_changes_nothing() -> None:
    bmc = BMC()
    assert carry_out(bmc, on_bmc=False) == ("wrong password ******", KEPT)
    assert bmc.wrong == ["new-one"]


def test_a_login_that_is_not_answered_is_not_repeated() -> None:
    bmc = BMC("new-one")
    bmc.deaf_until = 1.0
    assert carry_out(bmc, on_bmc=False) == ("no answer", KEPT)
    assert (bmc.logins, bmc.now) == ([], 0.0)


def test_what_a_conductor_that_ended_may_have_tried_is_not_tried_again() -> None:
    bmc = BMC()
    ended = carry_out(bmc, on_bmc=False, tried=True)
    assert ended.credentials == KEPT and "ask again" in str(ended.error)
    assert (bmc.logins, bmc.wrong) == ([], [])


def test_what_fails_after_the_login_is_no_wrong_password() -> None:
    bmc = BMC("new-one")
    bmc.late_error = errors.DriverError("the power cannot be read")
    assert carry_out(bmc, on_bmc=False).credentials == IN_FORCE


@pytest.mark.parametrize("failure", [errors.DatabaseUnavailable("away"), NotAsked("another call")])
def test_nothing_is_tried_before_the_database_has_confirmed_it(failure: Exception) -> None:
    bmc, confirm = BMC("new-one"), Outage(failure, failure)
    assert carry_out(bmc, on_bmc=False, confirm=confirm).credentials == IN_FORCE
    assert (confirm.confirmed, bmc.now) == (1, 15.0)


def test_a_request_that_is_another_conductors_is_not_sent() -> None:
    bmc = BMC()
    ended = carry_out(bmc, on_bmc=True, confirm=Outage(errors.NodeConflict("it is another's")))
    assert ended == ("nothing was sent: it is another's", KEPT)
    assert (bmc.set, bmc.wrong) == ([], [])


# On the hardware


def test_the_old_password_is_proved_the_new_one_sent_once_and_proved() -> None:
    bmc, confirm = BMC(), Outage()
    assert carry_out(bmc, on_bmc=True, confirm=confirm) == (None, IN_FORCE)
    assert (bmc.logins, bmc.set, bmc.wrong) == (["old-one", "new-one"], ["new-one"], [])
    assert confirm.confirmed == 1


def test_nothing_is_sent_where_the_old_password_is_not_right() -> None:
    bmc = BMC("another")
    ended = carry_out(bmc, on_bmc=True)
    assert ended.credentials == KEPT and "the present password was not proved" in str(ended.error)
    assert (bmc.set, bmc.wrong) == ([], ["old-one"])


def test_nothing_is_sent_to_what_does_not_answer() -> None:
    bmc = BMC()
    bmc.deaf_until = 10_000.0
    ended = carry_out(bmc, on_bmc=True)
    assert (ended.credentials, bmc.set) == (KEPT, [])
    assert bmc.now == 900.0


@pytest.mark.parametrize(("fault", "said"), [("refuse", "****** was used before"), ("reject", "node busy")])
def test_what_the_hardware_refuses_is_told_in_its_words(fault: str, said: str) -> None:
    bmc = BMC(fault=fault)
    assert carry_out(bmc, on_bmc=True) == (f"the BMC has the old password still: {said}", KEPT)
    assert (bmc.set, bmc.wrong) == (["new-one"], [])
    # Right twice, as where the answer was lost: not all that a BMC says is so.
    assert (bmc.logins, bmc.now) == (["old-one"] * 3, 10.0)


@pytest.mark.parametrize("said", ["NEW-ONE", "n e w - o n e", b"new-one".hex()])
def test_a_refused_password_is_not_shown_in_whatever_form_it_is_repeated(said: str) -> None:
    class Echo(BMC):
        async def set_password(self, node: base.Node, password: str) -> None:
            raise errors.PasswordRefused(f"the password {said} is too short")

    ended = carry_out(Echo(), on_bmc=True)
    assert ended == ("the BMC has the old password still: the password ****** is too short", KEPT)


@pytest.mark.parametrize("fault", ["silent", None])
@pytest.mark.parametrize("reboots", [0.0, 300.0])
def test_a_lost_answer_after_it_was_taken_costs_no_wrong_login(fault: str | None, reboots: float) -> None:
    bmc = BMC(fault=fault)
    bmc.reboots = reboots
    assert carry_out(bmc, on_bmc=True).credentials == IN_FORCE
    assert (bmc.set, bmc.wrong) == (["new-one"], [])


@pytest.mark.parametrize("fault", ["lost", "lie"])
def test_what_was_not_taken_costs_one_wrong_login(fault: str) -> None:
    bmc = BMC(fault=fault)
    ended = carry_out(bmc, on_bmc=True)
    assert ended.credentials == KEPT and "the BMC has the old password still" in str(ended.error)
    assert (bmc.set, bmc.wrong, bmc.password) == (["new-one"], ["new-one"], "old-one")


def test_a_refusal_that_is_none_is_found_out() -> None:
    bmc = BMC(fault="feign")
    assert carry_out(bmc, on_bmc=True).credentials == IN_FORCE
    assert bmc.wrong == ["old-one"]


def test_a_password_that_is_used_only_later_is_found_out() -> None:
    bmc = BMC(fault="late")
    assert carry_out(bmc, on_bmc=True).credentials == IN_FORCE
    assert (bmc.wrong, bmc.logins[-1]) == (["new-one", "old-one"], "new-one")


def test_where_neither_is_right_it_is_unknown_after_few_wrong_logins_far_apart() -> None:
    bmc = BMC(fault="silent")
    change = change_of(bmc, on_bmc=True)
    set_password = bmc.set_password

    async def take_another(node: base.Node, password: str) -> None:
        try:
            await set_password(node, password)
        finally:
            bmc.password = "a third one"

    bmc.set_password = take_another  # type: ignore[method-assign]
    ended = asyncio.run(asyncio.wait_for(change.carry_out(), 20))
    assert ended.credentials == UNKNOWN and "podium credential settle" in str(ended.error)
    assert (bmc.wrong, bmc.now) == (["new-one", "old-one", "new-one"], 600.0)
    assert "no login for another 600 s" in str(ended.error)


def test_new_ones_are_proved_where_the_old_ones_are_lost() -> None:
    bmc = BMC("new-one")
    change = change_of(bmc, on_bmc=False, old="******")
    assert asyncio.run(asyncio.wait_for(change.carry_out(), 20)) == Became(None, IN_FORCE)
    assert (bmc.logins, bmc.wrong) == (["new-one"], [])


def test_settling_ends_when_both_were_refused_once() -> None:
    """A person may know that it has a third one, and cannot give it before the end."""
    bmc = BMC("a third one")
    ended = carry_out(bmc, on_bmc=True, state=SENT)
    assert ended.credentials == UNKNOWN and "podium node set" in str(ended.error)
    assert (len(bmc.wrong), bmc.now) == (2, 0.0)


def test_settling_waits_for_hardware_that_does_not_answer() -> None:
    bmc = BMC("new-one")
    bmc.deaf_until = 60.0
    assert carry_out(bmc, on_bmc=True, state=SENT).credentials == IN_FORCE


def test_what_does_not_come_back_is_unknown() -> None:
    bmc = BMC()
    bmc.reboots = 10_000.0
    assert carry_out(bmc, on_bmc=True).credentials == UNKNOWN
    assert (bmc.wrong, bmc.now) == ([], 900.0)


@pytest.mark.parametrize(("has", "credentials"), [("new-one", IN_FORCE), ("old-one", KEPT)])
def test_what_was_sent_is_only_proved_by_whoever_goes_on(has: str, credentials: str) -> None:
    bmc = BMC(has)
    ended = carry_out(bmc, on_bmc=True, state=SENT, tried=True)
    assert (ended.credentials, bmc.set) == (credentials, [])
    assert len(bmc.wrong) == (0 if has == "new-one" else 1)


def test_a_driver_that_cannot_is_told() -> None:
    class Plain(BMC):
        login = None

    assert "cannot change the password" in str(carry_out(Plain(), on_bmc=True).error)


# Logins that were refused


def test_a_refused_login_is_written_down_and_a_right_one_clears_that() -> None:
    bmc = BMC(fault="lost")
    notes = Notes(bmc)
    assert carry_out(bmc, on_bmc=True, note_refused=notes, refused=1).credentials == KEPT
    assert notes.counts == [0, 1, 0]


def test_it_is_written_down_before_another_login_is_tried() -> None:
    bmc = BMC("another")
    notes = Notes(bmc, errors.DatabaseUnavailable("away"))
    carry_out(bmc, on_bmc=True, state=SENT, note_refused=notes)
    assert (notes.counts, bmc.wrong, bmc.now) == ([1, 2], ["new-one", "old-one"], 5.0)


@pytest.mark.parametrize("on_bmc", [False, True])
def test_after_two_refused_logins_a_request_is_told_how_long_no_other_is_tried(on_bmc: bool) -> None:
    bmc = BMC()
    ended = carry_out(bmc, on_bmc=on_bmc, refused=2, ago=100.0)
    assert ended.credentials == KEPT and "ask again in 500 s" in str(ended.error)
    assert (bmc.logins, bmc.wrong, bmc.set) == ([], [], [])
    assert carry_out(BMC(), on_bmc=True, refused=2, ago=600.0).credentials == IN_FORCE


def test_what_was_sent_waits_for_the_rest_of_the_pause() -> None:
    bmc = BMC("new-one")
    ended = carry_out(bmc, on_bmc=True, state=SENT, refused=2, ago=100.0)
    assert (ended.credentials, bmc.now, bmc.wrong) == (IN_FORCE, 500.0, [])


def test_what_was_sent_is_told_where_there_is_no_time_to_wait() -> None:
    bmc = BMC("new-one")
    ended = carry_out(bmc, on_bmc=True, state=SENT, refused=2, ago=100.0, timeout=60.0)
    assert ended.credentials == UNKNOWN and "no login for another 500 s" in str(ended.error)
    assert (bmc.logins, bmc.wrong, bmc.now) == ([], [], 0.0)


@pytest.mark.parametrize("ago", [-50.0, 0.0])
def test_a_clock_that_was_set_back_makes_the_pause_no_longer(ago: float) -> None:
    bmc = BMC("new-one")
    assert carry_out(bmc, on_bmc=True, state=SENT, refused=2, ago=ago).credentials == IN_FORCE
    assert bmc.now == 600.0


class Careful(BMC):
    """Its driver tries no login for a while."""

    careful_until = 300.0

    def _log_in(self, node: base.Node) -> None:
        if self.now < self.careful_until:
            raise errors.AuthenticationRefused("it is left alone", self.careful_until - self.now)
        super()._log_in(node)


def test_what_the_driver_did_not_try_is_no_refused_login() -> None:
    for on_bmc in (False, True):
        bmc = Careful()
        notes = Notes(bmc)
        ended = carry_out(bmc, on_bmc=on_bmc, note_refused=notes)
        assert ended.credentials == KEPT and str(ended.error).endswith(
            "it is left alone; that is over in 300 s"
        )
        assert (notes.counts, bmc.set) == ([], [])
    bmc = Careful()
    assert carry_out(bmc, on_bmc=True, state=SENT).credentials == KEPT
    assert (bmc.wrong, bmc.now) == (["new-one"], 310.0)


@settings(max_examples=40 * ROUNDS, deadline=None)
@given(
    has=st.sampled_from(["old-one", "new-one", "a third one"]),
    asked=st.lists(
        st.tuples(
            st.booleans(),
            st.sampled_from([ASKED, SENT]),
            st.sampled_from([8.0, 900.0, 4_000.0]),
            st.booleans(),
        ),
        min_size=1,
        max_size=6,
    ),
    gaps=st.lists(st.sampled_from([0.0, 30.0, 400.0, 700.0]), min_size=6, max_size=6),
)
def test_no_sequence_of_requests_locks_an_account(
    has: str, asked: list[tuple[bool, str, float, bool]], gaps: list[float]
) -> None:
    """Of hardware that locks at the third wrong login in a row within the pause; each is a new conductor."""
    bmc = BMC(has, "lie")
    notes, at = Notes(bmc), list[float]()
    log_in = bmc._log_in

    def counted(node: base.Node) -> None:
        try:
            log_in(node)
        except errors.AuthenticationRefused:
            at.append(bmc.now)
            raise
        at.clear()

    def check() -> None:
        assert all(last - first >= 600.0 for first, last in zip(at, at[2:], strict=False)), at

    bmc._log_in = counted  # type: ignore[method-assign]
    for (on_bmc, state, timeout, tried), gap in zip(asked, gaps, strict=False):
        carry_out(
            bmc,
            on_bmc=on_bmc or state == SENT,
            state=state,
            tried=tried,
            timeout=timeout,
            refused=notes.count,
            ago=bmc.now - notes.at,
            note_refused=notes,
        )
        check()
        bmc.now += gap


# Others


def test_credentials_that_are_damaged_end_the_request() -> None:
    damage = Unreadable(errors.SecretUnreadable("a value is damaged"))
    for state, became in ((ASKED, KEPT), (SENT, UNKNOWN)):
        bmc = BMC()
        change = change_of(bmc, on_bmc=True, state=state)
        change._change = change._change._replace(new=damage)
        ended = asyncio.run(asyncio.wait_for(change.carry_out(), 20))
        assert ended == ("the passwords of this change cannot be read: a value is damaged", became)
        assert (bmc.set, bmc.wrong) == ([], [])


def test_no_secret_is_in_what_it_says() -> None:
    ended = carry_out(BMC("another"), on_bmc=True)
    assert "old-one" not in str(ended.error) and "******" in str(ended.error)


@pytest.mark.parametrize("is_plain", [False, True])
def test_no_secret_is_in_what_a_driver_logs_of_it(caplog: pytest.LogCaptureFixture, is_plain: bool) -> None:
    class Talkative(BMC):
        async def set_password(self, node: base.Node, password: str) -> None:
            logging.getLogger("bmc").warning("%s becomes %s", node.driver_info["password"], password)
            await super().set_password(node, password)

    class Plain(Talkative):
        def set_password(self, node: base.Node, password: str) -> Any:  # type: ignore[override]
            return super().set_password(node, password)

    caplog.handler.addFilter(hide := HideSecrets())
    assert carry_out(Plain() if is_plain else Talkative(), on_bmc=True).credentials == IN_FORCE
    caplog.handler.removeFilter(hide)
    assert "****** becomes ******" in caplog.text


def test_visits_of_others_wait_and_are_refused_at_the_end() -> None:
    """A read that was planned before would log in with the old password."""
    bmc = BMC()
    room = DriverRoom(bmc)
    refused: list[Exception] = []

    async def main() -> Became:
        change = change_of(bmc, on_bmc=True, room=room, others=[OTHER])
        reads: list[asyncio.Task[None]] = []

        async def read(node: base.Node) -> None:
            try:
                await room.read(20.0, node, bmc.check_login)
            except NotAsked as error:
                refused.append(error)

        set_password = bmc.set_password

        async def during(node: base.Node, password: str) -> None:
            reads.extend(asyncio.ensure_future(read(one)) for one in (NODE, OTHER))
            await asyncio.sleep(0)
            await set_password(node, password)

        bmc.set_password = during  # type: ignore[method-assign]
        ended: Became = await asyncio.wait_for(change.carry_out(), 20)
        await asyncio.gather(*reads)
        assert not room.is_visited("u1") and not room.is_visited("u2")
        return ended

    assert asyncio.run(main()).credentials == IN_FORCE
    assert (len(refused), bmc.wrong) == (2, [])


FAULTS: Sequence[str | None] = ("refuse", "reject", "lost", "silent", "lie", "feign", "late")


@settings(max_examples=40 * ROUNDS, deadline=None)
@given(
    fault=st.sampled_from(FAULTS),
    reboots=st.sampled_from([0.0, 30.0, 600.0, 5_000.0]),
    deaf=st.sampled_from([0.0, 40.0]),
    outage=st.integers(0, 2),
    kills=st.lists(st.integers(1, 6), max_size=3),
)
def test_whatever_goes_wrong_what_is_written_is_what_the_hardware_has(
    fault: str | None, reboots: float, deaf: float, outage: int, kills: list[int]
) -> None:
    """Kills come at any call of the driver; whoever goes on knows what was confirmed, and nothing else."""
    bmc = BMC(fault=fault)
    bmc.reboots, bmc.deaf_until = reboots, deaf
    sent = False
    wrong = 0

    class Killed(BaseException):
        pass

    async def confirm() -> None:
        nonlocal sent, outage
        if outage:
            outage -= 1
            raise errors.DatabaseUnavailable("away")
        sent = True

    def carry_on(left: int | None) -> Became | None:
        """Let a conductor make so many calls; None when it was killed by then."""
        change = change_of(bmc, on_bmc=True, state=SENT if sent else ASKED, tried=sent, confirm=confirm)
        call = change._call

        async def counted(*args: Any, **more: Any) -> None:
            nonlocal left
            if left is not None:
                left -= 1
                if left < 0:
                    raise Killed
            await call(*args, **more)
            if left == 0:
                raise Killed

        change._call = counted
        try:
            return asyncio.run(asyncio.wait_for(change.carry_out(), 20))
        except Killed:
            return None

    ended = None
    for left in [*kills, None]:
        before = len(bmc.wrong)
        ended = ended or carry_on(left)
        wrong = max(wrong, len(bmc.wrong) - before)
    assert ended is not None
    assert len(bmc.set) <= 1 and bmc.password in ("old-one", "new-one")
    if ended.credentials != UNKNOWN:
        assert bmc.password == ("new-one" if ended.credentials == IN_FORCE else "old-one")
    else:
        assert reboots > 900
    assert wrong <= (2 if fault == "late" else 1)
    if fault in ("silent"):
        assert bmc.wrong == []
