vm_add_boot_test(NAME boots)
