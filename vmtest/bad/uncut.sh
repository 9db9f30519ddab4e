# SPDX-License-Identifier: GPL-2.0-or-later
# Says that all is well and ends, but the power was to fail before.
# boots: A
# cut: A
. /vm/lib.sh
check "all is well" true
