# SPDX-License-Identifier: GPL-2.0-or-later
# A check fails, then the power does.
# boots: A
# cut: A
. /vm/lib.sh
check "a failure before the power's" false
cut_within 1
sleep 1000
