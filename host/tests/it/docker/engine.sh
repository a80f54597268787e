#!/bin/sh
# An engine of the tests' own below $1. It ends, and takes everything along, when
# standard input does: when the tests end, however they end.
dir=$1
dockerd --config-file "$dir/daemon.json" --data-root "$dir/data" --exec-root "$dir/exec" \
    --pidfile "$dir/pid" --host "unix://$dir/docker.sock" --bridge none \
    >>"$dir/log" 2>&1 </dev/null &
engine=$!
read -r _ || true
kill "$engine" 2>/dev/null
wait "$engine"
# An engine that was killed leaves its data mounted, and the next one does not mind.
umount "$dir/data" 2>/dev/null
rm -rf "$dir"
