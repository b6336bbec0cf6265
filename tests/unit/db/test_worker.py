import pytest

from podium.db.worker import Worker


@pytest.mark.parametrize(
    "worker", [Worker("here", 0), Worker("here", 12), Worker("rack/7", 1), Worker("b\u00fcro", 0)]
)
def test_a_worker_comes_back_from_its_text(worker: Worker) -> None:
    assert Worker.parse(str(worker)) == worker


def test_the_text_of_a_worker_has_its_index_also_where_it_is_the_first() -> None:
    assert str(Worker("here", 0)) == "here/0"


@pytest.mark.parametrize("text", ["", "here", "here/", "/1", "here/x", "here/-1", "here/\u0661"])
def test_what_is_no_worker_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not the name of a worker"):
        Worker.parse(text)
