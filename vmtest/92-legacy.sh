# SPDX-License-Identifier: GPL-2.0-or-later
# The template ima: the records of the kernel's own IMA (boot A), byte for byte, of names with blanks and control characters, names that
# are too long for it, of labels by another hash, and violations. imad has a PCR of its own, as evmctl takes no ima among others.
# kernels: 7.2
# also: 6.1
# boots: A B
# cmdline-A: ima_hash=sha1 ima_template=ima
. /vm/lib.sh

W=/test
mounts
mkdir -p $W
echo 'measure func=FILE_CHECK fowner=10001' >/tmp/policy
long=$(printf '%0200d' 0)
file() { echo "content of $1" >"$1" && chown 10001 "$1"; }
files() {
	file legacy-plain
	file "legacy  with blanks "
	file "$(printf 'legacy\001\033[1mcontrol\177\303\244\377')"
	for n in 242 243 244 249; do file "legacy$(printf "%0${n}d" 0)"; done # with /test/ 254 to 261 bytes
	file legacy-label
	evmctl ima_hash -a sha512 legacy-label >/dev/null 2>&1
	file legacy-writer
	file legacy-tomtou
	i=0
	while [ $i -lt 19 ]; do
		mkdir $long
		cd -P $long
		i=$((i + 1))
	done
	file "legacy$(printf '%0169d' 0)" # 4000 bytes
	far=$PWD
}
cd $W
files
cd $W

if [ "$BOOT" = A ]; then
	from=/sys/kernel/security/ima
	check "the kernel takes the policy" sh -c "cat /tmp/policy >$from/policy"
else
	from=/run/imad
	start_imad --policy /tmp/policy --pcr 11 --template ima --hash sha1
fi
exec 9>>legacy-writer
for f in legacy*; do cat "$f"; done >/dev/null
exec 9>&-
cat legacy-writer >/dev/null
exec 9<legacy-tomtou
cat <&9 >/dev/null
echo more >>legacy-tomtou
exec 9<&-
cat legacy-tomtou >/dev/null
cd "$far"
cat legacy* >/dev/null
cd $W

check "snapshot" snapshot $from "$RESULTS/$BOOT"
for bank in sha1 sha256; do
	check "evmctl: the list gives the PCR in $bank" evm_matches $bank "$RESULTS/$BOOT/list" "$RESULTS/$BOOT/pcrs.$bank"
done
check "imactl prints the list as $from does" sh -c "imactl list '$RESULTS/$BOOT/list' | cmp - '$RESULTS/$BOOT/ascii'"
grep -a legacy "$RESULTS/$BOOT/ascii" | sed 's/^11 /10 /' | sort >"$RESULTS/$BOOT/records"
check "records of each file" test "$(wc -l <"$RESULTS/$BOOT/records")" -ge 14
check "of this template" test "$(cut -d' ' -f3 "$RESULTS/$BOOT/records" | sort -u)" = ima
check "violations" test "$(grep -ac '^10 0\{40\} ima 0\{40\} ' "$RESULTS/$BOOT/records")" = 2
[ "$BOOT" = B ] || exit 0
check "the records of the kernel, all $(wc -l <"$RESULTS/A/records") of them" same "$RESULTS/A/records" "$RESULTS/B/records"
check "list and PCR agree" imactl verify
check "stop" stop_imad
