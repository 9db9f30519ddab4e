#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# imactl check: verdicts and causes of labels made by evmctl and others. Needs a filesystem and a user that may set security.ima.
. "$(dirname "$0")/common"

: >"$T/probe"
if ! setfattr -n security.ima -v 0x0404 "$T/probe" 2>/dev/null; then
	echo "[  SKIPPED ] security.ima cannot be set here"
	exit 77
fi
mkdir "$T/keys" "$T/tree"
key() { # NAME OPENSSL-REQ...
	name=$1
	shift
	openssl req -x509 -nodes -keyout "$T/$name.key" -subj "/CN=$name" -outform DER -out "$T/$name.der" "$@" 2>/dev/null
}
key rsa -newkey rsa:2048
key p256 -newkey ec -pkeyopt ec_paramgen_curve:P-256
key p384 -newkey ec -pkeyopt ec_paramgen_curve:P-384
key other -newkey rsa:2048
cp "$T/rsa.der" "$T/p256.der" "$T/p384.der" "$T/keys"
: >"$T/deny"
check() { "$IMACTL" check --config "$T/conf" --dir "$T/keys" --deny "$T/deny" "$@"; }
: >"$T/conf"
W="$T/tree"
file() { echo "$1" >"$W/$1"; }
label() { setfattr -n security.ima -v "$2" "$W/$1"; }
evm() { evmctl "$@" >/dev/null 2>&1; }

# What evmctl makes is right; what was changed since is not.
for a in sha1 sha256 sha384 sha512; do
	file "hash-$a" && evm ima_hash -a $a "$W/hash-$a"
	expect 0 ": pass: digest $a $(${a}sum <"$W/hash-$a" | cut -d' ' -f1)$" check "$W/hash-$a"
	for k in rsa p256 p384; do
		file "$k-$a" && evm ima_sign -a $a --key "$T/$k.key" "$W/$k-$a"
		expect 0 ": pass: signature v2 $a key ........, [0-9]* bytes; key of CN=$k$" check --imasig "$W/$k-$a"
	done
done
expect 0 '^16 pass, 0 fail, 0 could not be checked$' check "$W"
for f in hash-sha256 rsa-sha256 p256-sha512; do cp --preserve=xattr "$W/$f" "$W/changed-$f" && echo >>"$W/changed-$f"; done
digest=$(sha256sum <"$W/changed-hash-sha256" | cut -d' ' -f1)
expect 1 "changed-hash-sha256: invalid-hash: digest sha256 [0-9a-f]*; the content is sha256:$digest$" check "$W"
expect 1 'changed-rsa-sha256: invalid-signature: .*; it is none of this content by that key; key of CN=rsa; the content is sha256:' check "$W"
expect 1 '^16 pass, 3 fail (1 invalid-hash, 2 invalid-signature), 0 could not be checked$' check "$W"
[ "$(check --quiet "$W" | wc -l)" = 3 ]
verdict 'quiet: what fails, and nothing else' $?
[ "$(check "$W" | wc -l)" = 4 ] && [ "$(check --verbose "$W" | wc -l)" = 20 ]
verdict 'a folder: what fails, unless asked for all' $?
rm "$W"/changed*

# Each cause in the kernel's words, for plain rules and for those that ask for more.
file none
file zero && label zero 0x04040000000000000000000000000000000000000000000000000000000000000000
file cut && label cut 0x040400
file odd && label odd 0x02
file v9 && label v9 0x030904000000000002ffff
file v1 && label v1 0x0301041122334400021234
file other && evm ima_sign -a sha256 --key "$T/other.key" "$W/other"
file v3 && "$IMACTL" sign --v3 --key "$T/rsa.key" "$W/v3" >/dev/null
file verity && setfattr -n security.ima -v "0x06$(getfattr --absolute-names --only-values -n security.ima "$W/v3" | od -An -v -tx1 | tr -d ' \n' | cut -c 3-)" "$W/verity"
is() { # CAUSE FILE OPTION...
	cause=$1 f=$2
	shift 2
	[ "$cause" = pass ] && rc=0 || rc=1
	expect $rc "/$f: $cause" check "$@" "$W/$f"
}
is missing-hash none
is IMA-signature-required none --imasig
is no-verity-digest none --verity
is invalid-hash zero
is invalid-hash cut
is unknown-ima-data odd
is invalid-signature-version v9
is invalid-signature v1
is invalid-signature other
is IMA-signature-required hash-sha256 --imasig
is no-verity-digest hash-sha256 --verity
is IMA-sigv3-required rsa-sha256 --sigv3
is no-verity-digest rsa-sha256 --verity
is pass v3
is pass v3 --sigv3
is no-verity-digest verity --verity
is IMA-signature-required verity --imasig
is pass hash-sha512 --algos sha256,sha512
is denied-hash-algorithm hash-sha1 --algos sha256,sha512
is denied-hash-algorithm rsa-sha1 --imasig --algos sha256
expect 1 'other: invalid-signature: .*; no trusted key has this id; the content is' check "$W/other"
expect 1 '"path":"'"$W"'/none","verdict":"fail","cause":"missing-hash","label":{"type":"none"}' check --json "$W/none"
expect 0 '"cause":"pass","label":{"type":"signature","algo":"sha256","version":2,"key":{"id":"[0-9a-f]*","trusted":true,"denied":false,"subject":"CN=rsa","expired":false}},"content":"sha256:' \
	check --json "$W/rsa-sha256"
expect 0 '^{"files":1,"pass":1,"fail":0,"not_appraised":0,"unchecked":0,"stopped":false,"causes":{}}$' check --json "$W/rsa-sha256"
check --json "$W" | python3 -c 'import json, sys
lines = [json.loads(l) for l in sys.stdin]
assert len(lines) == lines[-1]["files"] + 1 and lines[-1]["causes"]["missing-hash"] == 1, lines[-1]'
verdict 'JSON: a line a file, and a sum' $?

# The same verdicts as evmctl's, on every signature that there is.
for f in "$W"/rsa-* "$W"/p256-* "$W"/p384-* "$W/other"; do
	evmctl ima_verify --key "$T/keys/rsa.der,$T/keys/p256.der,$T/keys/p384.der" "$f" >/dev/null 2>&1
	theirs=$?
	check --imasig "$f" >/dev/null
	ours=$?
	[ "$((theirs != 0))" = "$ours" ] || echo "$f: evmctl $theirs, imactl $ours"
done >"$T/differ"
[ ! -s "$T/differ" ]
verdict 'evmctl says the same' $? || cat "$T/differ"
# From digests alone, as in the header of a package.
file package && label package "0x$(sha256sum "$W/package" | evmctl sign_hash -a sha256 --key "$T/rsa.key" 2>/dev/null | sed 's/.* //')"
is pass package --imasig

# The deny list: content in whatever algorithm, keys.
echo "sha512:$(sha512sum <"$W/hash-sha256" | cut -d' ' -f1)" >"$T/deny"
expect 1 "hash-sha256: blacklisted-hash: digest sha256 .*; on the deny list is sha512:" check "$W/hash-sha256"
is pass hash-sha512
echo "key:$("$IMACTL" keys --config "$T/conf" --dir "$T/keys" --deny "" | sed -n 's/ .*CN=rsa .*//p')" >"$T/deny"
expect 1 'rsa-sha256: invalid-signature: .*; the key is on the deny list; key of CN=rsa' check "$W/rsa-sha256"
is pass p256-sha256
: >"$T/deny"

# By the rules of a policy.
printf 'dont_appraise fowner=1\nappraise func=BPRM_CHECK fowner=0 appraise_type=imasig\nappraise func=FILE_CHECK uid=7\n' >"$T/policy"
is IMA-signature-required hash-sha256 --policy "$T/policy" --func BPRM_CHECK
is pass rsa-sha256 --policy "$T/policy" --func BPRM_CHECK
expect 0 '^0 pass, 0 fail, 1 not appraised, 0 could not be checked$' check --policy "$T/policy" --func FILE_CHECK "$W/none"
is missing-hash none --policy "$T/policy" --func FILE_CHECK --uid 7
chown 1 "$W/none"
expect 0 'none: not appraised$' check --policy "$T/policy" --func BPRM_CHECK "$W/none"
echo 'appraise fsname=nosuchfs' >"$T/fsname"
expect 0 'none: not appraised$' check --policy "$T/fsname" --func BPRM_CHECK "$W/none"
echo "appraise fsname=$(findmnt -n -o FSTYPE -T "$W")" >"$T/fsname"
expect 1 'none: missing-hash' check --policy "$T/fsname" --func BPRM_CHECK "$W/none"
echo 'appraise fsuuid=01234567-89ab-cdef-0123-456789abcdef' >"$T/fsuuid"
expect 3 'which only --fsuuid can tell' check --policy "$T/fsuuid" --func BPRM_CHECK "$W/none"
expect 1 'none: missing-hash' check --policy "$T/fsuuid" --func BPRM_CHECK --fsuuid 01234567-89ab-cdef-0123-456789abcdef "$W/none"
expect 2 'policy needs --func' check --policy "$T/policy" "$W/none"
expect 2 'go with --policy' check --func BPRM_CHECK "$W/none"
expect 2 'either --policy' check --imasig --policy "$T/policy" --func BPRM_CHECK "$W/none"

# What cannot be checked.
expect 3 "cannot check '$T/missing': No such file" check "$T/missing"
expect 1 "cannot check '$T/missing': No such file" check "$T/missing" "$W/zero"
expect 3 "$T/missing: No such file" check --dir "$T/missing" "$W/zero"
echo broken >"$T/deny"
expect 3 "$T/deny:1: neither ALGO:HEX nor bin:HEX nor key:HEX: 'broken'" check "$W/zero"
expect 2 'no file or folder given' check
expect 2 "unknown hash algorithm 'rot13'" check --algos sha256,rot13 "$W"
expect 2 'a number from 1 to 64' check --jobs x "$W"
# Signatures appended to modules, by the kernel's sign-file (imasig|modsig); the content is that of tests/data/modsig.
data=$(dirname "$0")/../data/modsig
mkdir "$T/modules" "$T/modkeys"
M="$T/modules"
cp "$data/rsa.der" "$data/p256.der" "$T/modkeys"
: >"$T/deny"
for f in rsa.sha256 rsa.skid p256.sha512 p384.sha256 wrong.sha256; do cp "$data/content.$f" "$M/$f"; done
for f in changed cut label hash; do cp "$data/content.rsa.sha256" "$M/$f"; done
printf x | dd of="$M/changed" conv=notrunc status=none
truncate -s -1 "$M/cut"
cp "$data/content" "$M/unsigned"
evm ima_hash -a sha256 "$M/hash"
evm ima_sign -a sha256 --key "$T/rsa.key" "$M/label"
modules() { "$IMACTL" check --config "$T/conf" --dir "$T/modkeys" --deny "$T/deny" "$@"; }
for f in rsa.sha256 rsa.skid p256.sha512 hash label; do
	expect 0 ': pass: .*; the signature appended to it is right$' modules --modsig "$M/$f"
	expect 1 ': [a-zA-Z-]*signature[a-z-]*: ' modules --imasig "$M/$f"
done
for f in changed p384.sha256 wrong.sha256 cut unsigned; do expect 1 "/$f: [a-zA-Z-]*signature[a-z-]*: " modules --modsig "$M/$f"; done
expect 1 'of the signature appended to it: ' modules --modsig "$M/changed"
expect 0 '"appended":"good"' modules --modsig --json "$M/rsa.sha256"
expect 1 '"cause":"invalid-signature","label":{"type":"none"},"appended":"bad","appended_why":"' modules --modsig --json "$M/wrong.sha256"
echo 'appraise func=MODULE_CHECK appraise_type=imasig|modsig' >"$T/policy"
expect 0 ': pass: ' modules --policy "$T/policy" --func MODULE_CHECK "$M/rsa.sha256"
expect 1 ': [a-zA-Z-]*signature' modules --policy "$T/policy" --func MODULE_CHECK "$M/changed"
echo "sha256:$(sha256sum <"$data/content" | cut -d' ' -f1)" >"$T/deny"
expect 1 "; on the deny list is sha256:$(sha256sum <"$data/content" | cut -d' ' -f1)" modules --modsig "$M/rsa.sha256"
done_testing
