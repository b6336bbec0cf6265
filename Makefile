# `make help` lists the targets. Everything happens in .venv; nothing needs root or changes files outside this folder.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip --quiet --disable-pip-version-check

INSTALLED := $(VENV)/.installed
LINTERS := $(VENV)/.linters
BENCH := $(VENV)/.bench
PAGE_TOOLS := node_modules/.installed
NODE_BIN := node_modules/.bin
PEERS := .venv-ironic/.installed .venv-pyghmi/.installed
TEST_PEERS := .venv-sushy/.installed .venv-openstack/.installed
# Built here, of sources: without libvirt's headers it is done without, unless PODIUM_REQUIRE_PEERS is 1.
ifneq ($(shell pkg-config --exists libvirt 2>/dev/null && echo 1)$(filter 1,$(PODIUM_REQUIRE_PEERS)),)
TEST_PEERS += .venv-libvirt/.installed
endif
SOURCES := setup.cfg pyproject.toml $(shell find . \( -name ".?*" -o -name tests -o -name benchmarks -o -name examples -o -name node_modules \) -prune -o \( -name "*.py" -o -name "*.mako" -o -name "*.template" -o -name py.typed -o -path "./api/page/site/*" -type f \) -print)

# A complete build each time: Sphinx does not notice changes of the code that the reference pages come from.
BUILD_DOCS := $(BIN)/sphinx-build --quiet --fresh-env --fail-on-warning --keep-going docs $(VENV)/docs

BUILD_MAN := $(BIN)/sphinx-build --quiet --fresh-env --fail-on-warning --keep-going --builder man -D root_doc=podium -c docs docs/man $(VENV)/man

# Three times as many processes as a small machine has cores: tests often wait for daemons.
PYTEST := pytest -n 6 --dist worksteal
# Whoever wants no compiled files elsewhere wants the tests' here: each process would compile all of them each time.
export PYTHONDONTWRITEBYTECODE :=
ROUNDS ?= 20
SEED ?= 1

.PHONY: help run test test-long test-peers lint lint-page page-tools docs man deb test-deb genconfig screenshots bench bench-peers clean

help:  ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## */\1\t/p' Makefile

run: $(INSTALLED)  ## run a simulated rack of 48 machines and a conductor, until Ctrl-C; PODIUM_PORT sets the BMCs' port
	@sh etc/demo/run.sh

test: $(INSTALLED)  ## run the tests against the installed package; PYTEST_ADDOPTS adds arguments
	@$(BIN)/$(PYTEST)

test-long: $(INSTALLED)  ## run what make test leaves out, and kills, models and fuzzing ROUNDS (20) times as much; SEED varies the kills
	@PODIUM_TEST_ROUNDS=$(ROUNDS) PODIUM_TEST_SEED=$(SEED) $(BIN)/$(PYTEST) -m 'long or hypothesis'

test-peers: $(TEST_PEERS) page-tools  ## install Redfish peers, OpenStack's clients and axe for the tests, each into a folder of its own

lint: $(INSTALLED) $(LINTERS) lint-page  ## check style, types, the direction of imports, the page, and the documentation
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy --strict -p podium
	@$(BIN)/lint-imports --no-logo
	@$(BUILD_DOCS)

# Without npm the page's tools are done without, unless PODIUM_REQUIRE_PEERS is 1.
ifneq ($(shell command -v npm)$(filter 1,$(PODIUM_REQUIRE_PEERS)),)
lint-page: $(PAGE_TOOLS)  ## check the style and the types of the page's scripts, with eslint and tsc
	@$(NODE_BIN)/tsc
	@$(NODE_BIN)/eslint --max-warnings 0 --no-error-on-unmatched-pattern api/page/site tests/unit/page

page-tools: $(PAGE_TOOLS)
else
lint-page page-tools:
	@echo "npm is not installed (Debian package npm): $@ is left out"
endif

docs: $(INSTALLED) $(LINTERS)  ## build the pages of docs/ as a web site in .venv/docs
	@$(BUILD_DOCS)
	@echo "Open $(VENV)/docs/index.html"

screenshots: $(INSTALLED)  ## write pictures of the page to .venv/screenshots, and those of docs/; SHOW=lost for those of a state
	@$(BIN)/python tests/screenshots.py $(VENV)/screenshots $(SHOW)
	@echo "Look at $(VENV)/screenshots"

man: $(INSTALLED) $(LINTERS)  ## build the manual pages in .venv/man, from the help of the commands
	@$(BUILD_MAN)

deb: man  ## build a package for Debian in dist, with debhelper
	@packaging/deb $(VENV)

test-deb: deb  ## try the package in a container, as root, with debootstrap and systemd-container
	@PODIUM_TEST_DEB=$$(ls -t $(CURDIR)/dist/podium_*.deb | head -n 1) $(BIN)/pytest tests/functional/test_debian_package.py

genconfig: $(INSTALLED)  ## write etc/podium/podium.conf.sample from the code
	@$(BIN)/podium config sample --output etc/podium/podium.conf.sample

bench: $(BENCH)  ## measure sweeps, compared with others, into benchmarks/RESULTS.md: an hour; try BENCH_ARGS=--quick
	@$(BIN)/python benchmarks/sweep.py $(BENCH_ARGS)

bench-peers: $(PEERS) .venv-sushy/.installed  ## install Ironic, pyghmi and sushy for bench, each into an environment of its own

clean:  ## remove everything that the other targets made, including .venv
	rm -rf $(VENV) .venv-* node_modules .tox dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(INSTALLED): $(SOURCES) | $(BIN)/pip
	@echo "Installing Podium into $(VENV) ..."
	@$(PIP) install '.[test]'
	@touch $@

# By name, Podium stays as it is installed: "." would take it away for a while from whoever runs it.
$(LINTERS): setup.cfg | $(INSTALLED)
	@echo "Installing the linters and Sphinx into $(VENV) ..."
	@$(PIP) install 'podium[test,lint,docs]'
	@touch $@

# By its content: a checkout of another commit does not install everything anew.
$(PAGE_TOOLS): package-lock.json
	@command -v npm >/dev/null || { echo "npm is not installed (Debian package npm)" >&2; exit 1; }
	@cmp -s $< $@ || { \
	    echo "Installing the linters of the page into node_modules ..."; \
	    npm ci --silent && cp $< $@; }
	@touch $@

$(BENCH): setup.cfg | $(INSTALLED)
	@echo "Installing what the benchmark needs into $(VENV) ..."
	@$(PIP) install 'podium[bench]'
	@touch $@

.venv-ironic/.installed: PEER := 'ironic==39.*' psycopg2-binary sushy
.venv-pyghmi/.installed: PEER := pyghmi
.venv-sushy/.installed: PEER := redfish-protocol-validator sushy sushy-tools
.venv-libvirt/.installed: PEER := libvirt-python
# The functional tests that openstacksdk ships need oslotest.
.venv-openstack/.installed: PEER := 'openstacksdk==4.*' oslotest 'python-ironicclient==6.*' schemathesis

$(PEERS) $(TEST_PEERS): | $(BIN)/pip
	@echo "Installing $(PEER) into $(@D) ..."
	@$(PYTHON) -m venv --clear $(@D)
	@$(@D)/bin/pip --quiet --disable-pip-version-check install $(PEER)
	@touch $@

$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "Podium needs Python 3.11 or newer, which $(PYTHON) is not; name another: make PYTHON=python3.12" >&2; \
	    exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	    echo "$(PYTHON) cannot make virtual environments; on Debian: apt install python3-venv" >&2; \
	    exit 1; }
	@echo "Making $(VENV) ..."
	@$(PYTHON) -m venv --clear $(VENV)
