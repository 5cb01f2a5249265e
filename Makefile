# The front door.  `make` builds the release into build/, `make help` lists the rest.
# CMakeLists.txt knows the sources; this file knows the commands.

BUILD ?= build
JOBS  ?= $(shell nproc)
CMAKE := cmake -S . -DCMAKE_EXPORT_COMPILE_COMMANDS=ON

.PHONY: all quiet help deps demo test check fuzz layers docs format bench bench-peers install clean

WITHOUT_MAKE := env -u MAKELEVEL -u MAKEFLAGS -u MFLAGS # the build is no part of this make
all: deps
	@$(CMAKE) -B $(BUILD) >/dev/null
	@$(WITHOUT_MAKE) cmake --build $(BUILD) -j $(JOBS)

# The same without a word, unless it fails.
quiet: deps
	@mkdir -p $(BUILD)
	@echo "building; what the compiler says goes to $(BUILD)/build.log"
	@{ $(CMAKE) -B $(BUILD) && $(WITHOUT_MAKE) cmake --build $(BUILD) -j $(JOBS); } \
	    >$(BUILD)/build.log 2>&1 || { cat $(BUILD)/build.log; exit 1; }

help:
	@echo "make          the release, in build/ (program: build/octavo)"
	@echo "make demo     the whole walk on the bundled model, in under three minutes"
	@echo "make test     all tests that need Debian packages only"
	@echo "make check    the longer ones: other compilers, linters, judges from PyPI, fuzzing"
	@echo "make bench    speed; make bench-peers: beside ONNX Runtime and others"
	@echo "make fuzz     fuzz every parser for FUZZ_SECONDS each (default 60)"
	@echo "make install  into DESTDIR/PREFIX (default /usr/local)"
	@echo "make docs     the tables of docs/ that come from the code"
	@echo "make format   clang-format every source"

deps:
	@scripts/deps build

demo: quiet
	@scripts/demo $(BUILD)/octavo

# Release, then ASan+UBSan, then a short TSan run of what has threads; ctest's summary comes last.
test:
	@scripts/deps test
	@scripts/test $(BUILD) $(JOBS)

check:
	@scripts/deps check
	@scripts/check $(BUILD) $(JOBS)

fuzz:
	@scripts/deps check
	@scripts/fuzz $(BUILD) $(JOBS)

layers:
	@scripts/layers

docs: all
	@scripts/docs $(BUILD)/octavo write

format:
	@git ls-files '*.c' '*.h' | xargs clang-format -i

bench: all
	@bench/run $(BUILD)

bench-peers: all
	@bench/peers/run $(BUILD)

install: all
	@cmake --install $(BUILD) --prefix $(or $(PREFIX),/usr/local)

clean:
	rm -rf $(BUILD)
