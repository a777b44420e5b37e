/* SPDX-License-Identifier: MIT */
/* Reads the host, once, into a value. */
#include "numa/host.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "numa/host_parts.h"

static bool path_exists(const struct host_path *path)
{
	return faccessat(AT_FDCWD, path->text, F_OK, AT_EACCESS) == 0;
}

/* The flags are the same on every CPU: those of the first are enough. */
static bool cpu_has_virtualization(const char *root)
{
	struct host_path path = host_path(root, "/proc/cpuinfo");
	char text[HOST_TEXT_MAX], flags[HOST_TEXT_MAX], *save = NULL;

	if (host_file_text(&path, text, sizeof(text)) ||
		host_text_line(text, "flags", flags, sizeof(flags)))
		return false;
	for (char *f = strtok_r(flags, " ", &save); f; f = strtok_r(NULL, " ", &save)) {
		if (strcmp(f, "vmx") == 0 || strcmp(f, "svm") == 0)
			return true;
	}
	return false;
}

/*
 * A /dev/kvm on a CPU without VMX and SVM is a software KVM. With the flags it is hardware,
 * unless the software back end is the one that was loaded.
 */
static enum kvm_kind kvm_kind_read(const char *root)
{
	struct host_path dev = host_path(root, "/dev/kvm");
	struct host_path pvm = host_path(root, "/sys/module/kvm_pvm");
	struct host_path intel = host_path(root, "/sys/module/kvm_intel");
	struct host_path amd = host_path(root, "/sys/module/kvm_amd");

	if (!path_exists(&dev))
		return KVM_KIND_NONE;
	if (!cpu_has_virtualization(root))
		return KVM_KIND_SOFTWARE;
	if (path_exists(&pvm) && !path_exists(&intel) && !path_exists(&amd))
		return KVM_KIND_SOFTWARE;
	return KVM_KIND_HARDWARE;
}

static uint64_t memlock_read(const char *root)
{
	struct host_path path = host_path(root, "/proc/self/limits");
	char text[HOST_TEXT_MAX];
	uint64_t bytes;

	/* "Max locked memory  8388608  8388608  bytes", or "unlimited". */
	if (host_file_text(&path, text, sizeof(text)) ||
		host_text_u64(text, "Max locked memory", &bytes))
		return UINT64_MAX;
	return bytes;
}

int host_read(const char *root, struct host *host, struct problem *problem)
{
	int err;

	memset(host, 0, sizeof(*host));
	err = host_cpu_read(root, host, problem);
	if (err)
		return err;
	err = host_mem_read(root, host, problem);
	if (err)
		return err;
	host_cgroup_limits_read(root, host);
	host->kvm = kvm_kind_read(root);
	host->memlock = memlock_read(root);
	return 0;
}
