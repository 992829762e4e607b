# Every target is deploy/bootstrap.py, which needs nothing but a Python and also runs
# without make: python3 deploy/bootstrap.py run. What `make test ARGS="-k kit"` names in
# ARGS is passed on.

# The first that starts: a version manager's shim may be on PATH and only fail.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 8))' >/dev/null 2>&1 && echo $$p && break; done)

VERBS := run test lint sabotage mutants soak bench install deps lock clean

.PHONY: help $(VERBS)
.DEFAULT_GOAL := help

help $(VERBS):
	@test -n "$(PYTHON)" || { echo "error: no Python; sudo apt-get install python3 python3-venv" >&2; exit 1; }
	@exec $(PYTHON) deploy/bootstrap.py $(if $(filter help,$@),--help,$@ $(ARGS))
