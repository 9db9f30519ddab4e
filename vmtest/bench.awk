# SPDX-License-Identifier: GPL-2.0-or-later
#
# The tables of vmtest/bench from the consoles of its boots, one file a round. Goals stand in goals(): the
# most that a cell may be of no guard, and of kernel IMA. A figure above its goal has a ! behind it.
#
# value[cell, mode, round] is the median of a round's samples.

function goals() {
	row("warm-open", "warm open+read, root", 1.10, 1.05)
	row("warm-mmap", "warm mmap(PROT_EXEC), root", 1.10, 1.05)
	row("warm-exec", "warm exec, static, root", 1.10, 1.05)
	row("warm-exec-dynamic", "warm exec, dynamic, root", 1.10, 1.05)
	row("warm-open-user", "warm open+read, user", 1.10, 1.05)
	row("warm-exec-user", "warm exec, static, user", 1.10, 1.05)
	row("first-4K", "first exec of 4 KiB", 0, 1.5)
	row("first-1M", "first exec of 1 MiB", 0, 1.2)
	row("first-64M", "first exec of 64 MiB", 0, 1.0)
	job("unpack", "unpack " 5000 / scale " files")
	job("read", "read " 20000 / scale " files")
	job("scripts", 1000 / scale " scripts")
	job("compile", "compile, 2 at a time")
	job("sqlite", "sqlite3, 3 at a time")
	job("git", "git checkout")
}

function row(cell, label, none, ima) {
	cells[++n_cells] = cell
	labels[cell] = label
	goal[cell, "none"] = none
	goal[cell, "ima"] = ima
}

function job(name, label) {
	row(name "-root-cold", label ", root, cold", 0, 1.3)
	row(name "-root-warm", label ", root, warm", 0, 1.10)
	row(name "-user-cold", label ", user, cold", 0, 1.3)
	row(name "-user-warm", label ", user, warm", 0, 1.10)
}

FNR == 1 { round++ }
{ sub(/\r$/, "") }
$1 == "BENCH" && NF == 4 { samples[$3, $2, round] = samples[$3, $2, round] " " $4 }
$1 == "COUNT" && NF == 6 { counted($2, $3, $4, $5, $6) }
/^not ok/ { print }

# The counters are sums since the daemon came up; a cell's share is what they grew by.
function counted(mode, cell, gate, ring, records) {
	if (cell != "all" && last[mode, round] != "") {
		split(last[mode, round], was)
		events[cell, mode, round] = gate - was[1]
		rings[cell, mode, round] = ring - was[2]
		adds[cell, mode, round] = records - was[3]
	}
	last[mode, round] = gate " " ring " " records
}

# Sorts the numbers in text into v; how many they are.
function sorted(text, v, n, i, j, t) {
	n = split(text, v)
	for (i = 2; i <= n; i++) {
		t = v[i] + 0
		for (j = i - 1; j > 0 && v[j] + 0 > t; j--)
			v[j + 1] = v[j]
		v[j + 1] = t
	}
	return n
}

function median(text, v, n) {
	n = sorted(text, v)
	return n == 0 ? "" : n % 2 ? v[(n + 1) / 2] + 0 : (v[n / 2] + v[n / 2 + 1]) / 2
}

function ratio(cell, over, under, r, all) {
	all = ""
	for (r = 1; r <= round; r++)
		if (value[cell, over, r] != "" && value[cell, under, r] != "")
			all = all " " value[cell, over, r] / value[cell, under, r]
	return median(all)
}

function over_rounds(array, cell, mode, r, all) {
	all = ""
	for (r = 1; r <= round; r++)
		if (array[cell, mode, r] != "")
			all = all " " array[cell, mode, r]
	return median(all)
}

function show_ratio(cell, over, under, x, most) {
	x = ratio(cell, over, under)
	most = (over == "ima" || over == "again") ? 0 : goal[cell, under]
	if (x == "")
		return "      - "
	misses += most && x > most
	return sprintf("%7.2f%s", x, most && x > most ? "!" : " ")
}

function show_time(ns) {
	if (ns == "")
		return "       - "
	if (ns < 1e6)
		return sprintf("%7.1fus", ns / 1e3)
	return ns < 1e9 ? sprintf("%7.1fms", ns / 1e6) : sprintf("%8.2fs", ns / 1e9)
}

function show_count(array, cell, mode, x) {
	x = over_rounds(array, cell, mode)
	return x == "" ? "     -" : sprintf("%6d", x)
}

function present(cell, mode) {
	return over_rounds(value, cell, mode) != ""
}

function rules_row(label, cell, under, most, x) {
	x = ratio(cell, "rules-128", under)
	printf "%-60s|%7.2f%s|%s%s\n", label, x, (most && x > most ? "!" : " "), show_time(over_rounds(value, cell, under)), \
		show_time(over_rounds(value, cell, "rules-128"))
}

END {
	for (key in samples) {
		split(key, part, SUBSEP)
		value[part[1], part[2], part[3]] = median(samples[key])
	}
	if (present("matched-open", "rules-128")) {
		printf "kernel %s, %d rounds\n\n%-60s|%8s|%9s%9s\n", kernel, round, "128 rules against fewer", "ratio", "fewer", "128"
		rules_row("warm open+read of a measured file, against 2 rules", "matched-open", "rules-2", 1.05)
		rules_row("warm open+read that no rule matches, against 1 rule", "unmatched-open", "rules-1", 0)
		exit
	}
	if (present("label", "imactl"))
		label_table()
	else if (present("first-exec", "enforce"))
		evm_table()
	else if (present("stat", "yes"))
		protect_table()
	else if (present("allowed", "appraise"))
		appraise_table()
	else
		guard_table()
}

function ratio_row(label, cell, over, under_cell, under, goal, least, x) {
	x = over_rounds(value, cell, over) / over_rounds(value, under_cell, under)
	printf "%-60s|%7.2f%s|%s%s\n", label, x, (goal && (least ? x < goal : x > goal) ? "!" : " "), \
		show_time(over_rounds(value, under_cell, under)), show_time(over_rounds(value, cell, over))
}

function appraise_table() {
	printf "kernel %s, %d rounds\n\n%-60s|%8s|%9s%9s\n", kernel, round, "warm exec, static", "ratio", "without", "with"
	ratio_row("allowed, appraised, against measured only", "allowed", "appraise", "allowed", "measure", 1.05)
	ratio_row("denied, against measured only and run", "denied", "appraise", "allowed", "measure", 1.05)
	ratio_row("denied, and told of by the one CPU that there is", "told", "appraise", "allowed", "measure", 0)
	ratio_row("allowed, against kernel IMA", "allowed", "appraise", "allowed", "ima", 1.05)
	ratio_row("denied, against kernel IMA", "denied", "appraise", "denied", "ima", 0)
}

function evm_table() {
	printf "kernel %s, %d rounds\n\n%-60s|%8s|%9s%9s\n", kernel, round, "an appraised file of 4 KiB", "ratio", "evm = off", "enforce"
	ratio_row("first exec", "first-exec", "enforce", "first-exec", "off", 1.15)
	ratio_row("first open+read", "first-open", "enforce", "first-open", "off", 1.15)
	ratio_row("warm exec", "warm-exec", "enforce", "warm-exec", "off", 1.02)
	ratio_row("warm open+read", "warm-open", "enforce", "warm-open", "off", 1.02)
}

function protect_row(label, cell) {
	ratio_row(label, cell, "yes", cell, "no")
}

function protect_table() {
	printf "kernel %s, %d rounds\n\n%-60s|%8s|%9s%9s\n", kernel, round, "warm uses, protect = yes against no", "ratio", "no", "yes"
	protect_row("open and read, 3 steps, root", "open")
	protect_row("open and read, 3 steps, user", "open-user")
	protect_row("open and read, 13 steps, root", "open-deep")
	protect_row("stat, 3 steps, root", "stat")
	protect_row("stat, 3 steps, user", "stat-user")
	protect_row("stat, 13 steps, root", "stat-deep")
	protect_row("exec, static, root", "exec")
}

function label_table() {
	printf "kernel %s, %d rounds\n\n%-60s|%8s|%9s%9s\n", kernel, round, "label " 20000 / scale " files of 2 kB", "times", "imactl", "other"
	ratio_row("evmctl ima_hash -r", "label", "evmctl", "label", "imactl", 5, 1)
	ratio_row("find -exec head +, kernel IMA in fix mode", "label", "fix", "label", "imactl", 2, 1)
	ratio_row("open, read, fsetxattr, close; one thread, no hash", "label", "floor", "label", "imactl", 0, 1)
	ratio_row("imactl label --evm; times: of label's", "label", "evm", "label", "imactl")
	ratio_row("the same of a copy of /usr/bin", "label-usr", "evm", "label-usr", "imactl", 1.25)
	printf "imactl label: %d KiB at most, with 100 files %d KiB\n", over_rounds(value, "peak", "imactl"), \
		over_rounds(value, "peak-100", "imactl")
}

function guard_table(i, c) {
	goals()
	printf "kernel %s, %d rounds, jobs 1/%d of their size\n\n", kernel, round, scale
	printf "%-32s|%31s |%15s |\n", "", "ratio to no guard", "to kernel IMA"
	printf "%-32s|%7s %7s %7s %7s |%7s %7s |%9s%9s%9s%9s\n", "! above its goal", "access", "open", "IMA", \
		"again", "access", "open", "none", "access", "open", "IMA"
	for (i = 1; i <= n_cells; i++) {
		c = cells[i]
		if (!present(c, "none"))
			continue
		printf "%-32s|%s%s%s%s|%s%s|%s%s%s%s\n", labels[c], show_ratio(c, "access", "none"), \
			show_ratio(c, "open", "none"), show_ratio(c, "ima", "none"), show_ratio(c, "again", "none"), \
			show_ratio(c, "access", "ima"), show_ratio(c, "open", "ima"), \
			show_time(over_rounds(value, c, "none")), show_time(over_rounds(value, c, "access")), \
			show_time(over_rounds(value, c, "open")), show_time(over_rounds(value, c, "ima"))
	}
	printf "%d figures are above their goals; \"again\" is no guard a second time: how far to trust a ratio\n\n", \
		misses
	printf "%-32s|%14s%18s%18s\n", "imad's counters, a round", "gate events", "ring records", "list records"
	printf "%-32s|%7s%7s%11s%7s%11s%7s\n", "", "access", "open", "access", "open", "access", "open"
	for (i = 1; i <= n_cells; i++)
		if (present(cells[i], "access"))
			printf "%-32s|%7s%7s%11s%7s%11s%7s\n", labels[cells[i]], show_count(events, cells[i], "access"), \
				show_count(events, cells[i], "open"), show_count(rings, cells[i], "access"), \
				show_count(rings, cells[i], "open"), show_count(adds, cells[i], "access"), \
				show_count(adds, cells[i], "open")
}
