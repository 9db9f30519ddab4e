# SPDX-License-Identifier: GPL-2.0-or-later
# Ends well and checked nothing.
. /vm/lib.sh
