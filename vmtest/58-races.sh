# SPDX-License-Identifier: GPL-2.0-or-later
# Appraisal cannot be raced: processes that change files in every way run against processes that execute and map
# them. Nothing runs that its label is not of, and nothing is denied that nobody touches. race.c says who judges how.
#
# The rounds here fit a minute; SEED= and ROUNDS= on the kernel command line ask for others, ONLY= for one policy:
#   CMDLINE="SEED=7 ROUNDS=10000" SLOW=5 vmtest/run 58-races
# kernels: 6.1
# also: 7.2
# threads: multi
# disk: btrfs 128M
# time: 240
. /vm/lib.sh

mounts
word() { tr ' ' '\n' </proc/cmdline | sed -n "s/^$1=//p"; }
seed=$(word SEED)
seed=${seed:-$(od -An -N3 -tu4 /dev/urandom | tr -d ' ')}
rounds=$(word ROUNDS)
rounds=${rounds:-400}

dirs='/test/ext4 /test/btrfs /test/over'
mkdir -p $dirs /test/low /test/up /test/wd /etc/keys/ima
mkfs.btrfs -q -f "$(disk btrfs)" >/dev/null 2>&1
mount "$(disk btrfs)" /test/btrfs
mount -t overlay -o lowerdir=/test/low,upperdir=/test/up,workdir=/test/wd overlay /test/over
rsa_key /tmp/good.key && openssl req -x509 -key /tmp/good.key -subj /CN=good -outform DER \
	-out /etc/keys/ima/good.der -addext keyUsage=digitalSignature 2>/dev/null

# What the kernel's tools vouch for: version 1 of a program and of a script.
make() { # evmctl's arguments
	for d in $dirs; do
		rm -f "$d"/*
		chmod 777 "$d"
		/vm/race good "$d/good"
		/vm/race good "$d/good-script" script
		for f in "$d"/good*; do evmctl "$@" "$f" >/dev/null 2>&1; done
	done
}
hashed() { make ima_hash -a sha256; }
signed() { make ima_sign -a sha256 --key /tmp/good.key; }
race() { # MODE ROUNDS
	/vm/race "$1" "$seed" "$2" $dirs >/tmp/race && got=0 || got=$?
	cat /tmp/race
	return $got
}
counts() { grep '^seed\|^[0-9]' /tmp/race | sed -n "s/.*\(^\|[ ,:]\)\([0-9]*\) $1.*/\2/p" | head -n 1; }
# At least that many of them: a race that nobody ran is not won.
many() { [ "$(counts "$1")" -ge "$2" ] || { echo "  $1: $(counts "$1")"; return 1; }; }

cat >/tmp/strict <<'END'
appraise func=BPRM_CHECK fowner=10001
appraise func=MMAP_CHECK fowner=10001
END
sed 's/$/ appraise_type=imasig/' /tmp/strict >/tmp/signed
cp /tmp/strict /tmp/follow
echo 'appraise func=FILE_CHECK fowner=10001' >>/tmp/follow

# First that it can be lost: nothing is enforced.
hashed
start_imad --appraise log --policy /tmp/strict
check "without enforcement the wrong content runs" exits 1 race strict 200
check "and is told of" many wrong 10
stop_imad

only=$(word ONLY)
trial() { # MODE POLICY ROUNDS
	[ "${only:-$2}" = "$2" ] || return 0
	start=$(date +%s)
	start_imad --appraise enforce --policy "/tmp/$2"
	check "$2, seed $seed" race "$1" "$3"
	check "$2: each round was run" many rounds "$3"
	check "$2: often enough something was changed" many changes $(($3 / 10)) # writers sleep, a fast host does not
	check "$2: some ran" many ran $(($3 / 20))
	check "$2: some were denied" many denied $(($3 / 20))
	check "$2: some with nobody in between" many between $(($3 / 20))
	imactl status | grep 'restarts\|lost\|failures\|denials'
	sed -n 's/.*integrity_data .* cause=\([^ ]*\) .*/  \1/p' /vm/imad.log | sort | uniq -c
	check "$2: stop" stop_imad
	echo "$2: $(($(date +%s) - start)) s"
}
trial strict strict "$rounds"
signed
trial strict signed $((rounds / 2))
hashed
trial follow follow $((rounds / 4))
tail -n 5 /vm/imad.log
