#!/bin/bash
# SPDX-License-Identifier: MIT
# kernel.sh CACHE: prints the folder below CACHE that holds Debian's kernel for the lab: its package
# and the ELF vmlinux (which QEMU boots by PVH, seconds sooner than the bzImage). Fetches what lacks.
set -euo pipefail
cache=$1

# linux-image-amd64 depends on the one real image.
wanted_image() {
	apt-cache depends --no-recommends --no-suggests linux-image-amd64 2>/dev/null |
		sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1
}

cached_image() {
	find "$cache" -path '*/linux-image-*/vmlinux' -printf '%h\n' 2>/dev/null | sort -V | tail -n 1
}

fetch() {
	(cd "$2" && apt-get download -qq -o APT::Sandbox::User=root "$1")
}

# The boot protocol's header says where the compressed ELF lies: setup_sects at 0x1f1, payload_offset
# at 0x248, payload_length at 0x24c (its last 4 bytes are the size when unpacked).
extract_vmlinux() {
	local sects offset length
	sects=$(od -An -j $((0x1f1)) -N 1 -t u1 "$1")
	offset=$(od -An -j $((0x248)) -N 4 -t u4 "$1")
	length=$(od -An -j $((0x24c)) -N 4 -t u4 "$1")
	dd if="$1" bs=64K iflag=skip_bytes,count_bytes skip=$(((sects + 1) * 512 + offset)) \
		count=$((length - 4)) status=none | xz -dc
}

image=$(wanted_image)
if [ -z "$image" ]; then
	have=$(cached_image)
	[ -n "$have" ] || {
		echo "kernel.sh: apt knows no linux-image-amd64: run 'tools/install-deps.sh lab'" >&2
		exit 1
	}
	echo "$have"
	exit 0
fi
if [ ! -f "$cache/$image/vmlinux" ]; then
	mkdir -p "$cache"
	new=$(mktemp -d "$cache/new.XXXXXX")
	trap 'rm -rf "$new"' EXIT
	fetch "$image" "$new" || { "$(dirname "$0")/../../tools/install-deps.sh" update >&2 &&
		fetch "$image" "$new"; }
	mv "$new"/*.deb "$new/linux.deb"
	dpkg-deb --fsys-tarfile "$new/linux.deb" | tar -xO --wildcards './boot/vmlinuz-*' > "$new/bzImage"
	extract_vmlinux "$new/bzImage" > "$new/vmlinux"
	rm "$new/bzImage"
	rm -rf "${cache:?}/$image"
	mv "$new" "$cache/$image"
	chmod 755 "$cache/$image"
fi
echo "$cache/$image"
