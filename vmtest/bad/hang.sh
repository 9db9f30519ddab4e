# SPDX-License-Identifier: GPL-2.0-or-later
# Says that all is well, then hangs: the time limit must end it.
# time: 25
. /vm/lib.sh
check "all is well" true
sleep 1000
