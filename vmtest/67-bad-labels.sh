# SPDX-License-Identifier: GPL-2.0-or-later
# Bad labels, bad keys, and filesystems that take no label: each is denied or told with a cause of its own, by the kernel's
# own IMA (boot A) as by imad (boot B), and nothing of it passes, hangs or kills.
# kernels: 7.2
# also: 6.1
# boots: A B
# disk: labels 32M
# disk: fat 8M
# disk: full 2M
# cmdline: audit=1 audit_backlog_limit=8192
# cmdline-A: ima_appraise=enforce
# time: 180
. /vm/lib.sh

W=/test
mounts
mkdir -p $W /fat /ram /full /ro /etc/keys/ima
echo 0 >/proc/sys/kernel/printk_ratelimit
cat >/tmp/policy <<'END'
appraise func=BPRM_CHECK fowner=10001
appraise func=BPRM_CHECK fowner=10002 appraise_type=imasig
appraise func=FILE_CHECK fowner=10003
measure func=BPRM_CHECK fowner=10002
END

# --- the labels: NAME HEX, one program each, under a rule (1) and under one for signatures (2)

new_key() { # NAME [OPTIONS]
	name=$1
	shift
	openssl req -x509 -nodes -keyout "$RESULTS/$name.key" -subj "/CN=$name" -out "$RESULTS/$name.pem" "$@" 2>/dev/null
	openssl x509 -in "$RESULTS/$name.pem" -outform DER -out "$RESULTS/$name.der"
}
signed_by() { # KEY: the label's bytes
	cp /bin/true /tmp/true
	evmctl ima_sign -a sha256 --key "$RESULTS/$1.key" /tmp/true >/dev/null 2>&1
	getfattr --only-values -n security.ima /tmp/true 2>/dev/null | xxd -p -c 1000
}
zeros() { head -c "$1" /dev/zero | xxd -p -c 100000; }
front() { echo "$1" | head -c $(($2 * 2)); }
past() { echo "$1" | tail -c +$(($2 * 2 + 1)); }
labels() {
	D=$(sha256sum /bin/true | head -c 64)
	S=$(signed_by good)
	E=$(signed_by ec)
	cat <<-END
		none
		hash 0404$D
		hash-longer 0404${D}00112233
		hash-wrong 0404$(zeros 32)
		hash-cut $(front "0404$D" 33)
		hash-type-only 04
		hash-algo-only 0404
		hash-other-algo 0406$D$D
		hash-unknown-algo 04ff$D
		hash-first-unknown-algo 0417$D
		hash-md4 0400$(zeros 16)
		hash-wp512 040d$(zeros 64)
		old-sha1 01$(sha1sum /bin/true | head -c 40)
		old-sha1-cut 01$(sha1sum /bin/true | head -c 38)
		old-type-only 01
		old-md5 01$(md5sum /bin/true | head -c 32)
		old-sha256 01$D
		type-0 00$D
		type-2 02$D
		type-5 05$(past "$S" 1)
		sig $S
		sig-ec $E
		sig-expired $(signed_by expired)
		sig-early $(signed_by early)
		sig-wrong-key $(signed_by other)
		sig-short $(signed_by small)
		sig-type-only 03
		sig-version-only 0302
		sig-header-only $(front "$S" 7)0000
		sig-cut $(front "$S" 100)
		sig-size-low $(front "$S" 7)00ff$(past "$S" 9)
		sig-size-high $(front "$S" 7)0101$(past "$S" 9)
		sig-size-zero $(front "$S" 7)0000$(past "$S" 9)
		sig-longer ${S}00
		sig-zero $(front "$S" 9)$(zeros 256)
		sig-other-algo $(front "$S" 2)06$(past "$S" 3)
		sig-unknown-algo $(front "$S" 2)ff$(past "$S" 3)
		sig-v0 0300$(past "$S" 2)
		sig-v1 0301$(past "$S" 2)
		sig-v3 0303$(past "$S" 2)
		sig-v4 0304$(past "$S" 2)
		sig-v255 03ff$(past "$S" 2)
		ec-not-der $(front "$E" 9)$(past "$E" 9 | sed 's/^30/31/')
		ec-bad-length $(front "$E" 10)ff$(past "$E" 11)
		ec-zero $(front "$E" 7)0008$(echo 3006020100020100)
		ec-empty-integers $(front "$E" 7)0006300402000200
		ec-negative $(front "$E" 7)00083006020181020181
		verity-v1 0601$(past "$S" 2)
		verity-v2 0602$(past "$S" 2)
		verity-v3 0603$(past "$S" 2)
		verity-type-only 06
	END
}
if [ "$BOOT" = A ]; then
	new_key good -newkey rsa:2048 -days 30
	for k in other small; do new_key $k -newkey rsa:1024 -days 30; done
	new_key ec -newkey ec -pkeyopt ec_paramgen_curve:P-256 -days 30
	date=$(date +%s)
	date -s @$((date - 86400 * 400)) >/dev/null && new_key expired -newkey rsa:1024 -days 30
	date -s @$((date + 86400 * 400)) >/dev/null && new_key early -newkey rsa:1024 -days 30
	date -s @"$date" >/dev/null
	mkfs.ext4 -q -O ea_inode "$(disk labels)"
	mount "$(disk labels)" $W
	labels >"$RESULTS/labels"
	python3 - "$RESULTS/labels" <<-'END'
		import os, shutil, sys
		for line in open(sys.argv[1]):
		    name, *value = line.split()
		    for user in 1, 2:
		        path = f"/test/{name}.{user}"
		        shutil.copy("/bin/true", path)
		        if value:
		            os.setxattr(path, "security.ima", bytes.fromhex(value[0]))
		        os.chown(path, 10000 + user, 0)
	END
	# What no system call sets: written to the disk itself.
	for f in zero-length type-7 type-255; do cp /bin/true $W/$f.1; done
	for f in huge-right huge-wrong huge-signature; do cp /bin/true $W/$f.1; done
	python3 - "$D" <<-'END'
		import os, sys
		digest = bytes.fromhex(sys.argv[1])
		for name, head in ("right", b"\4\4" + digest), ("wrong", b"\4\4" + bytes(32)), ("signature", b"\3\2\4\1\2\3\4\xff\xf7"):
		    os.setxattr("/test/huge-%s.1" % name, "security.ima", head + bytes(65536 - len(head)))
	END
	chown 10001 $W/*.1
	umount $W
	: >/tmp/empty
	printf '\007%032d' 0 >/tmp/7
	printf '\377%032d' 0 >/tmp/255
	for f in "/tmp/empty /zero-length.1" "/tmp/7 /type-7.1" "/tmp/255 /type-255.1"; do
		debugfs -w -R "ea_set -f $f security.ima" "$(disk labels)" >/dev/null 2>&1
	done
	mount "$(disk labels)" $W
	check "zero-length" sh -c "getfattr --absolute-names -m - $W/zero-length.1 | grep -q security.ima"
	check "64 KiB" test "$(getfattr --only-values -n security.ima $W/huge-right.1 2>/dev/null | wc -c)" = 65536
else
	mount "$(disk labels)" $W
fi
for n in '"' 'new
line' "$(printf 'bell\007')" "$(printf 'latin\377')" 'umlaut ü' 'blank blank'; do
	cp /bin/true "$W/$n" && chown 10002 "$W/$n"
done
[ ! -e $W/immutable ] || chattr -i $W/immutable # of boot A: once it is denied, chattr cannot open it
echo x >$W/immutable && evmctl ima_hash -a sha256 $W/immutable >/dev/null 2>&1 && chown 10003 $W/immutable

# --- filesystems

# A FAT12 of 8 MiB in clusters of 4 KiB: nothing here makes one.
python3 - "$(disk fat)" <<'END'
import struct, sys
boot = b"\xeb\x3c\x90vmtest  " + struct.pack("<HBHBHHBHHHII", 512, 8, 1, 2, 512, 16384, 0xf8, 6, 32, 2, 0, 0)
boot += b"\x80\0\x29\1\2\3\4NO NAME    FAT12   "
fat = b"\xf8\xff\xff".ljust(6 * 512, b"\0")
open(sys.argv[1], "r+b").write(boot.ljust(510, b"\0") + b"\x55\xaa" + fat + fat + bytes(512 * 32))
END
modprobe -a vfat nls_ascii nls_cp437 2>/dev/null || :
mount -t vfat -o uid=10001 "$(disk fat)" /fat
mount -t ramfs ramfs /ram
cp /bin/true /ram/ram-prog && chown 10001 /ram/ram-prog
mkfs.ext4 -F -q -I 128 -b 1024 "$(disk full)" 2>/dev/null
mount "$(disk full)" /full
mkdir -m 777 /full/d
cp /bin/true /full/old
chown 10003 /full/old
dd if=/dev/zero of=/full/fill bs=1k 2>/dev/null || :
cp /bin/true /fat/vfat-prog

# --- keys: good ones, and what is none

K=/etc/keys/ima
for k in good expired early; do cp "$RESULTS/$k.der" $K; done
cat "$RESULTS/ec.pem" "$RESULTS/small.pem" >$K/two.pem
junk="empty folder fifo socket loop dangling large key.pem rsa512.der ed25519.pem text.pem"
: >$K/empty
mkdir -p $K/folder
mkfifo $K/fifo
python3 -c "import socket; socket.socket(socket.AF_UNIX).bind('$K/socket')"
ln -s loop $K/loop
ln -s /none $K/dangling
head -c 10M /dev/zero >$K/large
cp "$RESULTS/good.key" $K/key.pem
echo "-----BEGIN CERTIFICATE-----" >$K/text.pem
openssl genpkey -algorithm ed25519 -out /tmp/ed.key
openssl req -x509 -key /tmp/ed.key -subj /CN=ed -out $K/ed25519.pem
openssl req -x509 -newkey rsa:512 -nodes -keyout /tmp/512.key -subj /CN=512 -outform DER -out $K/rsa512.der 2>/dev/null
: >"$K/$(printf 'odd\nname')"

if [ "$BOOT" = A ]; then
	ring=$(keyctl newring _ima @u)
	for k in good ec expired early small; do evmctl import "$RESULTS/$k.der" "$ring" >/dev/null 2>&1 || echo "  no key $k"; done
	check "the kernel takes the policy" sh -c "cat /tmp/policy >/sys/kernel/security/ima/policy"
else
	check "imad starts, whatever lies among the keys" start_imad --appraise enforce --policy /tmp/policy
	for f in $junk 'odd\\x0aname'; do
		check "$f is no key, which is told" grep -q "$K/$f'* *\(is not trusted\)*: ." /vm/imad.log
	done
	grep "$K" /vm/imad.log
	check "five keys are" sh -c "imactl status --json | grep -qE '\"keys\": ?5'"
fi

# --- the verdicts

try() { "$@" >/dev/null 2>&1 && got=0 || got=$?; echo "$got"; }
user() { setpriv --reuid=10003 --regid=10003 --clear-groups "$@"; }
verdicts() {
	for f in $(cd $W && ls | grep '\.[12]$'); do echo "$f $(try $W/$f)"; done
	n=0
	for f in "$W"/[!.]*; do case $f in *.[12] | */immutable | */lost+found) ;; *) n=$((n + 1)) && echo "name-$n $(try "$f")" ;; esac; done
	echo "vfat $(try /fat/vfat-prog)"
	echo "ramfs $(try /ram/ram-prog)"
	user sh -c ": >/full/d/new"
	echo "new-on-a-full-filesystem $(try cat /full/d/new)"
	echo "again $(try cat /full/d/new)"
	echo "old-on-a-full-filesystem $(try cat /full/old)"
	exec 5>>$W/immutable
	echo x >&5
	chattr +i $W/immutable 2>/dev/null || echo "cannot be made immutable"
	exec 5>&-
	echo "made-immutable-under-a-writer $(try cat $W/immutable)"
}
# NAME CAUSE, as the audit system has it, without the folder: before Linux 6.9 imad may know a reader's file by no more.
causes_in() {
	sed -n 's/.*op=appraise_data cause=\([^ ]*\) comm=.* name=\("[^"]*"\|[0-9A-F]*\).*/\2 \1/p' |
		sed 's|^"/[^"]*/||; s/^"//; s/" / /; s/^2F746573742F//' | sort -u
}
verdicts >"$RESULTS/$BOOT"
if [ "$BOOT" = A ]; then
	audit_settled
	dmesg | causes_in >"$RESULTS/A.causes"
	check "no verdict is missing" test "$(wc -l <"$RESULTS/A")" -ge 110
	check "nor a cause" test "$(wc -l <"$RESULTS/A.causes")" -ge 90
	exit 0
fi
imactl sync
causes_in </vm/imad.log >"$RESULTS/B.causes"

# In what imad differs, on purpose: NAME KERNEL IMAD, of the verdict or of the cause. Sorted.
deviations() {
	# For an algorithm that it does not know, or a digest of type 1 that is no SHA-1, the kernel takes its default one.
	for f in hash-first-unknown-algo.1 hash-unknown-algo.1 old-sha256.1; do
		echo "$f 0 126"
		echo "$f - invalid-hash"
	done
	# The kernel says nothing where there can be no labels at all.
	for f in vfat-prog ram-prog; do echo "$f - missing-hash"; done
	# A signature of version 0 is a wrong one.
	for u in 1 2; do echo "sig-v0.$u unknown invalid-signature"; done
	case $(uname -r) in
	6.1.*)	# It can check neither EC signatures nor version 3 for files, which imad can: this one is a wrong one.
		for u in 1 2; do
			echo "sig-ec.$u 126 0"
			echo "sig-ec.$u invalid-signature -"
			echo "sig-v3.$u invalid-signature-version invalid-signature"
		done ;;
	esac
}
differ() { join -a 1 -a 2 -e - -o 0,1.2,2.2 "$1" "$2" | awk '$2 != $3'; }
deviations | sort >/tmp/wanted
{
	for f in A B; do sort "$RESULTS/$f" >/tmp/$f; done
	differ /tmp/A /tmp/B
	differ "$RESULTS/A.causes" "$RESULTS/B.causes"
} | sort >/tmp/differ
check "verdicts and causes are the kernel's, but for what is known" same /tmp/wanted /tmp/differ
cat "$RESULTS/B" "$RESULTS/B.causes"
# Each of them was counted once for each time that it was denied: one that can be seen here, or more (a shell tries again).
denied=$(grep -c " 1" "$RESULTS/B")
counted=$(imactl status --json | sed -n 's/.*"denials": *\([0-9]*\).*/\1/p')
told=$(grep -c 'op=appraise_data cause=.*res=0' /vm/imad.log)
check "$denied were denied, $counted denials counted, $told told" test "$denied" -le "$counted" -a "$counted" = "$told"
logged() { check "$1: $2" grep -qF "$1'$3: $2" /vm/imad.log; }
logged "cannot keep the label of '/full/d/new" "No space left on device" ", which has changed"
logged "cannot keep the label of '$W/immutable" "Operation not permitted" ", which has changed"
# A label can name what nobody computes here; measured it is all the same.
cat /run/imad/ascii_runtime_measurements >/tmp/list
check "all are measured" test "$(grep -c " $W/[a-z0-9-]*\.2\$" /tmp/list)" = "$(ls $W/*.2 | wc -l)"
imactl list --json --path "$W/*" >/tmp/json
python3 - <<'END' >/tmp/said 2>&1 || :
import json
names = {}
for line in open("/tmp/json", encoding="utf-8"):
    record = json.loads(line)
    names.update((v, record) for v in record.values() if isinstance(v, str) and v.startswith("/test/"))
for want in '/test/"', "/test/new\nline", "/test/bell\a", "/test/umlaut_\u00fc", "/test/blank_blank", "/test/latin\ufffd":
    assert want in names, (want, sorted(names))
assert any(v == b"/test/latin\xff".hex() for v in names["/test/latin\ufffd"].values()), names["/test/latin\ufffd"]
print("all")
END
check "names of all bytes in JSON" grep -qx all /tmp/said
check "stop" stop_imad

# --- fix mode, where a label cannot be fixed: told, nothing is denied, and nothing counts as labelled

printf 'appraise func=FILE_CHECK fowner=1000%s\n' 1 2 3 >/tmp/policy
chattr +i $W/hash-wrong.1
check "fix mode" start_imad --appraise fix --policy /tmp/policy
fixes() { check "fix: $3" sh -c "cat '$2' >/dev/null"; imactl sync; logged "cannot fix the label of '$2" "$3" " ($1)"; }
fixes missing-hash /fat/vfat-prog "Operation not supported"
fixes missing-hash /full/old "No space left on device"
fixes invalid-hash $W/hash-wrong.1 "Operation not permitted"
cat "$W/new
line" >/dev/null
imactl sync
check "one line" grep -q "label of '$W/new\\\\x0aline' fixed (missing-hash)\$" /vm/imad.log
chattr -i $W/hash-wrong.1
mount -o remount,ro $W
fixes missing-hash $W/none.1 "Read-only file system"
check "a signature stays" sh -c "cat $W/sig-cut.1 >/dev/null"
check "none is denied" sh -c "imactl status --json | grep -qE '\"failures\": ?[1-9][0-9]*, ?\"denials\": ?0'"
check "nor labelled" sh -c "! getfattr --absolute-names -n security.ima $W/none.1 /full/old /fat/vfat-prog 2>/dev/null | grep security.ima"
check "stop" stop_imad

# --- imactl label, where it cannot

label_fails() { # PATH WHY
	imactl label "$1" >/tmp/said 2>&1 && got=0 || got=$?
	check "imactl label: $2" test "$got" = 1
	check "of $1" grep -qx "imactl: cannot label '$1': $2" /tmp/said
}
label_fails /fat/vfat-prog "its filesystem has no extended attributes"
label_fails /ram/ram-prog "its filesystem has no extended attributes"
label_fails /full/old "No space left on device"
label_fails $W/none.1 "Read-only file system"

# --- a CA that is none: imad does not start without what it was to trust

for f in empty folder fifo none key.pem large; do
	printf 'policy = tcb\n[keys]\nca = %s\n' $K/$f >/tmp/conf
	timeout 80 imad --config /tmp/conf >/tmp/said 2>&1 && got=0 || got=$?
	check "keys.ca: $f" test "$got" != 0 -a "$got" -lt 124
	check "which is told" grep -q "$K/$f.*: ." /tmp/said
	sed 's/^/  /' /tmp/said
done

# --- what cannot be opened for reading, as the gate opens what it holds: not imad's to refuse

printf '[gate]\nhold = open\n' >/tmp/conf
echo "measure func=FILE_CHECK uid=10009" >/tmp/policy
check "a rule for all filesystems" start_imad --config /tmp/conf --policy /tmp/policy
check "the kernel's IMA policy can be written" \
	sh -c "echo 'dont_measure fsmagic=0x73636673' >/sys/kernel/security/ima/policy"
check "what has no content of its own is not held" sh -c "imactl status | grep '/sys/kernel/security *no *no content'"
check "stop" stop_imad
