# The product is one Go module, the lab another, the linters a third (tools/). Everything here works as root on a fresh
# Debian that has Go and make; without root, all but the lab.
GO      ?= go
NICE    ?= nice
TOOL     = $(GO) tool -modfile=$(CURDIR)/tools/go.mod
SOURCES  = $(wildcard *_test.go) cmd pkg bench release lab
PRODUCT  = ./cmd/... ./pkg/... ./bench/... ./release/...
# Half of what the slow tests do is to wait for servers, so twice as many packages at once as there are processors.
ATONCE   = $$((2 * $$(getconf _NPROCESSORS_ONLN)))
TOOLS    = $${XDG_CACHE_HOME:-$$HOME/.cache}/cutover-tools
CACHE    = $${CUTOVER_LAB_CACHE:-$${XDG_CACHE_HOME:-$$HOME/.cache}/cutover-lab}
IMAGE   ?= cutover:dev
KILLS   ?= 200
SERVERS  = bind9 knot pdns-server pdns-backend-sqlite3 sqlite3 unbound
STRONGSWAN = strongswan-charon strongswan-swanctl libcharon-extra-plugins

# One way to compile for the tests, the tool and its image, so that what they have in common is compiled once.
export CGO_ENABLED ?= 0
export GOFLAGS := -trimpath $(GOFLAGS)

.DEFAULT_GOAL := help
# The lab is one per machine, and what lint and workflows find should spare the tests.
ifndef BESIDE
.NOTPARALLEL:
endif
.PHONY: bench help check lint workflows unit fmt test beside servers strongswan warm e2e test-all race faults kills demo act screenshots lab-up lab-status lab-down build image-root image

help: ## show this
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

check: lint workflows unit ## format, vet, staticcheck, the audit of the workflows and the tests that need neither root nor a lab

# What a compiler and a linter do not collect they need not do again: a sixth less processor time where nothing is built yet.
lint: export GOGC = 400
lint:
	@bad=$$($(TOOL) gofumpt -l $(SOURCES)) && [ -z "$$bad" ] || { echo "not formatted:" $$bad; echo "fix: make fmt"; exit 1; }
	@$(GO) mod tidy -diff || { echo "fix: go mod tidy"; exit 1; }
	@$(GO) -C lab mod tidy -diff || { echo "fix: go -C lab mod tidy"; exit 1; }
	@$(NICE) $(GO) vet . $(PRODUCT) || { echo "fix what is named above, then: go vet $(PRODUCT)"; exit 1; }
	@$(NICE) $(GO) -C lab vet ./... || { echo "fix what is named above, then: go -C lab vet ./..."; exit 1; }
	@$(NICE) $(TOOL) staticcheck . $(PRODUCT) || { echo "fix what is named above, then: go tool -modfile=tools/go.mod staticcheck $(PRODUCT)"; exit 1; }
	@cd lab && $(NICE) $(TOOL) staticcheck ./... || { echo "fix what is named above, then: cd lab && go tool -modfile=../tools/go.mod staticcheck ./..."; exit 1; }

# actionlint is a test of pkg/ghaction, since it is a Go module. Of a downloaded program nothing is left in the checkout.
workflows: ## audit the workflows with zizmor
	@set -u; tool=$(TOOLS)/zizmor-$$(sed -n 's/^zizmor==\([^ ]*\).*/\1/p' tools/zizmor.txt); \
	if [ ! -x "$$tool/bin/zizmor" ]; then rm -rf "$$tool.new"; \
		python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --no-deps --only-binary :all: --require-hashes \
			--target "$$tool.new" -r tools/zizmor.txt && rm -rf "$$tool" && mv "$$tool.new" "$$tool" || { \
			echo "workflows: not audited, since pip cannot fetch zizmor here (see above)"; [ "$${CI:-}" != true ]; exit; }; fi; \
	"$$tool/bin/zizmor" --quiet --offline --persona pedantic --strict-collection . || \
		{ echo "fix what is named above, or say beside it why not (# zizmor: ignore[audit] why), then: make workflows"; exit 1; }

# The first package of each module looks at all the others through `go list`, which the cache of go test cannot see. Those that
# wait longest for little work, on replica sets, begin first.
unit:
	@$(NICE) $(GO) test -count=1 . || { echo "fix what is named above, then: go test -count=1 ."; exit 1; }
	@$(NICE) $(GO) test -p $(ATONCE) -timeout 45m ./pkg/replset/... ./pkg/phase/... $(PRODUCT) || { echo "fix the tests named above, then: go test <package>"; exit 1; }
	@$(NICE) $(GO) -C lab test -count=1 . || { echo "fix what is named above, then: go -C lab test -count=1 ."; exit 1; }
	@$(NICE) $(GO) -C lab test -timeout 45m ./... || { echo "fix the tests named above, then: go -C lab test <package>"; exit 1; }

fmt: ## format every Go file
	@$(TOOL) gofumpt -w $(SOURCES)

test: warm lint workflows beside ## check, and the tests on two real clusters (root; 20 minutes, up to 45 the first time)

# Lab tests mostly wait, and the unit tests get what processor time they leave: hence the long times that those may take.
beside:
	@$(MAKE) --no-print-directory --keep-going --jobs=2 BESIDE=1 NICE="nice -n 19" unit e2e || \
		{ echo "fix what is named above after 'fix', of unit tests and lab tests each"; exit 1; }

# What there is to test against on a machine that can have it must not be missing there.
ifeq ($(shell id -u),0)
test race: export CUTOVER_REQUIRE_APISERVER = 1
test race: export CUTOVER_REQUIRE_MONGOD = 1
test race: export CUTOVER_REQUIRE_NAMESERVERS = 1
test race: export CUTOVER_REQUIRE_EXTERNALDNS = 1
endif

# Name servers and strongSwan are run by the tests and the lab, not by the machine: policy-rc.d keeps Debian from starting them.
installed = [ "$$(id -u)" = 0 ] || exit 0; set -e; \
	if ! { $(2); } >/dev/null 2>&1; then \
		echo "installing $(1): $(3)"; \
		policy=/usr/sbin/policy-rc.d; \
		[ -e $$policy ] || { trap "rm -f $$policy" EXIT; printf '\#!/bin/sh\nexit 101\n' >$$policy; chmod 755 $$policy; }; \
		apt-get -o DPkg::Lock::Timeout=300 update -q >/dev/null; \
		DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y -q --no-install-recommends $(3) >/dev/null; fi

servers:
	@$(call installed,name servers,command -v named && command -v knotd && command -v pdns_server && command -v pdnsutil && command -v sqlite3 && command -v unbound,$(SERVERS))

strongswan:
	@$(call installed,strongSwan,command -v swanctl && cd /usr/lib/ipsec && ls charon plugins/libstrongswan-kernel-libipsec.so,$(STRONGSWAN))

warm: servers
	@[ "$$(id -u)" = 0 ] || exit 0; set -e; \
	for made in hyperkube mongod; do \
		if ! ls "$(CACHE)"/$$made "$(CACHE)"/*/$$made "$(CACHE)"/*/*/$$made 2>/dev/null | grep -q .; then \
			echo "the lab was never up here: making what it needs"; \
			GOGC=400 $(GO) -C lab build -o /dev/null . && code=0; $(GO) -C lab run . up || code=$$?; $(GO) -C lab run . down; exit $$code; fi; done

# A run in which every test that failed was INCONCLUSIVE, because the machine was overloaded, is done once more; then that counts.
# What a test said follows its line. A panic excuses nothing, nor does it when the time is up.
e2e: servers
	@if [ ! -d lab/e2e ]; then echo "lab tests: there are none in this checkout"; [ "$$CI" != true ]; \
	elif [ "$$(id -u)" != 0 ]; then echo "lab tests: skipped, they need root"; [ "$$CI" != true ]; \
	else said=$$(mktemp -d); trap 'rm -rf "$$said"' EXIT; \
	try() { { code=0; CUTOVER_E2E=1 $(GO) -C lab test ./e2e/... -count=1 -timeout 60m 2>&1 || code=$$?; echo $$code >"$$said/code"; } | tee "$$said/log"; \
		return "$$(cat "$$said/code")"; }; \
	try || { awk '/^--- FAIL|^panic:/ {f++; s=/^panic/} /INCONCLUSIVE/ && f && !s {s=1; i++} END {exit !(f && i==f)}' "$$said/log" && echo "the machine was overloaded: once more" && try; } || \
		{ echo "fix the tests named above, then: CUTOVER_E2E=1 go -C lab test ./e2e/... -count=1 -run <name>"; exit 1; }; fi

test-all: test race faults kills demo act ## test, the race detector (needs a C compiler), faults and kills at length, the demo and the action in containers

race:
	@CGO_ENABLED=1 $(NICE) $(GO) test -race -timeout 30m $(PRODUCT) || { echo "fix what is named above, then: go test -race <package>"; exit 1; }

faults: servers strongswan ## let the API servers go wrong at length, move without a tail, by relays, by names, over a closed link and a tunnel, and the replica set (root; two hours)
	@CUTOVER_LONG=1 CUTOVER_REQUIRE_MONGOD=1 $(GO) test ./pkg/phase/stepdown -count=1 -v -timeout 75m -run 'ARealSet|FiveAndFive' || \
		{ echo "fix what is named above, then: CUTOVER_LONG=1 go test ./pkg/phase/stepdown -count=1 -v -run <name>"; exit 1; }
	@CUTOVER_E2E=1 CUTOVER_LONG=1 $(GO) -C lab test ./e2e/... -count=1 -v -timeout 90m -run 'APIServersThat|WithoutATail|AReplicaSet|ARunnerThat|FollowTheirNames|ALinkThat' || \
		{ echo "fix what is named above, then: CUTOVER_E2E=1 CUTOVER_LONG=1 go -C lab test ./e2e/... -count=1 -run <name>"; exit 1; }

kills: servers ## kill the tool at KILLS random instants, and once at every boundary of every step, each by itself (root; two hours)
	@CUTOVER_E2E=1 CUTOVER_LONG=1 CUTOVER_KILLS=$(KILLS) $(GO) -C lab test ./e2e/... -count=1 -v -timeout 150m -run 'AtRandomInstants|AnEnvironmentMoves|NamesAndDatabaseMove' || \
		{ echo "fix what is named above, then: make kills (where the instants were random: CUTOVER_SEED=<the seed above>)"; exit 1; }

demo: servers strongswan ## move a whole environment between two real clusters under load, through a tunnel, by relays (root; 6 minutes with a warm cache)
	@$(GO) -C lab run ./demo $(DEMO)

act: ## run the action's workflow in containers against the lab (root)
	@$(GO) -C lab run ./act $(ACT)

screenshots: ## show summaries in a real browser, into out/screenshots (chromium; after make act those of its jobs too)
	@command -v chromium >/dev/null || command -v chromium-headless-shell >/dev/null || \
		DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y -q --no-install-recommends chromium-headless-shell fonts-dejavu-core >/dev/null || \
		{ echo "no chromium; fix: apt-get install chromium-headless-shell fonts-dejavu-core"; exit 1; }
	@CUTOVER_SCREENSHOTS=$(CURDIR)/out/screenshots $(GO) test ./pkg/report -run TestScreenshots -count=1
	@ls out/screenshots/*.png

lab-up: ## take the two clusters up (root)
	@$(GO) -C lab run . up

lab-status: ## check every part of the lab once
	@$(GO) -C lab run . status

lab-down: ## take the lab down; only its cache stays
	@$(GO) -C lab run . down

build: ## build bin/cutover
	@CGO_ENABLED=0 $(GO) build -trimpath -o bin/cutover ./cmd/cutover

# What goes into the image. busybox has to be static: the image has no libraries. Debian and Ubuntu call that package
# busybox-static.
image-root: ## lay out bin/image, from which the Dockerfile copies
	@set -eu; \
	sudo=; [ "$$(id -u)" = 0 ] || sudo="sudo -n"; \
	static() { path=$$(command -v busybox) && ! ldd "$$path" >/dev/null 2>&1; }; \
	missing=; static || missing=busybox-static; \
	[ -s /etc/ssl/certs/ca-certificates.crt ] || missing="$$missing ca-certificates"; \
	if [ -n "$$missing" ]; then \
		$$sudo apt-get -o DPkg::Lock::Timeout=300 update -q >/dev/null; \
		$$sudo apt-get -o DPkg::Lock::Timeout=300 install -y -q --no-install-recommends $$missing >/dev/null; fi; \
	static || { echo "busybox is not static; fix: apt-get install busybox-static"; exit 1; }; \
	rm -rf bin/image; \
	mkdir -p bin/image/usr/local/bin bin/image/bin bin/image/etc/ssl/certs bin/image/tmp; \
	chmod 1777 bin/image/tmp; \
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags='-s -w' -o bin/image/usr/local/bin/cutover ./cmd/cutover; \
	ln -s cutover bin/image/usr/local/bin/cutover-post; \
	cp "$$(command -v busybox)" bin/image/bin/busybox; \
	for name in sh env tail; do ln -s busybox "bin/image/bin/$$name"; done; \
	cp -L /etc/ssl/certs/ca-certificates.crt bin/image/etc/ssl/certs/

image: image-root ## build the container image of the action (podman or docker)
	@engine=$$(command -v podman || command -v docker) || { echo "no podman and no docker; fix: apt-get install podman"; exit 1; }; \
	"$$engine" build -t $(IMAGE) .

# Ratios of one run; the report says what was measured. What needs two clusters or a container needs root.
bench: ## measure what is ours against the barest program that does the same (an hour on two cores; all of it as root)
	@rm -f out/bench/report.json
	@CUTOVER_REQUIRE_APISERVER=1 $(GO) test ./bench -run '^$$' -bench . -benchtime 1x -timeout 90m
	@if [ "$$(id -u)" = 0 ]; then $(GO) -C lab run ./measure $(MEASURE); else echo "latency, a wave, the write gap, the relay and the image: skipped, they need root"; fi
	@echo "written: out/bench/report.json"
