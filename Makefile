# SPDX-License-Identifier: GPL-2.0-or-later
#
# No configure step: every knob is a variable and `make help` lists the targets.
# CFLAGS, CPPFLAGS, LDFLAGS and LDLIBS belong to whoever runs make; what imad
# itself needs is kept in own_*.

VERSION     ?= $(shell git describe --always --dirty 2>/dev/null || echo unknown)
PREFIX      ?= /usr
SBINDIR     ?= $(PREFIX)/sbin
SYSCONFDIR  ?= /etc
RUNSTATEDIR ?= /run
LOCALSTATEDIR ?= /var
PKG_CONFIG  ?= pkg-config
UNITDIR     ?= $(PREFIX)/lib/systemd/system
TMPFILESDIR ?= $(PREFIX)/lib/tmpfiles.d
CLANG       ?= clang
LLVM_STRIP  ?= llvm-strip
LLVM_OBJDUMP ?= llvm-objdump
BPFTOOL     ?= $(or $(shell command -v bpftool 2>/dev/null),/usr/sbin/bpftool)
INSTALL     ?= install
CFLAGS      ?= -O2 -g

# Each variant builds in a folder of its own, so none needs a clean.
VARIANT ?= release
O       := build/$(VARIANT)
G       := build/bpf

flags_release := -fPIE -fstack-protector-strong -D_FORTIFY_SOURCE=2
link_release  := -pie -Wl,-z,relro,-z,now
flags_asan    := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
link_asan     := -fsanitize=address,undefined

# What each program links. A room that reaches for a library not named for its
# test fails to link: these lines are the architecture, and the linker checks it.
pkgs_imad           := libbpf libcrypto tss2-esys tss2-tctildr tss2-rc tss2-mu libsystemd json-c inih audit
pkgs_imactl         := libcrypto json-c inih tss2-esys tss2-tctildr tss2-rc tss2-mu
pkgs_test_audit     := audit
pkgs_test_checkpoint := libcrypto
pkgs_test_conf      := inih
pkgs_test_critical  := libcrypto
pkgs_test_digest    := libcrypto
pkgs_test_evidence  := libcrypto json-c
pkgs_test_jsontext  := json-c
pkgs_test_evm       := libcrypto
pkgs_test_evm_mac   := libcrypto
pkgs_test_evmkey    := libcrypto json-c tss2-mu
pkgs_test_file      := libcrypto
pkgs_test_file_label := libcrypto
pkgs_test_finder    := libcrypto
pkgs_test_keyring   := libcrypto
pkgs_test_list      := libcrypto
pkgs_test_machinekey := libcrypto json-c tss2-esys tss2-tctildr tss2-rc tss2-mu
pkgs_test_main_evm  := libcrypto json-c tss2-esys tss2-tctildr tss2-rc tss2-mu
pkgs_test_metadata  := libcrypto
pkgs_test_pcr       := libcrypto
pkgs_test_pcrsig    := libcrypto json-c
pkgs_test_pkcs7     := libcrypto
pkgs_test_replay    := libcrypto
pkgs_test_reference := json-c
pkgs_test_trust     := libcrypto
pkgs_test_tpm       := libcrypto tss2-esys tss2-tctildr tss2-rc
pkgs_test_sequencer := libcrypto tss2-esys tss2-tctildr tss2-rc
pkgs_test_sequencer_archive := libcrypto tss2-esys tss2-tctildr tss2-rc
pkgs_test_sequencer_batch := libcrypto tss2-esys tss2-tctildr tss2-rc
pkgs_test_sequencer_batch_faults := libcrypto tss2-esys tss2-tctildr tss2-rc
pkgs_test_sequencer_kexec := libcrypto tss2-esys tss2-tctildr tss2-rc
pkgs_test_sequencer_pipe := libcrypto tss2-esys tss2-tctildr tss2-rc
pkgs_test_sequencer_rate := libcrypto tss2-esys tss2-tctildr tss2-rc
pkgs_test_sequencer_reset := libcrypto tss2-esys tss2-tctildr tss2-rc
pkgs_test_sequencer_trim := libcrypto tss2-esys tss2-tctildr tss2-rc
pkgs_test_sequencer_trim_own := libcrypto tss2-esys tss2-tctildr tss2-rc
pkgs_test_signature := libcrypto
pkgs_test_signature_evmctl := libcrypto
pkgs_test_signature_rate := libcrypto
pkgs_test_store     := libcrypto
pkgs_test_store_banks := libcrypto
pkgs_test_store_left := libcrypto
pkgs_test_store_trim := libcrypto
pkgs_test_server    := libsystemd
pkgs_test_server_fd := libsystemd
pkgs_test_tpmblob   := libcrypto tss2-mu
pkgs_fuzz           := libcrypto inih json-c tss2-mu
libs = $(if $(pkgs_$1),$(shell $(PKG_CONFIG) --libs $(pkgs_$1)))

own_cppflags := -Iinclude -D_GNU_SOURCE -DIMAD_VERSION='"$(VERSION)"' \
	-DIMAD_SYSCONFDIR='"$(SYSCONFDIR)/imad"' -DIMAD_RUNSTATEDIR='"$(RUNSTATEDIR)/imad"' \
	-DIMAD_STATEDIR='"$(LOCALSTATEDIR)/lib/imad"'
own_cflags   := -std=gnu11 -pthread -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wpointer-arith -Wundef -Wvla -Wformat=2 -fvisibility=hidden $(if $(WERROR),-Werror) $(flags_$(VARIANT))

objs     = $(patsubst src/%.c,$O/%.o,$(wildcard src/$1/*.c))
archives = $O/imad.a $O/libimad.a
tests    = $(patsubst tests/unit/%.c,$O/tests/%,$(wildcard tests/unit/test_*.c))
fuzzers  = $(patsubst tests/fuzz/%.c,build/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))

ifneq ($(V),1)
say = @printf '  %-6s %s\n' $1 $@;
endif
into = mkdir -p $(@D) &&

all: $O/sbin/imad $O/sbin/imactl ## build both programs

$O/sbin/imad: $O/imad/main.o $(archives)
$O/sbin/imactl: $(call objs,imactl) $(archives)
$O/sbin/%:
	$(call say,LINK)$(into) $(CC) -pthread $(CFLAGS) $(link_$(VARIANT)) $(LDFLAGS) -o $@ $^ $(call libs,$*) $(LDLIBS)

$O/libimad.a: $(call objs,lib)
$O/imad.a: $(filter-out %/main.o,$(call objs,imad))
$O/%.a:
	$(call say,AR)$(into) rm -f $@ && $(AR) rcs $@ $^

$O/%.o: src/%.c
	$(call say,CC)$(into) $(CC) $(own_cppflags) $(room_cppflags) $(CPPFLAGS) $(CFLAGS) $(own_cflags) -MMD -MP -c -o $@ $<

# Only the hooks room and the guard see a skeleton.
uses_skeleton := $(patsubst %,$O/imad/%.o,hooks hooks_beat hooks_labels hooks_load hooks_pins hooks_programs hooks_ring)
$(uses_skeleton) $O/imad/guard.o: room_cppflags := -isystem $G
$(uses_skeleton): $G/imad.skel.h
$O/imad/guard.o: $G/guard.skel.h

# --- BPF: object -> skeleton. No BTF of the build host: bpf/kernel.h declares what is read.
bpf_arch := $(shell uname -m | sed -e 's/x86_64/x86/' -e 's/aarch64/arm64/' -e 's/ppc64le/powerpc/' -e 's/riscv64/riscv/' -e 's/s390x/s390/')

$G/%.bpf.o: bpf/%.bpf.c
	$(call say,BPF)$(into) $(CLANG) -target bpf -mcpu=v3 -g -O2 -Wall -Wextra -Wno-unused-parameter -Werror \
		-D__TARGET_ARCH_$(bpf_arch) -Iinclude -isystem /usr/include/$(shell uname -m)-linux-gnu \
		-MMD -MP -MF $(@:.o=.d) -c -o $@ $< && $(LLVM_STRIP) -g $@
$G/%.skel.h: $G/%.bpf.o
	$(call say,SKEL)$(BPFTOOL) gen skeleton $< > $@

# --- Tests
$O/tests/unit/%.o: tests/unit/%.c
	$(call say,CC)$(into) $(CC) $(own_cppflags) $(CPPFLAGS) $(CFLAGS) $(own_cflags) -MMD -MP -c -o $@ $<
$O/tests/%: $O/tests/unit/%.o $(archives)
	$(call say,LINK)$(CC) -pthread $(CFLAGS) $(link_$(VARIANT)) $(LDFLAGS) -o $@ $^ $(call libs,$*) -lcmocka $(LDLIBS)
fuzz_cc = $(CLANG) -g -O1 -fsanitize=address,undefined $(own_cppflags)
build/fuzz/lib/%.o: src/lib/%.c
	$(call say,CC)$(into) $(fuzz_cc) -fsanitize=fuzzer-no-link -MMD -MP -c -o $@ $<
build/fuzz/lib.a: $(patsubst src/lib/%.c,build/fuzz/lib/%.o,$(wildcard src/lib/*.c))
	$(call say,AR)rm -f $@ && $(AR) rcs $@ $^
build/fuzz/%: tests/fuzz/%.c build/fuzz/lib.a tests/fuzz/fuzz.h
	$(call say,FUZZ)$(into) $(fuzz_cc) -fsanitize=fuzzer -o $@ $(filter %.c %.a,$^) $(call libs,fuzz)
build/fuzz/fuzz_label: src/imad/finder.c # it asks nothing of the kernel but what fs-verity says, and that of no file

.PHONY: all check lint asan fuzz vmtest test demo install clean help
check: all $(tests) lint ## unit tests, imactl, install, lint; needs no root, no BPF, no TPM device
	@IMACTL=$O/sbin/imactl tests/run $(tests) $(wildcard tests/cli/*.sh)
lint: $G/imad.bpf.o $G/guard.bpf.o ## conventions that a compiler does not check, and the stack of the BPF programs
	@tests/lint
	@LLVM_OBJDUMP=$(LLVM_OBJDUMP) tests/frames $^
asan: ## the same tests under address and undefined-behaviour sanitizers
	$(MAKE) VARIANT=asan check
fuzz: $(fuzzers:build/fuzz/fuzz_%=run_fuzz_%) ## every fuzzer for FUZZ_SECONDS (10) on its seed corpus
	@echo "$(words $^) passed, 0 failed, 0 skipped"
run_fuzz_%: build/fuzz/fuzz_%
	@mkdir -p build/corpus/$*
	@$< -max_total_time=$(or $(FUZZ_SECONDS),10) -print_final_stats=0 build/corpus/$* tests/fuzz/corpus/$*
vmtest: all ## boot real kernels in qemu and run vmtest/*.sh there
	$(MAKE) -C vmtest SBIN=$(abspath $O/sbin)
test: ## everything: installs what is missing (as root), builds, runs all tests
	@tests/setup
	@tests/all
demo: ## measure, change, verify against a TPM: on this machine where it can, else in one booted for it
	@tests/setup
	@$(MAKE) -s all
	@vmtest/demo $(abspath $O/sbin)

# --- Install
install: all ## honours DESTDIR, PREFIX, SBINDIR, SYSCONFDIR, UNITDIR, TMPFILESDIR
	$(INSTALL) -D -m 0755 -t $(DESTDIR)$(SBINDIR) $O/sbin/imad $O/sbin/imactl
	sed 's|=/usr/sbin/|=$(SBINDIR)/|' systemd/imad.service > $O/imad.service
	$(INSTALL) -D -m 0644 -t $(DESTDIR)$(UNITDIR) $O/imad.service
	$(INSTALL) -D -m 0644 systemd/imad.tmpfiles $(DESTDIR)$(TMPFILESDIR)/imad.conf
	test -e $(DESTDIR)$(SYSCONFDIR)/imad/imad.conf || \
		$(INSTALL) -D -m 0644 -t $(DESTDIR)$(SYSCONFDIR)/imad imad.conf

clean: ## remove what was built; downloads under build/cache stay
	rm -rf build/release build/asan build/bpf build/fuzz build/corpus
help: ## this list
	@sed -n 's/^\([a-z][a-z -]*\):.*## /\1: /p' $(MAKEFILE_LIST)

.DELETE_ON_ERROR:
.SECONDARY:
-include $(shell find build -name '*.d' -not -path 'build/cache/*' -not -path 'build/vm/*' 2>/dev/null)
