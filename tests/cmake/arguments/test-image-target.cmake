add_custom_target(tool)
vm_add_boot_test(NAME boots IMAGE tool)
