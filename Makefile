# One line each: what a command does in full is in scripts/.
.PHONY: install demo test check format lint types imports docs rie runtimes benchmark

install:  ## set up everything the program needs, as .venv/bin/lambent
	@scripts/install

demo: install  ## three real functions, created, invoked and shown
	@.venv/bin/python examples/demo.py

test: install  ## everything CI checks
	@scripts/test

check: lint types imports  ## what needs no running server

format:
	.venv/bin/ruff format . && .venv/bin/ruff check --fix .

lint:
	.venv/bin/ruff format --check . && .venv/bin/ruff check . && .venv/bin/codespell

types:
	.venv/bin/mypy

imports:
	.venv/bin/lint-imports

docs:
	UV_PROJECT_ENVIRONMENT=.cache/docs .cache/uv/bin/uv run --frozen --only-group docs mkdocs build --strict

rie: install  ## `lambent rie` as one static file, dist/lambent-rie
	@.venv/bin/python scripts/build-rie.py

runtimes:  ## every runtime the tests can use on this machine
	.venv/bin/python scripts/install-runtimes.py

benchmark:
	.venv/bin/python -m benchmarks
