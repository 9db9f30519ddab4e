#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# make install: what goes where, and that a configuration in use is left alone.
. "$(dirname "$0")/common"
SBIN=$(dirname "$IMACTL")

# The programs are those under test, so nothing is built here.
install_to() { # DIR [VARIABLE=VALUE]...
	to=$1
	shift
	make -s --old-file=all install O="$(dirname "$SBIN")" DESTDIR="$to" "$@"
}

expect 0 '' install_to "$T/a"
( cd "$T/a" && find . -type f -printf '%m %P\n' | sort -k 2 ) >"$T/files"
cat >"$T/want" <<-END
	644 etc/imad/imad.conf
	644 usr/lib/systemd/system/imad.service
	644 usr/lib/tmpfiles.d/imad.conf
	755 usr/sbin/imactl
	755 usr/sbin/imad
END
same "what is installed" "$T/files" "$T/want"
same "the unit as it is in the tree" "$T/a/usr/lib/systemd/system/imad.service" systemd/imad.service
same "the shipped configuration" "$T/a/etc/imad/imad.conf" imad.conf

echo 'policy = tcb' >"$T/a/etc/imad/imad.conf"
expect 0 '' install_to "$T/a"
expect 0 '^policy = tcb$' cat "$T/a/etc/imad/imad.conf"

expect 0 '' install_to "$T/b" PREFIX=/usr/local SYSCONFDIR=/usr/local/etc UNITDIR=/etc/systemd/system
expect 0 '^ExecStart=/usr/local/sbin/imad$' cat "$T/b/etc/systemd/system/imad.service"
expect 0 '' test -x "$T/b/usr/local/sbin/imad"
expect 0 '' test -f "$T/b/usr/local/etc/imad/imad.conf"
expect 0 '' "$T/b/usr/local/sbin/imactl" --version
done_testing
