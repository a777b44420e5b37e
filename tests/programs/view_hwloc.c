/* SPDX-License-Identifier: MIT */
/* What hwloc makes of the machine: one line, for a test that knows it. */
#include <hwloc.h>
#include <stdio.h>

/* hwloc's Debian package names block devices by libudev, of which there is no static one. */
void *udev_new(void)
{
	return NULL;
}

void udev_unref(void *udev)
{
}

void *udev_device_new_from_subsystem_sysname(
	void *udev, const char *subsystem, const char *name)
{
	return NULL;
}

const char *udev_device_get_property_value(void *device, const char *key)
{
	return NULL;
}

void udev_device_unref(void *device)
{
}

int main(void)
{
	hwloc_topology_t topology;
	int nodes;

	if (hwloc_topology_init(&topology) || hwloc_topology_load(topology)) {
		puts("no topology");
		return 1;
	}
	nodes = hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_NUMANODE);
	printf("packages %d cores %d cpus %d nodes %d pci %d memory",
		hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_PACKAGE),
		hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_CORE),
		hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_PU), nodes,
		hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_PCI_DEVICE));
	for (int i = 0; i < nodes; i++)
		printf(" %llu", (unsigned long long)hwloc_get_obj_by_type(
					topology, HWLOC_OBJ_NUMANODE, (unsigned)i)
						->attr->numanode.local_memory >>
					20);
	putchar('\n');
	hwloc_topology_destroy(topology);
	return 0;
}
