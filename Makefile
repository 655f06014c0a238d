# What is needed beyond Go is fetched by go itself, at the versions in go.mod.
GO ?= go

# Rooms in which goroutines meet; the race detector costs too much for the rest.
RACE = ./zt/packet/... ./zt/vl1/... ./zt/member/... ./internal/...

# Systems besides this one that the program is built for.
SYSTEMS = windows/amd64 darwin/arm64 freebsd/amd64 linux/arm64

.PHONY: build run test unit race lint cross bench lab fuzz

build: ## the program, in bin/
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/orrery ./cmd/orrery

run: ## the server with its defaults
	$(GO) run ./cmd/orrery serve

test: lint unit race ## everything that needs no root rights; lab/ joins in where it can

unit:
	$(GO) test ./...
	@test -n "$(ZEROTIER_ONE)" || echo "NOTE: the end-to-end tests with real nodes were SKIPPED, since ZEROTIER_ONE is not set; see make lab"

race: ## the race detector needs a C compiler
	@if [ "$$($(GO) env CGO_ENABLED)" = 1 ] && command -v "$$($(GO) env CC)" >/dev/null; then \
		echo "$(GO) test -race -short $(RACE)"; $(GO) test -race -short $(RACE); \
	else echo "SKIPPED: no C compiler, so no race detector; install gcc"; fi

lint:
	@files=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$files" ]; then echo "gofmt -w these files:"; echo "$$files"; exit 1; fi
	$(GO) vet ./...
	$(GO) tool staticcheck ./...

cross: COMPILE = -gcflags='all=-N -l' # fast, not good: nobody runs the result
cross: ## program and tests compile for other systems
	@for system in $(SYSTEMS); do \
		echo "build for $$system"; export CGO_ENABLED=0 GOOS=$${system%/*} GOARCH=$${system#*/}; \
		$(GO) build $(COMPILE) -o /dev/null ./cmd/orrery || exit 1; \
		if [ $$GOOS != $$($(GO) env GOHOSTOS) ]; then $(GO) vet $(COMPILE) ./... || exit 1; fi; \
	done

bench: ## the figures of docs/performance.md
	$(GO) test -run '^$$' -bench . -benchmem ./zt/... ./internal/...
	$(GO) run ./lab/bench

lab: ## real nodes in network namespaces: needs root and ZEROTIER_ONE
	@test -n "$(ZEROTIER_ONE)" || { echo "set ZEROTIER_ONE to a zerotier-one binary"; exit 1; }
	LAB=required $(GO) test -count=1 -timeout 20m -v ./lab/...

fuzz: ## every fuzz target for a while each
	@for package in $$($(GO) list ./...); do for target in $$($(GO) test -list '^Fuzz' $$package | grep '^Fuzz'); do \
		echo "$$package $$target"; $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime 30s -fuzzminimizetime 10x $$package || exit 1; done; done
