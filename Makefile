# make help says what there is. Everything that is more than a line lives in
# test/tools or test/demo.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# The Envoy that tests and demo use, those that make tools installs, and those
# of the matrix.
ENVOY_VERSION  ?= 1.40.0
ENVOY_VERSIONS ?= $(ENVOY_VERSION)
ENVOY_MATRIX   := 1.36.4 1.37.0 1.38.3 1.39.3 1.40.0
LINT_VERSION   := v2.15.0
CADDY_VERSION  := v2.11.9
N8N_VERSIONS   ?= 1.123.81 2.41.1

FUZZTIME  ?= 30s
BENCHTIME ?= 1s
BENCH     ?= .
ARGS      ?=

# How long each of the two variants of test-chaos is troubled.
CHAOSTIME ?= 5m

export ENVOY_VERSION

# SQLite is C translated to Go. Under the race detector it takes five times as
# long, and what is found in it would not be ours; all our own code is watched.
RACE := -race -gcflags=modernc.org/sqlite/lib=-race=false -gcflags=modernc.org/libc=-race=false

# All packages but those whose tests start a real Envoy.
WITHOUT_ENVOY = $$(go list ./... | grep -Ev '/test/(e2e|chaos|demo|fleet|forward|gateways|outage)$$')

# The packages whose tests start the program and look at it from outside. What
# they do at the same time happens in processes of their own, which test-race
# builds with the race detector; with it they take two to three times as long.
DRIVEN = . $(addprefix ./test/,contract demo e2e fleet forward gateways outage receipt)

# All others but the long run while everything fails, which test-all makes.
WATCHED = $$(go list ./... | grep -Ev '^credence$$|/test/(chaos|contract|demo|e2e|fleet|forward|gateways|outage|receipt)$$')

# All packages but those whose tests start any other program.
ALONE = $$(go list ./... | grep -Ev '/(test/(audit|browser|contract|e2e|chaos|demo|fleet|forward|gateways|outage|pgserver|redisserver)|store/postgres|store/redis)$$')

.PHONY: help demo run build test test-short test-race test-all test-chaos test-envoy-matrix test-gateways test-gitea test-n8n lint bench bench-stages bench-revocation bench-limits bench-import bench-start bench-audit bench-anomaly fuzz tools generate verify tools-test tools-store tools-lint tools-proxies tools-browser tools-gateways

help: ## list what can be made
	@awk 'BEGIN { FS = ":.*## " } /^[a-z][a-z-]*:.*## / { printf "  %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: tools-test ## a real Envoy that asks Credence, in front of an echo upstream, until Ctrl-C
	@go build -o .tools/demo ./test/demo
	@exec .tools/demo $(ARGS)

run: build ## start credence serve (ARGS="--api-addr 127.0.0.1:8088 ...")
	./credence serve $(ARGS)

build: ## build the binary ./credence
	go build -trimpath -o credence .

# Without the cache of results: it does not see that the program changed which
# the tests build and start.
test: tools-test tools-store tools-proxies tools-browser ## all tests, with -race, a real Envoy, PostgreSQL, Redis and Chromium (under 10 minutes on 2 cores)
	go test $(RACE) -count=1 -p 3 -timeout 10m $(WATCHED)
	go test -count=1 -p 3 -timeout 10m $(DRIVEN)

test-race: tools-test tools-store tools-proxies ## the tests that start the program, the program built with -race
	go test $(RACE) -count=1 -p 2 -timeout 20m $(DRIVEN)

test-short: ## the tests that need no Envoy, PostgreSQL, Redis or Chromium, without -race
	go test -timeout 5m $(ALONE)

test-gitea: ## the contract of Gitea against a real server (GITEA_URL=https://... GITEA_ADMIN=login:password of a site administrator)
	@test -n "$(GITEA_URL)" -a -n "$(GITEA_ADMIN)" || { echo "give GITEA_URL and GITEA_ADMIN=login:password"; exit 2; }
	@go test -count=1 -v ./management/gitea

test-all: tools-store test-envoy-matrix test-race ## what make test leaves out: the Envoy matrix, the program with -race, fuzzers on inputs that are always the same, benchmarks once
	@if test/tools/gateways.sh --built; then $(MAKE) --no-print-directory test-gateways; \
	  else echo "test-gateways is left out: its programs are not built (make tools-gateways, half an hour or more)"; fi
	test/tools/fuzz.sh --same 2000
	$(MAKE) --no-print-directory test-chaos CHAOSTIME=25s
	$(MAKE) --no-print-directory bench-import ARGS="-keys 2000"
	$(MAKE) --no-print-directory bench-audit ARGS="-entries 10000 -rounds 1"
	$(MAKE) --no-print-directory bench-limits ARGS="-short -time 6s -wait 1s"
	$(MAKE) --no-print-directory bench ARGS="-keys 1,1000 -rounds 1 -round 200ms"
	go test -run '^$$' -bench . -benchtime 1x -timeout 10m $(WITHOUT_ENVOY)

test-envoy-matrix: ## the end-to-end tests on every supported Envoy
	@test/tools/install.sh envoy $(ENVOY_MATRIX)
	@go test -c -o .tools/e2e.test ./test/e2e
	@for version in $(ENVOY_MATRIX); do \
	  echo "--- Envoy $$version"; \
	  (cd test/e2e && ENVOY_VERSION=$$version ../../.tools/e2e.test -test.timeout 5m); \
	done

test-chaos: tools-store ## 3 replicas on PostgreSQL, then with Redis, while everything fails (CHAOSTIME=5m each, ARGS="-chaos.seed N")
	go test -count=1 -timeout 60m -v ./test/chaos -args -chaos.duration $(CHAOSTIME) $(ARGS)

test-gateways: tools-test tools-store tools-gateways ## the files in envoy/ as helm, kustomize, kubeconform, istioctl and egctl see them
	go test -tags gateways -count=1 -timeout 20m ./test/gateways

test-n8n: ## the contract with n8n on the real program, both supported lines (installs 3 GB each; N8N_VERSIONS="2.41.1")
	@test/tools/install.sh n8n $(N8N_VERSIONS)
	go test -count=1 -timeout 30m -v -run RealN8N ./management/n8n -args -n8n "$(foreach version,$(N8N_VERSIONS),$(CURDIR)/.tools/n8n-$(version))"

lint: tools-lint ## golangci-lint, go vet, go fix and go.mod
	.tools/golangci-lint run ./...
	.tools/golangci-lint fmt --diff
	go vet ./...
	go fix -diff ./...
	go mod tidy -diff

bench: tools-test tools-store ## what a Check costs next to a server that does nothing (ARGS="-keys 1,100000,1000000 -rounds 5")
	@go build -o .tools/bench-check ./test/bench/check
	@.tools/bench-check $(ARGS)

bench-stages: tools-store ## ns, bytes and allocations of every stage (BENCH=regexp BENCHTIME=1s)
	go test -run '^$$' -bench '$(BENCH)' -benchtime $(BENCHTIME) -benchmem -timeout 30m $(WITHOUT_ENVOY)

bench-revocation: tools-store ## how long a revoked key is still accepted by 20 replicas (ARGS="-replicas 20 -keys 1000 -rate 2000")
	@go build -o .tools/bench-revocation ./test/bench/revocation
	@.tools/bench-revocation $(ARGS)

bench-import: tools-store ## how long the command line takes to import keys on PostgreSQL (ARGS="-keys 100000")
	@go build -o .tools/bench-import ./test/bench/import
	@.tools/bench-import $(ARGS)

bench-limits: tools-store ## how well 10 replicas keep to a limit together (ARGS="-time 10s -wait 25ms -replicas 10 -check")
	@go build -o .tools/bench-limits ./test/bench/limits
	@.tools/bench-limits $(ARGS)

bench-anomaly: ## precision and recall of the detectors on traffic with planted attacks (KEYS=1000)
	@go test ./management/anomaly -run TestPlantedAttacks -v -count 1 -timeout 60m -args -keys $(or $(KEYS),1000) | grep -v '^=== '

bench-start: tools-store ## how long a data plane takes to be ready with a warm cache (ARGS="-keys 100000,1000000 -rounds 3")
	@go build -o .tools/bench-start ./test/bench/start
	@.tools/bench-start $(ARGS)

bench-audit: ## how long verifying an export of the audit log takes (ARGS="-entries 1000000 -rounds 3 -profile FILE")
	@go build -o .tools/bench-audit ./test/bench/audit
	@.tools/bench-audit $(ARGS)

fuzz: tools-store ## every fuzz target for FUZZTIME each, on new inputs (FUZZTIME=30s)
	test/tools/fuzz.sh $(FUZZTIME)

tools: tools-test tools-store tools-lint tools-proxies tools-browser ## install Envoy and golangci-lint into .tools/, PostgreSQL, Redis and Chromium by apt-get if missing

generate: ## write generated code anew
	go generate ./...

verify: ## fail when generated code, go.mod or a dependency is not as it should be
	test/tools/verify.sh

tools-test:
	@test/tools/install.sh base
	@test/tools/install.sh envoy $(ENVOY_VERSIONS)

tools-store:
	@test/tools/install.sh postgres
	@test/tools/install.sh redis

tools-proxies:
	@test/tools/install.sh nginx
	@test/tools/install.sh caddy $(CADDY_VERSION)

tools-browser:
	@test/tools/install.sh chromium

tools-lint:
	@test/tools/install.sh lint $(LINT_VERSION)

tools-gateways: ## build the programs of test-gateways (minutes each)
	@test/tools/gateways.sh
