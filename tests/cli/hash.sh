#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# imactl hash against coreutils and openssl, for every algorithm that they have.
. "$(dirname "$0")/common"

: >"$T/empty"
printf 'hello\n' >"$T/hello"
head -c 3000001 /dev/zero | tr '\0' 'x' >"$T/large file" # more than two reads

for a in md5 sha1 sha224 sha256 sha384 sha512; do
	for f in empty hello 'large file'; do
		"$IMACTL" hash --algo $a "$T/$f" >"$T/got"
		${a}sum "$T/$f" | sed "s/^/$a:/" >"$T/want"
		same "$a of $f as ${a}sum" "$T/want" "$T/got"
	done
done

# The kernel's name, openssl's name.
for pair in md5:md5 sha1:sha1 sha224:sha224 sha256:sha256 sha384:sha384 sha512:sha512 rmd160:rmd160 sm3:sm3 \
	sha3-256:sha3-256 sha3-384:sha3-384 sha3-512:sha3-512; do
	a=${pair%%:*} o=${pair#*:}
	want=$(openssl dgst "-$o" -r "$T/hello" 2>/dev/null) || continue
	got=$("$IMACTL" hash --algo "$a" "$T/hello") && [ "$got" = "$a:${want%% *}  $T/hello" ]
	verdict "$a as openssl" $?
done

# The default, more than one file, a pipe, and what cannot be read.
"$IMACTL" hash "$T/hello" "$T/empty" >"$T/got"
sha256sum "$T/hello" "$T/empty" | sed 's/^/sha256:/' >"$T/want"
same 'two files' "$T/want" "$T/got"
printf 'hello\n' | "$IMACTL" hash /dev/stdin >"$T/got"
sha256sum <"$T/hello" | sed 's/^/sha256:/; s|-$|/dev/stdin|' >"$T/want"
same 'a pipe' "$T/want" "$T/got"
expect 1 "cannot hash '$T/none': No such file" "$IMACTL" hash "$T/none" "$T/hello"
grep -q "  $T/hello\$" "$T/out"
verdict 'goes on after a file that cannot be read' $?
expect 1 'Is a directory' "$IMACTL" hash "$T"
done_testing
