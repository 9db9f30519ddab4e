# SPDX-License-Identifier: GPL-2.0-or-later
# Every template but ima (evmctl does not take it among others) and every field: the records of the kernel's own IMA (boot A), byte for byte, of files with
# extended attributes, signatures and owners; a format of one's own as the default, violations by it included.
# kernels: 7.2
# also: 6.1
# time: 240
# boots: A B
# cmdline-A: ima_template_fmt=n-ng|d|d-ngv2|evmsig|xattrnames|xattrlengths|xattrvalues|iuid|igid|imode|sig|n|d-modsig|modsig|buf
. /vm/lib.sh

W=/test
FMT='n-ng|d|d-ngv2|evmsig|xattrnames|xattrlengths|xattrvalues|iuid|igid|imode|sig|n|d-modsig|modsig|buf'
mounts
mkdir -p $W
n=10001
for template in "" template=ima-ng template=ima-ngv2 template=ima-sig template=ima-sigv2 template=ima-modsig \
	template=evm-sig template=ima-buf; do
	echo "measure func=FILE_CHECK fowner=$n $template"
	n=$((n + 1))
done >/tmp/policy
long=$(printf '%0240d' 0)
mkdir -p $W/$long
for owner in $(seq 10001 10008); do
	for kind in plain hash signed evm both capable named; do
		f=$W/$owner-$kind
		[ $kind != named ] || f="$W/$long/a name of$(printf '\001\033')$owner"
		echo "$owner $kind" >"$f"
		chown $owner:$((owner + 60000)) "$f"
		case $kind in
		plain) chmod 4755 $f ;;
		hash) evmctl ima_hash -a sha512 $f ;;
		signed) setfattr -n security.ima -v 0x030204857d8ee80004aabbccdd $f ;;
		evm) setfattr -n security.ima -v 0x0404$(sha256sum <$f | cut -c1-64) $f ;;
		both) setfattr -n security.ima -v 0x030204857d8ee80004aabbccdd $f ;;
		capable) setfattr -n security.capability -v 0x0100000204000000000000000000000000000000 $f ;;
		esac >/dev/null
		case $kind in
		evm | both) setfattr -n security.evm -v 0x050204857d8ee8000411223344 $f ;;
		esac
	done
done
for owner in 10001 10004 10007; do cp --preserve=all $W/$owner-both $W/$owner-writer; done

if [ "$BOOT" = A ]; then
	from=/sys/kernel/security/ima
	check "the kernel takes the policy" sh -c "cat /tmp/policy >$from/policy"
else
	from=/run/imad
	echo 'bank_lists = yes' >/tmp/conf
	start_imad --config /tmp/conf --policy /tmp/policy --template_fmt "$FMT"
fi
for f in $W/1* $W/$long/*; do
	case $f in
	*-writer)
		exec 9>>"$f"
		cat "$f"
		exec 9>&-
		;;
	*) cat "$f" ;;
	esac >/dev/null
done
[ "$BOOT" = A ] || imactl sync
check "snapshot" snapshot $from "$RESULTS/$BOOT"
for bank in sha1 sha256; do
	check "evmctl: the list gives PCR 10 in $bank" evm_matches $bank "$RESULTS/$BOOT/list" "$RESULTS/$BOOT/pcrs.$bank"
done
cp $from/ascii_runtime_measurements "$RESULTS/$BOOT/ascii"
check "imactl prints the list as $from does" sh -c "imactl list '$RESULTS/$BOOT/list' | cmp - '$RESULTS/$BOOT/ascii'"
# Since 6.10 the kernel has a list for each bank.
if [ "$BOOT" = B ] || [ -e $from/binary_runtime_measurements_sha256 ]; then
	for bank in sha1 sha256; do
		for form in ascii binary; do
			cp $from/${form}_runtime_measurements_$bank "$RESULTS/$BOOT/$form.$bank"
			check "imactl list --hash $bank --$form is that list of $from" sh -c \
				"imactl list --hash $bank --$form '$RESULTS/$BOOT/list' | cmp - '$RESULTS/$BOOT/$form.$bank'"
		done
	done
	grep -a "$W/\|a_name_of" "$RESULTS/$BOOT/ascii.sha256" | sort >"$RESULTS/$BOOT/records.sha256"
fi
grep -a "$W/\|a_name_of" "$RESULTS/$BOOT/ascii" | sort >"$RESULTS/$BOOT/records"
for t in "$FMT" ima-ng ima-ngv2 ima-sig ima-sigv2 ima-modsig evm-sig ima-buf; do
	check "records by $t" test "$(cut -d' ' -f3 "$RESULTS/$BOOT/records" | grep -cxF "$t")" -ge 7
done
check "violations" test "$(grep -c ' 0\{40\} ' "$RESULTS/$BOOT/records")" = 3
[ "$BOOT" = B ] || exit 0

# A violation is told by name: what the inode had is not in it, as docs/policies.md says.
for side in A B; do
	for f in "$RESULTS/$side"/records*; do sed -i '/ 0\{40,\} n-ng/s/ ima:\(sha256:0*\) .* \(\/test\/[^ ]*\) *$/ ima:\1 ... \2/' "$f"; done
done

check "the records of the kernel, all $(wc -l <"$RESULTS/A/records") of them" same "$RESULTS/A/records" "$RESULTS/B/records"
[ ! -e "$RESULTS/A/records.sha256" ] || check "and those of its list for sha256" same "$RESULTS/A/records.sha256" "$RESULTS/B/records.sha256"
check "it is from 6.10 on that there is one" test "$(uname -r | cut -d. -f1)" -lt 7 -o -e "$RESULTS/A/records.sha256"
check "list and PCRs agree" imactl verify
check "stop" stop_imad
