"""kill -9 of podium-api in the middle of writes: what was asked for is there as a whole, or not at all."""

import random
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import sqlalchemy as sa

from doors import Door
from peers import PATIENCE
from podium.db.engine import Database
from podium.db.models import nodes, operations, power_requests
from rounds import ONLY_LONG, ROUNDS, SEED

KILLS: Final = ROUNDS
DELETED: Final = ("n1", "n2", "n3")
SWITCHED: Final = ("n4", "n5", "n6")
#: How many requests are answered before a kill, at the most.
ANSWERS: Final = 60
VERSION: Final = {"X-OpenStack-Ironic-API-Version": "latest"}


def written(number: int) -> dict[str, Any]:
    """What one request writes."""
    text = f"w{number}"
    return {
        "description": text,
        "owner": text,
        "resource_class": text,
        "extra": {"number": number, "more": "x" * 2000},
    }


class Writer(threading.Thread):
    """Creates and changes one node, and either deletes or switches it, until podium-api is gone.

    :ivar before: the number in the node after the last answer; None if there is none
    :ivar after: the number if the request under way is carried out
    :ivar asked: how many power requests were answered
    """

    def __init__(
        self, door: Door, name: str, before: int | None, answers: threading.Semaphore, dice: random.Random
    ) -> None:
        super().__init__(name=name)
        self._url = door.url
        self._dice = dice
        self._answers = answers
        self.before = self.after = before
        self.asked = 0
        self.is_asking = False
        self.wrong: str | None = None

    def run(self) -> None:
        with httpx.Client(base_url=self._url, headers=VERSION, timeout=PATIENCE) as http:
            try:
                while self.wrong is None:
                    self._step(http)
            except httpx.TransportError:
                return  # it is dead

    def _step(self, http: httpx.Client) -> None:
        self.is_asking = False
        path = f"/v1/nodes/{self.name}"
        if self.before is None:
            self.after = self._dice.randrange(1_000_000)
            body = {"name": self.name, "driver": "fake-hardware", **written(self.after)}
            self._check(http.post("/v1/nodes", json=body), 201)
        elif self._dice.random() < 0.6:
            self.after = self._dice.randrange(1_000_000)
            patch = [
                {"op": "replace", "path": f"/{key}", "value": value}
                for key, value in written(self.after).items()
            ]
            self._check(http.patch(path, json=patch), 200)
        elif self.name in DELETED:
            self.after = None
            self._check(http.delete(path), 204)
        else:
            self.is_asking = True
            target = self._dice.choice(["power on", "power off"])
            self._check(http.put(f"{path}/states/power", json={"target": target}), 202)
            self.asked += 1
            self.is_asking = False
        self.before = self.after
        self._answers.release()

    def _check(self, answer: httpx.Response, status: int) -> None:
        if answer.status_code != status:
            self.wrong = f"{answer.request.method}: {answer.status_code} {answer.text}"


class Truth:
    """What is in the database."""

    def __init__(self, url: str) -> None:
        self._database = Database(url)

    def close(self) -> None:
        self._database.dispose()

    def number(self, name: str) -> int | None:
        """Return the number in all that one request writes of a node; None if there is no node."""
        chosen = sa.select(nodes.c.description, nodes.c.owner, nodes.c.resource_class, nodes.c.extra)
        with self._database.read() as connection:
            row = connection.execute(chosen.where(nodes.c.name == name)).one_or_none()
        if row is None:
            return None
        number: int = row.extra["number"]
        assert row._asdict() == written(number), "a request was carried out in part"
        return number

    def operations(self) -> int:
        """Return how many there are; none of them is without its request."""
        with self._database.read() as connection:
            all_ = connection.execute(sa.select(sa.func.count()).select_from(operations)).scalar_one()
            whole = sa.select(sa.func.count(power_requests.c.operation_id.distinct()))
            assert connection.execute(whole).scalar_one() == all_, "an operation without a request"
        return int(all_)


@pytest.fixture
def door(migrated_url: str, tmp_path: Path) -> Iterator[Door]:
    with Door(tmp_path, "api_workers = 2", database=migrated_url) as door:
        yield door


@pytest.mark.parametrize(
    "migrated_url",
    ["sqlite", *(pytest.param(kind, marks=ONLY_LONG) for kind in ("postgresql", "mariadb"))],
    indirect=True,
)
@pytest.mark.long
def test_what_was_asked_is_whole_or_not_there_after_a_kill(door: Door) -> None:
    dice = random.Random(SEED)
    numbers: dict[str, int | None] = dict.fromkeys([*DELETED, *SWITCHED])
    truth = Truth(door.conductor.url)
    asked = 0
    for _ in range(KILLS):
        answers = threading.Semaphore(0)
        writers = [
            Writer(door, name, number, answers, random.Random(dice.random()))
            for name, number in numbers.items()
        ]
        for writer in writers:
            writer.start()
        for _ in range(dice.randint(1, ANSWERS)):
            assert answers.acquire(timeout=PATIENCE), [writer.wrong for writer in writers]
        door.kill()
        for writer in writers:
            writer.join(PATIENCE)
        assert [writer.wrong for writer in writers if writer.wrong] == []
        for writer in writers:
            numbers[writer.name] = found = truth.number(writer.name)
            assert found in (writer.before, writer.after)
        answered = sum(writer.asked for writer in writers)
        unanswered = sum(writer.is_asking for writer in writers)
        before, asked = asked, truth.operations()
        assert answered <= asked - before <= answered + unanswered
        door.start()
    truth.close()
