# Two commands do everything: `make run` starts the trainer, `make test` checks it all.
# Both use one build profile, so that the engine is compiled once.

ARGS ?=
CARGO ?= cargo

.PHONY: run test quick bench load fuzz-api page ops faults fuzz help

run: ## Install what is missing, build, and start the trainer (ARGS="--source camera:0")
	@deploy/install-packages.sh run
	@$(CARGO) build --locked
	@$(CARGO) run --locked --quiet -- run $(ARGS)

test: ## Install what is missing, then check formatting, lints, unit, application, picture and doc tests
	@deploy/install-packages.sh test
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	$(CARGO) clippy --locked --no-default-features --all-targets -- -D warnings
	$(CARGO) test --locked --no-default-features --lib
	@# Backups and releases know nothing of the engine: what was just shown of them, minutes of real restic and killed
	@# processes, is not shown twice.
	$(CARGO) test --locked --lib --bins --tests -- --skip ops::backup:: --skip ops::deploy::
	$(CARGO) test --locked --doc
	$(CARGO) run --locked --quiet -- faults --quick --patience 5

quick: ## Only the tests of the logic (no engine, no window): seconds
	$(CARGO) test --locked --no-default-features --lib

BENCH ?= $(or $(TMPDIR),/tmp)/billiards-bench

# Rooms nobody tuned anything on: another number every day.
ROOMS ?= $(shell date +%Y%m%d)

bench: ## Measure: physics (pooltool beside it, ten thousand random cases), vision (OpenCV beside it), virtual table, monitoring, forecasts, alerts (Prometheus beside them)
	@mkdir -p $(BENCH)
	@$(CARGO) build --locked
	$(CARGO) run --locked --quiet -- evaluate physics --shots-to $(BENCH)/shots.json
	@$(CARGO) run --locked --quiet -- simulate $(BENCH)/shots.json --runs 5 --json > $(BENCH)/ours.json
	tests/bench/pooltool.sh $(BENCH)/shots.json $(BENCH)/ours.json
	PROPTEST_CASES=10000 $(CARGO) test --locked --no-default-features --lib physics::properties
	$(CARGO) run --locked --quiet -- evaluate vision --speed --pictures $(BENCH)/pictures
	tests/bench/opencv.sh $(BENCH)/pictures
	$(CARGO) run --locked --quiet -- evaluate vision --dataset virtual:$(ROOMS) --rooms 100
	$(CARGO) run --locked --quiet -- evaluate monitoring
	$(CARGO) run --locked --quiet -- evaluate forecast
	tests/bench/alerts.sh
	$(CARGO) test --locked --no-default-features --lib -- --ignored --nocapture --test-threads 1 \
	  virtual_table::tests::speed play::tests::statistics figures_of_the_virtual

PROGRAM = $(or $(CARGO_TARGET_DIR),target)/debug/billiards-trainer

load: ## Let a thousand live clients and a hundred requests a second at the trainer, and measure both sides (two minutes)
	@$(CARGO) build --locked
	@$(CARGO) run --locked --quiet -- evaluate load $(ARGS)

fuzz-api: ## Made-up requests to every address as every role, against the trainer's own OpenAPI (needs python3)
	@$(CARGO) build --locked
	tests/bench/schemathesis.sh $(PROGRAM) $(EXAMPLES)

page: ## Click through the web page in a real Chromium, at desktop and phone size, with pictures (needs chromium)
	@$(CARGO) build --locked
	tests/bench/page.py $(PROGRAM) $(BENCH)/page

OPS = rules proxy logs settings firewall package backup deploy systemd documents

ops: ## Install, upgrade, roll back, back up, restore, proxy, log rotation, service: all with the real ones (an hour; Debian, as root)
	@deploy/install-packages.sh ops
	@$(CARGO) build --locked
	@failed=""; for lane in $(OPS); do python3 -B tests/ops/$$lane.py $(PROGRAM) || failed="$$failed $$lane"; echo; done; \
	  [ -z "$$failed" ] || { echo "broken:$$failed" >&2; exit 1; }

faults: ## Break the trainer on purpose, case after case, and show what comes of it (ten minutes)
	@$(CARGO) build --locked
	@$(CARGO) run --locked --quiet -- faults $(ARGS)

CORPUS ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/billiards-trainer/fuzz-corpus
FUZZ = $(CARGO) +nightly fuzz run --fuzz-dir tests/fuzz
FUZZ_LIMITS = -max_total_time=600 -timeout=20 -rss_limit_mb=2048

fuzz: ## Ten minutes each of damaged pictures and impossible tables (needs a nightly compiler and cargo-fuzz)
	@mkdir -p $(CORPUS)/picture $(CORPUS)/analyse
	@for end in jpg png bmp webp; do \
	  ffmpeg -nostdin -loglevel error -y -i docs/pictures/projector.png -vf scale=320:-2 $(CORPUS)/picture/table.$$end; \
	done
	$(FUZZ) picture $(CORPUS)/picture -- $(FUZZ_LIMITS)
	$(FUZZ) analyse $(CORPUS)/analyse -- $(FUZZ_LIMITS) -len_control=0 -max_len=300

help: ## This list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'
