/* SPDX-License-Identifier: MIT */
#include "guest-lwk/abi/syscalls.h"
#include "vmm/report.h"

const char *report_call_name(unsigned nr)
{
#define NAME(number, call, ...) [number] = #call,
	static const char *const names[ABI_MAX_CALLS] = {
		ABI_SYSCALLS(NAME) /* and the LWK's own */
			[ABI_CALL_FORK] = "proxy_fork",
		[ABI_CALL_VFORK] = "proxy_vfork",
		[ABI_CALL_EXEC] = "proxy_exec",
		[ABI_CALL_LEAVE] = "proxy_leave",
		[ABI_CALL_CHILDREN] = "proxy_children",
		[ABI_CALL_MAP_FILE] = "map_file",
		[ABI_CALL_WINDOW_FAULT] = "window_fault",
		[ABI_CALL_WINDOW_GROW] = "window_grow",
		[ABI_CALL_SHMAT] = "shared_attach",
		[ABI_CALL_SHMSIZE] = "shared_size",
	};
#undef NAME

	return nr < ABI_MAX_CALLS ? names[nr] : NULL;
}

const char *report_hypercall_name(unsigned nr)
{
	static const char *const names[ABI_HC_MAX] = {
		[ABI_HC_PRINT] = "PRINT",
		[ABI_HC_PANIC] = "PANIC",
		[ABI_HC_XSAVE] = "XSAVE",
		[ABI_HC_XRSTOR] = "XRSTOR",
		[ABI_HC_XSWITCH] = "XSWITCH",
		[ABI_HC_ZERO] = "ZERO",
		[ABI_HC_COPY] = "COPY",
		[ABI_HC_MARK] = "MARK",
	};

	return nr < ABI_HC_MAX && names[nr] ? names[nr] : "unknown";
}
