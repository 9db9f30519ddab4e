#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Exit codes, and one line of text, where nothing is asked of a daemon or of a list.
. "$(dirname "$0")/common"

expect 0 'usage: imactl' "$IMACTL" --help
for c in list status verify sync hash; do
	expect 0 "^  $c " "$IMACTL" --help
done
expect 0 '^imactl .' "$IMACTL" --version
expect 2 'no command given' "$IMACTL"
expect 2 "unknown command 'lsit'" "$IMACTL" lsit
expect 2 '^imactl: .*--nope' "$IMACTL" --nope
for c in list status verify sync hash; do
	expect 2 '^imactl: .*--nope' "$IMACTL" $c --nope
	[ "$(wc -l <"$T/err")" = 1 ]
	verdict "$c: one line" $?
done
expect 2 'no file given' "$IMACTL" hash
expect 2 "unknown hash algorithm 'sha257'" "$IMACTL" hash --algo sha257 /dev/null
expect 2 'unexpected argument' "$IMACTL" verify x
expect 2 'exclude each other' "$IMACTL" verify --tcti x --pcrs y
expect 2 'exclude each other' "$IMACTL" list --follow --count
expect 2 'more than one file' "$IMACTL" list a b
expect 2 'takes no arguments' "$IMACTL" sync x
expect 2 'takes no arguments' "$IMACTL" status x

# No daemon.
expect 1 "cannot reach the daemon at $T/control: is imad running?" "$IMACTL" --rundir "$T" sync
expect 1 "cannot reach the daemon at $T/control: is imad running?" "$IMACTL" --rundir "$T" status
expect 1 "cannot read the list '$T/binary_runtime_measurements'" "$IMACTL" --rundir "$T" list
expect 3 "cannot check the list '$T/binary_runtime_measurements'" "$IMACTL" --rundir "$T" verify

# Output that cannot be written, and a name that would steer the terminal.
if [ -c /dev/full ]; then
	expect 1 'cannot write the output' sh -c "exec \"$IMACTL\" --help >/dev/full"
fi
expect 1 "cannot hash 'x\\\\x1b\[2J'" "$IMACTL" hash "$(printf 'x\033[2J')"
done_testing
