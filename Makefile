# SPDX-License-Identifier: MIT
# Thin: meson builds, the scripts of tests/ test. The targets run and test install what is missing.

LWVMM ?= build/lwvmm
export LWVMM

build: build/build.ninja
	ninja -C build

build/build.ninja:
	@command -v meson > /dev/null || { echo "meson is missing: run 'make deps'" >&2; exit 1; }
	meson setup build

# STREAM as anyone would compile it, on two cores and huge pages of the guest's own.
run: deps
	$(MAKE) build
	@mkdir -p out/run
	gcc -O2 -static -fopenmp -o out/run/stream tests/bench/stream.c
	$(LWVMM) run --cores 0-1 --mem 2G --stats out/run/stream

deps:
	@tools/install-deps.sh build

deps-test:
	@tools/install-deps.sh test lab

test: deps-test
	$(MAKE) build
	tests/all.sh

test-static: build
	tests/static.sh

test-unit: build
	tests/unit.sh

test-fuzz: build
	tests/fuzz.sh

test-kvm: build
	tests/kvm.sh

test-slurm: build
	tests/slurm.sh

# make test-abi T='memory-*': only the cases whose names match.
test-abi: build
	@set -f; tests/kvm.sh abi/$(or $(T),*)

# make test-lab T=PATTERN: only the cases whose names match (docs/howto-lab.md).
test-lab: build
	@set -f; tests/lab/lab.sh $(T)

lab-shell: build
	@tests/lab/lab.sh --shell $(MACHINE)

bench: build
	tests/bench/bench.sh

# The table of docs/linux-abi.md, from the list of system calls and the tests.
docs: build
	tools/syscall_docs.sh $(CURDIR)/build/tests/unit/syscall_table

install: build
	meson install -C build

format:
	git ls-files --cached --others --exclude-standard '*.c' '*.h' | xargs clang-format -i

clean:
	rm -rf build build-san build-fuzz out

.PHONY: build run deps deps-test test test-static test-unit test-fuzz test-kvm test-slurm test-abi test-lab lab-shell bench docs install format clean
