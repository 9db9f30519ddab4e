#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# imactl label against coreutils, getfattr and evmctl. Needs a filesystem and a user that may set security.ima.
. "$(dirname "$0")/common"

: >"$T/probe"
if ! setfattr -n security.ima -v 0x0404 "$T/probe" 2>/dev/null; then
	echo "[  SKIPPED ] security.ima cannot be set here"
	exit 77
fi
label_of() { getfattr --absolute-names --only-values -n security.ima "$1" 2>/dev/null | od -An -v -tx1 | tr -d ' \n'; }
# holds PREFIX PROGRAM FILE: the label is the prefix and the digest that the program finds.
holds() {
	want=$1$($2 <"$3" | cut -d' ' -f1)
	[ "$(label_of "$3")" = "$want" ]
	verdict "label of ${3#"$T/"} is $2's" $?
}

mkdir -p "$T/tree/a/b" "$T/elsewhere"
: >"$T/tree/empty"
echo one >"$T/tree/a/one"
printf 'x%.0s' $(seq 1000) >"$T/tree/a/b/name with blank"
head -c 700001 /dev/zero >"$T/tree/large"
echo outside >"$T/elsewhere/file"
ln -s "$T/elsewhere" "$T/tree/link"
ln -s "$T/elsewhere/file" "$T/tree/a/link"
mkfifo "$T/tree/fifo"

expect 0 'would be: 4 labelled, 0 right already, 0 signed, 0 kept, 0 failed' "$IMACTL" label --dry-run "$T/tree"
[ -z "$(label_of "$T/tree/a/one")" ]
verdict 'a dry run sets none' $?
expect 0 '^4 labelled, 0 right already, 0 signed, 0 kept, 0 failed' "$IMACTL" label --jobs 3 "$T/tree"
for f in empty a/one 'a/b/name with blank' large; do holds 0404 sha256sum "$T/tree/$f"; done
[ -z "$(label_of "$T/elsewhere/file")" ]
verdict 'no link is followed' $?
expect 0 '^0 labelled, 4 right already' "$IMACTL" label "$T/tree"
evmctl ima_hash -a sha256 "$T/tree/a/one" >/dev/null 2>&1 || :
expect 0 '^0 labelled, 4 right already' "$IMACTL" label "$T/tree"

# What changed, another algorithm, signatures.
echo two >>"$T/tree/a/one"
expect 0 '^0 labelled, 0 right already, 0 signed, 4 kept' "$IMACTL" label --only-missing "$T/tree"
expect 0 '^1 labelled, 3 right already' "$IMACTL" label "$T/tree"
holds 0404 sha256sum "$T/tree/a/one"
expect 0 '^1 labelled' "$IMACTL" label --algo sha512 "$T/tree/large"
holds 0406 sha512sum "$T/tree/large"
expect 0 '^1 labelled' "$IMACTL" label --algo sha1 "$T/tree/large"
holds 01 sha1sum "$T/tree/large"
setfattr -n security.ima -v 0x03020400000000000411223344 "$T/tree/large"
expect 0 '^0 labelled, 3 right already, 1 signed' "$IMACTL" label "$T/tree"
expect 0 '"labelled":1,"right":3,"signed":0,"kept":0,"failed":0,' "$IMACTL" label --force --json "$T/tree"
holds 0404 sha256sum "$T/tree/large"
expect 0 '^1 labelled' "$IMACTL" label "$T/tree/a/link"
holds 0404 sha256sum "$T/elsewhere/file"

# What cannot be done is told, and the rest is done.
echo new >"$T/tree/a/new"
expect 1 "cannot label '$T/none': No such file" "$IMACTL" label "$T/none" "$T/tree"
holds 0404 sha256sum "$T/tree/a/new"
expect 1 "cannot label '/proc/version'" "$IMACTL" label /proc/version
expect 2 'no file or folder given' "$IMACTL" label
expect 2 "unknown hash algorithm 'rot13'" "$IMACTL" label --algo rot13 "$T"
expect 2 'a number from 1 to 64' "$IMACTL" label --jobs 0 "$T"

# Of each its own cause, whatever its name, and the rest is done all the same.
mkdir "$T/odd" "$T/odd/closed"
nl=$(printf 'new\nline') latin=$(printf 'latin\377') bell=$(printf 'bell\033[2J')
for f in "$nl" "$latin" "$bell" closed/one; do echo x >"$T/odd/$f"; done
mkfifo "$T/odd/fifo"
mknod "$T/odd/null" c 1 3 2>/dev/null || :
ln -s loop "$T/odd/loop"
python3 -c "import os, socket; os.chdir('$T/odd'); socket.socket(socket.AF_UNIX).bind('socket')"
expect 0 '^4 labelled, 0 right already, 0 signed, 0 kept, 0 failed' "$IMACTL" label "$T/odd"
holds 0404 sha256sum "$T/odd/$latin"
expect 1 "cannot label '$T/odd/fifo': neither a regular file nor a folder" "$IMACTL" label "$T/odd/fifo"
expect 1 "cannot label '$T/odd/loop': Too many levels of symbolic links" "$IMACTL" label "$T/odd/loop"
if chattr +i "$T/odd/$nl" "$T/odd/$latin" "$T/odd/$bell" 2>/dev/null; then
	expect 1 '^1 labelled, 0 right already, 0 signed, 0 kept, 3 failed' "$IMACTL" label --algo sha512 "$T/odd"
	for name in 'new\\x0aline' 'latin\\xff' 'bell\\x1b\[2J'; do
		grep -qx "imactl: cannot label '$T/odd/$name': Operation not permitted" "$T/err"
		verdict "one line tells of $name" $?
	done
	expect 1 '"labelled":0,"right":1,"signed":0,"kept":0,"failed":3,' "$IMACTL" label --algo sha512 --json "$T/odd"
	python3 -c "import json, sys; json.load(open('$T/out'))"
	verdict 'it is JSON' $?
	chattr -i "$T/odd/$nl" "$T/odd/$latin" "$T/odd/$bell"
fi
chmod 755 "$T" "$T/odd"
chmod 700 "$T/odd/closed"
cp "$IMACTL" "$T/imactl" # where it lies may be closed, too
expect 1 "cannot label '$T/odd/closed': Permission denied" \
	setpriv --reuid=65534 --regid=65534 --clear-groups "$T/imactl" label "$T/odd"

# Files that come and go meanwhile are no reason to end, and what stays is labelled.
mkdir "$T/going" && echo x >"$T/going/stays"
(i=0; while :; do i=$((i + 1)); echo $i >"$T/going/$i"; rm -f "$T/going/$((i - 20))"; done) &
going=$!
for i in 1 2 3 4 5 6 7 8 9 10; do
	"$IMACTL" label "$T/going" >"$T/out" 2>"$T/err" || :
	grep -v "No such file or directory\|it changes while it is read" "$T/err" >>"$T/others"
done
kill $going
wait $going 2>/dev/null
[ ! -s "$T/others" ]
verdict 'files that vanish' $?
holds 0404 sha256sum "$T/going/stays"

# A file that never holds still gets no label that counts as done.
truncate -s 256M "$T/busy"
(while :; do echo x >>"$T/busy"; done) &
writer=$!
sleep 0.1
for i in 1 2 3 4 5; do # a busy host may let the writer wait for all that long
	"$IMACTL" label "$T/busy" >"$T/out" 2>"$T/err"
	rc=$?
	[ "$rc" = 0 ] || break
done
kill "$writer"
wait "$writer" 2>/dev/null
[ "$rc" = 1 ] && grep -q 'it changes while it is read' "$T/err"
verdict 'a file that changes while it is read' $?
rm "$T/busy"

# Trees of all shapes, by more threads than there are folders, and fewer; find counts what is there.
mkdir "$T/flat" "$T/wide" "$T/deep"
(cd "$T/flat" && seq 3000 | xargs touch && ln -s 1 link && mkfifo fifo)
(cd "$T/wide" && seq 2000 | sed 's|$|/below|' | xargs mkdir -p && for d in 7 70 700; do echo x >$d/below/file; done)
python3 - "$T/deep" <<-'END'
	import os, sys
	os.chdir(sys.argv[1])
	for i in range(40):
	    open("file", "w").close()
	    os.mkdir("d" * 120)
	    os.chdir("d" * 120)
END
for jobs in 1 3 16; do
	expect 0 '^3003 labelled, 0 right already, 0 signed, 0 kept, 0 failed' "$IMACTL" label --force --jobs $jobs "$T/flat" "$T/wide"
	setfattr -x security.ima "$T"/flat/[0-9]* "$T"/wide/*/below/file
done
# What lies deeper than a path can be long is told; all above is labelled.
expect 1 'failed' "$IMACTL" label "$T/deep"
grep -qx "imactl: cannot label '$T/deep/d*\(/d*\)*': File name too long" "$T/err" && [ "$(wc -l <"$T/err")" = 1 ]
verdict 'a path that is too long' $?

# Many files, and stopped on the way: what is done is done, the next run does the rest.
mkdir "$T/many"
(cd "$T/many" && for d in 1 2 3 4 5 6 7 8 9; do mkdir $d && for f in $(seq 300); do echo "$d $f" >$d/$f; done; done)
"$IMACTL" label --jobs 1 "$T/many" >"$T/out" 2>&1 &
kill -INT $! 2>/dev/null
wait $!
expect 0 ' 0 failed$' "$IMACTL" label "$T/many"
expect 0 '^0 labelled, 2700 right already' "$IMACTL" label "$T/many"
done_testing
