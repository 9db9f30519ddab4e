# SPDX-License-Identifier: GPL-2.0-or-later
# One check failed, the script went on and ended well.
. /vm/lib.sh
check "a failure that is remembered" false
check "what comes after" true
