# SPDX-License-Identifier: GPL-2.0-or-later
# A table of verdicts of the kernel's own IMA (tests/data/kernel-6.1/appraise-verdicts.txt), row by row: made again by
# the kernel (boot A) and by imad (boot B), over the same files.
# kernels: 6.1
# boots: A B
# disk: m 64M
# cmdline-A: ima_appraise=enforce
. /vm/lib.sh

table=/vm/data/kernel-6.1/appraise-verdicts.txt
U=7e1d2a4c-9a55-4c0f-8d0e-54ab54ab54ab
M=/m
mounts
mkdir -p $M /b2 /ovl /etc/keys/ima
cat >/tmp/policy <<END
appraise func=BPRM_CHECK fsuuid=$U appraise_type=imasig
appraise func=MMAP_CHECK fsuuid=$U appraise_type=imasig
END

# --- the files, made once, before anybody appraises

label() { setfattr -n security.ima -v "0x$1" "$2"; }
label_of() { getfattr --only-values -n security.ima "$1" 2>/dev/null | xxd -p -c 1000; }
sign() { evmctl ima_sign -a "${3:-sha256}" --key "$RESULTS/$1.key" "$2" >/dev/null 2>&1; } # KEY FILE [ALGORITHM]
copy_label() { label "$(label_of "$1")" "$2"; }
make_files() {
	for k in rsa wrong; do
		rsa_key "$RESULTS/$k.key" && openssl req -x509 -key "$RESULTS/$k.key" -subj /CN=$k -outform DER -out "$RESULTS/$k.der"
	done 2>/dev/null
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$RESULTS/ec.key" -subj /CN=ec \
		-outform DER -out "$RESULTS/ec.der" 2>/dev/null
	for f in unsigned good_rsa good_rsa512 good_ec wrong_key tampered hash_only bad_hash bad_sig trunc_sig evm_type \
		copied_xattr "name with space" live rn1 rn_bad g_exec g_read_implies_exec g_mprotect g_exec_on_writable \
		u_exec u_read_implies_exec u_mprotect u_exec_on_writable; do
		cp /bin/true "$f"
	done
	cp /vm/probe st_good
	cp /vm/probe st_bad
	cp /lib/x86_64-linux-gnu/libattr.so.1 lib_good.so
	cp /lib/x86_64-linux-gnu/libattr.so.1 lib_bad.so
	for f in script_ok script_unsigned; do printf '#!/bin/sh\nexit 0\n' >$f; done
	printf '#!/m/unsigned\n' >script_badinterp
	echo pass >script.py
	chmod 755 script_*
	for f in good_rsa tampered bad_sig trunc_sig evm_type script_ok script_badinterp st_good "name with space" lib_good.so \
		live rn1 g_exec g_read_implies_exec g_mprotect g_exec_on_writable; do
		sign rsa "$f"
	done
	sign rsa good_rsa512 sha512
	sign ec good_ec
	sign wrong wrong_key
	evmctl ima_hash -a sha256 hash_only >/dev/null 2>&1
	copy_label hash_only bad_hash
	for f in tampered bad_hash; do echo >>$f; done
	value=$(label_of bad_sig)
	last=${value#"${value%??}"}
	label "${value%??}$(printf %02x $((0x$last ^ 1)))" bad_sig
	label "$(label_of trunc_sig | cut -c 1-200)" trunc_sig
	label "05$(label_of evm_type | cut -c 3-)" evm_type
	copy_label good_rsa copied_xattr
	ln -s good_rsa sym_good
	ln -s unsigned sym_bad
	ln unsigned hard_bad
}
modprobe -a sha512_generic overlay 2>/dev/null || modprobe overlay # the kernel takes no sha512 label without
if [ "$BOOT" = A ]; then
	mkfs.ext4 -q -U $U "$(disk m)"
	mount "$(disk m)" $M
	cd $M
	make_files
else
	mount "$(disk m)" $M
	cd $M
fi
cp "$RESULTS/rsa.der" "$RESULTS/ec.der" /etc/keys/ima

# --- one row: what it does, and its result in the table's form

try() { said=$("$@" 2>&1) && rc=0 || rc=$?; }
failed() { "$@" >/dev/null 2>&1 && echo 0 || echo 1; }
phrase() { # what is said of a refusal, whatever the paths
	case $1 in
	*"Permission denied"*) echo " Permission denied" ;;
	*"cannot be preloaded"*) echo " cannot be preloaded" ;;
	*"failed to map segment"*) echo " failed to map segment" ;;
	esac
}
# The probe's arguments; /bin/true and the scripts do not mind.
run() { sh -c '"$@"' sh "$1" open /etc/passwd; }
live() { # exec a good file before, while and after it is another
	case $1 in
	modified) echo >>live ;;
	restored) truncate -s -1 live ;;
	esac
	run ./live
}
use() { # WHAT NAME
	case $1:$2 in
	exec:*) run "./$2" ;;
	ldso:good) /lib64/ld-linux-x86-64.so.2 ./good_rsa ;;
	ldso:*) /lib64/ld-linux-x86-64.so.2 "./$2" ;;
	preload:*) LD_PRELOAD=/m/lib_$2.so /bin/true ;;
	fdexec:good) sh -c 'exec /proc/self/fd/3' 3<good_rsa ;;
	fdexec:bad) sh -c 'exec /proc/self/fd/3' 3<unsigned ;;
	bind:good) run /b2/good_rsa ;;
	bind:bad) run /b2/unsigned ;;
	overlay:good) run /ovl/good_rsa ;;
	overlay:bad) run /ovl/unsigned ;;
	live:*) live "$2" ;;
	python-script:*) python3 -c "exec(open('/m/script.py').read())" ;;
	sh-unsigned-as-arg:*) sh ./script_unsigned ;;
	renamed:*) mv rn1 rn2 && run ./rn2 ;;
	replaced:*) mv rn_bad rn2 && run ./rn2 ;;
	xattr-removed:*) setfattr -x security.ima live && run ./live ;;
	*) echo "no such use: $1:$2"; return 99 ;;
	esac
}
# 0: the mapping was made, 1: it was not, 2: not, which is what the mode is about.
map() { # signed|unsigned MODE
	f=u_$2
	[ "$1" = unsigned ] || f=g_$2
	case $2 in
	exec) rc=$(failed /vm/probe mmap-exec $f) ;;
	read_implies_exec) rc=$(failed /vm/probe implied-exec $f) ;;
	mprotect) rc=$(($(failed /vm/probe mprotect-exec $f) * 2)) ;;
	exec_on_writable) rc=$(($(failed /vm/probe exec-on-writable $f) * 2)) ;;
	esac
}
row() { # LINE
	kind=${1%% *}
	rest=${1#* }
	case $kind in
	EVMCTL)
		name=${rest%% rc=*}
		try evmctl ima_verify --key "$RESULTS/rsa.der,$RESULTS/ec.der" "$name"
		echo "EVMCTL $name rc=$rc"
		;;
	policy) echo "$1" ;;
	VERDICT)
		what=${rest%% rc=*}
		name=${what#*:}
		try use "${what%%:*}" "$name"
		echo "VERDICT $what rc=$rc$(phrase "$said")"
		;;
	MMAP)
		name=${rest%% exec=*}
		echo "MMAP $name exec=$(failed /vm/probe mmap-exec "$name") read=$(failed /vm/probe mmap-read "$name")"
		;;
	TESTMMAP)
		name=${rest%% rc=*}
		map $name
		echo "TESTMMAP $name rc=$rc"
		;;
	esac
}
wanted() { # the table in the same form
	while read -r line; do
		case $line in
		VERDICT*) echo "${line%% rc=*} rc=$(echo "${line##* rc=}" | cut -d' ' -f1)$(phrase "$line")" ;;
		TESTMMAP*) echo "${line%% rc=*} rc=$(echo "${line##* rc=}" | cut -d' ' -f1)" ;;
		*) echo "$line" ;;
		esac
	done <$table
}
rows() { while read -r line <&9; do row "$line"; done 9<$table; }
now_is() { # ROW INSTEAD REASON: a row that is another on purpose; that the table has it is checked as well
	check "deviation: $3" grep -qx "$1" /tmp/wanted
	sed -i "s|^$1\$|$2|" /tmp/wanted
}

wanted >/tmp/wanted
check "70 rows and more" test "$(wc -l </tmp/wanted)" -ge 70
if [ "$BOOT" = A ]; then
	ring=$(keyctl newring _ima @u)
	for k in rsa ec; do evmctl import "$RESULTS/$k.der" "$ring" >/dev/null 2>&1 || echo "  no key $k"; done
	cp -a $M/. /tmp/files
	check "the kernel takes the policy" sh -c "cat /tmp/policy >/sys/kernel/security/ima/policy"
else
	check "imad takes the policy" start_imad --appraise enforce --policy /tmp/policy
fi
mount --bind $M /b2
mkdir -p /tmp/u /tmp/w
mount -t overlay -o lowerdir=$M,upperdir=/tmp/u,workdir=/tmp/w overlay /ovl
rows >"$RESULTS/$BOOT"

if [ "$BOOT" = A ]; then
	cp "$RESULTS/A" /tmp/made
	case $(uname -r) in
	6.1.*) ;;
	*)	# It trusts keys that its built-in ones have signed, and none of ours: nothing that a signature allows can be seen.
		allowed='copied_xattr|script_|st_good|sym_good|name with space|:good|good_|live:|renamed| signed '
		for f in wanted made; do grep -vE "^(VERDICT|MMAP|TESTMMAP).*($allowed)" /tmp/$f >/tmp/x && mv /tmp/x /tmp/$f; done
		check "40 rows are left" test "$(wc -l </tmp/wanted)" -ge 40
		;;
	esac
	check "the kernel's verdicts are those of the table" same /tmp/wanted /tmp/made
	# As they were, for imad.
	umount /ovl /b2
	for f in live rn1 rn_bad; do rm -f $M/$f && cp -a /tmp/files/$f $M/$f; done
	rm -f $M/rn2
	cd / && umount $M
	exit 0
fi

now_is "VERDICT exec:good_ec rc=126 Permission denied" "VERDICT exec:good_ec rc=0" "imad checks EC signatures, which this kernel cannot"
now_is "MMAP good_ec exec=1 read=0" "MMAP good_ec exec=0 read=0" "... when it is mapped, too"
check "imad's verdicts are those of the table" same /tmp/wanted "$RESULTS/B"
imactl sync
check "nothing was denied for want of an answer" sh -c "! grep 'cause=not-appraised' /vm/imad.log"
causes() { sed -n 's/.*op=\([a-z_]*\) cause=\([^ ]*\) comm=.* name="\([^"]*\)".*/\2 \3/p' /vm/imad.log | sort -u; }
causes >/tmp/causes
for c in "IMA-signature-required $M/unsigned" "invalid-signature $M/wrong_key" "invalid-signature $M/tampered" \
	"IMA-signature-required $M/hash_only" "IMA-signature-required $M/bad_hash" "invalid-signature $M/bad_sig" \
	"invalid-signature $M/trunc_sig" "unknown-ima-data $M/evm_type" "open-writers $M/g_exec_on_writable"; do
	check "cause $c" grep -qx "$c" /tmp/causes
done
check "stop" stop_imad
