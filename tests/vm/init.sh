#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The guest's first process: makes the machine a BPF tool expects to find, runs one command, powers off.
#
# Everything goes home through named virtio-serial ports, opened here once: `status` gets one fact a
# line (see machine.py), `stdout` and `stderr` are the command's, `files` gets /out as a tar archive.
# The command, its environment and its directory are in /vm/command, written by guest.py.
# There is no `set -e`: whatever fails, the machine must still report and power off.

export PATH=/bin:/sbin:/usr/bin:/usr/sbin HOME=/root TERM=dumb

give_up() {
    echo "vm: init: $1" > /dev/console
    poweroff -f
}

mount_all() {
    mount -t devtmpfs devtmpfs /dev
    mkdir -p /dev/pts /dev/shm
    mount -t devpts devpts /dev/pts
    mount -t tmpfs tmpfs /dev/shm
    mount -t proc proc /proc
    mount -t sysfs sysfs /sys
    mount -t securityfs securityfs /sys/kernel/security
    mount -t debugfs debugfs /sys/kernel/debug
    mount -t tracefs tracefs /sys/kernel/tracing
    mount -t bpf bpf /sys/fs/bpf
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
    mount -t tmpfs tmpfs /tmp
    mount -t tmpfs tmpfs /run
    ln -s /proc/self/fd /dev/fd
    ln -s fd/0 /dev/stdin
    ln -s fd/1 /dev/stdout
    ln -s fd/2 /dev/stderr
}

load_modules() {
    while read -r module; do
        insmod "/lib/modules/$module.ko" || module_failures="$module_failures $module"
    done < /vm/modules
}

# Prints the device of the virtio port called $1; its name arrives a moment after the device.
port() {
    tries=0
    while [ "$tries" -lt 200 ]; do
        for directory in /sys/class/virtio-ports/*; do
            if [ "$(cat "$directory/name" 2>/dev/null)" = "$1" ]; then
                echo "/dev/${directory##*/}"
                return 0
            fi
        done
        tries=$((tries + 1))
        usleep 20000
    done
    return 1
}

module_failures=
mount_all 2> /dev/console
load_modules 2> /dev/console
ip link set lo up
hostname vm

status=$(port status) || give_up "no virtio port called status"
exec 3> "$status" 4> "$(port stdout)" 5> "$(port stderr)" 6> "$(port files)"

echo "release $(uname -r)" >&3
[ -z "$module_failures" ] || echo "modules-failed$module_failures" >&3
read -r uptime _ < /proc/uptime
echo "ready $uptime" >&3

taint=$(cat /proc/sys/kernel/tainted)
sh /vm/command < /dev/null >&4 2>&5 3>&- 4>&- 5>&- 6>&-
code=$?
echo "taint $taint $(cat /proc/sys/kernel/tainted)" >&3

tar -c -C /out . >&6
echo "exit $code" >&3
poweroff -f
