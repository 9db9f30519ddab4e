#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# imactl keys against openssl's reading of the same certificates.
. "$(dirname "$0")/common"

mkdir "$T/dir"
certificate() { # NAME DAYS OPENSSL-REQ...
	name=$1 days=$2
	shift 2
	openssl req -x509 -nodes -keyout "$T/$name.key" -subj "/CN=$name" -days "$days" -out "$T/dir/$name.pem" "$@" 2>/dev/null
}
skid() { openssl x509 -in "$1" -noout -ext subjectKeyIdentifier | tr -d ' :\n' | sed 's/.*Identifier//' | tr A-F a-f; }
certificate rsa 30 -newkey rsa:2048
certificate ec 30 -newkey ec -pkeyopt ec_paramgen_curve:P-384
openssl x509 -in "$T/dir/ec.pem" -outform DER -out "$T/dir/ec.der" && rm "$T/dir/ec.pem"
rsa=$(skid "$T/dir/rsa.pem") ec=$(openssl x509 -inform DER -in "$T/dir/ec.der" -out "$T/ec.pem" && skid "$T/ec.pem")
until=$(date -u -d "$(openssl x509 -in "$T/dir/rsa.pem" -noout -enddate | sed 's/.*=//')" +%F)
id() { echo "$1" | sed 's/.*\(........\)$/\1/'; }
keys() { expect "$1" "$2" "$IMACTL" keys --config "$T/conf" --dir "$T/dir"; }
: >"$T/conf"
keys 0 "^$(id "$rsa")  rsa  *2048  $until  CN=rsa  rsa.pem$"
keys 0 "^$(id "$ec")  ecdsa-nist-p384  *384  $until  CN=ec  ec.der$"
expect 0 "\"identifier\":\"$rsa\",\"type\":\"rsa\",\"bits\":2048,\"subject\":\"CN=rsa\",\"not_after\":\"$until\",\"expired\":false,\"denied\":false,\"file\":\"rsa.pem\"" \
	"$IMACTL" keys --json --config "$T/conf" --dir "$T/dir"

# Where the settings say, and what is in the way.
printf '[keys]\ndir = %s\ndeny = %s\n' "$T/dir" "$T/deny" >"$T/conf"
expect 0 'CN=rsa' "$IMACTL" keys --config "$T/conf"
echo junk >"$T/dir/junk.pem"
expect 1 "'$T/dir/junk.pem': no certificate, neither DER nor PEM" "$IMACTL" keys --config "$T/conf"
expect 1 "\"not_trusted\":\[{\"file\":\"$T/dir/junk.pem\",\"why\":\"no certificate" "$IMACTL" keys --json --config "$T/conf"
rm "$T/dir/junk.pem"
mkfifo "$T/dir/fifo"
expect 1 "'$T/dir/fifo': not a regular file" "$IMACTL" keys --config "$T/conf"
rm "$T/dir/fifo"
openssl req -new -nodes -newkey ec -pkeyopt ec_paramgen_curve:P-256 -keyout "$T/old.key" -subj /CN=old -out "$T/old.req" 2>/dev/null
openssl x509 -req -in "$T/old.req" -signkey "$T/old.key" -days -1 -out "$T/dir/old.pem" 2>/dev/null
keys 0 ' expired  CN=old  old.pem$'
rm "$T/dir/old.pem"
expect 3 "$T/none: No such file" "$IMACTL" keys --dir "$T/none"

# A CA: only what it has signed.
openssl req -x509 -nodes -newkey rsa:2048 -keyout "$T/ca.key" -subj /CN=ca -out "$T/ca.pem" 2>/dev/null
openssl req -new -nodes -newkey rsa:2048 -keyout "$T/child.key" -subj /CN=child 2>/dev/null |
	openssl x509 -req -CA "$T/ca.pem" -CAkey "$T/ca.key" -CAcreateserial -days 30 -out "$T/dir/child.pem" 2>/dev/null
expect 1 'CN=child' "$IMACTL" keys --config "$T/conf" --ca "$T/ca.pem"
expect 1 "'$T/dir/rsa.pem': it does not chain to the CA" "$IMACTL" keys --config "$T/conf" --ca "$T/ca.pem"
expect 3 "$T/conf: no certificate" "$IMACTL" keys --config "$T/conf" --ca "$T/conf"
rm "$T/dir/child.pem"

# Denied keys, by the end of the identifier and by all of it; a broken list.
echo "key:$(id "$rsa") # stolen" >"$T/deny"
keys 0 "^$(id "$rsa") .* $until denied  CN=rsa"
"$IMACTL" keys --config "$T/conf" | grep -q "CN=ec" && ! "$IMACTL" keys --config "$T/conf" | grep -q "denied  CN=ec"
verdict 'the other key is not denied' $?
echo "key:$ec" >"$T/deny"
keys 0 "^$(id "$ec") .* $until denied  CN=ec"
echo "key:00$ec" >"$T/deny"
! "$IMACTL" keys --config "$T/conf" | grep -q denied
verdict 'a longer identifier is another one' $?
printf '\nsha256:00\n' >"$T/deny"
expect 3 "$T/deny:2: not as long as a digest of that algorithm: 'sha256:00'" "$IMACTL" keys --config "$T/conf"
expect 3 "$T/none: No such file" "$IMACTL" keys --config "$T/conf" --deny "$T/none"
expect 2 'unexpected argument' "$IMACTL" keys list
expect 2 'takes no arguments' "$IMACTL" keys reload now
expect 1 'is imad running' "$IMACTL" --rundir "$T" keys reload
done_testing
