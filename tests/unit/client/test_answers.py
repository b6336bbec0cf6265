"""Every call has an answer on the database."""

from podium.client.local import answers


def test_every_call_has_an_answer_in_the_module_of_its_name() -> None:
    answers.load()
