# make all | install [DESTDIR= PREFIX=] | demo | test | fuzz | clean. As root: demo and test install what they need.
PREFIX ?= /usr
DESTDIR ?=
PYTHON ?= /usr/bin/python3
SYSCONFDIR ?= /etc
MULTIARCH ?= $(shell $(CC) -print-multiarch 2>/dev/null || dpkg-architecture -qDEB_HOST_MULTIARCH)
SECURITYDIR ?= $(if $(MULTIARCH),/usr/lib/$(MULTIARCH)/security)
# compiled into the module (shims/pam/start.c)
LIBDIR = /usr/lib/pam-mktemp
FUZZ_SECONDS ?= 60

CC = gcc
# _FORTIFY_SOURCE is undefined first: some compilers set one of their own.
CFLAGS = -std=gnu11 -Ishims -O2 -g -fPIC -fvisibility=hidden -Wall -Wextra -Werror -Wconversion -Wformat-security \
    -Wno-unused-parameter -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
LDFLAGS = -Wl,-z,relro,-z,now,-z,defs
ifneq ($(filter s390x%,$(shell $(CC) -dumpmachine)),)
$(error clone(2) takes its arguments in another order on s390x: see shims/pam/start.c)
endif
OBJECTS = $(patsubst %.c,build/%.o,$(wildcard shims/plan/*.c shims/pam/*.c))
MODULE = build/pam_mktemp_py.so
LAUNCH_SOURCES = $(wildcard shims/plan/*.c shims/launch/*.c) shims/pam/say.c
LAUNCH_OBJECTS = $(patsubst %.c,build/%.o,$(LAUNCH_SOURCES))
# A libc that is there at once: glibc asks the processor some sixty questions at each start, of which a virtual machine
# has to answer each (0.5 ms in all). What musl has no names for are the kernel's own calls.
MUSL = musl-gcc -idirafter /usr/include -idirafter /usr/include/$(MULTIARCH) -include sys/stat.h \
    -include linux/mount.h -include linux/stat.h -include sys/syscall.h \
    $(foreach call,open_tree move_mount mount_setattr statx,'-D$(call)(...)=(int)syscall(SYS_$(call), __VA_ARGS__)')
LAUNCH = build/pam-mktemp-launch
SHIM = build/pam-mktemp-shim
MANUAL = $(addprefix build/manual/,pam-mktemp.1 pam-mktemp-launch.1 pam_mktemp_py.8 pam_mktemp.toml.5) \
    $(addprefix build/completion/,pam-mktemp.bash _pam-mktemp pam-mktemp.fish)
FUZZERS = $(patsubst %.c,build/%,$(wildcard tests/fuzz/*.c))

# What is made takes its name when it is whole: two installations may run at once.
.PHONY: all manual install demo test fuzz clean
all: $(MODULE) $(LAUNCH) $(SHIM) manual
manual: $(MANUAL)

# In one piece with its constants: two mappings and a page fault less for each login.
$(MODULE): $(OBJECTS)
	$(CC) -shared $(CFLAGS) $(LDFLAGS) -Wl,-z,noseparate-code -o $@.$$$$ $^ -lpam && mv -f $@.$$$$ $@

$(LAUNCH): $(LAUNCH_OBJECTS)
	$(CC) -pie $(CFLAGS) $(LDFLAGS) -o $@.$$$$ $^ && mv -f $@.$$$$ $@

# The same for whoever starts a command through it, and behind the name of each program, which it makes start later:
# static and at a fixed address. It has no more rights than who starts it. What root may ask it about accounts it
# leaves to the other one, which knows all directory services.
STATIC = $(filter-out -fPIC,$(CFLAGS)) -DACCOUNTS='"$(LIBDIR)-launch"' -static -no-pie -Wl,-z,relro,-z,noseparate-code
$(SHIM): $(LAUNCH_OBJECTS)
	@{ $(MUSL) $(STATIC) -o $@.$$$$ $(LAUNCH_SOURCES) || \
	    { echo '$@: musl-gcc cannot make it (apt-get install musl-tools?): with glibc it starts later'; \
	    $(CC) $(STATIC) -o $@.$$$$ $(LAUNCH_SOURCES); }; } 2>$@.log || { cat $@.log; exit 1; }; mv -f $@.$$$$ $@

build/shims/launch/%.o: CFLAGS += -DACCOUNTS='""'
build/shims/%.o: shims/%.c Makefile
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -MMD -MF $(@:.o=.d) -MT $@ -c -o $@.$$$$ $< && mv -f $@.$$$$ $@

-include $(sort $(OBJECTS:.o=.d) $(LAUNCH_OBJECTS:.o=.d))

# From the help texts of the command, with the distribution's click.
$(MANUAL) &: $(wildcard contrib/manual/* contrib/manual/pages/*) CHANGELOG.md $(shell find pam_mktemp_py -name '*.py')
	@$(PYTHON) -I -c 'import click' || { echo 'the manual needs click: apt-get install python3-click' >&2; exit 1; }
	@mkdir -p build/manual build/completion
	@new=build/manual.$$$$; $(PYTHON) -I contrib/manual/build $$new && touch $$new/*/* && \
	    mv -f $$new/manual/* build/manual && mv -f $$new/completion/* build/completion; \
	    status=$$?; rm -rf $$new; exit $$status

install: all
	DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' SECURITYDIR='$(SECURITYDIR)' SYSCONFDIR='$(SYSCONFDIR)' \
	    LIBDIR='$(LIBDIR)' PYTHON='$(PYTHON)' $(PYTHON) -I contrib/setup/install

demo:
	contrib/setup/machine demo
	@$(MAKE) -s all
	tests/sandbox/enter /usr/bin/python3 contrib/demo/demo.py

test:
	contrib/setup/machine test
	@$(MAKE) -s all
	tests/sandbox/enter /usr/bin/python3 contrib/demo/demo.py > build/demo.log || { cat build/demo.log; exit 1; }
	$(MAKE) -s fuzz > build/fuzz.log 2>&1 || { tail -n 40 build/fuzz.log; exit 1; }
	PAM_MKTEMP_MUST_WORK=1 build/venv/bin/tox run -e fast,real

build/tests/fuzz/%: tests/fuzz/%.c $(wildcard shims/plan/*.[ch])
	@mkdir -p $(@D)
	clang -g -O1 -std=gnu11 -D_GNU_SOURCE -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
	    -Ishims -o $@ $< $(wildcard shims/plan/*.c)

fuzz: $(FUZZERS)
	@mkdir -p build/corpus
	for fuzzer in $(FUZZERS); do \
	    $$fuzzer -max_total_time=$(FUZZ_SECONDS) -max_len=20000 -print_final_stats=1 \
	        -dict=tests/fuzz/plan.dict build/corpus \
	        $(wildcard tests/fuzz/corpus) || exit 1; \
	done

clean:
	rm -rf build .tox *.egg-info
