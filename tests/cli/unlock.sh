#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# imactl unlock: what is signed, by openssl and evmctl; usage. What it unlocks: vmtest/66-guard.sh.
. "$(dirname "$0")/common"
. "$(dirname "$0")/daemon"
run() { "$IMACTL" --rundir "$T" "$@"; }
# The signature of the request, as bytes.
signature() { python3 -c 'import json, sys; sys.stdout.buffer.write(bytes.fromhex(json.load(open(sys.argv[1]))["signature"]))' "$T/request"; }

openssl req -x509 -newkey rsa:2048 -nodes -keyout "$T/key" -subj /CN=unlock -out "$T/cert" 2>/dev/null
openssl x509 -in "$T/cert" -noout -pubkey >"$T/pub"
echo 'imad unlock 5 seconds' >"$T/challenge"

daemon good "$T/request"
expect 0 '^imad unlock 5 seconds$' run unlock --for 5 --ask
same 'it is what the daemon asks' "$T/out" "$T/challenge"
expect 0 '' run unlock --for 5 --key "$T/key"
signature | tail -c +10 >"$T/sig"
expect 0 'Verified OK' openssl dgst -sha256 -verify "$T/pub" -signature "$T/sig" "$T/challenge"
evmctl ima_sign --sigfile -a sha256 --key "$T/key" "$T/challenge" >/dev/null 2>&1
signature >"$T/ours"
same 'it is the signature that evmctl makes' "$T/ours" "$T/challenge.sig"
expect 0 '' run unlock --signature "$T/challenge.sig"
signature >"$T/ours"
same 'a signature is handed over as it is' "$T/ours" "$T/challenge.sig"
expect 1 'a key is needed' run unlock --for 5
expect 1 "cannot sign with '$T/cert'" run unlock --for 5 --key "$T/cert"
expect 1 "cannot sign with '$T/none': No such file" run unlock --for 5 --key "$T/none"
expect 1 "cannot read '$T/none'" run unlock --signature "$T/none"
expect 0 '' run lock

daemon console "$T/request"
expect 0 '' run unlock --for 5
expect 1 'only the local console' run unlock --for 5 --ask
expect 1 'no key unlocks here' run unlock --for 5 --key "$T/key"

daemon refuse "$T/request"
expect 1 'the daemon refused UNLOCK_ASK: Operation not permitted' run unlock --for 5
expect 1 'the daemon refused LOCK' run lock

expect 2 'for how long' run unlock
for n in 0 -1 3601 5s ''; do expect 2 'seconds, 1 to 3600' run unlock --for "$n"; done
expect 2 'exclude each other' run unlock --for 5 --ask --key x
expect 2 'takes no arguments' run unlock --for 5 x
expect 2 'takes no arguments' run lock x
done_testing
