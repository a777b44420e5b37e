/* SPDX-License-Identifier: MIT */
/* `lwvmm check`: is this host ready, and what to do if not. */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "numa/host.h"
#include "numa/options.h"
#include "vmm/base/problem.h"
#include "vmm/check.h"
#include "vmm/cmd.h"
#include "vmm/kvm.h"
#include "vmm/lease.h"
#include "vmm/pool.h"
#include "vmm/view/view_store.h"

static void kvm_check(struct check *check, enum kvm_kind kind)
{
	struct problem problem = {0};
	int fd = kvm_open(&problem);

	if (fd < 0) {
		check_say(check, CHECK_FAIL, "%s", problem.text);
		return;
	}
	close(fd);
	check_say(check, CHECK_OK, "/dev/kvm: there, and we may use it");
	if (kind == KVM_KIND_SOFTWARE)
		check_say(check, CHECK_WARN,
			"KVM: software (no VMX or SVM on this CPU): programs compute at full "
			"speed, but "
			"system calls and interrupts are slow: for those take a host with VMX "
			"or SVM");
	else
		check_say(check, CHECK_OK, "KVM: hardware (VMX or SVM)");
}

/* MADV_COLLAPSE, on which the fallback to transparent huge pages stands, is of Linux 6.1. */
static void kernel_check(struct check *check)
{
	struct utsname name;
	unsigned major = 0, minor = 0;

	if (uname(&name) || sscanf(name.release, "%u.%u", &major, &minor) != 2)
		return;
	if (major < 6 || (major == 6 && minor < 1))
		check_say(check, CHECK_WARN,
			"Linux %s: older than 6.1, so there is no fallback to transparent huge "
			"pages: "
			"reserve a pool of huge pages",
			name.release);
	else if (access("/sys/kernel/mm/transparent_hugepage", F_OK) != 0)
		check_say(check, CHECK_WARN,
			"Linux %s: built without transparent huge pages: reserve a pool of "
			"huge pages",
			name.release);
	else
		check_say(check, CHECK_OK, "Linux %s: transparent huge pages can be had",
			name.release);
}

/* Moving pages between nodes unmaps them first: guests would fault. It matters with two nodes
 * or more. */
static void balancing_check(struct check *check)
{
	FILE *file = fopen("/proc/sys/kernel/numa_balancing", "re");
	int on = 0;

	if (!file)
		return;
	if (fscanf(file, "%d", &on) == 1 && on)
		check_say(check, CHECK_WARN,
			"NUMA balancing: switched on, it makes guests fault: as root: sysctl "
			"kernel.numa_balancing=0");
	fclose(file);
}

static void address_space_check(struct check *check)
{
	struct rlimit limit;
	char size[SIZE_TEXT_MAX];

	if (getrlimit(RLIMIT_AS, &limit) || limit.rlim_cur == RLIM_INFINITY)
		return;
	check_say(check, CHECK_WARN,
		"address space: limited to %s, which counts all of a guest's memory: ulimit -v "
		"unlimited",
		size_format(limit.rlim_cur, size));
}

/* Leases end with their guests; what was added to the pools can outlive a guest that was
 * killed. */
static void leftovers_check(struct check *check, bool repair)
{
	int left = pool_repair(repair, check->out);
	int views = view_repair(repair, check->out);
	int leased = lease_list(check->out);

	if (left > 0)
		check_say(check, CHECK_WARN,
			"leftovers: %d killed guest%s still hold%s pages of the pools: %s",
			left, left == 1 ? "" : "s", left == 1 ? "s" : "",
			repair ? "try again as root, or when its processes have ended"
			       : "as root: lwvmm check --repair");
	if (views > 0)
		check_say(check, CHECK_WARN, "leftovers: %d view%s of killed guests: %s", views,
			views == 1 ? "" : "s",
			repair ? "could not be removed" : "lwvmm check --repair");
	if (left <= 0 && views <= 0)
		check_say(check, CHECK_OK, "leftovers: none");
	if (leased > 0)
		check_say(check, CHECK_OK, "leases: %d core%s in use by running guests", leased,
			leased == 1 ? " is" : "s are");
	else
		check_say(check, CHECK_OK, "leases: no core is in use by a guest");
}

static int host_check(bool repair)
{
	static struct host host; /* large */
	struct check check = {.out = stdout};
	struct problem problem = {0};

	/* First: what is given back counts as free in what is read next. */
	leftovers_check(&check, repair);
	if (host_read("", &host, &problem)) {
		check_say(&check, CHECK_FAIL, "%s", problem.text);
		return EXIT_LWVMM_FAILED;
	}
	kvm_check(&check, host.kvm);
	kernel_check(&check);
	check_cores(&check, &host);
	if (host.nnodes > 1)
		balancing_check(&check);
	check_pools(&check, &host);
	check_limits(&check, &host);
	address_space_check(&check);
	check_guest(&check, &host);
	if (check.nfail)
		printf("not ready: %u to mend first\n", check.nfail);
	else
		printf("ready: guests can run\n");
	return check.nfail ? EXIT_LWVMM_FAILED : 0;
}

int cmd_check(char *const *argv)
{
	struct problem problem = {0};
	bool repair = false;

	for (; *argv; argv++) {
		if (strcmp(*argv, "--repair") == 0) {
			repair = true;
		} else if (strcmp(*argv, "--help") == 0 || strcmp(*argv, "-h") == 0) {
			help_topic_print("check", stdout);
			return 0;
		} else {
			problem_set(&problem, -1, EXIT_LWVMM_FAILED,
				"%s: no such option: see lwvmm check --help", *argv);
			problem_print(&problem);
			return problem.status;
		}
	}
	return host_check(repair);
}
