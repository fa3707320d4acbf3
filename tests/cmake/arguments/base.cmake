vm_image(vm TARGET orders BASE debian:bokworm)
