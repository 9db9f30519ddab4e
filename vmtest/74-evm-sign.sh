# SPDX-License-Identifier: GPL-2.0-or-later
# security.evm: what the kernel's own EVM says of labels and metadata that were signed, changed or damaged (boot A), imactl check
# --evm says too, with the same cause, and imad that enforces (boot B). Where the kernel has a key of its own HMACs are its business.
# kernels: 6.1
# also: 7.2
# boots: A B
# time: 240
# cmdline: ima_appraise=enforce audit=1
# cmdline-B: evm=fix
# disk: work 64M
. /vm/lib.sh

W=/test
mounts
mkdir -p $W /tmp/keys
echo 0 >/proc/sys/kernel/printk_ratelimit
printf 'appraise func=BPRM_CHECK fowner=10001\nappraise func=BPRM_CHECK fowner=10003 appraise_type=imasig\n' >/tmp/policy
use_each() { # to /tmp/verdicts
	for f in $programs; do
		"$W/$f" >/dev/null 2>&1 && echo "$f pass" || echo "$f fail"
	done >/tmp/verdicts
}
causes() { # LOG: the verdicts with what it says of each
	while read -r f v; do
		cause=$(sed -n "s|.*op=appraise_data cause=\([^ ]*\) .* name=\"$W/$f\".*|\1|p" "$1" | head -n 1)
		echo "$f $v ${cause:-pass}"
	done </tmp/verdicts
}

if [ "$BOOT" = B ]; then
	mount "$(disk work)" $W
	programs=$(cut -d ' ' -f 1 "$RESULTS/kernel")
	mkdir -p /etc/keys/ima && cp "$RESULTS/good.der" /etc/keys/ima
	start() { start_imad --appraise enforce --evm enforce --policy /tmp/policy; }
	start || exit 1
	use_each
	imactl sync
	causes /vm/imad.log >/tmp/imad
	check "imad: the verdicts and causes of the kernel's EVM" same "$RESULTS/kernel" /tmp/imad
	check "stops" stop_imad

	# Linux 6.1 does not survive the next new file then: evm_inode_init_security() reads a name that the BPF LSM has not given.
	! uname -r | grep -q '^6\.1\.' || exit 0
	check "a key of the kernel's own" sh -c 'keyctl add user kmk "$(xxd -l 32 -p -c 99 /dev/urandom)" @u && keyctl add encrypted evm-key "new user:kmk 64" @u'
	check "EVM takes it" sh -c 'echo 1 >/sys/kernel/security/evm && [ $(($(cat /sys/kernel/security/evm) & 1)) = 1 ]'
	start || exit 1
	check "imad says so" grep -q "the kernel's EVM has a key: HMACs are left to it" /vm/imad.log
	check "imactl, too" sh -c "imactl label --evm --statedir /tmp/none $W/no-evm 2>&1 | grep -q 'makes HMACs itself'"
	cp /bin/true $W/later && chown 10001 $W/later && imactl label $W/later >/dev/null
	check "a file that the kernel vouches for runs" $W/later
	check "chmod" chmod 711 $W/later
	check "it still does" $W/later
	imactl sync
	check "its HMAC is the kernel's" sh -c "getfattr --absolute-names -e hex -n security.evm $W/later | grep -q =0x02"
	check "there is none of imad's" exits 1 getfattr --absolute-names -n security.imad.evm $W/later 2>/dev/null
	check "what is signed runs" $W/portable
	exit 0
fi
uuid=11111111-2222-3333-4444-555555555555
mke2fs -q -t ext4 -U $uuid "$(disk work)" && mount "$(disk work)" $W
for k in good other; do
	rsa_key /tmp/$k.key && openssl req -x509 -key /tmp/$k.key -subj /CN=$k -outform DER -out /tmp/$k.der \
		-addext keyUsage=digitalSignature 2>/dev/null
done

# Before 7.1 a kernel takes version 3 in security.evm for another 2, of which no tool knows.
v3=
[ "$(printf '%s\n' 7.1 "$(uname -r)" | sort -V | head -n 1)" != 7.1 ] || v3=yes

# A program a case, labelled; then what vouches for it, then what is changed. Owner 10001: appraise, 10003: by imasig.
make() { # NAME [OWNER]
	f=$W/$1
	cp /bin/true "$f"
	chown "${2:-10001}" "$f"
	imactl label "$f" >/dev/null
}
ours() { imactl sign --evm --key /tmp/good.key "$@" "$f" >/dev/null || echo "  ours $* $f: $?"; }
theirs() { evmctl sign --uuid=$uuid --key /tmp/good.key "$@" "$f" >/tmp/evmctl 2>&1 || { echo "  theirs $* $f: $?"; tail -n 3 /tmp/evmctl; }; }
caps=0x0100000200200000000000000000000000000000
for p in portable plain; do
	o=--portable
	[ $p = portable ] || o=
	make $p; ours $o
	make $p-evmctl; theirs $o
	make $p-sha224; ours $o --algo sha224
	make $p-sha1; ours $o --algo sha1
	make $p-imasig 10003; ours $o
	[ -z "$v3" ] || { make $p-v3; ours $o --v3; }
	make $p-owner; ours $o; chown 10003 "$f"
	make $p-group; ours $o; chgrp 7 "$f"
	make $p-mode; ours $o; chmod 4755 "$f"
	make $p-mode-back; ours $o; chmod 4755 "$f"; chmod 755 "$f"
	make $p-caps; setfattr -n security.capability -v $caps "$f"; ours $o
	make $p-caps-added; ours $o; setfattr -n security.capability -v $caps "$f"
	make $p-caps-removed; setfattr -n security.capability -v $caps "$f"; ours $o; setfattr -x security.capability "$f"
	make $p-other-label; setfattr -n security.apparmor -v a "$f"; ours $o
	make $p-other-label-changed; setfattr -n security.apparmor -v a "$f"; ours $o; setfattr -n security.apparmor -v b "$f"
	make $p-user-xattr; ours $o; setfattr -n user.x -v 1 "$f"
	make $p-content; ours $o; echo >>"$f"
	make $p-content-relabelled; ours $o; echo >>"$f"; imactl label "$f" >/dev/null
	make $p-no-label; ours $o; setfattr -x security.ima "$f"
	make $p-foreign; imactl sign --evm $o --key /tmp/other.key "$f" >/dev/null
	make $p-signed 10003; imactl sign --key /tmp/good.key "$f" >/dev/null; ours $o
	make $p-copied; ours $o
	v=$(getfattr --absolute-names --only-values -n security.evm "$f" | od -An -v -tx1 | tr -d ' \n')
	make $p-copy; setfattr -n security.evm -v "0x$v" "$f"
	make $p-cut; setfattr -n security.evm -v "0x$(echo "$v" | cut -c 1-300)" "$f"
	make $p-header; setfattr -n security.evm -v "0x$(echo "$v" | cut -c 1-18)" "$f"
	make $p-hash; setfattr -n security.evm -v "0x$(echo "$v" | cut -c 1-4)17$(echo "$v" | cut -c 7-)" "$f"
	make $p-version; setfattr -n security.evm -v "0x$(echo "$v" | cut -c 1-2)09$(echo "$v" | cut -c 5-)" "$f"
	make $p-bit; setfattr -n security.evm -v "0x${v%?}$(echo "${v#"${v%?}"}" | tr 0123456789abcdef 1032547698badcfe)" "$f"
done
make no-evm
make no-evm-imasig 10003
make nothing; setfattr -x security.ima "$f"
for n in hmac hmac-cut type-4 type-9; do make $n; done
# What a kernel with EVM lets nobody set, whoever has the disk elsewhere can.
umount $W
value() { printf "$2" >/tmp/value; debugfs -w -R "ea_set -f /tmp/value $1 security.evm" "$(disk work)" >/dev/null 2>&1; }
value hmac '\002aaaaaaaaaaaaaaaaaaaa'
value hmac-cut '\002aaa'
value type-4 '\004\004aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'
value type-9 '\011\002\004aaaa\000\001a'
mount "$(disk work)" $W
check "written from outside" sh -c "getfattr --absolute-names -e hex -n security.evm $W/hmac | grep -q =0x0261"

# The keys: of EVM, and of IMA for the labels that are signatures themselves.
for id in evm ima; do
	ring=$(keyctl newring _$id @u) && evmctl import /tmp/good.der "$ring" >/dev/null 2>&1 || :
done
keyctl link %user:1 @u 2>/dev/null || :
cp /tmp/good.der /tmp/keys
check "EVM is told that there are keys" sh -c 'echo 2 >/sys/kernel/security/integrity/evm/evm'
check "the kernel takes the policy" sh -c "cat /tmp/policy >/sys/kernel/security/ima/policy"

programs=$(cd $W && ls | grep -v lost+found)
use_each
audit_settled
dmesg >/tmp/dmesg
causes /tmp/dmesg >/tmp/kernel
cp /tmp/kernel /tmp/good.der "$RESULTS"
: >/tmp/conf
for f in $programs; do
	o=
	[ "$(stat -c %u "$W/$f")" != 10003 ] || o=--imasig
	imactl check --evm $o --config /tmp/conf --dir /tmp/keys --json "$W/$f" | head -n 1 |
		sed "s/.*\"verdict\":\"\([a-z]*\)\",\"cause\":\"\([^\"]*\)\".*/$f \1 \2/"
done >/tmp/imactl
cat /tmp/kernel
check "cases" test "$(wc -l </tmp/kernel)" -ge 55
check "the verdicts and causes of the kernel's EVM" same /tmp/kernel /tmp/imactl
for f in portable portable-evmctl portable-imasig portable-copy plain plain-evmctl plain-sha224; do
	check "$f passes" grep -qx "$f pass pass" /tmp/kernel
done
check "another's key does not" grep -qx "portable-foreign fail invalid-fail-immutable" /tmp/kernel
check "plain is of one inode" grep -qx "plain-copy fail invalid-HMAC" /tmp/kernel
check "what nothing vouches for" grep -qx "no-evm fail missing-HMAC" /tmp/kernel
umount $W
