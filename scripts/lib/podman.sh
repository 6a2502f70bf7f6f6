#!/bin/sh
# One Podman service in the foreground, with all that it keeps in one folder: its images, its locks, its settings, its
# registries, its temporary files. It reads no setting of this machine and writes to none.
#
#   LAYERWRIGHT_PODMAN_DIR        the folder; the same folder again has the same images
#   LAYERWRIGHT_PODMAN_SOCKET     path of its socket; default: podman.sock in the folder
#   LAYERWRIGHT_PODMAN_DRIVER     storage driver; default: the one that the folder has, else overlay where that works, else vfs
#   LAYERWRIGHT_PODMAN_USER       a user id, which need not be anybody's: Podman runs rootless, with this one id and no subordinate
#                                 ones, and the folder becomes that user's
#
# It runs in namespaces of mounts and processes of its own: however it ends, its mounts and the steps of its builds end with
# it, and what Podman keeps in /var/lib/containers is in the folder too. SIGTERM ends it in order, SIGKILL is a crash.
# `podman.outer` in the folder has the pid of Podman itself, for whoever wants to pause it.
# With arguments it runs these with Podman's settings instead, as: PROGRAM images
#
# PODMAN, CONMON, RUNC and CRUN say where the programs are; podman.mjs writes a program that sets them.
set -eu
dir=${LAYERWRIGHT_PODMAN_DIR:?}

# Podman keeps known blobs here, whatever it is told; a folder of our own is mounted over it.
cache=/var/lib/containers
# Made empty by the runtimes.
strays="/run/runc /run/crun /run/libpod"
user=${LAYERWRIGHT_PODMAN_USER:-}
# A rootless Podman makes none of them; another one beside it may need them when it ends.
[ -z "$user" ] || { cache=; strays=; }

if [ -z "${LAYERWRIGHT_PODMAN_INSIDE:-}" ]; then
  ours=
  for place in $cache $strays; do [ -e "$place" ] || ours="$ours $place"; done
  mkdir -p "$dir/known" ${cache:+"$cache"}
  rm -f "$dir/podman.outer"
  export LAYERWRIGHT_PODMAN_INSIDE=1
  # unshare itself is deaf to SIGTERM; without setpriv it would outlive this shell.
  setpriv --pdeathsig KILL \
    unshare --mount --pid --fork --kill-child=KILL --propagation private sh "$0" "$@" &
  child=$!
  trap 'if [ -f "$dir/podman.outer" ]; then kill -TERM "$(cat "$dir/podman.outer")"; else kill -KILL $child; fi 2>/dev/null || true' TERM INT HUP
  code=0
  wait $child || code=$?
  while kill -0 $child 2>/dev/null; do code=0; wait $child || code=$?; done
  for place in $ours; do rmdir "$place" 2>/dev/null || true; done
  exit $code
fi

# /proc is still the one outside, and gives the pid that others know us by.
read -r pid rest < /proc/self/stat
echo "$pid" > "$dir/podman.outer"
mount -t proc proc /proc
socket=${LAYERWRIGHT_PODMAN_SOCKET:-$dir/podman.sock}
if [ -z "$user" ]; then
  mount --bind "$dir/known" "$cache"
else
  # The user may not be let into the folders above ours: all that is needed has a place that everybody may enter, which
  # is another folder outside these namespaces.
  place=/mnt
  mkdir -p "$dir/programs" "$dir/libraries"
  for name in PODMAN CONMON RUNC CRUN; do
    eval "path=\${$name:-}"
    [ -n "$path" ] || continue
    : > "$dir/programs/$name"
    mount --bind "$path" "$dir/programs/$name"
    eval "$name=$place/programs/$name"
  done
  if [ -n "${LD_LIBRARY_PATH:-}" ]; then
    mount --bind "$LD_LIBRARY_PATH" "$dir/libraries"
    LD_LIBRARY_PATH=$place/libraries
  fi
  chown "$user:$user" "$dir" "$(dirname "$socket")"
  mount --rbind "$dir" "$place"
  case $socket in "$dir"/*) socket=$place${socket#"$dir"} ;; esac
  dir=$place
  cd "$dir"
fi
settings=$dir/settings
# Mounts and processes of the one before are gone, whatever it has noted of them.
rm -rf "$dir/runroot" "$dir/tmp"
mkdir -p "$dir/storage" "$dir/runroot" "$dir/tmp" "$dir/networks" "$dir/home/.config/containers" "$settings"

# crun runs nothing where cgroups are of two generations at once (hybrid); runc does.
runtime=runc
if [ -z "${RUNC:-}" ] || { [ -f /sys/fs/cgroup/cgroup.controllers ] && [ -n "${CRUN:-}" ]; }; then runtime=crun; fi

cat > "$settings/containers.conf" <<CONF
[containers]
netns = "private"
[network]
network_backend = "cni"
network_config_dir = "$dir/networks"
[engine]
cgroup_manager = "cgroupfs"
conmon_path = ["${CONMON:?}"]
events_logger = "file"
image_copy_tmp_dir = "$dir/tmp"
# Not the shared memory that all of a machine's Podmans lock by.
lock_type = "file"
runtime = "$runtime"
[engine.runtimes]
runc = ["${RUNC:-}"]
crun = ["${CRUN:-}"]
CONF

cat > "$settings/registries.conf" <<CONF
unqualified-search-registries = []
short-name-mode = "disabled"
# Registries of tests and demos have no certificate.
[[registry]]
prefix = "127.0.0.1"
location = "127.0.0.1"
insecure = true
[[registry]]
prefix = "localhost"
location = "localhost"
insecure = true
CONF

printf '{"default":[{"type":"insecureAcceptAnything"}]}\n' > "$dir/home/.config/containers/policy.json"

export HOME="$dir/home" TMPDIR="$dir/tmp" XDG_CONFIG_HOME="$dir/home/.config" XDG_DATA_HOME="$dir/home/.local/share"
export CONTAINERS_CONF="$settings/containers.conf"
export CONTAINERS_REGISTRIES_CONF="$settings/registries.conf"
export CONTAINERS_STORAGE_CONF="$settings/storage.conf"
unset CONTAINER_HOST DOCKER_HOST REGISTRY_AUTH_FILE DOCKER_CONFIG XDG_RUNTIME_DIR 2>/dev/null || true

as_user=
if [ -n "$user" ]; then
  as_user="setpriv --reuid $user --regid $user --clear-groups"
  export XDG_RUNTIME_DIR="$dir/tmp/runtime"
  mkdir -p "$XDG_RUNTIME_DIR"
  chmod 700 "$XDG_RUNTIME_DIR"
fi

# Makes the folders that Podman writes to.
with_places() {
  mkdir -p "$dir/storage" "$dir/runroot"
  [ -z "$user" ] || chown -R "$user:$user" "$dir/storage" "$dir/runroot" "$dir/tmp" "$dir/networks" "$dir/home" "$settings"
}

# Settles the storage driver.
with_driver() {
  printf '[storage]\ndriver = "%s"\ngraphroot = "%s"\nrootless_storage_path = "%s"\nrunroot = "%s"\n' "$1" "$dir/storage" "$dir/storage" "$dir/runroot" > "$CONTAINERS_STORAGE_CONF"
  # Files of others in an image become the user's own, as there is no other id to give them to.
  [ -z "$user" ] || printf '[storage.options]\nignore_chown_errors = "true"\n[storage.options.%s]\nignore_chown_errors = "true"\n' "$1" >> "$CONTAINERS_STORAGE_CONF"
}

with_places
driver=${LAYERWRIGHT_PODMAN_DRIVER:-}
if [ -z "$driver" ]; then
  if [ -d "$dir/storage/vfs" ]; then driver=vfs; else driver=overlay; fi
  if [ "$driver" = overlay ] && [ ! -d "$dir/storage/overlay-images" ]; then
    with_driver overlay
    if ! $as_user "${PODMAN:?}" --tmpdir "$dir/tmp/libpod" info > /dev/null 2> "$dir/overlay.log"; then
      driver=vfs
      rm -rf "$dir/storage" "$dir/runroot" # Nothing is in them yet.
      with_places
    fi
  fi
fi
with_driver "$driver"

rm -f "$socket"
level=${LAYERWRIGHT_PODMAN_LOG:-warn}
if [ $# -gt 0 ]; then exec $as_user "${PODMAN:?}" --tmpdir "$dir/tmp/libpod" --log-level "$level" "$@"; fi
exec $as_user "${PODMAN:?}" --tmpdir "$dir/tmp/libpod" --log-level "$level" \
  system service --time 0 "unix://$socket"
