# Every command for people and for CI. `make help` lists them.

# Build, test and vet share one cache only with the same flags.
export GOFLAGS := -trimpath -buildvcs=false
export CGO_ENABLED := 0

.DEFAULT_GOAL := help

# The module that pins mailpit.
MAILPIT := handlers/dev/suite/mails/mailpit

# How long make fuzz runs each target. Coverage varies with pools and maps: with the default time
# for minimizing, a target may do nothing else.
FOR ?= 60s

.PHONY: help tools emulator browser kusto mailpit provider linters setup build run stand-in test fuzz templates lint bench package release clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

tools:
	@command -v go >/dev/null || { echo 'Go 1.26 or newer is needed; go is not on the PATH: https://go.dev/dl/' >&2; exit 1; }
	@go env GOVERSION | awk -F '[^0-9]+' '/^go[0-9]/ && ($$2 < 1 || $$2 == 1 && $$3 < 26) { exit 1 }' || \
		{ echo "Go 1.26 or newer is needed; this is $$(go env GOVERSION): https://go.dev/dl/" >&2; exit 1; }
	@command -v node >/dev/null && command -v npm >/dev/null || \
		{ echo 'Node.js 20 or newer with npm is needed; it is not on the PATH: https://nodejs.org/' >&2; exit 1; }
	@node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' || \
		{ echo "Node.js 20 or newer is needed; this is $$(node --version): https://nodejs.org/" >&2; exit 1; }

# Installs what a lock file pins:
# $(call pinned,folder of the lock file,folder to install into,what it is)
# The copy of the lock file is written last, so an interrupted install is repeated.
define pinned
@cmp -s $(1)/package-lock.json $(2)/installed.json || { \
	mkdir -p $(2) && cp $(1)/package.json $(1)/package-lock.json $(2)/ && \
	echo 'installing $(3)' && \
	npm ci --prefix $(2) --ignore-scripts --no-audit --no-fund --loglevel=error && \
	cp $(2)/package-lock.json $(2)/installed.json; }
endef

emulator: tools
	$(call pinned,handlers/dev/azurite/npm,.local/npm,the storage emulator)

browser: tools
	$(call pinned,handlers/dev/suite/browser/npm,.local/browser,the driver of the browser tests)
	@handlers/dev/suite/browser/chromium.sh install >/dev/null

kusto: tools
	$(call pinned,handlers/dev/suite/deployment/npm,.local/kusto,the compiler of Kusto queries)

provider: tools
	$(call pinned,handlers/dev/suite/signin/npm,.local/provider,the provider that checks the sign-in)

# The program is put in its place when it is whole; what it was built from is noted last.
mailpit: tools
	@cmp -s $(MAILPIT)/go.sum .local/mailpit/installed.sum || { \
		mkdir -p .local/mailpit && echo 'building mailpit, which checks the mails' && \
		go build -C $(MAILPIT) -o $(CURDIR)/.local/mailpit/building github.com/axllent/mailpit && \
		mv .local/mailpit/building .local/mailpit/mailpit && cp $(MAILPIT)/go.sum .local/mailpit/installed.sum; }

linters: tools
	$(call pinned,handlers/dev/suite/lint/npm,.local/lint,the linter of docs/openapi.yaml)

setup: emulator browser kusto mailpit provider ## install what tests need: storage emulator, browser driver, Kusto compiler, mailpit, an OpenID provider, and Chromium if there is none

build: tools ## build the handler, the command line and the local run into bin
	go build -ldflags='-s -w' -o bin/ ./handlers/cmd/handler ./handlers/cmd/guestlist ./handlers/dev/cmd/localhost

run: emulator build ## run everything on this machine; PORT=8080 chooses another port, PORT=0 a free one
	@bin/localhost

stand-in: emulator build ## run everything except the host, for func start of Azure Functions Core Tools
	@bin/localhost -no-host

test: setup ## run every test
	go test -timeout 45m ./handlers/...

fuzz: tools ## run every fuzz target for a minute; FOR=10m chooses another time
	@grep -rn '^func Fuzz' handlers --include='*_test.go' | sed -E 's,/[^/]+:[0-9]+:func (Fuzz[A-Za-z0-9]+).*, \1,' | \
		while read -r folder target; do \
			echo "$$target in $$folder"; \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FOR) -fuzzminimizetime 10x "./$$folder" </dev/null || exit 1; \
		done

templates: tools ## after a change below infra: format and lint the templates, write their snapshots; needs the Bicep compiler
	go test -count=1 -timeout 20m ./handlers/dev/suite/deployment -run '^TestTemplatesMatchTheirSnapshots$$' -update

lint: linters ## what CI checks first: format, vet, staticcheck, workflow, scripts, docs/openapi.yaml
	@unformatted=$$(gofmt -l handlers) && { [ -z "$$unformatted" ] || { echo "gofmt -w is needed on:" >&2; echo "$$unformatted" >&2; exit 1; }; }
	go vet ./handlers/...
	go tool staticcheck ./handlers/...
	go tool actionlint
	REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true .local/lint/node_modules/.bin/redocly lint --format=stylish docs/openapi.yaml
	@if command -v shellcheck >/dev/null; then shellcheck .ci/run $$(find infra handlers -name '*.sh'); else \
		echo 'scripts are not checked: shellcheck is not installed, https://www.shellcheck.net' >&2; fi

bench: emulator build ## measure speed and size
	go test -run '^$$' -bench . -benchmem ./handlers/...
	go run ./handlers/dev/cmd/bench

package: tools ## build the zips for Azure: dist/guestlist.zip, and one for each part
	GOOS=linux GOARCH=amd64 go build -ldflags='-s -w' -o .local/package/handler ./handlers/cmd/handler
	go run ./handlers/dev/cmd/package -handler .local/package/handler -o dist/guestlist.zip

# The version of a release: its tag, or what stands for one between releases.
VERSION ?= $(shell git describe --tags --always 2>/dev/null || echo unreleased)

release: package ## build dist with what a release has: the zips, the command for each platform, checksums
	go run ./handlers/dev/cmd/release -version '$(VERSION)' -o dist

clean: ## delete builds and all data of local runs
	rm -rf bin dist .local
