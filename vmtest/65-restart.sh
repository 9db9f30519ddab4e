# SPDX-License-Identifier: GPL-2.0-or-later
# As a service that enforces: restarted, killed and killed with all caches dropped, there is no moment in which what is
# wrong runs or what is right does not; the killed one comes back although its own files are appraised. Stop lets go.
# init: systemd
# kernels: 6.1
# also: 7.2
# time: 420
. /vm/lib.sh

W=/test
mkdir -p $W /etc/imad
pid() { systemctl show -P MainPID imad; }
serves() { systemctl -q is-active imad && imactl sync >/dev/null 2>&1; }
another() { [ "$(pid)" != 0 ] && [ "$(pid)" != "$1" ] && serves; }
label() { evmctl ima_hash -a sha256 "$1" >/dev/null 2>&1; }
denied() { exits 126 sh -c "$1" 2>/dev/null; }
said() { journalctl --sync && journalctl -q -b -u imad | grep -q "$1"; }
# used FILE...: executes bad and good, or what is named, again and again until there is /tmp/stop, and tells of what went wrong.
# In between it leaves the CPU to those who start imad meanwhile.
used() {
	rm -f /tmp/stop
	perl -e 'my $n = 0;
		while (! -e "/tmp/stop") {
			for (@ARGV) { print "$_\n" if (system("/test/$_") == 0) != ($_ eq "good") }
			select undef, undef, undef, 0.05;
			$n++;
		}
		print STDERR "  executed $n times\n"' "$@" >/tmp/wrong &
	user=$!
}
agrees() { imactl verify >/tmp/verify || { cat /tmp/verify; return 1; }; }

install -D -m 644 /vm/systemd/imad.service /usr/lib/systemd/system/imad.service
printf 'policy = /etc/imad/policy\nappraise = enforce\n' >/etc/imad/imad.conf
printf 'appraise func=%s fowner=10001\n' BPRM_CHECK MMAP_CHECK FILE_CHECK >/etc/imad/policy
echo 'measure func=BPRM_CHECK' >>/etc/imad/policy
for f in good bad; do cp /bin/true $W/$f && echo $f >>$W/$f; done
# What imad itself is made of is appraised like any other file, and nobody but imad uses it.
imad=$(command -v imad)
tss=$(readlink -f "$(ldd "$imad" | sed -n 's/.*libtss2-esys.*=> \([^ ]*\) .*/\1/p')")
for f in $W/good "$imad" "$tss" /etc/imad/imad.conf; do label "$f" && chown 10001 "$f"; done
setfattr -n security.ima -v 0x04040000000000000000000000000000000000000000000000000000000000000000 $W/bad
chown 10001 $W/bad
chmod 755 "$imad" # chown takes nothing off, but who knows

systemctl -q enable --now imad
check "it is active" serves
check "it enforces" denied $W/bad
check "good runs" $W/good

used bad good
old=$(pid)
check "restart" systemctl restart imad
check "another process" another "$old"
check "the programs stayed" said "the BPF programs stay for the next start"
check "and were gone on with" said "going on where a daemon ended"
for i in 1 2; do
	old=$(pid)
	unlock_imad
	kill -9 "$old"
	check "kill $i: it comes back" wait_for 60 another "$old"
done
touch /tmp/stop
wait $user
check "good always ran, and what is wrong never" same /tmp/wrong /dev/null
check "stop" systemctl stop imad
check "nothing is pinned" test ! -e /sys/fs/bpf/imad
check "what is wrong runs when it is stopped" wait_for 30 $W/bad
check "start" systemctl start imad

# Nothing but systemd holds on to imad's files now.
systemctl reset-failed imad # its starts are counted anew: so many a minute are too many
used bad
old=$(pid)
check "systemd holds on to imad's program" sh -c "ls -l /proc/1/fd | grep -q ' $imad\$'"
unlock_imad
kill -9 "$old"
sync
echo 3 >/proc/sys/vm/drop_caches
echo 3 >/proc/sys/vm/drop_caches
check "killed and forgotten, it comes back" wait_for 60 another "$old"
check "restart after that" systemctl restart imad
cp -a "$imad" "$imad.new" && label "$imad.new"
unlock_imad
mv "$imad.new" "$imad"
old=$(pid)
check "restart into another program" systemctl restart imad
check "which it is" another "$old"
check "and of another inode" test "$(stat -Lc %i "/proc/$(pid)/exe")" = "$(stat -c %i "$imad")"
unlock_imad
echo 'template = ima-sig' >>/etc/imad/imad.conf
check "restart into what cannot be gone on with" systemctl restart imad
check "which is said" said "is not gone on with: PCR, hash, template"
touch /tmp/stop
wait $user
check "what is wrong never ran" same /tmp/wrong /dev/null
check "no more descriptors than before" test "$(systemctl show -P NFileDescriptorStore imad)" -le 3
check "it enforces" denied $W/bad
check "good runs" $W/good
check "list and PCR agree" agrees

# A configuration that is wrong: what is known goes on, and there is a way out.
unlock_imad
echo 'policy = /nowhere' >/etc/imad/imad.conf
systemctl restart imad 2>/dev/null || :
check "with a wrong configuration it does not start" exits 3 systemctl -q is-active imad
check "what is wrong is denied all the same" denied $W/bad
check "detach" "$imad" --detach
check "then it is not" wait_for 30 $W/bad # the kernel takes links down a moment later
