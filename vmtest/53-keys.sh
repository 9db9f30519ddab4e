# SPDX-License-Identifier: GPL-2.0-or-later
# Keys and deny list change while imad runs: what is denied is denied from then on, and a list that cannot be
# used changes nothing.
# kernels: 6.12
# time: 120
. /vm/lib.sh

W=/test
mounts
mkdir -p $W /etc/keys/ima /etc/imad
for k in good other; do
	rsa_key /tmp/$k.key && openssl req -x509 -key /tmp/$k.key -subj /CN=$k -outform DER -out /tmp/$k.der 2>/dev/null
done
cp /tmp/good.der /etc/keys/ima
cat >/tmp/policy <<'END'
measure func=BPRM_CHECK fowner=10001
appraise func=BPRM_CHECK fowner=10001
appraise func=FILE_CHECK mask=MAY_READ fowner=10002
END
sign() { evmctl ima_sign -a sha256 --key "/tmp/$1.key" "$W/$2" >/dev/null 2>&1; }
for f in signed other hashed needed; do cp /bin/true $W/$f; done
echo other >>$W/other # one content each
echo hashed >>$W/hashed
echo needed >>$W/needed
echo read >$W/read
sign good signed
sign other other
evmctl ima_hash -a sha256 $W/hashed >/dev/null 2>&1
evmctl ima_hash -a sha256 $W/needed >/dev/null 2>&1
evmctl ima_hash -a sha256 $W/read >/dev/null 2>&1
chown 10001 $W/signed $W/other $W/hashed $W/needed
chown 10002 $W/read
digest() { "$1sum" <"$W/$2" | cut -d' ' -f1; }
needed=$(digest sha256 needed) # nothing but an exec opens it later
key=$(imactl keys | cut -d' ' -f1)

# A list that cannot be used keeps imad from starting, and says where.
printf '# first\nkey:12\n' >/etc/imad/deny
imad --check --appraise enforce --policy /tmp/policy >/tmp/said 2>&1 && got=0 || got=$?
check "a broken list: no start" test $got = 2
check "and where" grep -q "/etc/imad/deny:2: the id of a key has 8 hex digits or more: 'key:12'" /tmp/said
rm /etc/imad/deny

printf '[appraise]\ncritical = %s\n' $W/needed >/tmp/conf
start_imad --config /tmp/conf --appraise enforce --policy /tmp/policy
runs() { check "$1: $2 runs" exits 0 sh -c $W/$2; check "$1: $2 runs again" exits 0 sh -c $W/$2; }
denied() { check "$1: $2 denied" exits 126 sh -c "$W/$2 2>/dev/null"; check "$1: $2 denied again" exits 126 sh -c "$W/$2 2>/dev/null"; }
reads() { check "$1: read" exits "$2" sh -c "cat $W/read >/dev/null 2>&1"; }
reload() { check "$1" imactl keys reload; }
runs start signed
runs start hashed
denied start other
reads start 0

# A key more, and one that is not trusted any more.
check "keys and deny list are nobody's" sh -c '! cp /tmp/other.der /etc/keys/ima && ! true >/etc/imad/deny' 2>/dev/null
check "but whose imad is unlocked" unlock_imad
cp /tmp/other.der /etc/keys/ima
denied "before the reload" other
reload "another key"
runs "with another key" other
runs "with another key" signed
rm /etc/keys/ima/other.der
reload "without it"
denied "without it" other
runs "without it" signed

# A denied key, by its id; then nothing is denied.
echo "key:$key # stolen" >/etc/imad/deny
reload "key denied"
denied "key denied" signed
runs "key denied" hashed
check "marked in the list of keys" sh -c "imactl keys | grep -q '^$key .* denied '"
echo "# nothing" >/etc/imad/deny
before=$(grep -c "keys read again" /vm/imad.log)
kill -HUP $imad_pid
check "SIGHUP is heard" wait_for 20 sh -c "[ \$(grep -c 'keys read again' /vm/imad.log) -gt $before ]"
runs "key allowed again, by SIGHUP" signed

# A denied digest: whatever the label says, and in another algorithm than the label's.
echo "sha256:$(digest sha256 signed)" >/etc/imad/deny
reload "digest denied"
denied "digest denied" signed
runs "digest denied" hashed
reads "digest denied" 0
printf 'sha512:%s\nbin:%s\n' "$(digest sha512 hashed)" "$(digest sha1 read)" >/etc/imad/deny
reload "other algorithms"
denied "another algorithm" hashed
reads "another algorithm" 1
runs "another algorithm" signed

# A broken list: the old one stays.
printf 'sha256:%s\nsha257:00\n' "$(digest sha256 signed)" >/etc/imad/deny
check "a broken list is refused" exits 1 imactl keys reload
check "in one line that names it" sh -c \
	"imactl keys reload 2>&1 | grep -q \"the daemon refused KEYS_RELOAD: /etc/imad/deny:2: unknown hash algorithm.*: 'sha257:00'\""
denied "the old list" hashed
runs "the old list" signed
echo junk >/tmp/ca && mv /etc/keys/ima /etc/keys/aside && mkdir /etc/keys/ima && rm /etc/imad/deny
reload "no list, no keys"
runs "no list" hashed
reads "no list" 0
denied "no keys" signed
rmdir /etc/keys/ima && mv /etc/keys/aside /etc/keys/ima
reload "keys again"
runs "keys again" signed

# What the host needs is not denied by a list either.
echo "sha256:$needed" >/etc/imad/deny
check "a list that denies what the host needs is refused" exits 1 imactl keys reload
check "and named" sh -c "imactl keys reload 2>&1 | grep -q \"'$W/needed' would be denied (blacklisted-hash)\""
runs "the old list again" needed
rm /etc/imad/deny

imactl sync
told() { check "told: $2 $1" grep -qE "audit: integrity_data .* cause=$1 .* name=\"($W/)?$2\"" /vm/imad.log; } # the open itself tells no path on 6.1
told blacklisted-hash signed
told blacklisted-hash hashed
told blacklisted-hash read
told invalid-signature signed
imactl list | grep blacklisted || :
# As the kernel records it: the digest itself, in template ima-buf, of files that are measured.
records() { imactl list --json | grep -c "\"name\":\"blacklisted-hash\"" || :; }
check "a record for each denied digest of a measured file" test "$(records)" = 2
check "with the digest" sh -c "imactl list --path blacklisted-hash | grep -q 'ima-buf .* blacklisted-hash $(digest sha512 hashed)'"
check "list and PCR agree" imactl verify
check "stop" stop_imad
tail -n 30 /vm/imad.log
