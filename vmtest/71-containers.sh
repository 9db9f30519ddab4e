# SPDX-License-Identifier: GPL-2.0-or-later
# Beside each record: in which mount namespace, control group and container the file was used.
# kernels: 6.12
# also: 6.1 7.2
. /vm/lib.sh

mounts
mkdir -p /test
for f in early inside outside nspawn root; do
	cp /bin/sleep /test/$f
	echo $f >>/test/$f
done
echo >/test/read
id=$(head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n')
group=/sys/fs/cgroup/docker/$id
machine="/sys/fs/cgroup/machine.slice/machine-a\\x2db.scope"
mkdir -p "$group" "$machine"

# in_group GROUP command...: in that group and a mount namespace of its own, whose number it leaves in /tmp/ns.
in_group() {
	sh -c 'echo $$ >"$1/cgroup.procs"; shift; exec unshare -m sh -c "stat -Lc %i /proc/self/ns/mnt >/tmp/ns; exec \"\$@\"" sh "$@"' sh "$@"
}
field() { # NAME FIELD: of the record of that file
	imactl list --json --path "$1" | sed -n "s/.*\"$2\":\"\{0,1\}\([^,\"}]*\).*/\1/p"
}
is() { [ "$(field "$1" "$2")" = "$3" ] || { echo "  $2: $(field "$1" "$2"), not $3"; return 1; }; }

in_group "$group" /test/early 1000 &
wait_for 20 pidof early >/tmp/early
early=$(cat /tmp/early)
ns=$(cat /tmp/ns)
start_imad --policy tcb
check "before imad: container" is /test/early container "$id"
check "before imad: namespace" is /test/early mnt_ns "$ns"
check "before imad: kind" is /test/early kind start

in_group "$group" /test/inside 0
check "container" is /test/inside container "$id"
check "namespace" is /test/inside mnt_ns "$(cat /tmp/ns)"
check "group" is /test/inside cgroup "/docker/$id"
check "another namespace than before" exits 1 test "$ns" = "$(cat /tmp/ns)"

/test/outside 0
check "no container" is /test/outside container ""
check "group of who is in none" is /test/outside cgroup "$(sed -n 's/^0:://p' /proc/self/cgroup)"
check "the first namespace" is /test/outside mnt_ns "$(stat -Lc %i /proc/1/ns/mnt)"

in_group "$machine" /test/nspawn 0
check "a name that is escaped" is /test/nspawn container a-b
check "its group" is /test/nspawn cgroup '/machine.slice/machine-a\\x2db.scope'

# Told by an event: who writes what is being read.
exec 5</test/read
cat <&5
in_group "$group" sh -c 'echo >>/test/read'
imactl sync
exec 5<&-
imactl list --json --container "$id" --kind violation >/tmp/violations
check "who wrote under a reader" grep -q '"name":"/test/read".*"cause":"ToMToU"' /tmp/violations

# A container that has ended before anybody asked.
check "the beginning of an ID" [ "$(imactl list --container "$(echo "$id" | cut -c1-12)" | grep -c ' /test/')" = 3 ]
check "of another" [ "$(imactl list --count --container zz)" = 0 ]
check "with other filters" [ "$(imactl list --count --container "$id" --path /test/inside)" = 1 ]
kill "$early"
wait_for 10 rmdir "$group"
check "when it has gone" is /test/inside container "$id"
check "stop" stop_imad
