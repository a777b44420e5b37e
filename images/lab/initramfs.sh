#!/bin/bash
# SPDX-License-Identifier: MIT
# initramfs.sh KERNEL_DIR OUT.cpio: the lab's base initramfs: busybox, init, the programs of programs.txt and
# the modules of modules.txt with, for each group, the order in which to load them. Not compressed: a job is
# appended. (initramfs.sh --sources: every file that it is made of, but the kernel's.)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

programs() {
	grep -v '^#' "$here/programs.txt"
}

# With the libraries and the loader, by the paths that ldd prints.
libraries() {
	programs | xargs ldd | grep -oE '/[^ :]+[.]so[^ :]*' | sort -u
}

if [ "$1" = --sources ]; then
	echo /bin/busybox
	programs
	libraries
	exit
fi
kernel=$1
out=$2

work=$(mktemp -d "$kernel/initramfs.XXXXXX")
trap 'rm -rf "$work"' EXIT
root=$work/root
mkdir -p "$root"/{bin,lab/bin,usr,dev,proc,sys,tmp,mnt,etc,modules,job,out,root}

cp /bin/busybox "$root/bin/"
for applet in $(/bin/busybox --list); do
	[ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"
done
libraries | while read -r file; do
	mkdir -p "$root$(dirname "$file")"
	cp -L "$file" "$root$file"
done
programs | while read -r file; do
	case $file in
	*.so.*) cp -L "$file" "$root$file" ;;
	*) cp -L "$file" "$root/lab/bin/" ;;
	esac
done
ln -s /usr/bin/bash "$root/bin/bash"
install -m 755 "$here/init" "$root/init"
echo 'root:x:0:0:root:/tmp:/bin/sh' > "$root/etc/passwd"

dpkg-deb --fsys-tarfile "$kernel/linux.deb" | tar -x -C "$work" ./lib/modules
version=$(ls "$work/lib/modules")
/sbin/depmod -b "$work" "$version"
grep -v '^#' "$here/modules.txt" | while read -r group modules; do
	for module in $modules; do
		/sbin/modprobe -d "$work" -S "$version" --show-depends "$module"
	done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' | while read -r file; do
		objcopy --strip-debug "$file" "$root/modules/$(basename "$file")"
		basename "$file" >> "$root/modules/$group.order"
	done
done

(cd "$root" && find . | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0 --reproducible) > "$out.new"
mv "$out.new" "$out"
