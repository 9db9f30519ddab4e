# SPDX-License-Identifier: GPL-2.0-or-later
# Says that all is well, then the kernel dies.
. /vm/lib.sh
check "all is well" true
echo c >/proc/sysrq-trigger
