# fish completion for vmimage(1)

set -l commands build boot inspect ls cat cp convert base cache
complete -c vmimage -f -n __fish_use_subcommand -l help -d 'Show help'
complete -c vmimage -f -n __fish_use_subcommand -l version -d 'Show the version'
complete -c vmimage -f -n __fish_use_subcommand -a build -d 'Turn a recipe into an image'
complete -c vmimage -f -n __fish_use_subcommand -a boot -d 'Start a throw-away instance'
complete -c vmimage -f -n __fish_use_subcommand -a inspect -d 'Say what an image is'
complete -c vmimage -f -n __fish_use_subcommand -a ls -d 'List the files in an image'
complete -c vmimage -f -n __fish_use_subcommand -a cat -d 'Print files of an image'
complete -c vmimage -f -n __fish_use_subcommand -a cp -d 'Copy files out of an image'
complete -c vmimage -f -n __fish_use_subcommand -a convert -d 'Write an image in another format'
complete -c vmimage -f -n __fish_use_subcommand -a base -d 'What images are made on'
complete -c vmimage -f -n __fish_use_subcommand -a cache -d 'What was made once and is kept'
complete -c vmimage -f -n "__fish_seen_subcommand_from $commands" -l help -d 'Show help'

complete -c vmimage -n '__fish_seen_subcommand_from build; and not __fish_seen_subcommand_from base' -s o -l output -r -a '(__fish_complete_directories)' -d 'Folder for the image'
complete -c vmimage -n '__fish_seen_subcommand_from build; and not __fish_seen_subcommand_from base' -l stem -x -d 'File name without extension'
complete -c vmimage -n '__fish_seen_subcommand_from build; and not __fish_seen_subcommand_from base' -l tree -r -a '(__fish_complete_directories)' -d 'Install tree'
complete -c vmimage -n '__fish_seen_subcommand_from build; and not __fish_seen_subcommand_from base' -s q -l quiet -d 'Nothing but errors and names'

complete -c vmimage -n '__fish_seen_subcommand_from boot' -l firmware -x -a 'direct bios uefi' -d 'How it boots'
complete -c vmimage -n '__fish_seen_subcommand_from boot' -l bus -x -a 'virtio-blk virtio-scsi nvme' -d 'What the disk hangs on'
complete -c vmimage -n '__fish_seen_subcommand_from boot' -l env -x -d 'A setting for the service, K=V'
complete -c vmimage -n '__fish_seen_subcommand_from boot' -l memory -x -d 'Memory'
complete -c vmimage -n '__fish_seen_subcommand_from boot' -l cpus -x -d 'Processors'
complete -c vmimage -n '__fish_seen_subcommand_from boot' -l check -d 'Test instead of a terminal'
complete -c vmimage -n '__fish_seen_subcommand_from boot' -l count -x -d 'Instances'
complete -c vmimage -n '__fish_seen_subcommand_from boot' -l timeout -x -d 'Seconds to become healthy'
complete -c vmimage -n '__fish_seen_subcommand_from boot' -l serial-log -r -d 'File for the serial log'

complete -c vmimage -n '__fish_seen_subcommand_from inspect' -l json -d 'The whole manifest'

complete -c vmimage -n '__fish_seen_subcommand_from ls' -s l -d 'With permissions, owners, size and time'
complete -c vmimage -n '__fish_seen_subcommand_from ls' -s R -l recursive -d 'All that is below, too'
complete -c vmimage -n '__fish_seen_subcommand_from ls' -l json -d 'As JSON'
complete -c vmimage -n '__fish_seen_subcommand_from ls cat cp' -l partition -x -d 'Instead of the root'

complete -c vmimage -n '__fish_seen_subcommand_from convert' -l to -x -a 'qcow2 qcow2-zstd raw vmdk ova vdi vhd vhdx gce raw.gz' -d 'Format'
complete -c vmimage -n '__fish_seen_subcommand_from convert' -s o -l output -r -d 'File to write'
complete -c vmimage -n '__fish_seen_subcommand_from convert' -l cpus -x -d 'Processors of an OVA'
complete -c vmimage -n '__fish_seen_subcommand_from convert' -l memory -x -d 'Memory of an OVA'
complete -c vmimage -f -n '__fish_seen_subcommand_from convert' -l json -d 'For programs'
complete -c vmimage -f -n '__fish_seen_subcommand_from convert' -s q -l quiet -d 'No progress'

complete -c vmimage -f -n '__fish_seen_subcommand_from base; and not __fish_seen_subcommand_from list build' -a 'list build'
complete -c vmimage -f -n '__fish_seen_subcommand_from base; and __fish_seen_subcommand_from build' -a 'debian:bookworm minimal'
complete -c vmimage -n '__fish_seen_subcommand_from base' -l mirror -x -d 'Package mirror'

complete -c vmimage -f -n '__fish_seen_subcommand_from cache; and not __fish_seen_subcommand_from info prune' -a 'info prune'
complete -c vmimage -n '__fish_seen_subcommand_from prune' -l keep -x -d 'How much may stay'

complete -c vmimage -f -n '__fish_seen_subcommand_from build list info' -l json -d 'For programs'
