/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A table of causes. Commands are those of imactl and the shell, with the file's own name. */
#include <string.h>

#include <json-c/json.h>

#include <imad/util.h>

#include "explain.h"

/* %s stands for the file's quoted name, as often as it is there; %a for "--algo NAME " or nothing. */
static const struct cause {
	const char *name, *meaning, *advice[3];
} causes[] = {
	{ "missing-hash", "The file has no label (security.ima), and the rule asks for one.",
	  { "if the file is what it should be:  imactl label %a%s", "if not, or in doubt:  remove it, or install it anew" } },
	{ "invalid-hash", "The content is not the one that the label was made of.",
	  { "if the change was meant:  imactl label %a%s", "if not:  restore the file from its package or a backup" } },
	{ "invalid-signature", "The signature is not one over this content by a trusted key.",
	  { "if the file is what it should be:  imactl sign --key KEY.pem %s",
	    "if the key should be trusted:  put its certificate into /etc/keys/ima, then:  imactl keys reload",
	    "if not:  restore the file, with its signature, from its package or a backup" } },
	{ "IMA-signature-required", "The rule asks for a signature (appraise_type=imasig); the label is none.",
	  { "if the file is what it should be:  imactl sign --key KEY.pem %s" } },
	{ "IMA-sigv3-required", "The rule asks for a signature of version 3 (appraise_type=sigv3).",
	  { "if the file is what it should be:  imactl sign --v3 --key KEY.pem %s" } },
	{ "verity-signature-required", "The rule asks for a signature over the fs-verity digest (digest_type=verity).",
	  { "if the file is what it should be:  fsverity enable %s, then imactl sign --verity --key KEY.pem %s" } },
	{ "no-verity-digest", "The rule asks for the fs-verity digest (digest_type=verity), and the file has none.",
	  { "if the file is what it should be:  fsverity enable %s, then imactl sign --verity --key KEY.pem %s" } },
	{ "invalid-verity-signature", "The signature is not one over the fs-verity digest of this file by a trusted key.",
	  { "if the file is what it should be:  fsverity enable %s, then imactl sign --verity --key KEY.pem %s",
	    "if not:  restore the file from its package or a backup" } },
	{ "invalid-signature-version", "The label is a signature of a version that nobody knows.",
	  { "if the file is what it should be:  imactl sign --key KEY.pem %s" } },
	{ "unknown-ima-data", "security.ima holds neither a hash nor a signature.",
	  { "if the file is what it should be:  imactl label --force %a%s", "if not:  restore it from its package or a backup" } },
	{ "denied-hash-algorithm", "The label is right, but of an algorithm that the rule does not take (appraise_algos=).",
	  { "if the file is what it should be:  imactl label --force --algo ALGO %s, with one of the rule's" } },
	{ "failed-mprotect", "A program made memory executable in which a file was mapped without being so. Nobody had looked at the file as a program.",
	  { "have the program map the file executable at once (mmap with PROT_EXEC), as the dynamic loader does" } },
	{ "not-appraised", "imad did not know the file yet, and this use could not be held until it did: the file was in memory, on a "
			   "network filesystem or FUSE, it changed again and again, or imad did not answer in time.",
	  { "try again: by now imad mostly knows it", "imactl status shows which filesystems are held and whether the deadline was missed" } },
	{ "not-sealed", "It is in memory (memfd), and not sealed against all changes, so what would run could change.",
	  { "seal it fully before it is executed (F_SEAL_SEAL, SHRINK, GROW, WRITE), as runc does",
	    "execute the file that it was copied from" } },
	{ "open-writers", "Somebody had the file open for write, so what would run could change while it runs.",
	  { "who has it open:  fuser -v %s", "try again when that is closed" } },
	{ "immutable-signed-file", "The file is signed, and a signed file is not opened for write: its signature would be wrong.",
	  { "replace the file (write a new one, then rename it) instead of writing into it",
	    "or give up its signature:  imactl label --force %a%s" } },
	{ "unverifiable-signature", "The filesystem may give other content at each read (FUSE, a mount by a user), so no label can vouch for it.",
	  { "use the file from another filesystem, or exempt this one in the policy:  dont_appraise fsmagic=..." } },
	{ "failed", "Content or label of the file could not be read.",
	  { "look for I/O errors:  journalctl -k -g 'I/O error'", "imad's own message:  journalctl -u imad -g 'cannot measure'" } },
	{ "no-file", "The kernel was given this from memory, so that there is no file whose label could vouch for it.",
	  { "load it from a file:  insmod FILE with finit_module, kexec -s" } },
	{ "blacklisted-hash", "The content is on the deny list (keys.deny), whatever its label says.",
	  { "install a version that is not denied, or take the line off the list, then:  imactl keys reload" } },
	{ "protected-label", "While imad enforces, nobody but imad and imactl changes the label of an appraised file (appraise.protect_labels).",
	  { "if the label should be that of the content:  imactl label %a%s" } },
	{ "missing-HMAC", "Nothing vouches for the label, owner and mode of the file: neither an HMAC of this machine nor a signature in security.evm.",
	  { "if they are what they should be:  imactl label --evm %s", "or:  imactl sign --evm --portable --key KEY.pem %s" } },
	{ "invalid-HMAC", "What HMAC or security.evm vouch for is not what is there now: label, owner, mode or inode was changed behind imad's back, or the key is another one.",
	  { "if the change was meant:  imactl label --evm --force %s", "if not:  restore the file from its package or a backup" } },
	{ "unverifiable-HMAC", "Whether the HMAC of the file is right only the EVM key of this machine could tell, and imad has not got it.",
	  { "why:  imactl evm status", "if the TPM or its PCRs are others now:  imactl evm recover, then restart imad" } },
	{ "invalid-fail-immutable", "The portable signature in security.evm is not of this label, owner and mode by a trusted key.",
	  { "if the change was meant:  imactl sign --evm --portable --key KEY.pem %s",
	    "if not:  restore the file from its package or a backup" } },
};

static const struct cause *find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(causes); i++)
		if (strcmp(causes[i].name, name) == 0)
			return &causes[i];
	return NULL;
}

const char *explain_meaning(const char *cause)
{
	const struct cause *c = find(cause);

	return c ? c->meaning : "This imactl does not know the cause; the daemon is of another version.";
}

static bool is_plain(const char *s)
{
	return *s && strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+@:,%=") == strlen(s);
}

void explain_quote(const char *name, struct buf *out)
{
	if (is_plain(name)) {
		buf_add_str(out, name);
		return;
	}
	buf_add_u8(out, '\'');
	for (; *name; name++) {
		if (*name == '\'')
			buf_add_str(out, "'\\''");
		else
			buf_add_u8(out, (uint8_t)*name);
	}
	buf_add_u8(out, '\'');
}

static void fill_in(const struct explain_case *c, const char *text, struct buf *out)
{
	for (; *text; text++) {
		if (text[0] == '%' && text[1] == 's') {
			if (c->name && c->name[0] == '/')
				explain_quote(c->name, out);
			else
				buf_add_str(out, "FILE");
			text++;
		} else if (text[0] == '%' && text[1] == 'a') {
			if (c->algos)
				buf_addf(out, "--algo %s ", c->algos);
			text++;
		} else {
			buf_add_u8(out, (uint8_t)*text);
		}
	}
}

static void add_line(const struct explain_case *c, const char *text, struct json_object *list)
{
	cleanup(buf_done) struct buf line = { 0 };

	fill_in(c, text, &line);
	if (buf_error(&line) == 0)
		json_object_array_add(list, json_object_new_string_len((const char *)line.data, (int)line.len));
}

void explain_advice(const struct explain_case *c, struct json_object *list)
{
	const struct cause *cause = find(c->cause);

	/* A label that was to be set, and not one that a file has. */
	if (c->op && strcmp(c->op, "set_data") == 0 && strcmp(c->cause, "denied-hash-algorithm") == 0) {
		add_line(c, "set a label of an algorithm that the rule takes:  imactl label --algo ALGO %s", list);
		return;
	}
	for (size_t i = 0; cause && i < ARRAY_SIZE(cause->advice) && cause->advice[i]; i++)
		add_line(c, cause->advice[i], list);
	if (c->modules && cause)
		add_line(c, "of a module, a new initrd may be needed as well:  update-initramfs -u, or dracut -f", list);
}
