# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# The lab's machines as QEMU arguments. AMD's virtualisation with nested paging, emulated by TCG: 8 CPUs,
# an IOMMU, two NICs back to back, both kinds of huge pages on every node with memory, CPUs 2, 3, 6 and 7
# isolated (guests are also put on the others: they need not be).
#   two    node 0: CPUs 0-3 and 12 GiB; node 1: CPUs 4-7 and 6 GiB. A guest of 4 leaves cores of both.
#   three  node 0: CPUs 0-3 and 6 GiB; node 1: CPUs 4-7, no memory; node 2: 6 GiB, no CPU.
#          (Linux numbers the nodes as it meets them: CPUs first.)
# CPUs per socket are a power of two: a hole in the APIC ids makes QEMU 7.2 lose every interrupt to the CPUs
# above it. Memory that no guest touches costs this host nothing.
#
# Without ERMS and REP_GOOD (112) Linux clears and copies pages by plain stores; TCG emulates `rep stos` one
# element at a time, ten times slower.

# shellcheck disable=SC2054 # QEMU's own commas
machine_nodes() {
	case $1 in
	two)
		machine+=(-m 18432
			-object memory-backend-ram,id=m0,size=12G
			-object memory-backend-ram,id=m1,size=6G
			-numa "node,nodeid=0,cpus=0-3,memdev=m0"
			-numa "node,nodeid=1,cpus=4-7,memdev=m1"
			-numa "dist,src=0,dst=1,val=21")
		pools="hugepagesz=2M hugepages=0:256,1:128 hugepagesz=1G hugepages=0:5,1:2"
		;;
	three)
		machine+=(-m 12288
			-object memory-backend-ram,id=m0,size=6G
			-object memory-backend-ram,id=m1,size=6G
			-numa "node,nodeid=0,cpus=0-3,memdev=m0"
			-numa "node,nodeid=1,cpus=4-7"
			-numa "node,nodeid=2,memdev=m1"
			-numa "dist,src=0,dst=1,val=21"
			-numa "dist,src=0,dst=2,val=17"
			-numa "dist,src=1,dst=2,val=31")
		pools="hugepagesz=2M hugepages=0:256,2:256 hugepagesz=1G hugepages=0:3,2:2"
		;;
	esac
}

# machine_args SHAPE KERNEL_DIR INITRD OUT_DIR [BOOT_ARG...]: sets the array machine. The lab mounts OUT_DIR
# on /out, for what it leaves, and this host's /usr, to read.
machine_args() {
	local shape=$1 kernel=$2 initrd=$3 left=$4 pools isolated=2-3,6-7
	shift 4
	local nic=bus=pcie.0,romfile=

	machine=(qemu-system-x86_64 -nodefaults -display none -no-reboot
		-accel "tcg,thread=multi" -cpu "max,-erms" -machine q35 -smp "8,sockets=2,cores=4")
	machine_nodes "$shape"
	machine+=(-device "intel-iommu,intremap=on"
		-netdev "hubport,id=n0,hubid=0"
		-device "e1000e,netdev=n0,addr=3,mac=52:54:00:aa:00:01,$nic"
		-netdev "hubport,id=n1,hubid=0"
		-device "virtio-net-pci,netdev=n1,addr=4,mac=52:54:00:aa:00:02,$nic,iommu_platform=on,disable-legacy=on"
		-virtfs "local,path=$left,mount_tag=out,security_model=none"
		-virtfs "local,path=/usr,mount_tag=usr,security_model=none,readonly=on,multidevs=remap"
		-device "isa-debug-exit,iobase=0xf4,iosize=4"
		-kernel "$kernel/vmlinux" -initrd "$initrd"
		-append "console=ttyS0 quiet panic=-1 tsc=reliable clearcpuid=112 intel_iommu=on iommu=pt isolcpus=$isolated nohz_full=$isolated default_hugepagesz=2M $pools $*")
}
