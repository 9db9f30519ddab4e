# SPDX-License-Identifier: GPL-2.0-or-later
# EVM in the daemon: what is changed while imad does not run is denied with its cause, though every label fits; what is changed
# through the running system goes on working, and so does the file after the next boot. Without EVM the same edits pass.
# imad is killed on the way, so it does not protect itself.
# kernels: 6.1
# also: 6.12 7.2
# protect: no
# boots: A B
# keep: tpm
# disk: work 64M
# time: 300
. /vm/lib.sh

W=/test
S=$RESULTS/state
mounts
mkdir -p $W
echo 0 >/proc/sys/kernel/printk_ratelimit
cat >/tmp/policy <<'END'
appraise func=BPRM_CHECK fowner=10001
appraise func=FILE_CHECK fowner=10002
appraise func=POLICY_CHECK fowner=10003
END
printf 'policy = /tmp/policy\nappraise = enforce\n[evm]\ndir = %s\n' "$S" >/tmp/conf
start() { start_imad --config /tmp/conf --evm "$1"; }
evmcheck() { imactl check --evm --statedir "$S" --config /tmp/conf "$@"; }
fresh() { sync && echo 3 >/proc/sys/vm/drop_caches; }
renewed() { # FILE: what is on the disk is right
	imactl sync && wait_for 5 evmcheck --quiet "$1" || { evmcheck "$1"; return 1; }
}
runs() { "$W/$1" >/dev/null 2>&1; }
denied() { ! runs "$1"; }
wrong() { ! evmcheck --quiet "$1"; }
caps=0x0100000200200000000000000000000000000000

if [ "$BOOT" = A ]; then
	mke2fs -q -t ext4 "$(disk work)"
	mount "$(disk work)" $W
	check "a key" imactl evm init --statedir "$S" --without-recovery --pcrs 7,16
	last=$(seq -f last%g 30)
	for f in same same2 content owner mode caps swapped copied removed chmod chown chgrp setcap acl relabel selinux unknown rename away $last; do
		cp /bin/true $W/$f
	done
	for f in data data-write data-suid; do echo "$f" >$W/$f; done
	chown 10001 $W/*
	chown 10002 $W/data*
	cp /tmp/policy $W/policy && cp /tmp/policy $W/policy-mode
	chown 10003 $W/policy*
	mkdir -p /etc/keys/ima
	rsa_key /tmp/sign.key && openssl req -x509 -key /tmp/sign.key -subj /CN=evm -outform DER -out /etc/keys/ima/sign.der 2>/dev/null
	cp /bin/true $W/portable && chown 10001 $W/portable && imactl label $W/portable >/dev/null
	echo data >$W/portable-data && chown 10002 $W/portable-data && imactl label $W/portable-data >/dev/null
	check "portable signatures" imactl sign --evm --portable --key /tmp/sign.key $W/portable $W/portable-data
	check "labels and HMACs" imactl label --evm --statedir "$S" $W
	start enforce || exit 1
	grep -v 'op=' /vm/imad.log
	check "the key is there" sh -c "imactl status --json | grep -q '\"evm_key\":true'"
	for f in same chmod chown chgrp setcap acl relabel selinux rename away; do check "$f runs" runs $f; done

	# --- permitted: what was looked at, and what was not
	for f in chmod unknown; do
		check "$f: mode" chmod 700 $W/$f
		check "$f: HMAC" renewed $W/$f
		check "$f runs after it" runs $f
	done
	check "owner and group" chown 10001:7 $W/chown
	check "chown: HMAC" renewed $W/chown
	check "group" chgrp 9 $W/chgrp
	check "chgrp: HMAC" renewed $W/chgrp
	check "capabilities" setfattr -n security.capability -v $caps $W/setcap
	check "setcap: HMAC" renewed $W/setcap
	check "setcap runs" runs setcap
	check "owner of one with capabilities" chown 10001:3 $W/setcap
	check "setcap: HMAC after chown" renewed $W/setcap
	check "an attribute of another module" setfattr -n security.apparmor -v x $W/selinux
	check "selinux: HMAC" renewed $W/selinux
	check "... removed" setfattr -x security.apparmor $W/selinux
	check "selinux: HMAC again" renewed $W/selinux
	check "an ACL, which changes the mode" python3 - $W/acl <<-'END'
		import os, struct, sys
		none = 0xffffffff
		acl = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *e) for e in
			((1, 7, none), (2, 5, 77), (4, 5, none), (0x10, 7, none), (0x20, 0, none)))
		os.setxattr(sys.argv[1], "system.posix_acl_access", acl)
	END
	check "acl: HMAC" renewed $W/acl
	check "acl runs" runs acl
	check "a label by root" imactl label --algo sha512 $W/relabel
	check "relabel: HMAC" renewed $W/relabel
	check "relabel runs" runs relabel
	mv $W/rename $W/renamed
	check "a rename" runs renamed
	check "many changes" sh -c "for i in 0 1 2 3 4 5 6 7; do chmod 75\$i $W/chmod; chown :\$i $W/chmod; done"
	check "chmod: HMAC after many" renewed $W/chmod

	# --- content: label and HMAC follow the last writer
	check "data can be read" cat $W/data
	check "write" sh -c "echo more >>$W/data-write"
	check "data-write: label and HMAC" renewed $W/data-write
	check "... and it can be read" cat $W/data-write
	chmod 4755 $W/data-suid
	check "a write that takes setuid" setpriv --reuid=10002 --regid=10002 --clear-groups sh -c "echo more >>$W/data-suid"
	check "it is gone" test ! -u $W/data-suid
	check "data-suid: label and HMAC" renewed $W/data-suid
	mkdir -m 777 $W/d
	check "a new file, its mode" setpriv --reuid=10002 --regid=10002 --clear-groups sh -c "echo x >$W/d/new; chmod 600 $W/d/new"
	check "new: label and HMAC" renewed $W/d/new

	# --- not permitted
	check "others do not set an HMAC" exits 1 setfattr -n security.imad.evm -v 0x00 $W/same
	check "... nor remove it" exits 1 setfattr -x security.imad.evm $W/same
	check "it runs" runs same

	# --- a portable signature: nobody changes the file
	check "portable runs before" runs portable
	check "portable-data can be read before" cat $W/portable-data
	python3 - $W/portable <<-'END' >/tmp/tried
		import errno, os, struct, sys
		f, none = sys.argv[1], 0xffffffff
		acl = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *e) for e in
			((1, 7, none), (2, 5, 77), (4, 5, none), (0x10, 7, none), (0x20, 0, none)))
		for what, do in {
			"mode": lambda: os.chmod(f, 0o700), "owner": lambda: os.chown(f, 10001, 5),
			"label": lambda: os.removexattr(f, "security.ima"), "signature": lambda: os.removexattr(f, "security.evm"),
			"xattr": lambda: os.setxattr(f, "security.apparmor", b"x"), "acl": lambda: os.setxattr(f, "system.posix_acl_access", acl),
			"write": lambda: os.open(f, os.O_WRONLY), "append": lambda: os.open(f + "-data", os.O_WRONLY | os.O_APPEND),
			"cut": lambda: os.open(f, os.O_WRONLY | os.O_TRUNC), "truncate": lambda: os.truncate(f, 3),
		}.items():
		    try:
		        do()
		        print(what, "done")
		    except OSError as e:
		        print(what, errno.errorcode[e.errno])
	END
	sed 's/^/  /' /tmp/tried
	check "immutable: metadata and content" test "$(grep -c ' EPERM$' /tmp/tried)" = 10
	check "portable runs" runs portable
	check "portable-data can be read" cat $W/portable-data
	imactl sync
	check "that is audited as the kernel's EVM does" grep -q 'integrity_metadata.* op=appraise_metadata cause=immutable-signed-file .*name="portable"' /vm/imad.log

	# --- another daemon: what was changed when there was none in between
	kill -9 "$imad_pid" && wait "$imad_pid" || :
	check "a change while imad is dead" chmod 711 $W/away
	start enforce || exit 1
	check "away runs" runs away
	check "away: HMAC" renewed $W/away

	# --- what was changed up to the moment in which it is asked to stop is made before it ends
	for f in $last; do runs $f || echo "  $f does not run"; done
	chmod 711 $W/last* && kill "$imad_pid"
	check "stops" wait "$imad_pid"
	check "no HMAC was left due" evmcheck --quiet $W/last*
	grep -E 'ERROR|error|cannot' /vm/imad.log || :
	umount $W

	# --- the evil maid: at the disk, and through a kernel without imad
	b=$(disk work)
	for c in "sif /owner uid 10002" "sif /mode mode 0104755" "sif /policy-mode mode 0100666"; do
		debugfs -w -R "$c" "$b" >/dev/null 2>&1
	done
	printf '\001\000\000\002\377\377\377\377\000\000\000\000\000\000\000\000\000\000\000\000' >/tmp/caps
	debugfs -w -R "ea_set -f /tmp/caps /caps security.capability" "$b" >/dev/null 2>&1
	mount "$b" $W
	check "owner is edited" test "$(stat -c %u $W/owner)" = 10002
	check "mode is edited" test -u $W/mode
	check "capabilities are" getfattr -n security.capability $W/caps
	echo >>$W/content
	imactl label $W/content >/dev/null
	cp /bin/true $W/other && chown 10001 $W/other && echo >>$W/other && imactl label $W/other >/dev/null && mv $W/other $W/swapped
	cp -p $W/same2 $W/copied.new && chown 10001 $W/copied.new
	for x in security.ima security.imad.evm; do
		setfattr -n $x -v "$(getfattr --absolute-names -e hex -n $x $W/same2 | sed -n "s/^$x=//p")" $W/copied.new
	done
	mv $W/copied.new $W/copied
	setfattr -x security.imad.evm $W/removed
	umount $W
	exit 0
fi

mount "$(disk work)" $W
edited="content mode caps swapped copied removed"
start off || exit 1
for f in $edited; do check "without EVM, $f passes" runs $f; done
check "without EVM, the other owner passes" cat $W/owner
check "stops" stop_imad
fresh

start enforce || exit 1
grep -v 'op=' /vm/imad.log
for f in same same2 chmod chown chgrp setcap acl relabel selinux unknown renamed away; do check "untouched: $f" runs $f; done
for f in data data-write data-suid d/new; do check "untouched: $f" cat $W/$f; done
for f in $edited; do check "$f is denied" denied $f; done
check "owner is denied" exits 1 cat $W/owner
check "a policy that is untouched" imactl policy load $W/policy
check "one whose mode is edited" exits 1 sh -c "imactl policy load $W/policy-mode 2>/tmp/err"
check "... is refused for that" grep -q invalid-HMAC /tmp/err
imactl sync
cause() { grep -qE "op=appraise_data cause=$2 .*name=\"($W/)?$1\"" /vm/imad.log; } # before 6.9 an open tells no path
for f in content mode caps copied owner; do check "$f: invalid-HMAC" cause $f invalid-HMAC; done
for f in swapped removed; do check "$f: missing-HMAC" cause $f missing-HMAC; done
check "explained" sh -c "imactl explain $W/mode | grep -q 'label --evm --force'"
check "taken over by force" imactl label --evm --force --statedir "$S" $W/swapped
check "swapped runs" runs swapped
check "chmod back" chmod 755 $W/mode
check "mode runs again: it is as it was" runs mode
check "stops" stop_imad
fresh
start log || exit 1
for f in content caps copied removed; do check "$f is only told of" runs $f; done
imactl sync
check "and that it is" cause content invalid-HMAC
echo bad >>$W/same
check "a wrong label is denied all the same" denied same
check "stops" stop_imad

# --- fix: what has a right label, and nothing that was made wrong
fresh
start fix || exit 1
for f in removed content; do runs $f || :; done
check "stops" stop_imad
check "an HMAC is made" evmcheck --quiet $W/removed
check "none that was wrong is made right" wrong $W/content

# --- without the key: its policy does not hold any more; no TPM is there. What the host needs is not locked out by that.
fresh
tpm2_pcrextend -T device:/dev/tpmrm0 "16:sha256=$(printf %064d 1)"
start enforce || exit 1
check "the PCR is named" grep -q "no HMAC can be verified or made: PCR 16 (sha256) is not as it was" /vm/imad.log
check "what cannot be verified is denied" denied same2
imactl sync
check "and why" cause same2 unverifiable-HMAC
check "stops" stop_imad
fresh
printf '[appraise]\ncritical = %s\n[tpm]\ntcti = none\n' $W/same2 >>/tmp/conf
start enforce || exit 1
check "that there is no TPM is said" grep -q "no HMAC can be verified or made: .*TPM" /vm/imad.log
check "EVM is not enforced" sh -c "imactl status --json | grep -q '\"evm_refused\":true'"
check "... for what" grep -q "evm = enforce is refused.*'$W/same2' would be denied (unverifiable-HMAC)" /vm/imad.log
check "it runs" runs same2
echo bad >>$W/same2
check "a wrong label is denied" denied same2
