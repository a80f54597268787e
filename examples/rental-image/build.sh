#!/usr/bin/env bash
# Builds the smallest image that can be rented out: busybox and dropbear of this
# machine, nothing downloaded. Prints the image's id, which is what `images` in
# the `[machine]` table lists.
#
#   apt-get install docker.io busybox-static dropbear-bin
#   examples/rental-image/build.sh                    the engine `docker` talks to
#   DOCKER_HOST=unix:///path examples/rental-image/build.sh
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
export PATH="$PATH:/usr/sbin:/sbin"

mkdir -p "$root"/{bin,dev,etc,proc,root,run,sys,tmp,usr/bin,usr/sbin,var}
chmod 1777 "$root/tmp"
install -m 755 "$(command -v busybox)" "$root/bin/busybox"
for applet in $("$root/bin/busybox" --list); do
    [[ $applet == busybox ]] || ln -sf busybox "$root/bin/$applet"
done

# add PROGRAM: with the libraries it is linked to.
add() {
    local program
    program=$(command -v "$1")
    install -D -m 755 "$program" "$root/usr/bin/$1"
    ldd "$program" | grep -o '/[^ ]*' | while read -r library; do
        install -D -m 755 "$library" "$root$library"
    done
}
add dropbear
add dropbearconvert

# Who root is, without asking a library that is not here.
echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
echo 'root:x:0:' >"$root/etc/group"
echo '/bin/sh' >"$root/etc/shells"
echo 'passwd: files' >"$root/etc/nsswitch.conf"
install -m 755 "$here/entry" "$root/usr/sbin/rental-entry"

tar -C "$root" --owner=0 --group=0 --numeric-owner -c . | docker import \
    --change 'ENTRYPOINT ["/usr/sbin/rental-entry"]' \
    --change 'ENV PATH=/bin:/usr/bin:/usr/sbin' \
    - "${1:-rental-example}"
