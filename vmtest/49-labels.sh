# SPDX-License-Identifier: GPL-2.0-or-later
# obj_* and subj_* under SELinux: the same rules, files and tasks of several contexts, in the kernel's own IMA (boot A)
# and in imad (boot B): the same records. Then what only imad can do: files relabelled while it runs, and SELinux
# policies that come and go under it.
# kernels: 7.2
# also: 6.1
# boots: A B
# time: 300
# cmdline: ima_template=ima-ng lsm=landlock,lockdown,yama,integrity,selinux,bpf selinux=1 enforcing=0
. /vm/lib.sh

W=/test
list=/run/imad/ascii_runtime_measurements

# selinux_policy TYPES ALIASES: a binary policy that allows everything (enforcing is off), with ext4 labelled by
# xattrs. TYPES: name after name, in the order of their values; ALIASES: name=type. There is no compiler in the guest.
selinux_policy() { perl -e '
	binmode STDOUT;
	my @types = split " ", $ARGV[0];
	my %aliases = map { split /=/ } split " ", $ARGV[1];
	my @roles = (qw(object_r one_r two_r), map { "r$_" } 1 .. 9);
	my @users = (qw(system_u alice bob), map { "u$_" } 1 .. 50);
	my %value; @value{@types} = 1 .. @types;
	sub u { print pack "V*", @_ }
	sub bits { # from 0 on, @_ of them set
		my ($n) = @_;
		my $units = int(($n + 63) / 64);
		u(64, 64 * $units, $units);
		for my $i (0 .. $units - 1) {
			my $left = $n - 64 * $i;
			u(64 * $i), print pack "Q<", $left >= 64 ? ~0 : (1 << $left) - 1;
		}
	}
	sub named { my ($name, @numbers) = @_; u(length $name, @numbers), print $name }
	sub level { u(0), bits(0) } # of a policy without MLS
	sub range { u(1), level() }
	sub context { u(@_), range() }
	u(0xf97cff8c), named("SE Linux"), u(31, 4, 8, 9);
	bits(0), bits(0);
	u(0, 0);
	u(3, 3), named("process", 0, 1, 2, 2, 0), named("transition", 1), named("dyntransition", 2), u(0, 0, 0, 0, 0);
	named("file", 0, 2, 0, 0, 0), u(0, 0, 0, 0, 0), named("dir", 0, 3, 0, 0, 0), u(0, 0, 0, 0, 0);
	u(scalar @roles, scalar @roles);
	for my $i (1 .. @roles) { named($roles[$i - 1], $i, 0), bits(0), bits(scalar @types) }
	u(scalar @types, @types + keys %aliases);
	for my $i (1 .. @types) { named($types[$i - 1], $i, 1, 0) }
	for my $name (keys %aliases) { named($name, $value{$aliases{$name}}, 0, 0) }
	u(scalar @users, scalar @users);
	for my $i (1 .. @users) { named($users[$i - 1], $i, 0), bits(scalar @roles), range(), level() }
	u(0, 0) for 1 .. 3;
	u(1), print(pack "v4 V", 1, 1, 1, 1, 1); # allow TYPE TYPE:process transition
	u(0) for 1 .. 4;
	u(27), map { u($_), context(1, 1, $value{init_t}) } 1 .. 27;
	u(0) for 1 .. 4;
	u(1, 1), named("ext4"), context(1, 1, $value{init_t}); # fs_use_xattr
	u(0) for 1 .. 3 + 2;
	bits(0) for @types;
	' "$1" "$2"; }
load_selinux() { # TYPES ALIASES
	selinux_policy "$1" "$2" >/tmp/selinux.policy && dd if=/tmp/selinux.policy of=/sys/fs/selinux/load bs=1M 2>/dev/null
}
fillers=$(seq -f f%g 1 50)
types="init_t one_t two_t secret_t task_t other_t $fillers"

# contexts FILE: give it one context after the other, so that the numbers of those that count are beyond the first
# page of SELinux's table (39 contexts); with "all", beyond all pages that another one leads to (512).
contexts() { perl -e '
	my $n = 0;
	for my $u (1 .. ($ARGV[1] ? 50 : 1)) { for my $r (1 .. ($ARGV[1] ? 9 : 1)) { for my $t (1 .. 50) {
		my ($name, $value) = ("security.selinux", "u$u:r$r:f$t");
		syscall(188, $ARGV[0], $name, $value, length $value, 0) == 0 or die "setxattr: $!\n";
		$n++;
	} } }
	print "$n contexts\n";
	' "$@"; }

# A program of a few bytes, with its name behind it: files of another content each cost nothing to run.
program() { # FILE
	printf '\177ELF\2\1\1\0\0\0\0\0\0\0\0\0\2\0\76\0\1\0\0\0\170\0\100\0\0\0\0\0\100\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0' >"$1"
	printf '\0\0\0\0\100\0\70\0\1\0\0\0\0\0\0\0\1\0\0\0\5\0\0\0\0\0\0\0\0\0\0\0\0\0\100\0\0\0\0\0\0\0\100\0\0\0\0\0' >>"$1"
	printf '\204\0\0\0\0\0\0\0\204\0\0\0\0\0\0\0\0\20\0\0\0\0\0\0\61\377\270\74\0\0\0\17\5\0\0\0%s' "$1" >>"$1"
}

# cells: rules, between ; as in 43-language.sh.
cells() {
	cat <<'END'
measure func=FILE_CHECK obj_type=one_t @O
measure func=BPRM_CHECK obj_type=two_t @O
measure obj_type=secret_t @O
measure func=FILE_CHECK obj_user=alice @O
measure func=FILE_CHECK obj_role=one_r @O
measure func=FILE_CHECK obj_user=alice obj_role=two_r obj_type=two_t @O
measure func=FILE_CHECK subj_type=task_t @O
measure func=FILE_CHECK subj_user=bob @O
measure func=BPRM_CHECK subj_role=two_r @O
measure func=FILE_CHECK subj_user=alice subj_role=one_r subj_type=task_t @O
measure func=FILE_CHECK subj_type=task_t obj_type=two_t @O
measure func=CREDS_CHECK subj_type=other_t @O
measure func=CREDS_CHECK subj_type=task_t obj_user=bob @O
measure func=BPRM_CHECK subj_type=other_t @O
dont_measure obj_type=one_t @O; measure func=FILE_CHECK subj_user=alice @O pcr=12; measure func=BPRM_CHECK @O
measure func=FILE_CHECK obj_type=old_t @O
measure func=FILE_CHECK subj_type=job_t @O
END
}
aliases='old_t=two_t job_t=task_t'
policy() {
	n=0
	cells | while IFS= read -r rules; do
		n=$((n + 1))
		printf '%s\n' "$rules" | tr ';' '\n' | sed -e 's/^ *//' -e "s/@O/fowner=$((10000 + n))/"
	done
}
files='alice:object_r:one_t alice:two_r:two_t bob:one_r:two_t system_u:object_r:secret_t bob:one_r:f7'
tasks='alice:one_r:task_t bob:two_r:task_t system_u:one_r:other_t'

label() { # CONTEXT FILE...
	context=$1
	shift
	setfattr -n security.selinux -v "$context" "$@"
}
# Each file is used once: read, executed, or executed into another context.
make_files() {
	for n in $(seq "$(cells | wc -l)"); do
		mkdir -p $W/$n
		f=0
		for context in $files; do
			f=$((f + 1))
			for t in 1 2 3; do
				for use in read exec into; do
					program $W/$n/$f.$t.$use
				done
			done
			label "$context" $W/$n/$f.*
		done
		chown $((10000 + n)) $W/$n/*
		chmod 755 $W/$n/*
	done
}
# as CONTEXT COMMAND...: executed into that context. No line end: as a write of its own it would take that back.
as() {
	printf %s "$1" >/proc/self/attr/exec
	shift
	exec "$@"
}
work() {
	t=0
	for context in $tasks; do
		t=$((t + 1))
		(as "$context" sh /tmp/work.sh $t "$(cells | wc -l)") || echo "task $context: $?"
	done
}

mounts
mount_at /sys/fs/selinux -t selinuxfs selinuxfs
cat >/tmp/work.sh <<'END'
# What the task of that number does with the files of so many policies.
for n in $(seq "$2"); do
	for f in 1 2 3 4 5; do
		read -r line </test/$n/$f.$1.read || :
		/test/$n/$f.$1.exec
		(printf system_u:two_r:other_t >/proc/self/attr/exec && exec /test/$n/$f.$1.into)
	done
done
END
check "a policy of SELinux" load_selinux "$types" "$aliases"
mkdir -p $W
policy >/tmp/policy
contexts $W
make_files
check "the files have their labels" test "$(getfattr --absolute-names --only-values -n security.selinux $W/1/2.1.read | tr -d '\0')" = alice:two_r:two_t
case $BOOT in
A)
	from=/sys/kernel/security/ima
	check "the kernel takes the policy" sh -c "cat /tmp/policy >$from/policy" ;;
B)
	from=/run/imad
	printf '[gate]\nhold = open\n' >/tmp/conf
	start_imad --config /tmp/conf --policy /tmp/policy ;;
esac
work >/tmp/work 2>&1
check "every use goes through" exits 1 grep . /tmp/work
[ "$BOOT" = A ] || imactl sync
sed -n "s|^ *\([0-9]* .* $W/[0-9]*/[a-z0-9.]*\) *\$|\1|p" $from/ascii_runtime_measurements | sort >"$RESULTS/$BOOT"
sed "s|.* $W/\([0-9]*\)/.*|\1|" "$RESULTS/$BOOT" | sort -n | uniq -c | while read -r n policy; do
	echo "  $n by $(cells | sed -n "${policy}p")"
done
[ "$BOOT" != A ] || exit 0

differ() {
	diff "$RESULTS/A" "$RESULTS/B" >/tmp/diff && return 1
	sed -n "s|^\([<>]\) \([0-9]*\) .* $W/\([0-9]*\)/\(.*\)|\1 \2 \3 \4|p" /tmp/diff | while read -r side pcr n use; do
		[ "$side" = '<' ] && who="only the kernel" || who="only imad"
		echo "  $who: PCR $pcr, $use, by: $(cells | sed -n "${n}p")"
	done
}
check "at least 200 records" test "$(wc -l <"$RESULTS/B")" -ge 200
check "the same records" exits 1 differ
check "each cell has some" test "$(sed "s|.* $W/\([0-9]*\)/.*|\1|" "$RESULTS/B" | sort -u | wc -l)" = "$(cells | wc -l)"
check "list and PCRs agree" imactl verify
status() { imactl status --json | grep -qE "$1"; }
check "imactl status says whose labels they are" status '"labels_from":"selinux"'
# tested YES|NO [OPTIONS]: what imactl policy test says of a measure rule.
tested() {
	want=$1
	shift
	imactl policy test "$@" --func FILE_CHECK --file $W/1/1.1.read /tmp/policy | grep -q "^measure *$want "
}
check "imactl policy test asks the file" tested yes
check "or takes what it is told" tested no --obj-type two_t
echo 'measure func=FILE_CHECK obj_type=one_t' >/tmp/one
imactl policy simulate /tmp/one >/tmp/simulated
check "imactl policy simulate asks the files" grep -q ' measured as now, by /tmp/one:1' /tmp/simulated
check "and is sure of each" exits 1 grep unsure /tmp/simulated
check "stop" stop_imad
grep -E '^<[0-4]>' /vm/imad.log && got=0 || got=$?
check "imad complains of nothing" test $got = 1

# --- files relabelled while imad runs

count() { grep -c " $1\$" $list || :; }
opens() { /vm/probe read $W/$1; }
cat >/tmp/policy <<'END2'
appraise func=FILE_CHECK obj_type=secret_t fowner=9
measure func=FILE_CHECK obj_type=late_t fowner=9
measure func=FILE_CHECK obj_type=one_t fowner=9
END2
for f in plain later moved; do
	echo $f >$W/$f
	chown 9 $W/$f
	label alice:object_r:f1 $W/$f
done
start_imad --config /tmp/conf --policy /tmp/policy --appraise enforce
check "a type that SELinux does not know is warned of" grep -q '^<4>obj_type=late_t: SELinux does not know it' /vm/imad.log
check "read as what no rule names" opens plain
label alice:object_r:secret_t $W/plain
check "not as what must be signed" exits 13 opens plain
label bob:object_r:f2 $W/plain
check "again as what no rule names" opens plain
opens moved
label alice:object_r:one_t $W/moved
opens moved
imactl sync
check "the next use after a relabelling is measured" test "$(count $W/moved)" = 1
label alice:object_r:f2 $W/moved
label alice:object_r:one_t $W/moved
opens moved
imactl sync
check "and not again, the content being the same" test "$(count $W/moved)" = 1

# --- SELinux policies that come and go

label alice:object_r:secret_t $W/plain
check "SELinux gets a policy that numbers its types in another way" load_selinux "init_t other_t late_t $fillers secret_t one_t two_t task_t" ''
check "what must be signed still must" exits 13 opens plain
check "what no rule names is still read" opens later
label alice:object_r:late_t $W/later
opens later
imactl sync
check "the type that was not known is" test "$(count $W/later)" = 1
check "SELinux gets a policy without that type" load_selinux "init_t one_t two_t task_t other_t $fillers" ''
check "which nobody has any more" opens plain
check "one in which it is another type's alias" load_selinux "init_t one_t two_t hidden_t task_t other_t $fillers" secret_t=hidden_t
label alice:object_r:f3 $W/plain
label alice:object_r:hidden_t $W/plain
check "that type must be signed then" wait_for 10 exits 13 opens plain
check "more contexts than two levels of pages hold" contexts $W/moved all
label u50:r9:one_t $W/later
chown 9 $W/later
echo new >$W/later
opens later
imactl sync
check "the last of them is known" test "$(count $W/later)" = 2
label alice:object_r:hidden_t $W/plain
check "and the first" exits 13 opens plain
check "list and PCRs agree at the end" imactl verify
check "stop again" stop_imad
cat /vm/imad.log
