#!/bin/sh
# boot.sh BASE CGROUP NODE: a real systemd as PID 1 of new namespaces, on an
# overlay of this machine's /. Called by lab.py; see there.
#
#   BASE/files   what the lab has beside the machine's own files (copied in)
#   CGROUP       an empty cgroup v2 folder, the root of the lab's hierarchy
#   BASE/kmsg    a pipe that somebody holds open
#   NODE         a simulated node's folder, seen in the lab at the same place
#
# All mounts are made in the lab's own mount namespace: they go with it.
set -eu
BASE=$1 CGROUP=$2 NODE=$3
export BASE NODE
echo $$ >"$CGROUP/cgroup.procs"
exec unshare --mount --propagation private --pid --cgroup --net --ipc --uts \
  --fork --kill-child=KILL /bin/sh -c '
set -eu
umask 022
mount -t tmpfs -o mode=755 tmpfs "$BASE/space"
mkdir "$BASE/space/upper" "$BASE/space/work" "$BASE/space/root"
cp -a "$BASE/files/." "$BASE/space/upper/"
mount -t overlay overlay "$BASE/space/root" \
  -o "lowerdir=/,upperdir=$BASE/space/upper,workdir=$BASE/space/work"
cd "$BASE/space/root"
mount -t proc proc proc
mount -t sysfs sysfs sys
mountpoint -q sys/fs/cgroup || mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs dev
for node in null:1:3 zero:1:5 full:1:7 random:1:8 urandom:1:9 tty:5:0 \
  nvidia0:195:0 nvidia1:195:1 nvidia2:195:2 nvidia3:195:3 nvidia4:195:4 \
  nvidia5:195:5 nvidia6:195:6 nvidia7:195:7 nvidiactl:195:255; do
  name=${node%%:*} numbers=${node#*:}
  mknod -m 666 "dev/$name" c "${numbers%:*}" "${numbers#*:}"
done
# journald reads "the kernel log" here; the real one is not for labs.
: >dev/kmsg
mount --bind "$BASE/kmsg" dev/kmsg
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s /proc/self/fd/0 dev/stdin
ln -s /proc/self/fd/1 dev/stdout
ln -s /proc/self/fd/2 dev/stderr
mount -t tmpfs tmpfs dev/shm
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs tmpfs tmp
mkdir -p "./$NODE"
mount --rbind "$NODE" "./$NODE"
mount -t tmpfs -o mode=755 tmpfs var/log
rm -rf etc/systemd/system
cp -a "$BASE/files/etc/systemd/system" etc/systemd/
hostname gpuward-lab
ip link set lo up 2>/dev/null || true
mkdir run/old
pivot_root . run/old
umount -l /run/old
rmdir /run/old
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin container=gpuward-lab \
  /lib/systemd/systemd --unit=lab.target --show-status=0 --log-target=journal
'
