#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# imactl sign --evm and check --evm against evmctl, both ways. Needs a filesystem and a user that may set security.evm.
. "$(dirname "$0")/common"

: >"$T/probe"
if ! setfattr -n security.evm -v 0x0502 "$T/probe" 2>/dev/null; then
	echo "[  SKIPPED ] security.evm cannot be set here"
	exit 77
fi
mkdir "$T/keys"
for k in good other; do
	openssl req -x509 -newkey rsa:2048 -nodes -keyout "$T/$k.key" -subj "/CN=$k" -outform DER -out "$T/$k.der" 2>/dev/null
done
cp "$T/good.der" "$T/keys"
: >"$T/conf"
F="$T/file"
sign() { "$IMACTL" sign --evm --key "$T/good.key" "$@"; }
check() { "$IMACTL" check --config "$T/conf" --dir "$T/keys" "$@"; }
evm() { evmctl "$@" >"$T/evmctl" 2>&1; }
# The UUID by the ioctl that all filesystems have since 6.9: evmctl asks blkid, which needs the device.
uuid=$(python3 -c '
import fcntl, os, sys, uuid
b = bytearray(17)
fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x80111500, b)
print(uuid.UUID(bytes=bytes(b[1:])))' "$T/probe" 2>/dev/null)
fresh() {
	rm -f "$F"
	echo content >"$F"
	chmod 640 "$F"
	chown 1000:1001 "$F"
	"$IMACTL" label "$F" >/dev/null
}
state() { check --evm "$F" | sed -n '1s/^[^:]*: \([^:]*\): .*evm \([a-z_]*\).*/\1 \2/p'; } # CAUSE STATUS
is() { # WHAT CAUSE STATUS
	got=$(state)
	[ "$got" = "$2 $3" ]
	verdict "$1: $2, $3" $? || echo "  $got"
}

# evmctl takes ours, we take evmctl's, and by RSA they are the same bytes.
value() { getfattr --absolute-names --only-values -n security.evm "$F" | od -An -v -tx1 | tr -d ' \n'; }
put() { setfattr -n security.evm -v "$1" "$F"; }
for a in sha1 sha256 sha512; do
	for p in --portable ''; do
		[ -n "$p" ] || [ -n "$uuid" ] || continue
		fresh
		expect 0 '^1 signed, 0 right already' sign $p --algo $a "$F"
		ours=$(value)
		evm verify ${uuid:+--uuid=$uuid} --key "$T/good.der" "$F"
		verdict "evmctl verifies $a $p" $? || cat "$T/evmctl"
		expect 0 '^0 signed, 1 right already' sign $p --algo $a "$F"
		setfattr -x security.evm "$F"
		evm sign $p ${uuid:+--uuid=$uuid} -a $a --key "$T/good.key" "$F"
		[ "$ours" = "$(value)" ]
		verdict "the bytes of evmctl $a $p" $?
		expect 0 '; evm pass' check --evm "$F"
		chmod 600 "$F"
		evm verify ${uuid:+--uuid=$uuid} --key "$T/good.der" "$F" && rc=1 || rc=0
		verdict "evmctl refuses another mode $a $p" $rc
		expect 1 "; evm fail" check --evm "$F"
	done
done

# One change at a time; then back, where that can be.
for p in --portable ''; do
	[ -n "$p" ] || [ -n "$uuid" ] || continue
	pass=pass fail=fail cause=invalid-HMAC
	[ -z "$p" ] || pass=pass_immutable fail=fail_immutable cause=invalid-fail-immutable
	fresh
	sign $p "$F" >/dev/null
	is "as signed $p" pass $pass
	chown 1002 "$F" && is "owner $p" $cause $fail
	chown 1000:1002 "$F" && is "group $p" $cause $fail
	chown 1000:1001 "$F" && is "owner as before $p" pass $pass
	chmod 4640 "$F" && is "setuid $p" $cause $fail
	chmod 640 "$F"
	setfattr -n security.capability -v 0x0100000200200000000000000000000000000000 "$F" && is "a capability $p" $cause $fail
	setfattr -x security.capability "$F" && is "no capability $p" pass $pass
	setfattr -n security.apparmor -v x "$F" && is "another label $p" $cause $fail
	setfattr -x security.apparmor "$F"
	setfattr -n user.note -v x "$F" && is "what is not covered $p" pass $pass
	echo more >>"$F" && is "content, with the label as it was $p" invalid-hash $pass
	"$IMACTL" label "$F" >/dev/null && is "content, and a fitting label $p" $cause $fail
	fresh
	sign $p "$F" >/dev/null
	v=$(value)
	cp --preserve=all "$F" "$T/copy" && F="$T/copy" && put "0x$v"
	[ -n "$p" ] && is "a copy $p" pass $pass || is "another inode $p" $cause $fail
	F="$T/file"
	rm "$T/copy"
	setfattr -x security.evm "$F" && is "removed $p" missing-HMAC no_label
	"$IMACTL" sign --evm $p --key "$T/other.key" "$F" >/dev/null && is "by another key $p" $cause $fail
done
fresh
put 0x02aabbccddeeff00112233445566778899aabbccdd && is 'an HMAC' invalid-HMAC unknown
put 0x02aabb && is 'a cut HMAC' invalid-HMAC fail
put 0x07020400000000000109 && is 'an unknown type' invalid-HMAC fail
put 0x0502040000000000 && is 'a header that is cut' invalid-HMAC fail
put 0x05020400000000000209 && is 'a length that is not so' invalid-fail-immutable fail_immutable
put 0x05090400000000000109 && is 'an unknown version' invalid-fail-immutable fail_immutable

# What is vouched for counts as signed; without --evm it is only told.
fresh
sign --portable "$F" >/dev/null
expect 1 'IMA-signature-required: .*; evm pass_immutable: portable signature v2 sha256 key ........, 256 bytes; key of CN=good$' check --imasig "$F"
expect 0 ': pass: digest sha256 ' check --imasig --evm "$F"
expect 0 '"evm":{"status":"pass_immutable","cause":"pass","type":"portable signature","version":2,"key":"........"}' check --json "$F"
chmod 600 "$F"
expect 0 ': pass: .*; evm fail_immutable: .*; it is not over these xattrs' check "$F"
expect 1 '"cause":"invalid-fail-immutable"' check --json --evm "$F"
sign --v3 --portable "$F" >/dev/null
expect 0 'evm pass_immutable: portable signature v3' check --evm "$F"
setfattr -x security.evm "$F"
check "$F" | grep -q '; evm'
verdict 'nothing of EVM where there is nothing' $((! $?))
setfattr -x security.ima "$F"
expect 1 ': missing-hash: no label' check --evm "$F"

# What cannot be done, and what is left alone.
expect 1 'it has no security.ima' sign --portable "$F"
expect 1 'it has no security xattr to vouch for' sign "$F"
expect 2 'goes with --evm' "$IMACTL" sign --portable --key "$T/good.key" "$F"
expect 2 'neither --verity nor --sigfile' sign --sigfile "$F"
expect 1 'has no security xattrs' sign --portable /proc/version
fresh
expect 0 '^would be: 1 signed' sign --portable --dry-run "$F"
getfattr --absolute-names -n security.evm "$F" >/dev/null 2>&1
verdict 'a dry run signs nothing' $((! $?))
"$IMACTL" sign --evm --portable --key "$T/other.key" "$F" >/dev/null
expect 0 '^0 signed, 0 right already, 1 kept' sign --portable --only-missing "$F"
expect 0 '^1 signed' sign --portable "$F"
is 'signed anew' pass pass_immutable
done_testing
