vm_image(vm TARGET orders BASE file:base.tar PACKAGES jq)
