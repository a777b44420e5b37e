# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# The lab's machine as QEMU arguments. AMD's virtualisation with nested paging, emulated by TCG: 8 CPUs
# on 2 nodes (a guest of 4 leaves cores of both nodes to Linux), an IOMMU, two NICs back to back, and both
# kinds of huge pages on both nodes. CPUs per socket are a power of two: a hole in the APIC ids makes
# QEMU 7.2 lose every interrupt to the CPUs above it.

# machine_args KERNEL_DIR INITRD [BOOT_ARG...]: sets the array machine.
machine_args() {
	local kernel=$1 initrd=$2
	shift 2
	local nic=bus=pcie.0,romfile=
	local pools="hugepagesz=2M hugepages=0:256,1:128 hugepagesz=1G hugepages=0:2,1:1"

	# shellcheck disable=SC2034,SC2054 # it is the result; QEMU's own commas
	machine=(qemu-system-x86_64 -nodefaults -display none -no-reboot
		-accel tcg,thread=multi -cpu max -machine q35 -m 8G
		-smp 8,sockets=2,cores=4
		-object memory-backend-ram,id=m0,size=4G
		-object memory-backend-ram,id=m1,size=4G
		-numa node,nodeid=0,cpus=0-3,memdev=m0
		-numa node,nodeid=1,cpus=4-7,memdev=m1
		-numa dist,src=0,dst=1,val=21
		-device intel-iommu,intremap=on
		-netdev hubport,id=n0,hubid=0
		-device "e1000e,netdev=n0,addr=3,mac=52:54:00:aa:00:01,$nic"
		-netdev hubport,id=n1,hubid=0
		-device "virtio-net-pci,netdev=n1,addr=4,mac=52:54:00:aa:00:02,$nic,iommu_platform=on,disable-legacy=on"
		-device isa-debug-exit,iobase=0xf4,iosize=4
		-kernel "$kernel/vmlinux" -initrd "$initrd"
		-append "console=ttyS0 quiet panic=-1 tsc=reliable intel_iommu=on iommu=pt default_hugepagesz=2M $pools $*")
}
