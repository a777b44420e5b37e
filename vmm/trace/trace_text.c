/* SPDX-License-Identifier: MIT */
#include "vmm/trace/trace_text.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "guest-lwk/abi/share.h"
#include "guest-lwk/abi/syscalls.h"

#define ERROR_MAX 4095
/* Where a command takes a number or an address: below, it is a number. */
#define CONTROL_NUMBER 65536

/* What the LWK has in place of EINTR until it is known whether a handler runs. */
#define RESTART_FIRST 512
#define RESTART_LAST  514

#define NAME(nr, name, ...) [nr] = #name,
static const char *const names[ABI_MAX_CALLS] = {
	ABI_SYSCALLS(NAME)
		/* The LWK's own calls of its proxy: the window's and those of processes. */
		[480] = "lwk_map_file",
	[481] = "lwk_window_fault", [482] = "lwk_window_grow", [483] = "lwk_shmat",
	[484] = "lwk_shmsize", [490] = "lwk_fork", [491] = "lwk_vfork", [492] = "lwk_exec",
	[493] = "lwk_leave", [494] = "lwk_children"};
static const struct abi_call calls[ABI_MAX_CALLS] = {ABI_SYSCALLS(ABI_CALL_ROW)};

void trace_put(struct trace_out *out, const char *fmt, ...)
{
	size_t room = (size_t)(out->end - out->at);
	va_list args;
	int n;

	va_start(args, fmt);
	/* The analyzer does not see va_start() where it follows a call into here. */
	n = vsnprintf(
		out->at, room, fmt, args); /* NOLINT(clang-analyzer-valist.Uninitialized) */
	va_end(args);
	if (n > 0)
		out->at += (size_t)n < room ? (size_t)n : room - 1;
}

static void put_byte(struct trace_out *out, unsigned char c, bool digit_follows)
{
	static const char plain[] = "\n\t\r\v\f\"\\", letter[] = "ntrvf\"\\";
	const char *found = c ? strchr(plain, c) : NULL;

	if (found)
		trace_put(out, "\\%c", letter[found - plain]);
	else if (c >= ' ' && c < 127)
		trace_put(out, "%c", c);
	else
		trace_put(out, digit_follows ? "\\%03o" : "\\%o", c);
}

void trace_put_bytes(struct trace_out *out, const void *bytes, size_t len, bool more)
{
	const unsigned char *c = bytes;

	trace_put(out, "\"");
	for (size_t i = 0; i < len; i++)
		put_byte(out, c[i], i + 1 < len && isdigit(c[i + 1]));
	trace_put(out, more ? "\"..." : "\"");
}

static void put_number(struct trace_out *out, unsigned kind, uint64_t value)
{
	if (kind == ABI_LEN || (kind == ABI_CONTROL && value < CONTROL_NUMBER))
		trace_put(out, "%lu", value);
	else if (kind != ABI_INT && kind != ABI_FD)
		trace_put(out, value ? "%#lx" : "NULL", value);
	else if (value >> 32)
		trace_put(out, "%ld", (int64_t)value);
	else
		trace_put(out, "%d", (int32_t)value); /* mostly ints: -1 is not 4294967295 */
}

static void put_args(struct trace_out *out, const struct trace_call *call)
{
	const struct abi_call *row = &calls[call->nr];
	unsigned n = trace_args_used(call->nr, call->arg);

	/* The list has no arguments of what is refused. */
	if (row->class == ABI_REFUSED) {
		trace_put(out, "...");
		return;
	}
	for (unsigned i = 0; i < n && row->arg[i] != ABI_NONE; i++) {
		trace_put(out, i ? ", " : "");
		if (call->text && call->text[i])
			trace_put(out, "%s", call->text[i]);
		else if (!trace_put_name(out, call->nr, i, call->arg[i]))
			put_number(out, ABI_ARG_KIND(row->arg[i]), call->arg[i]);
	}
}

static void put_result(struct trace_out *out, const struct trace_call *call)
{
	static const char *const again[] = {
		"ERESTARTSYS (To be restarted if SA_RESTART is set)",
		"ERESTARTNOINTR (To be restarted)",
		"ERESTARTNOHAND (To be restarted if no handler)"};
	uint64_t error = -(uint64_t)call->ret;
	const char *name = error <= ERROR_MAX ? strerrorname_np((int)error) : NULL;

	if (call->ret < 0 && error >= RESTART_FIRST && error <= RESTART_LAST)
		trace_put(out, " = ? %s", again[error - RESTART_FIRST]);
	else if (call->ret < 0 && name)
		trace_put(out, " = -1 %s (%s)", name, strerrordesc_np((int)error));
	else
		trace_put(out, trace_result_format(call->nr), call->ret);
}

static void put_end(struct trace_out *out, const struct trace_call *call)
{
	if (call->nr == ABI_NR_exit || call->nr == ABI_NR_exit_group)
		trace_put(out, ") = ?");
	else
		trace_put(out, " <unfinished ...>) = ?");
}

static const char *served_by(const struct trace_call *call)
{
	unsigned class = call->nr < ABI_MAX_CALLS ? calls[call->nr].class : ABI_UNKNOWN;

	if (call->own)
		return "forwarded by the LWK";
	if (call->forwarded)
		return "forwarded";
	/* The LWK also answers some that it forwards as a rule: bad arguments. */
	return class == ABI_LOCAL || class == ABI_FORWARD ? "local" : "refused";
}

size_t trace_line(const struct trace_call *call, char line[TRACE_LINE_MAX])
{
	/* Room for a newline, whatever is cut off. */
	struct trace_out out = {line, line + TRACE_LINE_MAX - 1};
	const char *name = call->nr < ABI_MAX_CALLS ? names[call->nr] : NULL;

	line[0] = '\0';
	trace_put(&out, "[%u] ", call->tid);
	if (name && calls[call->nr].class != ABI_UNKNOWN) {
		trace_put(&out, "%s(", name);
		put_args(&out, call);
	} else {
		if (name)
			trace_put(&out, "%s(", name);
		else
			trace_put(&out, "syscall_%u(", call->nr);
		trace_put(&out, "%#lx, %#lx, %#lx", call->arg[0], call->arg[1], call->arg[2]);
	}
	if (call->left) {
		put_end(&out, call);
	} else {
		trace_put(&out, ")");
		put_result(&out, call);
	}
	trace_put(&out, " <%lu.%06lu> %s", call->ns / 1000000000, call->ns / 1000 % 1000000,
		served_by(call));
	*out.at++ = '\n';
	*out.at = '\0';
	return (size_t)(out.at - line);
}
