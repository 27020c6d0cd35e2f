# nnrun: build, test, install. `make help` lists the targets.
#
# Everything made goes to $(BUILD): build/, or build/asan and build/tsan for the flavours, which are the
# same makefile called again. Generated there, never checked in: the lexer (re2c), the parser (lemon) and
# the standard library as bytes.
#
# The files of src/ops are compiled several times: once for their rules (shapes, gradients) and once for
# each instruction set, as kernels; the best one for the machine is chosen when the program starts.

ifeq ($(MAKELEVEL)$(filter -j% --jobserver%,$(MAKEFLAGS)),0)
MAKEFLAGS += -j$(shell nproc 2>/dev/null || echo 2)
endif
MAKEFLAGS += --no-builtin-rules

BUILD   := build
FLAVOUR :=
PREFIX  := /usr/local
DESTDIR :=

ifeq ($(origin CC),default)
CC := gcc
endif

WARN     := -Wall -Wextra -Wshadow
OPTIMIZE := -O2
KERNEL   := -O3
DEBUG    := -g1
ifeq ($(FLAVOUR),asan)
OPTIMIZE := -O1
KERNEL   := -O2
DEBUG    := -g -fno-omit-frame-pointer
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=undefined
else ifeq ($(FLAVOUR),tsan)
OPTIMIZE := -O1
KERNEL   := -O2
DEBUG    := -g -fno-omit-frame-pointer
SANITIZE := -fsanitize=thread
endif

# `make V=1` shows the commands, otherwise what they make.
V       :=
say      = $(if $(V),,@echo '  $(1)';)

# Generated code has its own habits.
QUIET    := -Wno-unused-variable -Wno-unused-but-set-variable -Wno-unused-parameter

# Never -ffast-math: it breaks NaN checks and makes sums depend on the compiler's mood.
CFLAGS   ?=
ALL_C     = -std=gnu11 $(OPTIMIZE) $(DEBUG) $(WARN) -fno-math-errno -fno-trapping-math \
            -pthread $(SANITIZE) -Isrc -I$(BUILD)/gen $(CFLAGS)
ALL_LD    = -pthread $(SANITIZE) -Wl,--as-needed $(LDFLAGS)
LIBS      = -lopenblas -lz -lcrypto -lcurl -ledit -ldl -lm
DEPS      = -MMD -MP -MF $(@:.o=.d)

ISAS := portable
ifneq (,$(filter x86_64 amd64,$(shell uname -m)))
ISAS += avx2 avx512
MARCH_portable := -march=x86-64-v2
MARCH_avx2     := -march=x86-64-v3
MARCH_avx512   := -march=x86-64-v4
endif

SOURCES  := $(sort $(wildcard src/*.c src/*/*.c))
OPS      := $(patsubst src/ops/%.c,%,$(filter-out src/ops/blas.c,$(filter src/ops/%,$(SOURCES))))
PLAIN    := $(filter-out $(OPS:%=src/ops/%.c),$(SOURCES))
STDLIB   := $(sort $(wildcard stdlib/*.nn))
PAGES    := src/base/errors.md src/ir/ops.md src/eval/builtins.md src/syntax/words.md
GRAMMAR  := $(patsubst grammar/%,%,$(wildcard grammar/nn.re grammar/nn.y))
GEN_OBJ  := $(BUILD)/gen/stdlib.o $(BUILD)/gen/pages.o $(if $(filter nn.re,$(GRAMMAR)),$(BUILD)/gen/lexer.o) \
            $(if $(filter nn.y,$(GRAMMAR)),$(BUILD)/gen/nn.o)
OBJ      := $(PLAIN:src/%.c=$(BUILD)/%.o) $(OPS:%=$(BUILD)/ops/%.rules.o) \
            $(foreach isa,$(ISAS),$(OPS:%=$(BUILD)/ops/%.$(isa).o)) $(GEN_OBJ)

# A suite is a file tests/unit/<area>_<what>.c that exports suite_<area>_<what>; other files there are support.
UNITS    := $(sort $(wildcard tests/unit/*.c))
SUITES   := $(basename $(notdir $(if $(UNITS),$(shell grep -l '^void suite_' $(UNITS)))))
UNIT_OBJ := $(UNITS:tests/unit/%.c=$(BUILD)/tests/unit.o/%.o) $(BUILD)/tests/unit.o/suites.o

# make bench PEERS=/path of an environment that has them; ONLY=words of rows; QUICK=1.
PEERS    :=
ONLY     :=
QUICK    :=

.PHONY: build run test accept bench clean install help asan tsan goldens FORCE
.DEFAULT_GOAL := build
.DELETE_ON_ERROR:
.SECONDARY:

build: $(BUILD)/nnrun

run: build
	$(BUILD)/nnrun models/mnist_deep.nn

test: build $(BUILD)/tests/unit
	@BUILD=$(BUILD) FLAVOUR=$(FLAVOUR) tests/run

accept: build
	BUILD=$(BUILD) tests/accept

bench: build
	NNRUN=$(abspath $(BUILD)/nnrun) python3 tests/bench/bench.py --peers "$(PEERS)" --only "$(ONLY)" \
	    $(if $(QUICK),--quick)

goldens: build
	BUILD=$(BUILD) tests/run --accept-goldens

asan tsan:
	@$(MAKE) --no-print-directory FLAVOUR=$@ BUILD=build/$@ test

clean:
	rm -rf build

install: build
	install -D -m 755 $(BUILD)/nnrun $(DESTDIR)$(PREFIX)/bin/nnrun
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/nnrun/models models/*.nn

help:
	@echo 'make [build]     build/nnrun'
	@echo 'make run         build, then train the deep network of models/mnist_deep.nn'
	@echo 'make test        unit tests, golden programs, include ranks; ends "N passed, N failed"'
	@echo 'make accept      the long proof: full trainings held to their accuracy bands'
	@echo 'make bench       times beside PyTorch and TensorFlow (tests/bench/README.md); QUICK=1 ONLY=word PEERS=folder'
	@echo 'make asan        build and test with AddressSanitizer and UBSan, in build/asan'
	@echo 'make tsan        build and test with ThreadSanitizer, in build/tsan'
	@echo 'make goldens     rewrite the expected texts of tests/errors and tests/dump, for review'
	@echo 'make install     PREFIX=/usr/local, DESTDIR= are respected'
	@echo 'make clean       removes build/'
	@echo 'V=1 shows the commands; CC= and CFLAGS= are respected'

# ---- what must be installed: checked once, installed where that is possible

PACKAGES := build/packages.checked

$(PACKAGES): .ci/packages
	@CC=$(CC) .ci/packages
	@mkdir -p $(@D) && touch $@

# ---- generated sources

$(BUILD)/gen/lexer.c: grammar/nn.re | $(PACKAGES)
	@mkdir -p $(@D)
	$(call say,RE2C  $@)re2c -W -i -o $@ $<

# lemon's exit status is not 0 when there are conflicts.
$(BUILD)/gen/nn.c: grammar/nn.y | $(PACKAGES)
	@mkdir -p $(@D)
	$(call say,LEMON $@)lemon -c -q -l -d$(@D) $<
$(BUILD)/gen/nn.h: $(BUILD)/gen/nn.c ;

# Every file as an array of bytes with a NUL behind it; a list ends with an empty entry.
define embed
{ echo '#include "session/embedded.h"'; i=0; list=; \
for f in $(2); do \
    echo "static const char text_$$i[] = {"; \
    od -An -v -td1 $$f | sed 's/-*[0-9][0-9]*/&,/g'; \
    echo "0};"; \
    list="$$list {\"$$f\", text_$$i, sizeof text_$$i - 1},"; \
    i=$$((i + 1)); \
done; \
echo "const struct embedded_file $(1)[] = {$$list {0, 0, 0}};"; \
echo "const int n_$(1) = $$i;"; }
endef

$(BUILD)/gen/stdlib.c: $(STDLIB) $(wildcard stdlib) Makefile | $(PACKAGES)
	@mkdir -p $(@D)
	@$(call embed,embedded_stdlib,$(STDLIB)) > $@

$(BUILD)/gen/pages.c: $(PAGES) Makefile | $(PACKAGES)
	@mkdir -p $(@D)
	@$(call embed,embedded_pages,$(PAGES)) > $@

# ---- objects

GENERATED := $(if $(filter nn.y,$(GRAMMAR)),$(BUILD)/gen/nn.h)

$(BUILD)/gen/%.o: $(BUILD)/gen/%.c Makefile | $(GENERATED) $(PACKAGES)
	$(call say,CC    $@)$(CC) $(ALL_C) $(QUIET) $(DEPS) -c -o $@ $<

$(BUILD)/ops/blas.o: src/ops/blas.c Makefile | $(PACKAGES)
	@mkdir -p $(@D)
	$(call say,CC    $@)$(CC) $(ALL_C) $(DEPS) -c -o $@ $<

$(BUILD)/ops/%.rules.o: src/ops/%.c Makefile | $(PACKAGES)
	@mkdir -p $(@D)
	$(call say,CC    $@)$(CC) $(ALL_C) -DOPS_RULES $(DEPS) -c -o $@ $<

define kernel_rule
$(BUILD)/ops/%.$(1).o: src/ops/%.c Makefile | $(PACKAGES)
	@mkdir -p $$(@D)
	$$(call say,CC    $$@)$(CC) $$(ALL_C) $(KERNEL) -DOPS_KERNELS -DISA=$(1) $(MARCH_$(1)) $$(DEPS) -c -o $$@ $$<
endef
$(foreach isa,$(ISAS),$(eval $(call kernel_rule,$(isa))))

# Their loops over elements become vector code at that level only.
$(BUILD)/data/dataset.o $(BUILD)/tensor/tensor.o: OPTIMIZE := $(KERNEL)

$(BUILD)/%.o: src/%.c Makefile | $(GENERATED) $(PACKAGES)
	@mkdir -p $(@D)
	$(call say,CC    $@)$(CC) $(ALL_C) $(DEPS) -c -o $@ $<

# The list of objects: when a source file goes, what was linked with it is linked again.
$(BUILD)/objects: FORCE
	@mkdir -p $(@D)
	@echo $(OBJ) | cmp -s - $@ || echo $(OBJ) > $@

$(BUILD)/nnrun: $(OBJ) $(BUILD)/objects
	$(call say,LINK  $@)$(CC) $(ALL_LD) -o $@ $(OBJ) $(LIBS)

# ---- unit tests

$(BUILD)/tests/unit.o/suites.c: $(UNITS) $(wildcard tests/unit) Makefile
	@mkdir -p $(@D)
	@{ echo '#include "unit.h"'; \
	for s in $(SUITES); do echo "void suite_$$s(void);"; done; \
	echo 'const struct unit_suite unit_suites[] = {'; \
	for s in $(SUITES); do echo "    {\"$$s\", suite_$$s},"; done; \
	echo '    {0, 0}};'; } > $@

$(BUILD)/tests/unit.o/suites.o: $(BUILD)/tests/unit.o/suites.c | $(PACKAGES)
	$(call say,CC    $@)$(CC) $(ALL_C) -Itests/unit $(DEPS) -c -o $@ $<

$(BUILD)/tests/unit.o/%.o: tests/unit/%.c Makefile | $(GENERATED) $(PACKAGES)
	@mkdir -p $(@D)
	$(call say,CC    $@)$(CC) $(ALL_C) -Itests/unit $(DEPS) -c -o $@ $<

$(BUILD)/tests/unit: $(filter-out $(BUILD)/main.o,$(OBJ)) $(UNIT_OBJ) $(BUILD)/objects
	$(call say,LINK  $@)$(CC) $(ALL_LD) -o $@ $(filter-out $(BUILD)/main.o,$(OBJ)) $(UNIT_OBJ) -lcunit $(LIBS)

-include $(wildcard $(BUILD)/*.d $(BUILD)/*/*.d $(BUILD)/tests/unit.o/*.d)
