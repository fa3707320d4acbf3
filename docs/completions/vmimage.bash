# bash completion for vmimage(1)

_vmimage() {
  local word=$2 previous=$3 command=${COMP_WORDS[1]} i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; ++i)); do
    [[ ${COMP_WORDS[i]} == -- ]] && { compopt -o default; return; }
  done
  case $previous in
    --firmware) mapfile -t COMPREPLY < <(compgen -W "direct bios uefi" -- "$word"); return ;;
    --bus) mapfile -t COMPREPLY < <(compgen -W "virtio-blk virtio-scsi nvme pvscsi ahci ide" -- "$word"); return ;;
    --network) mapfile -t COMPREPLY < <(compgen -W "virtio vmxnet3 e1000" -- "$word"); return ;;
    --to | --from)
      local kinds="qcow2 qcow2-zstd raw vmdk ova vdi vhd vhdx gce raw.gz"
      case $command in publish | published | unpublish) kinds="openstack aws" ;; esac
      mapfile -t COMPREPLY < <(compgen -W "$kinds" -- "$word")
      return
      ;;
    --tree) mapfile -t COMPREPLY < <(compgen -d -- "$word"); compopt -o filenames; return ;;
    -o | --output | --serial-log | --secure-boot-vars | --lock | --recipe | --package) mapfile -t COMPREPLY < <(compgen -f -- "$word"); compopt -o filenames; return ;;
    --stem | --env | --volume | --memory | --cpus | --count | --timeout | --keep | --mirror | --partition | --cloud | --profile | --region | --name) return ;;
  esac
  local words=
  if ((COMP_CWORD == 1)); then
    words="build boot inspect ls cat cp diff convert publish published unpublish base outdated cache --help --version"
  else
    case $command in
      build) words="--output --base --package --stem --tree --lock --debug-shell --json --quiet --help" ;;
      boot) words="--firmware --secure-boot --secure-boot-vars --bus --network --env --volume --memory --cpus --check --count --timeout --serial-log --help" ;;
      inspect) words="--json --spdx --help" ;;
      ls) words="-l --recursive --partition --json --help" ;;
      cat | cp) words="--partition --help" ;;
      diff) words="--files --json --exit-code --help" ;;
      convert) words="--to --output --cpus --memory --json --quiet --help" ;;
      publish) words="--to --cloud --profile --region --regions --name --tag --revision --kms-key --tpm --share-with --keep --json --quiet --help" ;;
      published) words="--to --cloud --profile --region --regions --json --help" ;;
      unpublish) words="--from --cloud --profile --region --regions --help" ;;
      base)
        if ((COMP_CWORD == 2)); then
          words="list build lock update outdated --help"
        else
          case ${COMP_WORDS[2]} in
            list) words="--json --help" ;;
            build) words="debian:bookworm ubuntu:noble minimal file: --mirror --help" ;;
            lock) words="debian:bookworm ubuntu:noble minimal --packages --recipe --tree --output --mirror --help" ;;
            update) words="debian:bookworm ubuntu:noble minimal --mirror --help" ;;
            outdated) words="debian:bookworm ubuntu:noble minimal --json --no-changelog --mirror --help" ;;
          esac
        fi
        ;;
      outdated) words="--json --no-changelog --mirror --help" ;;
      cache)
        if ((COMP_CWORD == 2)); then
          words="info prune --help"
        elif [[ ${COMP_WORDS[2]} == prune ]]; then
          words="--keep --help"
        elif [[ ${COMP_WORDS[2]} == info ]]; then
          words="--json --help"
        fi
        ;;
    esac
  fi
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
  case $command in
    build | boot | inspect | ls | cat | cp | diff | convert | publish | base | outdated)
      if ((COMP_CWORD > 1)) && [[ $word != -* ]]; then
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        compopt -o filenames
      fi
      ;;
  esac
}
complete -F _vmimage vmimage
