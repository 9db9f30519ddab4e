# SPDX-License-Identifier: GPL-2.0-or-later
# Powers off before the end, after having written a success without the token to every port.
. /vm/lib.sh
check "all is well" true
for port in /dev/vport*; do
	echo "0 0" >$port || :
done
echo o >/proc/sysrq-trigger
sleep 60
