# shellcheck shell=bash
# shellcheck disable=SC2154  # of harness.sh: work, image
# For tests of machines as clouds have them: QEMU without vmimage. After harness.sh.
command -v jq >/dev/null || { rm -rf "$work"; echo "skipped: no jq"; exit 77; }

declare -A machine_pid=()

# boot_machine <name> <argument of QEMU>...: its console is in $work/<name>.log.
boot_machine() {
  local name=$1
  shift
  qemu-system-x86_64 -nodefaults -display none -accel tcg,thread=multi -cpu max -m 512 -smp 1 -no-reboot \
    -chardev "file,id=serial,path=$work/$name.log" -serial chardev:serial "$@" >"$work/$name.qemu" 2>&1 </dev/null &
  machine_pid[$name]=$!
}

# overlay <name> <bytes more than the image has>: a disk for it, in $work/<name>.qcow2.
overlay() {
  local size
  size=$("$VMIMAGE" inspect "$image" --json | jq .disk)
  qemu-img create -q -f qcow2 -F qcow2 -b "$image" "$work/$1.qcow2" $((size + $2))
}

end_machine() {
  kill "${machine_pid[$1]}" 2>/dev/null || true
  wait "${machine_pid[$1]}" 2>/dev/null || true
  unset "machine_pid[$1]"
}

serves() {  # <name>; the console's lines end in CR LF
  kill -0 "${machine_pid[$1]}" || fail "$1 has ended: $(<"$work/$1.qemu")"
  grep -q 'hello: listening' "$work/$1.log" 2>/dev/null
}
await_machine() {  # <name>
  local i
  for ((i = 0; i < 1500; ++i)); do
    if serves "$1"; then return; fi
    sleep 0.1
  done
  fail "$1 does not serve"
}

fact() { tr -d '\r' <"$work/$1.log" | sed -n "s/.*fact $2 //p" | head -1; }  # <name> <fact>
is() { [ "$(fact "$1" "$2")" = "$3" ] || fail "$1: $2 is '$(fact "$1" "$2")' instead of '$3'"; }

# shellcheck disable=SC2154
trap 'status=$?; for name in "${!machine_pid[@]}"; do end_machine "$name"; done; [ $status != 0 ] || finish' EXIT
