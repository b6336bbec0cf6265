"""Every private name of a library that Podium depends on, and what to do in its place when it is gone.

A test that fails here after an upgrade says what to look for in the new version. Change
podium/library_internals.py alone, and the versions in its docstring.
"""

import inspect
import re
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cotyledon
import pytest
from oslo_config import cfg
from oslo_service import opts as service_opts
from oslo_service import periodic_task

from podium import library_internals
from podium.library_internals import LineParser, OpenOptions, OwnTask, OwnTasks, Values, sections, written

PACKAGE = Path(__file__).parents[2]

#: Documented in spite of their names, and a name of typeshed's that there is not at run time.
PUBLIC = {"os._exit", "sys._current_frames", "sys._getframe", "hashlib._Hash"}


_IMPORT = re.compile(r"^\s*(?:from ([\w.]+) )?import (\([^)]*\)|.*)", re.M)
_PRIVATE = re.compile(r"\b[A-Za-z]\w*(?:\.[A-Za-z]\w*)*\._[A-Za-z]\w*")


def private_names(source: str) -> set[str]:
    """Names with a leading underscore of modules that are not Podium's.

    Found in the text: in a process that has many tests behind it, CPython 3.11 may raise SystemError from
    ast.parse, when what it collects as garbage meanwhile logs a traceback.
    """
    modules, found = set(), set()
    for package, names in _IMPORT.findall(source):
        if package.partition(".")[0] == "podium":
            continue
        for name in re.findall(r"[\w.]+(?: as \w+)?", names):
            modules.add(name.rpartition(" ")[2].partition(".")[0])
            found |= set(_PRIVATE.findall(f"{package}.{name}" if package else name))
    found |= {name for name in _PRIVATE.findall(source) if name.partition(".")[0] in modules}
    return found - PUBLIC


def test_private_names_are_found() -> None:
    source = """
import asyncio, oslo_config.cfg as options
from podium import _own
from oslo_service import (
    _options,
    service as launching,
)
options._Namespace; launching.service._manager; asyncio._get_running_loop(); asyncio.sleep(0); self._mine
"""
    assert private_names(source) == {
        "oslo_service._options",
        "options._Namespace",
        "launching.service._manager",
        "asyncio._get_running_loop",
    }


@pytest.mark.parametrize(
    "folder", ["api", "cli", "client", "conductor", "conf", "db", "drivers", "simulator", "testing"]
)
def test_no_other_module_reads_a_private_name_of_a_library(folder: str) -> None:
    """When it fails: use a public name, or move the private one to podium/library_internals.py."""
    found = {
        str(file.relative_to(PACKAGE)): names
        for file in (PACKAGE / folder).rglob("*.py")
        if (names := private_names(file.read_text()))
    }
    assert found == {}


class TestOptions:
    """oslo.config: OpenOptions, written() and sections().

    When they fail: look in oslo_config/cfg.py for what ConfigOpts._do_get and mutate_config_files do now.
    ``podium config check`` and the errors at start stand on these.
    """

    @pytest.fixture
    def conf(self, tmp_path: Path) -> OpenOptions:
        conf = OpenOptions()
        conf.register_opt(cfg.IntOpt("port", default=1, mutable=True, deprecated_name="old_port"))
        conf.register_opt(cfg.MultiStrOpt("names", default=[]), group="Rack")
        file = tmp_path / "some.conf"
        file.write_text("[DEFAULT]\nport = 7\nunread = 1\n[Rack]\nnames = a\n")
        conf(["--config-file", str(file)], project="test")
        return conf

    def test_every_registered_option_is_listed_with_its_group(self, conf: OpenOptions) -> None:
        listed = [(option.name, group) for option, group in conf.registered()]
        assert {("port", None), ("names", "Rack")} <= set(listed)
        assert "Rack" in conf.group_names()

    def test_the_names_of_a_section_include_deprecated_ones(self, conf: OpenOptions) -> None:
        assert {"port", "old_port"} <= conf.names_of("DEFAULT")
        assert conf.names_of("rack") == {"names"}
        assert conf.names_of("nowhere") == set()

    def test_a_value_is_converted_from_the_files_or_from_a_text(self, conf: OpenOptions) -> None:
        options = {option.name: (option, group) for option, group in conf.registered()}
        assert conf.value(*options["port"]) == 7
        assert conf.convert(*options["port"], "$port") == 7
        assert conf.convert(*options["names"], "b") == ["b"]
        with pytest.raises(ValueError, match="many"):
            conf.convert(*options["port"], "many")

    def test_what_a_reload_would_change_is_what_is_mutable(self, conf: OpenOptions, tmp_path: Path) -> None:
        seen: list[object] = []

        def vet(values: Values) -> None:
            seen.extend((conf.pending("port", None, values), conf.pending("names", "Rack", values)))

        conf.vet = vet  # type: ignore[method-assign]
        (tmp_path / "some.conf").write_text("[DEFAULT]\nport = 8\n[Rack]\nnames = b\n")
        conf.mutate_config_files()
        assert seen == [8, ["a"]]

    def test_the_text_in_a_file_is_found_with_its_place(self, conf: OpenOptions, tmp_path: Path) -> None:
        assert conf.in_force is not None
        ((port, group),) = [pair for pair in conf.registered() if pair[0].name == "port"]
        text, location = written(port, group, conf.in_force)
        assert (text, location and location.detail) == ("7", str(tmp_path / "some.conf"))

    def test_the_names_in_the_files_are_listed_by_section(self, conf: OpenOptions) -> None:
        assert conf.in_force is not None
        (file,) = sections(conf.in_force)
        assert {section: set(names) for section, names in file.items()} == {
            "DEFAULT": {"port", "unread"},
            "rack": {"names"},
        }

    def test_a_reload_that_is_refused_leaves_the_values_in_force(self, tmp_path: Path) -> None:
        class Wary(OpenOptions):
            def vet(self, values: Values) -> None:
                (port,) = [option for option, _ in self.registered() if option.name == "port"]
                if self.value(port, None, values) > 10:
                    raise LookupError("too much")

        conf = Wary()
        conf.register_opt(cfg.IntOpt("port", mutable=True))
        file = tmp_path / "some.conf"
        for port, in_force in ((7, 7), (11, 7), (8, 8)):
            file.write_text(f"[DEFAULT]\nport = {port}\n")
            if port == 7:
                conf(["--config-file", str(file)], project="test")
            elif port == 11:
                with pytest.raises(LookupError):
                    conf.mutate_config_files()
            else:
                conf.mutate_config_files()
            assert conf.port == in_force

    def test_a_wrong_argument_is_left_to_the_check(self) -> None:
        conf = OpenOptions()
        conf.register_cli_opt(cfg.IntOpt("port"))
        conf(["--port", "many"], project="test", default_config_files=[], default_config_dirs=[])

    def test_other_sources_than_files_can_be_left_out(self, tmp_path: Path) -> None:
        class Alone(library_internals.FilesAlone, OpenOptions):
            pass

        file = tmp_path / "some.conf"
        file.write_text("[DEFAULT]\nconfig_source = remote\n[remote]\ndriver = no_such_driver\n")
        conf = Alone()
        conf(["--config-file", str(file)], project="test")
        assert conf._sources == []


def test_the_parser_announces_an_option_before_its_continued_value_is_read() -> None:
    """oslo.config: LineParser. When it fails: find an option's line in another way in cli/config_file.py."""
    seen: list[tuple[int, str]] = []

    class Noting(LineParser):
        def option(self, line: str) -> None:
            seen.append((self.lineno, line))

        def new_section(self, section: str) -> None: ...
        def assignment(self, key: str, value: list[str]) -> None: ...

    Noting().parse(["[a]", "b = 1", "  2", "c = 3"])
    assert seen == [(2, "b = 1"), (4, "c = 3")]


def test_the_options_of_oslo_service_are_those_that_it_registers() -> None:
    """oslo.service: SERVICE_OPTIONS. When it fails: look for a public list, as in oslo_service/opts.py."""
    conf = cfg.ConfigOpts()
    before = set(conf)
    service_opts.register_service_opts(conf)
    registered = set(conf) - before
    assert {option.dest for option in library_internals.SERVICE_OPTIONS} == registered
    assert {"graceful_shutdown_timeout", "log_options"} <= registered


class Noted(OwnTask):
    first_run = None

    def __init__(self, interval: float) -> None:
        self.seconds = interval
        self.calls: list[tuple[Any, Any]] = []

    @property
    def interval(self) -> float:
        return self.seconds

    def __call__(self, manager: Any, context: Any) -> None:
        self.calls.append((manager, context))


class TestOwnTasks:
    """oslo.service: OwnTasks.

    When they fail: see what PeriodicTasks.run_periodic_tasks reads from its instance now. If it can keep
    tasks for each instance by then, OwnTasks can go.
    """

    @pytest.fixture
    def now(self, monkeypatch: pytest.MonkeyPatch) -> list[float]:
        now = [1000.0]
        monkeypatch.setattr(periodic_task, "now", lambda: now[0])
        return now

    def test_the_inherited_method_calls_what_is_due_by_an_interval_that_may_change(
        self, now: list[float]
    ) -> None:
        tasks, task = OwnTasks(cfg.ConfigOpts()), Noted(10)
        tasks.call_when_due({"acme.check": task})
        for seconds, calls in ((0, 1), (9, 1), (1, 2)):
            now[0] += seconds
            tasks.run_periodic_tasks("context")
            assert task.calls == [(tasks, "context")] * calls
        assert tasks.seconds_until_due() == 10
        task.seconds = 20
        now[0] += 15
        tasks.run_periodic_tasks("context")
        assert (len(task.calls), tasks.seconds_until_due()) == (2, 5)

    def test_tasks_can_be_exchanged_and_keep_their_rhythm(self, now: list[float]) -> None:
        tasks, one, two = OwnTasks(cfg.ConfigOpts()), Noted(10), Noted(10)
        tasks.call_when_due({"one": one})
        tasks.run_periodic_tasks(None)
        tasks.call_when_due({"two": two})
        now[0] += 5
        tasks.run_periodic_tasks(None)
        tasks.call_when_due({"one": one, "two": two})
        assert tasks.seconds_until_due() == 5
        assert (len(one.calls), len(two.calls)) == (1, 1)
        assert OwnTasks._periodic_tasks == []


def test_a_worker_is_prepared_after_the_fork_and_reloads_at_a_signal(tmp_path: Path) -> None:
    """cotyledon by way of oslo.service: on_new_worker.

    When it fails: look for how oslo_service's launcher keeps its cotyledon.ServiceManager, whose
    register_hooks is public.
    """
    program = tmp_path / "program.py"
    program.write_text(
        """
import os, signal, sys, threading
import podium.conductor
from oslo_config import cfg
from oslo_service import service
from podium import library_internals

class Worker(service.Service):
    def start(self):
        self.ended = threading.Event()
        os.kill(os.getpid(), signal.SIGHUP)
    def wait(self):
        self.ended.wait()
    def reset(self):
        print("worker", self.number, "reloads", flush=True)
        os.kill(os.getppid(), signal.SIGTERM)
    def stop(self, graceful=True):
        self.ended.set()

conf = cfg.ConfigOpts()
conf([], project="test", default_config_files=[], default_config_dirs=[])
launcher = service.launch(conf, Worker(), workers=1, restart_method="mutate")
library_internals.on_new_worker(launcher, lambda worker, number: setattr(worker, "number", number))
sys.exit(launcher.wait())
"""
    )
    done = subprocess.run(
        [sys.executable, str(program)], capture_output=True, text=True, timeout=50, start_new_session=True
    )
    assert "worker 0 reloads" in done.stdout, done.stderr


def test_the_master_process_hears_of_its_end_before_the_workers() -> None:
    """cotyledon by way of oslo.service: on_end. When it fails: as for on_new_worker."""
    hooks: dict[str, Any] = {}
    manager = SimpleNamespace(register_hooks=lambda **them: hooks.update(them))

    def end() -> None: ...

    library_internals.on_end(SimpleNamespace(_manager=manager), end)
    assert hooks == {"on_terminate": end}
    assert "on_terminate" in inspect.signature(cotyledon.ServiceManager.register_hooks).parameters


@pytest.mark.parametrize("daemon", ["api", "conductor"])
def test_a_daemon_loads_no_eventlet(daemon: str) -> None:
    """futurist: import_without_eventlet. When it fails: see who imports it now, for 9 MB and a warning."""
    text = f"import podium.{daemon}.service, sys; sys.exit('eventlet' in sys.modules)"
    subprocess.run([sys.executable, "-W", "error", "-c", text], check=True)


def test_a_line_logged_while_an_error_is_handled_has_it_once(tmp_path: Path) -> None:
    """oslo.log: log_errors_once. When it fails: see what ContextFormatter.format appends to a line."""
    program = f"""
from oslo_config import cfg
from oslo_log import log
from podium import library_internals

library_internals.log_errors_once()
conf = cfg.ConfigOpts()
log.register_options(conf)
conf(["--log-file", "{tmp_path}/log"], project="test", default_config_files=[], default_config_dirs=[])
log.setup(conf, "test")
try:
    raise ValueError("boom")
except ValueError as error:
    log.getLogger("test").error("It failed: %s", error)
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=50)
    assert (tmp_path / "log").read_text().endswith("It failed: boom\n")


def test_a_reload_is_sent_to_the_workers_and_to_nobody_else_in_their_process_group() -> None:
    """cotyledon by way of oslo.service: reload_one_by_one. When it fails: see ServiceManager._reload."""
    sent: list[str] = []

    class Manager:
        def __init__(self) -> None:
            self._running_services: dict[str, dict[Any, None]] = {}

        def _run_hooks(self, name: str) -> None:
            sent.append(name)

    manager = Manager()
    library_internals.reload_one_by_one(SimpleNamespace(_manager=manager))
    with (
        subprocess.Popen(["sleep", "600"]) as worker,
        subprocess.Popen(["sleep", "600"]) as other,
    ):
        manager._running_services["service"] = {worker: None}
        try:
            manager._reload()  # type: ignore[attr-defined]
            assert worker.wait(50) == -signal.SIGHUP
            assert other.poll() is None
        finally:
            worker.kill()
            other.kill()
    manager._reload()  # type: ignore[attr-defined]
    assert sent == ["reload"] * 2
    for name in ("_reload", "_run_hooks"):
        assert callable(getattr(cotyledon.ServiceManager, name))
