# SPDX-License-Identifier: GPL-2.0-or-later
# Critical data that can change: SELinux, device-mapper, BPF programs. What the kernel's own IMA records of the
# same in boot A, imad records in boot B, byte for byte.
# kernels: 7.2
# also: 6.1
# boots: A B
# time: 300
# disk: below 8M
# cmdline: ima_template=ima-ng lsm=landlock,lockdown,yama,integrity,selinux,bpf selinux=1 enforcing=0
# cmdline-A: ima_policy=critical_data
. /vm/lib.sh

list=/run/imad/ascii_runtime_measurements
crypt_key=00112233445566778899aabbccddeeff102132435465768798a9bacbdcedfe0f
named() { sed -n "s/ *\$//; / ima-buf sha256:[0-9a-f]* $1 /p" "$2"; } # EVENT LIST
n_named() { imactl sync && [ "$(named "$1" $list | wc -l)" = "$2" ]; }
# The data of the last record.
data() { named "$1" $list | tail -n 1 | sed 's/.* //' | xxd -r -p; }
says() { data "$1" | grep -aq "$2"; }
state() { echo "$1" >/sys/fs/selinux/enforce; }

# dm NAME UUID: a device with the table on standard input; dm -r NAME: remove it. No dmsetup is needed for that.
dm() { perl -e '
	my $remove = $ARGV[0] eq "-r" && shift;
	my ($name, $uuid) = @ARGV;
	my ($table, $n) = ("", 0);
	sub call { # command, targets and what to say of them, flags
		my ($nr, $data, $n, $uuid) = @_;
		my $io = pack("L3 L L L l L L L Q a128 a129 x7", 4, 0, 0, 312 + length $data, 312, $n, 0, 0, 0, 0, 0,
			$name, $uuid) . $data;
		ioctl(C, 0xc138fd00 + $nr, $io) or die "device-mapper $nr: $!\n";
	}
	open C, "+<", "/dev/mapper/control" or die "control: $!\n";
	if ($remove) { call(4, "", 0, ""); exit }
	while (<STDIN>) {
		chomp;
		my ($start, $length, $type, $rest) = split / /, $_, 4;
		my $text = pack "a" . (8 + length($rest) & ~7), $rest;
		$table .= pack("Q Q l L a16", $start, $length, 0, 40 + length $text, $type) . $text;
		$n++;
	}
	call(3, "", 0, $uuid), call(9, $table, $n, ""), call(6, "", 0, "");
	' -- "$@"; }

# The least binary policy that a kernel takes, with one policy capability: all is u:object_r:t, what it does not
# know is allowed. There is no compiler in the guest, and a policy of a distribution is megabytes.
selinux_policy() { perl -e '
	binmode STDOUT;
	sub u { print pack "V*", @_ }
	sub bits { my ($map) = @_; $map ? (u(64, 64, 1, 0), print pack "Q<", $map) : u(64, 0, 0) }
	sub key { print $_[0] }
	sub level { u(0), bits(0) } # of a policy without MLS
	sub range { u(1), level() }
	u(0xf97cff8c, 8), key("SE Linux"), u(31, 4, 8, 9);
	bits(1 << 1), bits(0); # open_perms; no permissive domain
	u(0, 0);
	u(1, 1, 7, 0, 1, 2, 2, 0), key("process");
	u(10, 1), key("transition"), u(13, 2), key("dyntransition"), u(0, 0, 0, 0, 0);
	u(1, 1, 8, 1, 0), key("object_r"), bits(1), bits(1);
	u(1, 1, 1, 1, 1, 0), key("t");
	u(1, 1, 1, 1, 0), key("u"), bits(1), range(), level();
	u(0, 0) for 1 .. 3; # booleans, levels, categories
	u(1), print(pack "v4 V", 1, 1, 1, 1, 1); # allow t t:process transition
	u(0) for 1 .. 4; # no other rule of any kind
	u(27), map { u($_, 1, 1, 1), range() } 1 .. 27; # the initial SIDs
	u(0) for 1 .. 8 + 2; # other contexts, file systems, range transitions
	bits(1);
	'; }
load_selinux_policy() {
	selinux_policy >/tmp/selinux.policy && dd if=/tmp/selinux.policy of=/sys/fs/selinux/load bs=64k 2>/dev/null
}

devices() {
	modprobe dm-mod
	modprobe dm-crypt
	below=$(disk below)
	echo "0 2048 linear $below 0" | dm plain "" &&
		printf '0 1024 linear %s 8\n1024 1024 linear %s 4096\n' "$below" "$below" | dm 'a,b=c;d\e' 'UUID-1=2' &&
		i=0 && while [ $i -lt 60 ]; do
			echo "$((i * 8)) 8 linear $below $((i * 16))"
			i=$((i + 1))
		done | dm many LARGE && echo "0 2048 crypt aes-xts-plain64 $crypt_key 0 $below 2048" | dm secret CRYPT
}

mounts
mount_at /sys/fs/selinux -t selinuxfs selinuxfs
check "devices" devices

if [ "$BOOT" = A ]; then
	state 1
	state 0
	check "a policy of SELinux" load_selinux_policy
	kernel=/sys/kernel/security/ima/ascii_runtime_measurements
	named selinux-state $kernel >"$RESULTS/selinux"
	named selinux-policy-hash $kernel >"$RESULTS/policy"
	named dm_table_load $kernel >"$RESULTS/dm"
	check "the kernel recorded SELinux three times" test "$(wc -l <"$RESULTS/selinux")" = 3
	check "and its policy" test "$(wc -l <"$RESULTS/policy")" = 1
	check "the kernel recorded five tables or more" test "$(wc -l <"$RESULTS/dm")" -ge 5
	exit
fi

state 1
start_imad --policy critical_data
imactl sync
check "SELinux is recorded" n_named selinux-state 1
state 0
check "its change is" wait_for 20 n_named selinux-state 2
check "there is no policy to be recorded" n_named selinux-policy-hash 0
named dm_table_load $list | sort >/tmp/dm
sort "$RESULTS/dm" >/tmp/dm.kernel
check "the tables are recorded as the kernel does" same /tmp/dm.kernel /tmp/dm
cut -d' ' -f6 /tmp/dm | while read -r hex; do echo "$hex" | xxd -r -p | cut -c 1-300 && echo; done | tee /tmp/tables
check "that of the encrypted device too" grep -q 'name=secret,uuid=CRYPT,.*target_name=crypt,' /tmp/tables
check "but not its key" exits 1 grep -aq "$(printf %s "$crypt_key" | xxd -p | tr -d '\n')\|$crypt_key" $list
n=$(wc -l </tmp/dm)
check "BPF programs are recorded" n_named bpf_programs 1
check "imad's own" says bpf_programs '^type=lsm name=imad_file_open tag=[0-9a-f]\{16\}$'
data bpf_programs >/tmp/programs

check "sorted, each once" env LC_ALL=C sort -uc /tmp/programs
# All three at once, as imad looks every ten seconds.
check "a policy of SELinux" load_selinux_policy
echo "0 64 linear $below 64" | dm later ""
# A program that returns 0, held until this script ends it.
perl -e 'my ($insns, $license) = (pack("C C s l", 0xb7, 0, 0, 0) . pack("C C s l", 0x95, 0, 0, 0), "GPL");
	my $attr = pack "L L Q Q L L Q L L Z16 x64", 1, 2, unpack("Q", pack "P", $insns), unpack("Q", pack "p", $license),
		0, 0, 0, 0, 0, "a_stranger";
	my $fd = syscall 321, 5, $attr, 72;
	die "bpf: $!\n" if $fd < 0;
	sleep 1000' &
stranger=$!
check "it is recorded" wait_for 20 n_named selinux-policy-hash 1
check "the state too" says selinux-state '^initialized=1;enforcing=0;.*;open_perms=1;extended_socket_class=0;'
data selinux-state && echo
named selinux-state $list >/tmp/selinux
check "all states as the kernel does" same "$RESULTS/selinux" /tmp/selinux
named selinux-policy-hash $list >/tmp/policy
check "the policy as the kernel does" same "$RESULTS/policy" /tmp/policy

check "a new device is recorded" wait_for 20 n_named dm_table_load $((n + 1))
check "with its table" says dm_table_load 'name=later,uuid=,.*target_len=64,target_name=linear,.*start=64;'
check "a program that is loaded later is" wait_for 20 n_named bpf_programs 2
check "with its name" says bpf_programs '^type=socket_filter name=a_stranger tag=[0-9a-f]\{16\}$'
data bpf_programs | diff /tmp/programs - | grep '^[<>]' >/tmp/more || :
check "and nothing else is new" test "$(wc -l </tmp/more)" = 1
kill $stranger
check "list and PCR agree" imactl verify

mkdir -p /test
echo 'measure func=CRITICAL_DATA label=selinux pcr=12' >/test/selinux
check "a policy for one of them" imactl policy load /test/selinux
echo "0 64 linear $below 128" | dm unwanted ""
imactl sync
check "records that one, into its PCR" test "$(named selinux-state $list | grep -c '^12 ')" = 1
# Until it has looked, and then until it has looked at all.
strace -f -o /tmp/trace -e trace=openat,bpf -p $imad_pid &
strace=$!
wait_for 20 grep -q '"/sys/fs/selinux"' /tmp/trace || :
sleep 1
kill $strace
wait $strace || :
check "and nothing of the others" n_named dm_table_load $((n + 1))
check "it looks at SELinux from time to time" grep -q '"/sys/fs/selinux"' /tmp/trace
check "it does not even look at the others" exits 1 grep -q 'mapper/control\|PROG_GET_NEXT_ID' /tmp/trace
echo 'measure func=BPRM_CHECK' >/test/none
check "a policy for none of them" imactl policy load /test/none
timeout 13 strace -f -o /tmp/trace -e trace=openat,bpf,epoll_wait -p $imad_pid || :
check "imad runs on" grep -q epoll_wait /tmp/trace
check "it looks at none of them" exits 1 grep -q 'fs/selinux\|mapper/control\|PROG_GET_NEXT_ID' /tmp/trace
check "list and PCRs agree" imactl verify
check "stop" stop_imad
cat /vm/imad.log
