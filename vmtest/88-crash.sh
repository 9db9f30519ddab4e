# SPDX-License-Identifier: GPL-2.0-or-later
# imad is killed at each boundary of what it does for a first use: before each file of the list is written to, before and
# after the TPM's command, before the verdict is published, before the answer (at the call before it). Each time the next
# imad has lost nothing, list and PCR agree, and what is right runs. strace sends the signal as a system call begins, which
# then does nothing any more.
# kernels: 7.2
# protect: no
# time: 420
. /vm/lib.sh

W=/test
mounts
mkdir -p $W
cat >/tmp/policy <<'END'
measure func=BPRM_CHECK
appraise func=BPRM_CHECK fowner=10001
END
list=/run/imad/ascii_runtime_measurements
make() { cp /bin/true "$1" && echo "$1" >>"$1" && evmctl ima_hash -a sha256 "$1" >/dev/null 2>&1 && chown 10001 "$1"; }
# All threads, or those that look at files.
threads() { for t in /proc/$imad_pid/task/*; do [ -d "$t" ] || continue; [ "$1" = all ] || [ "$(cat "$t/comm")" = "$1" ] || continue; echo "${t##*/}"; done; }
traced() { for t in $(threads "$@"); do ! grep -q '^TracerPid:.0$' "/proc/$imad_pid/task/$t/status" || return 1; done; }
gone() { [ ! -e "/proc/$imad_pid/exe" ]; } # a zombie has none
begin() { start_imad --appraise enforce --policy /tmp/policy; }

# A use in which the Nth call of these kills imad: of a thread that looks at files, or with a path of any that are for it. 1: it has not
# come so far.
killed_at() { # NAME CALLS NTH [PATH]
	which=hash
	[ -z "$4" ] || which=all
	ids=
	for t in $(threads $which); do ids="$ids -p $t"; done
	strace -qq -y -o "/tmp/strace.$1" $ids ${4:+-P "$4"} -e "trace=$2" -e "inject=$2:signal=KILL:when=$3" 2>/tmp/strace.err &
	tracer=$!
	wait_for 20 traced $which || { cat /tmp/strace.err; return 2; }
	sh -c "$W/$1" 2>/dev/null || :
	if wait_for 5 gone; then
		wait "$imad_pid" 2>/dev/null || :
		wait $tracer || :
		grep -v 'killed by' "/tmp/strace.$1" | tail -n 1 | cut -c1-110
		return 0
	fi
	kill $tracer
	wait $tracer || :
	return 1
}
next() { # NAME: another imad, and nothing of that use is missing
	begin || return 1
	$W/known && sh -c "$W/$1" && imactl sync && [ "$(grep -c " $W/$1\$" $list)" = 1 ] && imactl verify >/tmp/verify || {
		cat /tmp/verify
		grep " $W/" $list
		tail -n 5 /vm/imad.log
		return 1
	}
}

make $W/known
rounds=0
at() { # NAME CALL NTH [PATH]
	make $W/$1
	killed_at "$@" || return 1
	rounds=$((rounds + 1))
	check "known is known while it is dead ($1)" $W/known
	check "after a death at $1 nothing is lost" next "$1"
}
begin
$W/known
strace -V >/dev/null # they are known
files=$(readlink /proc/$imad_pid/fd/* | grep -E '^(/run/imad/.*_measurements|/dev/tpm.*)$' | sort -u)
echo "$files"
n=0
for f in $files; do
	n=$((n + 1))
	at write-$n write,pwrite64 1 "$f" || echo "  nothing was written to $f"
done
for f in /run/imad/binary_runtime_measurements /dev/tpmrm0; do
	check "killed before something was written to ${f##*/}" grep -q "^[0-9]* *p*write[64]*([0-9]*<$f>" /tmp/strace.write-*
done
at sent read 1 /dev/tpmrm0 || check "killed when the TPM had been asked" false
at publish bpf 2 || check "killed when it is published" false
at answer fanotify_mark 1 || check "killed when it had been published, and not answered" false
check "killed $rounds times" test $rounds = 6
imactl sync
check "nothing was lost" sh -c "imactl status --json | grep -qE '\"lost\": ?0'"
check "snapshot" snapshot /run/imad /tmp/snap
for bank in sha1 sha256; do check "evmctl: the list gives PCR 10 in $bank" evm_matches $bank /tmp/snap/list /tmp/snap/pcrs.$bank; done
check "stop" stop_imad
