# fish completion for vmfleet(1)

function __vmfleet_fleets
  set -l state ~/.local/state
  set -q XDG_STATE_HOME; and set state $XDG_STATE_HOME
  for file in $state/vmfleet/*/state.json
    basename (dirname $file)
  end
end

set -l commands up status list deploy rollback scale autoscale logs events debug restart stop start down
complete -c vmfleet -f -n __fish_use_subcommand -l help -d 'Show help'
complete -c vmfleet -f -n __fish_use_subcommand -l version -d 'Show the version'
complete -c vmfleet -f -n __fish_use_subcommand -a up -d 'Start a fleet, or make it what is asked for'
complete -c vmfleet -f -n __fish_use_subcommand -a status -d 'What runs, and how it is'
complete -c vmfleet -f -n __fish_use_subcommand -a list -d 'The fleets'
complete -c vmfleet -f -n __fish_use_subcommand -a deploy -d 'Give a fleet another image'
complete -c vmfleet -f -n __fish_use_subcommand -a rollback -d 'Go back to the image before'
complete -c vmfleet -f -n __fish_use_subcommand -a autoscale -d 'Let the load change the number of instances'
complete -c vmfleet -f -n __fish_use_subcommand -a scale -d 'Change the number of instances'
complete -c vmfleet -f -n __fish_use_subcommand -a logs -d 'What the instances said'
complete -c vmfleet -f -n __fish_use_subcommand -a events -d 'What happened'
complete -c vmfleet -f -n __fish_use_subcommand -a debug -d 'Set an instance aside for a look'
complete -c vmfleet -f -n __fish_use_subcommand -a restart -d 'Replace all instances'
complete -c vmfleet -f -n __fish_use_subcommand -a stop -d 'Power all instances off'
complete -c vmfleet -f -n __fish_use_subcommand -a start -d 'Start a stopped fleet'
complete -c vmfleet -f -n __fish_use_subcommand -a down -d 'Remove a fleet'
complete -c vmfleet -f -n "__fish_seen_subcommand_from $commands" -l help -d 'Show help'

complete -c vmfleet -n '__fish_seen_subcommand_from up' -l count -x -d 'Number of instances'
complete -c vmfleet -n '__fish_seen_subcommand_from up' -l name -x -d 'Name of the fleet'
complete -c vmfleet -n '__fish_seen_subcommand_from up' -l env -x -d 'A setting for the service, K=V'
complete -c vmfleet -n '__fish_seen_subcommand_from up' -l env-file -r -d 'A file of settings for the service'
complete -c vmfleet -n '__fish_seen_subcommand_from up' -l secret -x -d 'A secret for the service, NAME=FILE'
complete -c vmfleet -n '__fish_seen_subcommand_from up' -l port -x -d 'Port of the address'
complete -c vmfleet -n '__fish_seen_subcommand_from up' -l cpus -x -d 'Processors'
complete -c vmfleet -n '__fish_seen_subcommand_from up' -l memory -x -d 'Memory'
complete -c vmfleet -n '__fish_seen_subcommand_from up' -l overcommit -d 'Even without the memory for it'
complete -c vmfleet -n '__fish_seen_subcommand_from up' -l host-loopback -d 'Let instances reach services of this machine'
complete -c vmfleet -n '__fish_seen_subcommand_from up' -l ipv6 -d 'The address on ::1, too'
complete -c vmfleet -n '__fish_seen_subcommand_from up' -l driver -x -a local -d 'Where it runs'
complete -c vmfleet -n '__fish_seen_subcommand_from up deploy rollback scale restart start' -l timeout -x -d 'Seconds to become healthy'
complete -c vmfleet -f -n '__fish_seen_subcommand_from status deploy rollback scale autoscale logs events debug restart stop start down' -a '(__vmfleet_fleets)'
complete -c vmfleet -n '__fish_seen_subcommand_from deploy' -l strategy -x -a 'rolling blue-green canary all-at-once' -d 'How it goes'
complete -c vmfleet -n '__fish_seen_subcommand_from deploy' -l batch -x -d 'New instances on their way at once'
complete -c vmfleet -n '__fish_seen_subcommand_from deploy' -l surge -x -d 'Instances above the count'
complete -c vmfleet -n '__fish_seen_subcommand_from deploy' -l min-healthy -x -d 'Of the count, that stay healthy'
complete -c vmfleet -n '__fish_seen_subcommand_from deploy' -l canary -x -d 'Instances that are tried first'
complete -c vmfleet -n '__fish_seen_subcommand_from deploy' -l bake -x -d 'Seconds that they are tried'
complete -c vmfleet -n '__fish_seen_subcommand_from deploy' -l max-errors -x -d 'Percent of errors among their answers'
complete -c vmfleet -n '__fish_seen_subcommand_from deploy' -l keep-old -x -d 'Seconds that old ones are kept'
complete -c vmfleet -n '__fish_seen_subcommand_from deploy' -l limit -x -d 'Seconds without progress'
complete -c vmfleet -n '__fish_seen_subcommand_from autoscale' -l min -x -d 'Never fewer'
complete -c vmfleet -n '__fish_seen_subcommand_from autoscale' -l max -x -d 'Never more'
complete -c vmfleet -n '__fish_seen_subcommand_from autoscale' -l target -x -a 'cpu= requests= response=' -d 'Kept near this'
complete -c vmfleet -n '__fish_seen_subcommand_from autoscale' -l cooldown -x -d 'Seconds before there are fewer'
complete -c vmfleet -n '__fish_seen_subcommand_from autoscale' -l off -d 'The count stays as it is'
complete -c vmfleet -f -n '__fish_seen_subcommand_from status list events' -l json -d 'For programs'
complete -c vmfleet -f -n '__fish_seen_subcommand_from status' -l watch -d 'Again every second'
complete -c vmfleet -f -n '__fish_seen_subcommand_from debug' -l end -d 'Power it off'
complete -c vmfleet -f -n '__fish_seen_subcommand_from logs' -s f -l follow -d 'Go on printing'
complete -c vmfleet -n '__fish_seen_subcommand_from logs' -l instance -x -d 'Only this one'
