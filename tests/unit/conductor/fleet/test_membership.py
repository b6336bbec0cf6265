import subprocess
import sys

from podium.conductor.fleet.membership import is_dead, process_name


def test_this_process_is_not_dead() -> None:
    assert not is_dead(process_name())


def test_a_process_that_has_ended_is_dead() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        process = process_name(child.pid)
        assert not is_dead(process)
    assert is_dead(process)


def test_a_number_that_another_process_has_now_does_not_keep_the_dead_alive() -> None:
    own = process_name()
    assert is_dead(own.rpartition(":")[0] + ":1")


def test_nothing_is_known_of_a_process_on_another_machine_or_of_garbage() -> None:
    assert not is_dead("another-boot:pid:[1]:1:1")
    assert not is_dead("unknown:1:1")
    assert not is_dead("garbage")
    assert not is_dead("")
