# bash completion for vmfleet(1)

_vmfleet_fleets() {
  local state=${XDG_STATE_HOME:-$HOME/.local/state}/vmfleet file
  for file in "$state"/*/state.json; do
    [[ -e $file ]] && basename "${file%/state.json}"
  done
}

_vmfleet() {
  local word=$2 previous=$3 command=${COMP_WORDS[1]} words=
  COMPREPLY=()
  case $previous in
    --strategy) mapfile -t COMPREPLY < <(compgen -W "rolling blue-green canary all-at-once" -- "$word"); return ;;
    --driver) mapfile -t COMPREPLY < <(compgen -W "local openstack aws" -- "$word"); return ;;
    --env-file) mapfile -t COMPREPLY < <(compgen -f -- "$word"); compopt -o filenames; return ;;
    --count | --name | --env | --secret | --port | --cpus | --memory | --timeout | --instance | --batch | --surge | --min-healthy | --canary | --bake | --max-errors | --keep-old | --limit | --min | --max | --target | --cooldown) return ;;
  esac
  if ((COMP_CWORD == 1)); then
    words="up plan status list deploy rollback scale autoscale logs events console dashboard debug install uninstall restart stop start down --help --version"
  else
    case $command in
      up) words="--count --name --env --env-file --secret --port --cpus --memory --cold --warm --warm-pool --overcommit --host-loopback --bridge --ipv6 --driver --driver-opt --timeout --help" ;;
      plan) words="--count --name --env --env-file --secret --port --cpus --memory --cold --warm --warm-pool --overcommit --host-loopback --bridge --ipv6 --driver --driver-opt --help" ;;
      status) words="--json --watch --help" ;;
      list) words="--json --driver --driver-opt --help" ;;
      deploy) words="--strategy --batch --surge --min-healthy --canary --bake --max-errors --keep-old --limit --timeout --help" ;;
      autoscale) words="--min --max --target --cooldown --off --help" ;;
      rollback | scale | restart | start) words="--timeout --help" ;;
      logs) words="--follow --instance --help" ;;
      events) words="--json --help" ;;
      debug) words="--end --help" ;;
      install) words="--system --print --help" ;;
      down) words="--volumes --help" ;;
      console | dashboard | uninstall | stop) words="--help" ;;
    esac
    [[ $command == up || $command == plan || $command == list ]] || words+=" $(_vmfleet_fleets)"
  fi
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
  if [[ $command == up || $command == plan || $command == deploy ]] && ((COMP_CWORD > 1)) && [[ $word != -* ]]; then
    mapfile -t COMPREPLY < <(compgen -f -- "$word")
    compopt -o filenames
  fi
}
complete -F _vmfleet vmfleet
